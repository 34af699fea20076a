"""The association's commission to suppliers is invoiced to them: listing model and Stripe Connect (decision 0058)."""

from datetime import UTC, date, datetime, timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from companies.billing import (
    buyers,
    checking,
    credit_notes,
    customer_links,
    facturx,
    fec,
    instalments,
    ledger,
    payments,
    printing,
    reminders,
    statements,
    supplier_fees,
    supplier_invoicing,
    write_offs,
)
from companies.billing.bank import importing
from companies.billing.channel import collected, exchange
from companies.billing.models import (
    AccountKind,
    BankLine,
    Customer,
    Invoice,
    Status,
    SupplierFee,
    SuspensionProposal,
    Transmission,
)
from companies.errors import NotAllowed
from companies.models import OutboxMail
from tests.billing.fec_reader import read
from tests.billing.pdfa import faults
from tests.billing.schematron import broken
from tests.billing.statements import camt, entry
from tests.billing.test_connect import Supplier
from tests.factories.billing import AT, SUPPLIER
from tests.factories.companies import CompanyFactory, UserFactory, staff

LATER = datetime(2026, 4, 1, 7, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def fee(net: int = 10_000, *, key: str = "pool-1", at: datetime = AT, kept: bool = False, **more) -> SupplierFee:
    """A commission of 120.00 € with VAT, unless said otherwise."""
    vat = more.pop("vat_cents", net * 2 // 10)
    with transaction.atomic():
        return supplier_fees.write(
            party=more.pop("party", SUPPLIER), key=key, kept=kept, net_cents=net, vat_cents=vat, vat_bp=2_000,
            label=more.pop("label", f"Commission sur la commande groupée {key}"), at=at, **more,
        )  # fmt: skip


def invoice() -> Invoice:
    """The one invoice of what stands open."""
    assert supplier_invoicing.invoice_months(at=LATER) == 1
    return Invoice.objects.latest("pk")


def figures(row: Invoice) -> tuple[str, int]:
    row.refresh_from_db()
    return row.state, row.balance_cents


class TestAMonth:
    def test_of_a_supplier_is_one_invoice_that_keeps_every_rule(self, settings):
        """case: listing: ERB invoices only its fee, to the supplier too: number, mentions, XSD, EN 16931, BR-FR, PDF/A-3."""
        settings.EINVOICE_SWITCH_ON = "2026-01-01"
        fee(), fee(2_000, key="pool-2"), fee(500, key="pool-3", at=LATER)
        assert supplier_invoicing.invoice_months(at=AT) == 0  # the month is not over
        row = invoice()
        assert supplier_invoicing.invoice_months(at=LATER) == 0
        assert (row.number, row.company, row.net_cents, row.vat_cents, row.kept_cents) == (
            "ERB-2026-00001", None, 12_000, 2_400, 0,
        )  # fmt: skip
        assert (row.nature, row.due_on, row.supply_on) == ("services", date(2026, 5, 1), date(2026, 3, 3))
        assert {name: row.buyer[name] for name in ("name", "siren", "vat_no", "street")} == {
            name: SUPPLIER[name] for name in ("name", "siren", "vat_no", "street")
        }
        assert broken(facturx.invoice_xml(row)) == []
        assert faults(bytes(printing.invoice_file(row, at=LATER).content)) == []
        assert ledger.balance(AccountKind.FEES) == -12_000
        assert ledger.balance(AccountKind.RECEIVABLE, customer=row.customer) == 14_400
        assert not ledger.balance(AccountKind.RECEIVABLE)
        with transaction.atomic():
            note = credit_notes.issue(
                invoice=row, nets={row.lines.first().pk: 4_000}, reason="Geste", key="k", actor=None, at=LATER
            )
        assert (note.number, broken(facturx.credit_note_xml(note)), figures(row)) == (
            "AV-2026-00001", [], ("part_paid", 9_600),
        )  # fmt: skip
        assert exchange.hand_over(row, at=LATER) and exchange.hand_over(note, at=LATER)
        assert exchange._reader(note) == (None, SUPPLIER["siren"])
        lines = read("".join(fec.lines(date(2026, 1, 1), date(2026, 12, 31))), fec.file_name(date(2026, 12, 31)))
        assert {row.auxiliary for row in lines if row.account == "411000"} == {"F303265045"}
        assert checking.first_break() == ""

    def test_is_mailed_to_the_supplier_and_to_a_member_that_sells_as_to_any_member(self):
        fee()
        row = invoice()
        printing.deliver(invoice_id=row.pk, at=LATER)
        (sent,) = OutboxMail.objects.all()
        assert sent.to == SUPPLIER["email"] and "/f/" in sent.body and "virement" in sent.body
        assert figures(row) == ("due", 12_000)
        company = CompanyFactory(siren="732829320")
        fee(key="own", party=SUPPLIER | {"siren": "732829320"})
        assert (invoice().company, SupplierFee.objects.filter(invoice_line=None).count()) == (company, 0)

    def test_waits_for_an_address_and_never_for_a_supplier_nobody_can_name(self, client):
        with pytest.raises(supplier_fees.IdentityAsked):
            fee(party=SUPPLIER | {"siren": "123456789"})
        row = fee(party=SUPPLIER | {"street": ""}).customer
        clerk = staff()
        assert supplier_invoicing.invoice_months(at=LATER) == 0
        with pytest.raises(supplier_fees.IdentityAsked):
            supplier_invoicing.invoice_now(customer=row, actor=clerk, at=LATER)
        with pytest.raises(NotAllowed):
            supplier_invoicing.invoice_now(customer=row, actor=UserFactory(), at=LATER)
        client.force_login(clerk)
        page = reverse("billing:customer", args=[row.pk])
        assert "L’adresse manque" in client.get(page).content.decode().replace("'", "’")
        said = {name: getattr(row, name) for name in ("name", "postcode", "city", "email")}
        assert client.post(page, said | {"street": "1 rue Neuve", "payment_days": "45"}).status_code == 302
        assert client.post(reverse("billing:customer_invoice_now", args=[row.pk])).status_code == 302
        made = Invoice.objects.get()
        assert (made.buyer["street"], made.due_on - made.issued_on) == ("1 rue Neuve", timedelta(days=45))
        for name, args in (
            ("supplier_invoice", [made.pk]),
            ("customers", []),
            ("staff_invoices", []),
            ("customer", [row.pk]),
        ):
            assert made.buyer["name"] in client.get(reverse(f"billing:{name}", args=args)).content.decode()


class TestItsMoney:
    def test_comes_by_transfer_with_the_reference_and_is_told_to_the_platform(self, settings):
        """case: bank: matched by structured reference; a supplier's money pays nobody else, undone by reversal; status 212."""
        settings.EINVOICE_SWITCH_ON = "2026-01-01"
        fee()
        row = invoice()
        exchange.hand_over(row, at=LATER)
        Transmission.objects.update(state="sent")
        clerk = staff()
        importing.take(content=camt(entry(12_000, text=row.number), total=12_000), name="r.xml", actor=clerk, at=LATER)
        assert (BankLine.objects.get().state, figures(row)) == ("matched", ("paid", 0))
        assert collected.say(at=LATER) == 1 and Status.objects.get().cents == 12_000
        found = statements.of(row.customer, first=date(2026, 1, 1), last=date(2026, 12, 31))
        assert sorted(line.cents for line in found.rows) == [-12_000, 12_000] and found.closing_cents == 0
        assert checking.first_break() == ""

    def test_is_taken_by_no_card_no_mandate_and_in_no_parts(self):
        fee()
        row = invoice()
        with pytest.raises(buyers.SupplierPaysByTransfer):
            payments.start_by_link(invoice=row, at=LATER)
        parts = [(date(2026, 5, 1), 6_000), (date(2026, 6, 1), 6_000)]
        with pytest.raises(buyers.SupplierPaysByTransfer):
            instalments.propose(invoice=row, parts=parts, actor=staff(), at=LATER)

    def test_is_reminded_of_three_times_without_a_word_of_suspension_and_may_be_given_up(self):
        fee()
        row = invoice()
        Invoice.objects.update(state="due")
        day = datetime(2026, 5, 12, 9, 0, tzinfo=UTC)
        for level in range(3):
            assert reminders.send(at=day + timedelta(days=14 * level)) == 1
        texts = list(
            OutboxMail.objects.filter(key__startswith="reminder").order_by("pk").values_list("body", flat=True)
        )
        assert len(texts) == 3 and not any("suspend" in text or "cartes" in text for text in texts)
        assert not SuspensionProposal.objects.exists()
        one, two = staff(), staff()
        asked = write_offs.ask(invoice=row, reason="Liquidation", actor=one, at=LATER)
        write_offs.decide(write_off=asked, agreed=True, actor=two, at=LATER)
        assert figures(row) == ("written_off", 0) and checking.first_break() == ""


@pytest.mark.usefixtures("at_once")
class TestWhatStripeKeptBack:
    def test_is_invoiced_as_paid_and_given_back_by_a_credit_note_to_the_cent(self, double):
        """case: Connect: the application fee is one sale in the books, its invoice is issued paid; refund and claim are credited."""
        s = Supplier(double, commission_bp=300)
        payment = s.pay()
        before = {kind: ledger.balance(kind) for kind in (AccountKind.STRIPE, AccountKind.FEES)}
        customer = Customer.objects.get()
        (made,) = supplier_invoicing.invoice_now(customer=customer, actor=s.clerk, at=timezone.now())
        assert (made.gross_cents, made.kept_cents, figures(made)) == (160, 160, ("paid", 0))
        assert before == {kind: ledger.balance(kind) for kind in before}  # one sale, whatever was posted
        xml = facturx.invoice_xml(made)
        assert broken(xml) == [] and b">S2<" in xml
        payments.refund(payment=payment, amount_cents=2_000, reason="x", key="r", actor=s.clerk, at=timezone.now())
        assert SupplierFee.objects.filter(corrects__isnull=False).values_list("net_cents", "vat_cents").get() == (
            -50,
            -10,
        )
        double.lever("dispute", payment_intent=payment.intent_id)
        s.read(payment)
        notes = supplier_invoicing.invoice_now(customer=customer, actor=s.clerk, at=timezone.now())
        assert [note.gross_cents for note in notes] == [60, 100]
        assert figures(made)[1] == 0
        assert not ledger.balance(AccountKind.FEES) and not ledger.balance(AccountKind.VAT_COLLECTED, vat_bp=2_000)
        assert not ledger.balance(AccountKind.RECEIVABLE, customer=customer)
        assert supplier_invoicing.invoice_now(customer=customer, actor=s.clerk, at=timezone.now()) == []
        assert checking.first_break() == ""

    def test_and_given_back_in_the_same_month_is_on_no_document(self, double):
        s = Supplier(double, commission_bp=300)
        payment = s.pay()
        payments.refund(payment=payment, amount_cents=5_339, reason="x", key="r", actor=s.clerk, at=timezone.now())
        assert supplier_invoicing.invoice_now(customer=Customer.objects.get(), actor=s.clerk, at=timezone.now()) == []
        assert not Invoice.objects.exclude(customer=None).exists() and checking.first_break() == ""


class TestAnyOrder:
    @given(st.lists(st.tuples(st.integers(1, 5_000), st.booleans(), st.integers(0, 100), st.booleans()), max_size=6))
    def test_of_earning_giving_back_and_invoicing_ends_with_what_was_earned_less_what_was_given_back(self, steps):
        """case: whatever is kept or owed, given back before or after its invoice: the books come to the sum, each on one document."""
        start = transaction.savepoint()
        for place, (gross, kept, part, early) in enumerate(steps):
            net = gross * 5 // 6
            row = fee(net, vat_cents=gross - net, key=f"a{place}", kept=kept)
            back = (net * part // 100, (gross - net) * part // 100)
            if early:
                _write()
            if any(back):
                fee(-back[0], vat_cents=-back[1], key=f"b{place}", kept=kept, corrects=row)
        _keep()
        _write()
        assert not supplier_invoicing.open_fees().exists()
        assert ledger.balance(AccountKind.FEES) == -sum(SupplierFee.objects.values_list("net_cents", flat=True))
        kept = SupplierFee.objects.filter(kept=True).values_list("net_cents", "vat_cents")
        assert ledger.balance(AccountKind.STRIPE) == sum(net + vat for net, vat in kept)
        for row in Invoice.objects.all():
            assert row.balance_cents == ledger.owed([row])[row.pk] >= 0
        assert checking.first_break() == ""
        transaction.savepoint_rollback(start)


def _keep() -> None:
    """What Connect books when it keeps or gives back commissions."""
    for row in SupplierFee.objects.filter(kept=True):
        sides = [
            ledger.Side(AccountKind.STRIPE, row.gross_cents),
            ledger.Side(AccountKind.FEES, -row.net_cents),
            ledger.Side(AccountKind.VAT_COLLECTED, -row.vat_cents, vat_bp=2_000),
        ]
        ledger.post(key=f"kept-{row.key}", kind="commission", at=AT, sides=sides)


def _write() -> None:
    for row in Customer.objects.all():
        supplier_invoicing._write(row, until=LATER, actor=None, at=LATER)


class TestTheSuppliersPage:
    def test_shows_its_invoices_to_its_link_only(self, client):
        fee(), fee(700, key="open", at=LATER + timedelta(days=1))
        row = invoice()
        home = customer_links.path(row.customer)
        page = client.get(home)
        assert page.status_code == 200 and page["Cache-Control"].startswith("max-age=0")
        text = page.content.decode()
        assert row.number in text.replace("\u2011", "-") and "RF" in text and "120,00" in text
        token = customer_links.token(row.customer)
        file = client.get(reverse("billing:customer_pdf", args=[token, "invoice", row.pk]))
        assert file.status_code == 200 and file["Content-Type"] == "application/pdf"
        for form in ("pdf", "csv"):
            assert client.get(reverse("billing:customer_own_statement", args=[token, form])).status_code == 200
        other = fee(key="z", party=SUPPLIER | {"siren": "732829320", "name": "Autre"}).customer
        strange = customer_links.token(other)
        assert client.get(reverse("billing:customer_pdf", args=[strange, "invoice", row.pk])).status_code == 404
        assert client.get(reverse("billing:customer_home", args=[strange + "x"])).status_code == 410
        old = customer_links.token(row.customer, made_on=timezone.localdate() - timedelta(days=181))
        assert client.get(reverse("billing:customer_home", args=[old])).status_code == 410


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    def test_invoice_a_month_once(self):
        """case: exactly once: two runs and a person at the same moment."""
        row, clerk, gate, made = fee().customer, staff(), Barrier(3), []

        def run() -> None:
            gate.wait()
            made.extend(supplier_invoicing.invoice_now(customer=row, actor=clerk, at=LATER))
            connection.close()

        threads = [Thread(target=run) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(made) == 1 and Invoice.objects.count() == 1
