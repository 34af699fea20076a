"""The way to the approved platform: sent once, followed, taken in once; whichever the adapter."""

import base64
import json
import mailbox
import threading
import urllib.request
from dataclasses import replace
from datetime import date, timedelta
from email.message import EmailMessage

import pytest
from django.core import mail
from django.db import transaction
from django.urls import reverse
from lxml import etree

from companies.billing import advance_books, advances, allocation, printing, settlement
from companies.billing.channel import cdar, collected, exchange
from companies.billing.channel.folder import Folder
from companies.billing.channel.http import Platform
from companies.billing.channel.mailbox import Mailbox
from companies.billing.channel.port import ChannelDown, ChannelRefused, Parcel, channel
from companies.billing.models import EInvoicing, ReceivedInvoice, Status, Transmission
from companies.billing.received import services
from companies.billing.tasks import exchange_with_platform
from companies.errors import NotAllowed
from deploy.standalone import platform_double
from tests.billing.test_documents import advance, final, pay
from tests.billing.test_ledger import paid
from tests.billing.test_received import THEM, UBL
from tests.factories.billing import AT, invoice, line, payment
from tests.factories.companies import CompanyFactory, UserFactory, staff

pytestmark = pytest.mark.django_db


class Double:
    def __init__(self):
        self.server = platform_double.serve()
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def lever(self, lever, **data):
        request = urllib.request.Request(f"{self.url}/_control/{lever}", json.dumps(data).encode(), method="POST")
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["flows"]

    def sent(self, kind="CustomerInvoice"):
        return [row for row in self.lever("flows") if row["flowDirection"] == "Out" and row["flowType"] == kind]


@pytest.fixture
def platform():
    running = Double()
    yield running
    running.server.shutdown()
    running.server.server_close()


def amounts(platform):
    """What statuses 212 told the platform, by rate, in their order."""
    found = []
    for row in platform.server.RequestHandlerClass.flows.rows:
        if row["flowDirection"] == "In" or row["flowType"] != "CustomerInvoiceLC":
            continue
        told = etree.fromstring(row["content"])
        parts = told.findall(".//{*}SpecifiedDocumentCharacteristic")
        assert [one.findtext("{*}TypeCode") for one in parts] == ["MEN"] * len(parts)
        found.append({one.findtext("{*}ValuePercent"): one.findtext("{*}ValueAmount") for one in parts})
    return found


@pytest.fixture
def way(platform):
    return Platform(platform.url, *platform_double.CLIENT)


def switched(day=date(2026, 1, 1)):
    company = CompanyFactory()
    EInvoicing.objects.create(company=company, address=f"{company.siren}_ACHATS", switch_on=day)
    return company


def delivered(company=None, *lines, **more):
    issued = invoice(company or switched(), *lines, **more)
    printing.deliver(invoice_id=issued.pk, at=AT)
    return issued


class TestAnInvoice:
    def test_goes_to_the_platform_from_the_day_of_its_company_on(self):
        """Per-company switch date; without one, the general day."""
        assert Transmission.objects.filter(invoice=delivered()).exists()
        assert not Transmission.objects.filter(invoice=delivered(switched(date(2026, 3, 4)))).exists()
        assert not Transmission.objects.filter(invoice=delivered(CompanyFactory())).exists()
        with pytest.raises(NotAllowed):
            exchange.set_address(
                company=CompanyFactory(), address="1", switch_on=date(2026, 1, 1), actor=UserFactory(), at=AT
            )

    def test_is_sent_once_followed_and_told_as_collected(self, way, platform):
        """Statuses 200, 203, 205 come in; 212 goes out when the money has come."""
        issued = delivered()
        assert issued.buyer["e_address"].endswith("_ACHATS")
        assert exchange.send_waiting(way, at=AT) == 1
        assert exchange.send_waiting(way, at=AT) == 0
        (flow,) = platform.sent()
        assert (flow["trackingId"], flow["flowSyntax"]) == (issued.number, "Factur-X")
        row = issued.transmission
        assert exchange.take_in(way, at=AT) == 2
        assert exchange.take_in(way, at=AT) == 0
        row.refresh_from_db()
        assert (row.state, [status.code for status in row.statuses.all()]) == ("delivered", [200, 203])
        platform.lever("status", number=issued.number, code=205)
        exchange.take_in(way, at=AT)
        row.refresh_from_db()
        assert row.state == "approved"
        settlement.apply(payment_id=payment(issued).pk, seen=paid(issued.gross_cents), at=AT)
        assert (collected.say(at=AT), collected.say(at=AT)) == (1, 0)
        exchange.send_waiting(way, at=AT)
        assert amounts(platform) == [{"20.00": "53.39"}]
        assert row.statuses.get(code=212).sent_at == AT

    def test_tells_each_payment_and_each_that_is_taken_back_once(self, way, platform, client):
        """case: XP Z12-014, use case 34: partial collection by rate, a refund and a charge back below zero, sum = balance."""
        issued = delivered(None, line(10_000), line(10_000, 550))  # 120.00 at 20 % and 105.50 at 5.5 %
        exchange.send_waiting(way, at=AT)
        with transaction.atomic():
            allocation.receive(company=issued.company, cents=6_000, key="t", at=AT, actor=None, only=[issued])
        issued.refresh_from_db()
        attempt, seen = payment(issued), replace(paid(16_550), refunds=[])

        def told(**more):
            settlement.apply(payment_id=attempt.pk, seen=replace(seen, **more), at=AT)
            collected.say(at=AT)
            exchange.send_waiting(way, at=AT)
            assert (collected.say(at=AT), exchange.send_waiting(way, at=AT)) == (0, 0)
            return amounts(platform)[-1]

        assert told() == {"20.00": "88.07", "5.50": "77.43"}
        assert amounts(platform)[0] == {"20.00": "31.93", "5.50": "28.07"}
        assert told(refunds=[("re_1", 5_000)]) == {"20.00": "-26.61", "5.50": "-23.39"}
        dispute = settlement.Dispute("du_1", 11_550, returned=False)
        assert told(refunds=[("re_1", 5_000)], disputes=[dispute]) == {"20.00": "-61.46", "5.50": "-54.04"}
        back = {"refunds": [("re_1", 5_000)], "disputes": [replace(dispute, returned=True)]}
        assert told(**back) == {"20.00": "61.46", "5.50": "54.04"}
        assert (len(amounts(platform)), told(**back)) == (5, {"20.00": "61.46", "5.50": "54.04"})
        statuses = issued.transmission.statuses.filter(code=212)
        assert sum(statuses.values_list("cents", flat=True)) == advance_books.received(issued) == 17_550
        client.force_login(staff())
        page = client.get(reverse("billing:invoice", args=[issued.company_id, issued.pk])).content.decode()
        assert "Encaissement annulé" in page and "-115,50" in page.replace("\u2212", "-")

    def test_tells_of_a_credited_rate_what_was_sent_back(self):
        """After a credit note on one rate, the refund takes back that rate's money and no other's."""
        assert collected.by_rate(-2_400, {2_000: 9_600, 550: 10_550}, {2_000: 12_000, 550: 10_550}) == {
            2_000: -2_400,
            550: 0,
        }
        assert collected.by_rate(500, {2_000: 100, 550: 100}, {2_000: 100, 550: 0}) == {2_000: 200, 550: 300}

    def test_tells_of_what_an_advance_has_not_paid_at_the_rates_that_are_left(self):
        """120.00 of 20 % were paid in advance: what the final invoice still asks is 105.50 of 5.5 % alone."""
        company = switched()
        pay(advance(company, advances.draft(description="x", net_cents=10_000, vat_bp=2_000, kind="goods")))
        last = final(company, line(10_000), line(10_000, 550))
        printing.deliver(invoice_id=last.pk, at=AT)
        Transmission.objects.filter(invoice=last).update(state="sent")
        pay(last)
        collected.say(at=AT)
        (told,) = Status.objects.filter(transmission__invoice=last, code=212)
        assert (told.cents, told.parts) == (10_550, [[550, 10_550]])

    def test_told_as_a_whole_before_each_payment_was_is_not_told_again(self):
        """Statuses of before carry no posting: what had come by then is known to the platform."""
        issued = delivered()
        Transmission.objects.update(state="sent")
        settlement.apply(payment_id=payment(issued).pk, seen=paid(issued.gross_cents), at=AT)
        Status.objects.create(transmission=issued.transmission, code=212, at=AT, incoming=False, sent_at=AT)
        assert collected.say(at=AT) == 0

    def test_that_the_platform_has_not_or_refused_is_not_told_as_paid(self):
        """Nothing is told of a document that waits; what was paid meanwhile is told once it is there."""
        issued = delivered()
        settlement.apply(payment_id=payment(issued).pk, seen=paid(issued.gross_cents), at=AT)
        assert collected.say(at=AT) == 0
        Transmission.objects.update(state="sent")
        assert collected.say(at=AT) == 1
        refused = delivered()
        Transmission.objects.filter(invoice=refused).update(state="rejected")
        settlement.apply(payment_id=payment(refused).pk, seen=replace(paid(5_339), intent_id="pi_2"), at=AT)
        assert collected.say(at=AT) == 0

    def test_shows_on_its_page_why_the_company_refused_it(self, way, platform, client):
        issued = delivered()
        exchange.send_waiting(way, at=AT)
        platform.lever("status", number=issued.number, code=210, reason="Commande inconnue", reason_code="CMD_ERR")
        exchange.take_in(way, at=AT)
        client.force_login(staff())
        page = client.get(reverse("billing:invoice", args=[issued.company_id, issued.pk])).content.decode()
        assert "Commande inconnue" in page and "(210)" in page
        assert client.get(reverse("billing:transmissions")).status_code == 200

    def test_waits_while_the_platform_is_down_and_its_token_is_renewed(self, way, platform):
        issued = delivered()
        platform.lever("down", answers=1)
        assert exchange.send_waiting(way, at=AT) == 0
        row = Transmission.objects.get(invoice=issued)
        assert (row.state, row.attempts) == ("waiting", 1) and row.error
        platform.lever("expire")
        assert exchange.send_waiting(way, at=AT) == 0  # the old token is refused once
        assert exchange.send_waiting(way, at=AT) == 1

    def test_is_held_back_by_none_that_nobody_receives(self, way, platform, monkeypatch):
        """More than a batch of documents for companies in no directory, each tried before, and new ones behind them."""
        monkeypatch.setattr(exchange, "BATCH", 2)
        lost = [delivered() for _ in range(3)]
        for one in lost:
            platform.lever("directory", siren=one.company.siren, lines=[])
        assert exchange.send_waiting(way, at=AT) == 0
        new = [delivered() for _ in range(3)]
        assert exchange.send_waiting(way, at=AT + timedelta(minutes=2)) == 3
        assert [row["trackingId"] for row in platform.sent()] == [one.number for one in new]
        still = Transmission.objects.filter(state="waiting").order_by("pk")
        assert [(row.invoice, row.attempts) for row in still] == [
            (one, 0) for one in lost
        ]  # never at the platform's door

    def test_is_tried_however_often_it_was(self, way, platform):
        """Every two minutes, a platform that is away for 46 days has refused it more often than a small number counts."""
        row = Transmission.objects.get(invoice=delivered())
        Transmission.objects.filter(pk=row.pk).update(attempts=32_767)
        platform.lever("down", answers=1)
        assert exchange.send_waiting(way, at=AT) == 0
        assert exchange.send_waiting(way, at=AT) == 1

    def test_sent_again_after_a_crash_is_the_same_flow(self, way, platform):
        parcel = Parcel("ERB-2026-00001", "ERB-2026-00001.pdf", b"%PDF-", "Factur-X")
        assert way.send(parcel) == way.send(parcel)
        assert len(platform.sent()) == 1

    def test_refused_by_the_platform_is_rejected(self, way, monkeypatch):
        issued = delivered()

        def refuse(_parcel):
            raise ChannelRefused(why="schéma")

        monkeypatch.setattr(way, "send", refuse)
        exchange.send_waiting(way, at=AT)
        assert Transmission.objects.get(invoice=issued).state == "rejected"

    def test_task_does_it_all(self, platform, settings):
        settings.EINVOICE_CHANNEL, settings.EINVOICE_API_BASE = "http", platform.url
        settings.EINVOICE_CLIENT_ID, settings.EINVOICE_CLIENT_SECRET = platform_double.CLIENT
        assert isinstance(channel(), Platform)
        delivered()
        exchange_with_platform()
        assert Transmission.objects.get().state == "delivered"

    def test_never_leaves_to_a_wrong_client(self, platform):
        with pytest.raises(ChannelRefused):
            Platform(platform.url, "other", "x").send(Parcel("a", "a.pdf", b"x", "Factur-X"))

    def test_waits_when_nobody_listens(self):
        with pytest.raises(ChannelDown):
            Platform("http://127.0.0.1:9", *platform_double.CLIENT).send(Parcel("a", "a.pdf", b"x", "Factur-X"))


class TestASuppliersInvoice:
    def test_comes_in_once_and_the_refusal_goes_back(self, way, platform):
        platform.lever("deliver", name="f.xml", content=base64.b64encode(UBL.encode()).decode())
        platform.lever("deliver", name="bad.xml", content=base64.b64encode(b"<!DOCTYPE a><a/>").decode())
        assert exchange.take_in(way, at=AT) == 1
        assert exchange.take_in(way, at=AT) == 0
        row = ReceivedInvoice.objects.get()
        assert (row.source, row.seller_siren) == ("http", THEM)
        services.refuse(received=row, actor=staff(), at=AT, why="LIVR_INCOMP", reason="6 manquantes")
        assert exchange.send_waiting(way, at=AT) == 1
        assert len(platform.sent("CustomerInvoiceLC")) == 1


class TestFolder:
    def test_writes_out_and_takes_in(self, tmp_path):
        way = Folder(str(tmp_path))
        issued = delivered()
        exchange.send_waiting(way, at=AT)
        assert (tmp_path / "out" / f"{issued.number}.pdf").read_bytes().startswith(b"%PDF")
        inside = tmp_path / "in"
        inside.mkdir()
        (inside / "ubl.xml").write_text(UBL)
        (inside / "bad.xml").write_text("<a")
        (inside / "link.xml").symlink_to("/etc/passwd")
        (inside / "status.xml").write_bytes(platform_double.cdar(issued.number, 213, "Format", "X"))
        assert exchange.take_in(way, at=AT) == 2
        assert ReceivedInvoice.objects.get().number == "UBL-77"
        assert Transmission.objects.get().state == "rejected"
        assert (tmp_path / "refused" / "bad.xml").exists() and (tmp_path / "done" / "ubl.xml").exists()
        assert exchange.take_in(way, at=AT + timedelta(minutes=2)) == 0


class TestMailbox:
    def test_mails_out_and_reads_attachments(self, tmp_path):
        way = Mailbox(str(tmp_path), "pa@example.org")
        issued = delivered()
        exchange.send_waiting(way, at=AT)
        assert [(m.to, m.subject) for m in mail.outbox if m.subject == issued.number] == [
            (["pa@example.org"], issued.number)
        ]
        message = EmailMessage()
        message["Subject"] = "Facture"
        message.set_content("ci-joint")
        message.add_attachment(UBL.encode(), maintype="application", subtype="xml", filename="ubl.xml")
        message.add_attachment(b"GIF89a", maintype="image", subtype="gif", filename="logo.gif")
        mailbox.Maildir(str(tmp_path / "maildir"), create=True).add(message.as_bytes())
        assert exchange.take_in(way, at=AT) == 1
        assert exchange.take_in(way, at=AT) == 0
        assert len(mailbox.Maildir(str(tmp_path / "maildir"))) == 0
        assert ReceivedInvoice.objects.get().source == "mailbox"


class TestAStatus:
    def test_is_read_as_it_was_written(self):
        said = cdar.Message("F-1", 210, AT, "552100554", "QTE_ERR", "30 & non <36>", "380", date(2026, 3, 1))
        found = cdar.read(cdar.write(said, own_id="ERB-1"))
        assert (found.number, found.code, found.at, found.reason) == ("F-1", 210, AT, "30 & non <36>")

    @pytest.mark.parametrize(
        "content",
        [b"<a/>", platform_double.cdar("F-1", 999), platform_double.cdar("", 200)],
        ids=["another document", "an unknown code", "no invoice"],  # the messages carry the time they were written
    )
    def test_that_says_nothing_known_is_refused(self, content):
        with pytest.raises(cdar.StatusUnreadable):
            cdar.read(content)

    def test_out_of_order_never_goes_back(self, tmp_path, way, platform):
        issued = delivered()
        exchange.send_waiting(way, at=AT)
        platform.lever("status", number=issued.number, code=205)
        exchange.take_in(way, at=AT)
        platform.lever("status", number=issued.number, code=202)
        exchange.take_in(way, at=AT)
        assert Transmission.objects.get().state == "approved"
        assert Status.objects.filter(incoming=True).count() == 4
