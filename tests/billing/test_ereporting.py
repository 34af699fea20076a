"""E-reporting: periods by regime, collected from the books, sent exactly once, corrected; the central directory."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import transaction
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from companies.billing import credit_notes, directory, ereporting, ledger, todo
from companies.billing.channel import exchange
from companies.billing.channel.folder import Folder
from companies.billing.channel.port import ChannelRefused
from companies.billing.models import AccountKind, DirectoryEntry, EReport, Transmission
from companies.errors import NotAllowed
from tests.billing.test_channel import delivered, platform, switched, way  # noqa: F401  # fixtures
from tests.factories.billing import AT, billing_mandate, in_name, invoice, line
from tests.factories.companies import CompanyFactory, UserFactory, staff

pytestmark = pytest.mark.django_db
LATER = datetime(2026, 3, 12, 8, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def reported(settings):
    settings.EREPORT_FROM = "2026-01-01"


def private_sale(net=10_000, vat=2_000, at=AT, key="s"):
    """What employees bought, as their pool books it."""
    ledger.post(
        key=f"employee-sale-{key}", kind="personal_sale", at=at,
        sides=[ledger.Side(AccountKind.EMPLOYEES, net + vat), ledger.Side(AccountKind.SALES, -net),
               ledger.Side(AccountKind.VAT_COLLECTED, -vat, vat_bp=2_000)],
    )  # fmt: skip


def abroad(**more):
    company = CompanyFactory(vat_no="DE136695976")
    return invoice(company, line(10_000, 0, exemption="intra_eu", quantity=1, unit_price_e4=1_000_000), **more)


class TestPeriods:
    @given(day=st.dates(date(2026, 1, 1), date(2029, 12, 31)), kind=st.sampled_from(["sales", "payments"]),
           by=st.sampled_from(["real_monthly", "real_quarterly", "simplified", "franchise"]))  # fmt: skip
    def test_hold_each_day_once_and_are_sent_after_they_end(self, day, kind, by):
        period = ereporting.period_of(kind, day, by)
        assert period.start <= day <= period.end < period.send_by
        assert ereporting.period_of(kind, period.end + timedelta(days=1), by).start == period.end + timedelta(days=1)
        assert ereporting.period_of(kind, period.start, by) == ereporting.period_of(kind, period.end, by) == period

    def test_are_decades_months_or_two_months(self):
        """case: real monthly: ten days, sent ten days later; payments monthly, by the 10th."""
        ends = {by: ereporting.period_of("sales", date(2026, 3, 3), by).end.isoformat() for by in
                ("real_monthly", "real_quarterly", "simplified", "franchise")}  # fmt: skip
        assert list(ends.values()) == ["2026-03-10", "2026-03-31", "2026-03-31", "2026-04-30"]


class TestAReport:
    def test_tells_private_sales_by_day_and_sales_abroad_one_by_one(self, settings):
        private_sale(), private_sale(500, 100, key="t")
        row, _home = abroad(), invoice()
        private_sale(at=AT - timedelta(days=9), key="before")
        settings.EREPORT_FROM = "2026-03-01"  # the decade before is not asked for
        (made,) = ereporting.close_periods(at=LATER)
        assert ereporting.close_periods(at=LATER) == []
        assert (made.reference, made.send_by, made.net_cents) == ("ERV-20260301-1", date(2026, 3, 20), 20_500)
        xml = etree.fromstring(bytes(made.document.content))
        assert [node.text for node in xml.findall(".//Transactions/*")[:6]] == [
            "20260303",
            "EUR",
            "TLB1",
            "105.00",
            "21.00",
            "2",
        ]
        assert (xml.findtext(".//Invoice/ID"), xml.findtext(".//TaxExemptionReasonCode")) == (row.number, "VATEX-EU-IC")
        assert (xml.findtext(".//TypeCode"), xml.findtext(".//Invoice/Buyer/CompanyId")) == ("IN", "DE136695976")

    def test_of_nothing_is_none(self):
        invoice()
        assert ereporting.close_periods(at=LATER) == []

    def test_tells_payments_of_services_abroad_without_the_option_for_debits(self, settings):
        settings.SELLER = {**settings.SELLER, "vat_on_debits": False}
        row = invoice(
            CompanyFactory(vat_no="DE136695976"), line(10_000, 2_000, kind="fee", quantity=1), legal_model="resale"
        )
        sides = [ledger.Side(AccountKind.BANK, 6_000),
                 ledger.Side(AccountKind.RECEIVABLE, -6_000, company=row.company, invoice=row)]  # fmt: skip
        ledger.post(key="b", kind="transfer", at=AT, sides=sides)
        goods = abroad()  # what is paid for goods is not asked for
        sides = [ledger.Side(AccountKind.BANK, 10_000),
                 ledger.Side(AccountKind.RECEIVABLE, -10_000, company=goods.company, invoice=goods)]  # fmt: skip
        ledger.post(key="g", kind="transfer", at=AT, sides=sides)
        in_name(billing_mandate(actor=staff()), CompanyFactory(vat_no="DE136695976"))  # the supplier's to tell
        kinds = {made.kind: made for made in ereporting.close_periods(at=datetime(2026, 4, 2, tzinfo=UTC))}
        assert [one["number"] for one in kinds["sales"].content["invoices"]] == [row.number, goods.number]
        assert [one["number"] for one in kinds["payments"].content["invoices"]] == [row.number]
        march = ereporting.Period(date(2026, 3, 1), date(2026, 3, 31), date(2026, 4, 10))
        settings.SELLER = {**settings.SELLER, "vat_on_debits": True}
        assert ereporting.is_empty(ereporting.collect("payments", march))
        assert kinds["payments"].content["invoices"][0]["cents"] == 6_000
        assert b"<PaymentsReport>" in bytes(kinds["payments"].document.content)

    def test_is_sent_once_judged_and_waits_while_the_platform_is_down(self, way, platform):  # noqa: F811  # fixtures
        private_sale()
        (made,) = ereporting.close_periods(at=LATER)
        platform.lever("down", answers=1)
        assert ereporting.send_waiting(way, at=LATER) == 0
        assert (ereporting.send_waiting(way, at=LATER), ereporting.send_waiting(way, at=LATER)) == (1, 0)
        # A crash before the answer was kept: the same reference is the same flow.
        assert way.send(ereporting.parcel_of(made)) == EReport.objects.get().flow_id
        assert len(platform.sent("AggregatedCustomerTransactionReport")) == 1
        assert (ereporting.follow_sent(way, at=LATER), EReport.objects.get().state) == (1, "accepted")
        assert [str(step.words) for step in ereporting.timeline(made)][-1].startswith("Accept")

    def test_refused_by_the_platform_is_not_sent_again(self, monkeypatch):
        private_sale()
        (made,) = ereporting.close_periods(at=AT + timedelta(days=27))  # a worker that slept for weeks makes up for it

        class Refusing:
            def send(self, parcel):
                raise ChannelRefused("no")

        assert ereporting.send_waiting(Refusing(), at=LATER) == ereporting.send_waiting(Refusing(), at=LATER) == 0
        made.refresh_from_db()
        assert (made.state, made.attempts) == ("rejected", 1)

    def test_is_corrected_whole_when_the_books_change(self, client):
        row = abroad()
        (made,) = ereporting.close_periods(at=LATER)
        private_sale()
        assert ereporting.to_correct(at=LATER) == []  # not sent yet: nothing to correct
        EReport.objects.filter(pk=made.pk).update(state="sent")
        assert ereporting.to_correct(at=LATER) == [made]
        made = ereporting.correct(report=made, actor=staff(), at=LATER)
        EReport.objects.filter(pk=made.pk).update(state="sent")
        assert ereporting.to_correct(at=LATER) == []
        with pytest.raises(ereporting.NothingToCorrect):
            ereporting.correct(report=made, actor=staff(), at=LATER)
        with transaction.atomic():
            credit_notes.issue(invoice=row, nets={row.lines.get().pk: 4_000}, reason="x", key="c", actor=None, at=AT)
        assert ereporting.to_correct(at=LATER)[0].pk == made.pk
        with pytest.raises(NotAllowed):
            ereporting.correct(report=made, actor=UserFactory(), at=LATER)
        client.force_login(staff())
        EReport.objects.filter(pk=made.pk).update(state="rejected")
        assert [one.pk for one in ereporting.to_correct(at=LATER)] == [made.pk]
        assert any("rejetée" in str(one.title) for one in todo.for_staff(staff(), LATER))
        assert made.reference in client.get(reverse("billing:ereports")).content.decode()
        client.post(reverse("billing:ereport_correct", args=[made.pk]))
        again = EReport.objects.get(revision=3)
        assert (again.net_cents, b"<TypeCode>RE<" in bytes(again.document.content)) == (16_000, True)
        assert row.number in client.get(reverse("billing:ereport", args=[again.pk])).content.decode()
        assert ereporting.to_correct(at=LATER) == []  # the newest of a period counts
        EReport.objects.filter(pk=again.pk).update(state="rejected")
        assert (
            ereporting.correct(report=made, actor=staff(), at=LATER).revision == 4
        )  # told again although nothing changed


class TestTheDirectory:
    def test_is_asked_before_sending_and_kept_with_its_age(self, way, platform):  # noqa: F811  # fixtures
        issued = delivered()
        assert exchange.send_waiting(way, at=AT) == 1
        entry = DirectoryEntry.objects.get(company=issued.company)
        assert (entry.looked_at, len(entry.open_lines)) == (AT, 3)
        assert directory.known(way, issued.company, at=AT + timedelta(days=6)).looked_at == AT  # fresh for a week
        platform.lever("down", answers=9)
        assert (
            directory.known(way, issued.company, at=AT + timedelta(days=8)).looked_at == AT
        )  # old words, platform away

    def test_holds_back_what_nobody_receives_in_words_and_lets_the_others_go(self, way, platform):  # noqa: F811  # fixtures
        """case: a company in no directory."""
        lost, other = delivered(), delivered()
        platform.lever("directory", siren=lost.company.siren, lines=[])
        exchange.send_waiting(way, at=AT)
        row = Transmission.objects.get(invoice=lost)
        assert (row.state, "aucun annuaire" in row.error, Transmission.objects.get(invoice=other).state) == (
            "waiting",
            True,
            "sent",
        )
        platform.lever("directory", siren=lost.company.siren, lines=[{"addressingIdentifier": lost.buyer["e_address"]}])
        exchange.send_waiting(way, at=AT + timedelta(hours=1))
        assert Transmission.objects.get(invoice=lost).state == "waiting"  # asked again after half a day
        exchange.send_waiting(way, at=AT + timedelta(hours=13))
        assert Transmission.objects.get(invoice=lost).state == "sent"

    def test_names_the_addresses_that_are_open(self, way, platform):  # noqa: F811  # fixtures
        company = switched()
        lines = [{"addressingIdentifier": f"{company.siren}_ACHATS", "directoryLineStatus": "Disabled"},
                 {"addressingIdentifier": f"{company.siren}_NEW"}]  # fmt: skip
        platform.lever("directory", siren=company.siren, lines=lines)
        with pytest.raises(directory.AddressNotOpen, match="_NEW"):
            directory.check(way, company, f"{company.siren}_ACHATS", at=AT)

    def test_is_searched_by_siren_siret_and_address(self, way, platform, client, settings):  # noqa: F811  # fixtures
        siret = "55210055400013"
        platform.lever(
            "directory", siren=siret[:9], lines=[{"addressingIdentifier": f"{siret[:9]}_{siret}", "siret": siret}]
        )
        found = [
            len(directory.search(way, asked)) for asked in (siret[:9], siret, f"{siret[:9]}_{siret}", f"{siret[:9]}_X")
        ]
        assert found == [1, 1, 1, 0]
        with pytest.raises(directory.IdentifierRefused):
            directory.search(way, "../flows")
        settings.EINVOICE_CHANNEL, settings.EINVOICE_API_BASE = "http", platform.url
        settings.EINVOICE_CLIENT_ID, settings.EINVOICE_CLIENT_SECRET = way.client
        client.force_login(staff())
        page = client.get(reverse("billing:directory"), {"q": siret}).content.decode()
        assert f"{siret[:9]}_{siret}" in page and "plateforme agréée" in page
        company = CompanyFactory()
        client.post(reverse("billing:directory_look_up", args=[company.pk]))
        assert f"{company.siren}_ACHATS" in client.get(reverse("billing:e_address", args=[company.pk])).content.decode()

    def test_is_none_by_folder(self, tmp_path):
        directory.check(Folder(str(tmp_path)), CompanyFactory(), "x", at=AT)
        with pytest.raises(directory.NoDirectory):
            directory.search(Folder(str(tmp_path)), "552100554")
