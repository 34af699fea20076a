"""What each guard of advances, corrections, self-billing and credit notes keeps out. Each was taken out once, and its test failed."""

from dataclasses import replace
from datetime import date

import pytest
from django.db import transaction

from companies.billing import (
    advances,
    allocation,
    checking,
    corrections,
    credit_notes,
    deposits,
    invoices,
    ledger,
    self_billing,
    settlement,
    terms,
    third_party,
)
from companies.billing.bank import importing, matching
from companies.billing.models import (
    AccountKind,
    BankLine,
    DepositRefund,
    Invoice,
    LedgerTransaction,
    Payment,
    Refund,
    SelfBilled,
)
from companies.billing.payments import attempts, gateway
from companies.errors import NotAllowed
from companies.models import AuditEntry, Role
from tests.billing.statements import IBAN, camt, entry
from tests.billing.test_deposits import keep
from tests.billing.test_documents import advance, final, pay, vat
from tests.billing.test_ledger import paid
from tests.factories import billing as made
from tests.factories.billing import AT, billing_mandate, invoice, line, mandate, payment, self_billed
from tests.factories.companies import CompanyFactory, UserFactory, member, staff

pytestmark = pytest.mark.django_db


def asked(net, vat_bp=2_000):
    return advances.draft(description="Acompte", net_cents=net, vat_bp=vat_bp, kind="goods")


class TestAnAdvance:
    def test_is_deducted_by_an_own_invoice_of_its_company_and_order_alone(self):
        row = pay(advance())
        strangers = [
            final(CompanyFactory()),  # the same number of an order, of somebody else
            invoice(row.company, order_reference="BC-8"),
            invoice(row.company),
            made.in_name(billing_mandate(actor=staff()), row.company, order_reference="BC-7"),
        ]
        assert [one.prepaid_cents for one in strangers] == [0] * 4
        assert final(row.company).prepaid_cents == 36_000
        assert checking.first_break() == ""

    def test_that_was_deducted_owes_its_vat_whatever_becomes_of_its_payment(self):
        """CGI art. 269: the sale is made; a payer who takes the money back takes no VAT back."""
        row = pay(advance())
        final(row.company)
        claim = settlement.Dispute("du_1", 36_000, returned=False)
        attempt = row.payments.get()
        settlement.apply(payment_id=attempt.pk, seen=paid(36_000, disputes=[claim]), at=AT)
        row.refresh_from_db()
        assert (row.state, row.balance_cents) == ("charged_back", 36_000)
        assert (vat(AccountKind.VAT_COLLECTED), vat(AccountKind.VAT_PENDING)) == (-20_000, 0)

    def test_of_which_more_went_back_than_came_has_no_vat_to_its_credit(self):
        """Sent back in part, and then claimed back whole: the VAT that is due is none, never below."""
        row = pay(advance())
        claim = settlement.Dispute("du_1", 36_000, returned=False)
        seen = paid(36_000, disputes=[claim], refunds=[("re_1", 6_000)])
        settlement.apply(payment_id=row.payments.get().pk, seen=seen, at=AT)
        assert (vat(AccountKind.VAT_COLLECTED), vat(AccountKind.VAT_PENDING)) == (0, -6_000)

    def test_nobody_paid_takes_no_room_from_one_that_is_paid(self):
        """The older is taken back whole although the final invoice asks for less; the younger one is deducted and given back."""
        idle = advance()
        row = pay(advance(idle.company, key="b"))
        last = final(row.company, line(25_003, quantity=1, unit_price_e4=2_500_300))
        idle.refresh_from_db()
        assert (idle.state, idle.balance_cents, idle.credit_notes.get().gross_cents) == ("credited", 0, 36_000)
        assert (last.prepaid_cents, allocation.kept_for(row.company), checking.first_break()) == (30_004, 5_996, "")

    def test_with_money_on_it_or_on_its_way_is_not_taken_back(self):
        """Half paid, its state as if nothing were; and one that is in collection: both stay, the final invoice asks the whole."""
        half, moving = advance(), advance(CompanyFactory(), key="m")
        pay(half, 18_000)
        settlement.apply(payment_id=payment(moving).pk, seen=settlement.Observation("processing"), at=AT)
        type(half).objects.filter(pk=half.pk).update(state="due")
        for row, state in ((half, "due"), (moving, "collecting")):
            last = final(row.company)
            row.refresh_from_db()
            assert (last.prepaid_cents, row.credit_notes.count(), row.state) == (0, 0, state)


class TestTheTerms:
    @pytest.mark.parametrize(
        ("issued", "last"),
        [
            (date(2026, 3, 3), date(2026, 5, 15)),  # the month's end, then 45 days
            (date(2026, 1, 20), date(2026, 3, 31)),  # 45 days, then the month's end
            (date(2026, 1, 31), date(2026, 4, 1)),  # 60 days
        ],
    )
    def test_end_on_the_latest_of_the_three_days_the_law_knows(self, issued, last):
        """case: L441-10: at most 60 days, or 45 days and the end of the month, counted either way."""
        assert terms.latest(issued) == last


class TestAReplacedInvoice:
    def test_that_is_paid_too_late_pays_the_new_one_as_far_as_it_asks(self):
        """The page was open when it was replaced: 53.39 arrive, the new one asks 46.94, and 6.45 wait for who sent them."""
        row = invoice()
        page = payment(row)
        new = corrections.issue(
            invoice=row, lines=[line(4_449, 550)], reason="Taux", due_on=row.due_on, supply_on=row.supply_on,
            order_reference="", key="k", actor=staff(), at=AT,
        )  # fmt: skip
        settlement.apply(payment_id=page.pk, seen=paid(5_339), at=AT)
        new.refresh_from_db(), row.refresh_from_db()
        assert (new.state, new.balance_cents) == ("paid", 0)
        assert (row.state, row.balance_cents, row.paid_too_much_cents) == ("credited", -645, 645)
        assert checking.first_break() == ""


class TestACreditNote:
    def test_is_of_lines_of_its_invoice_with_their_sign_and_of_something(self):
        row = invoice(None, line(10_000), line(-2_000))
        goods, discount = (one.pk for one in row.lines.all())
        other = invoice().lines.get().pk
        for nets in ({}, {other: 100}, {goods: 0}, {goods: -100}, {discount: 100}, {discount: -1_000}):
            with pytest.raises(credit_notes.CreditRefused), transaction.atomic():
                credit_notes.issue(invoice=row, nets=nets, reason="x", key=f"{nets}", actor=None, at=AT)
        with transaction.atomic():
            note = credit_notes.issue(
                invoice=row, nets={goods: 3_000, discount: -600}, reason="x", key="k", actor=None, at=AT
            )
        assert (note.net_cents, note.vat_cents, checking.first_break()) == (2_400, 480, "")


class TestASuppliersOverpaidInvoice:
    def test_is_nothing_the_association_could_keep(self):
        """case: money for suppliers is never collected: what was paid too much through Connect is theirs to give back."""
        row = made.in_name(billing_mandate(actor=staff()))
        attempt = payment(row, destination="acct_1")
        settlement.apply(payment_id=attempt.pk, seen=paid(row.gross_cents), at=AT)
        nets = {row.lines.get().pk: 1_000}
        with transaction.atomic():
            credit_notes.issue(invoice=row, nets=nets, reason="x", key="k", actor=None, at=AT)
        row.refresh_from_db()
        assert row.paid_too_much_cents == 1_200
        with pytest.raises(third_party.SuppliersInvoice):
            deposits.keep(invoice=row, actor=staff(), at=AT)
        assert list(deposits.paid_too_much()) == []


class TestSelfBilling:
    """case: 389 only with a written mandate; each refusal alone, with everything else in order."""

    PARTY = made.SUPPLIER

    def give(self, by, **party):
        return self_billing.give(
            company=None, party=self.PARTY | party, text="", signed_on=date(2026, 1, 5), signed_by="X", paper=b"%PDF-1.7",
            actor=by, at=AT,
        )  # fmt: skip

    def test_asks_for_a_whole_and_right_identity(self):
        by = staff()
        for wrong in ({"siren": "123456789"}, {"name": " "}, {"street": ""}, {"postcode": ""}, {"city": ""}):
            with pytest.raises(self_billing.PartyRefused):
                self.give(by, **wrong)
        assert self.give(by).siren == "303265045"

    def test_writes_nothing_that_is_not_for_the_staff_lawful_and_of_something(self):
        by, other = staff(), UserFactory()
        of = self.give(by)
        assert self_billed(of, line(10_000, 550), actor=by).vat_cents == 550
        with pytest.raises(NotAllowed):
            self_billed(of, actor=other)
        with pytest.raises(terms.TermsRefused):
            self_billed(of, actor=by, due_on=date(2026, 5, 18))
        for lines in ([line(1_000, 1_700)], [line(1_000, 0), line(-1_000, 0)]):
            with pytest.raises(invoices.InvoiceRefused):
                self_billed(of, *lines, actor=by)
        with pytest.raises(invoices.InvoiceRefused):
            self_billing.issue(
                mandate=of,
                lines=[],
                supply_on=AT.date(),
                due_on=AT.date(),
                order_reference="",
                key="n",
                actor=by,
                at=AT,
            )
        assert (SelfBilled.objects.count(), ledger.balance(AccountKind.SUPPLIERS)) == (1, -10_550)

    def test_credits_for_the_staff_with_a_reason_by_the_mandate_and_one_rate_or_the_whole(self):
        by = staff()
        of = self.give(by)
        row, mixed = self_billed(of, actor=by), self_billed(of, line(1_000), line(500, 550), actor=by)

        def credit(invoice=row, net=4_000, reason="Retour", key="a", actor=by):
            return self_billing.credit(invoice=invoice, net_cents=net, reason=reason, key=key, actor=actor, at=AT)

        with pytest.raises(NotAllowed):
            credit(actor=UserFactory())
        for wrong in ({"net": 0}, {"net": -1}, {"net": 10_001}, {"reason": " "}, {"invoice": mixed, "net": 100}):
            with pytest.raises(self_billing.SelfCreditRefused):
                credit(**wrong)
        assert credit(mixed, 1_500, key="m").vat_cents == 228
        first, rest = credit(), credit(net=6_000, key="b")
        assert (credit(), credit(net=6_000, key="b")) == (first, rest)  # sent again: the same, though nothing is left
        assert ledger.balance(AccountKind.SUPPLIERS) == ledger.balance(AccountKind.PURCHASES) == 0
        again = self_billed(of, actor=by)
        self_billing.revoke(mandate=of, reason="Fin", actor=by, at=AT)
        with pytest.raises(self_billing.NoMandate):
            credit(again, key="c")

    def test_is_revoked_once(self):
        by = staff()
        of = mandate(CompanyFactory(), actor=by)
        for reason in ("Fin du contrat", "Encore"):
            row = self_billing.revoke(mandate=of, reason=reason, actor=by, at=AT)
        assert row.revoked_reason == "Fin du contrat"
        assert AuditEntry.objects.filter(action="selfbillingmandate.revoked").count() == 1


def paid_twice(company):
    """The payments of an invoice of 53.39 € that was paid by two cards; what is too much is kept."""
    row, pages = invoice(company), []
    for _card in range(2):
        pages.append(payment(row, amount_cents=5_339))
        settlement.apply(payment_id=pages[-1].pk, seen=replace(paid(5_339), intent_id=f"pi_{pages[-1].pk}"), at=AT)
    deposits.keep(invoice=row, actor=staff(), at=AT)
    return pages


def means(company):
    return [(one.payment, one.cents) for one in deposits.means_of(company)]


class TestMoneyKept:
    def ask(self, company, cents=1_000, actor=None, **more):
        how = {"iban": IBAN, "key": "k", **more}
        return deposits.ask(company=company, cents=cents, reason="x", actor=actor or staff(), at=AT, **how)

    def test_goes_back_by_the_card_as_far_as_it_came_by_it_and_is_there(self):
        company, by = CompanyFactory(), staff()
        first, second = paid_twice(company)
        assert means(company) == [(first, 5_339)], "the money of one of them, not of both"
        allocation.spend(company=company, parts={invoice(company, line(2_000, 0)).pk: 2_000}, actor=by, at=AT)
        assert means(company) == [(first, 3_339), (second, 2_000)], "by none more than is left of it"
        keep(company, 50_000)
        self.ask(company, 3_339, payment=first, iban="")
        with pytest.raises(deposits.CancelRefused):  # a card's refund cannot be called back
            deposits.cancel(row=DepositRefund.objects.get(), actor=by, at=AT)
        assert means(company) == [(first, 2_000)], "other money is not the card's"
        self.ask(company, 2_000, payment=first, iban="", key="b")
        assert means(company) == [], "what went back by one card does not go back by the other as well"

    def test_has_no_way_back_by_a_payment_that_is_gone_or_a_keeping_that_was_reversed(self):
        company = CompanyFactory()
        first, second = paid_twice(company)
        Refund.objects.create(payment=first, amount_cents=5_000, reason="x", created_at=AT)
        assert means(company) == [(first, 339), (second, 5_000)], "what was sent back before is not there twice"
        Payment.objects.filter(pk=second.pk).update(state="charged_back")
        assert means(company) == [(first, 339)]
        kept = LedgerTransaction.objects.get(kind="kept")
        ledger.reverse(kept, at=AT, reason="x")
        keep(company, 50_000)
        assert means(company) == []

    def test_is_the_companys_and_the_staffs_to_keep_ask_and_cancel(self):
        company, other = CompanyFactory(), CompanyFactory()
        row = pay(invoice(company), 6_000)
        keep(company, 9_000), keep(other, 9_000)
        with pytest.raises(NotAllowed):
            deposits.keep(invoice=row, actor=member(other, Role.ACCOUNTANT), at=AT)
        mine, theirs = self.ask(company), self.ask(other)
        assert (mine.company, theirs.company) == (company, other), "each company's keys are its own"
        with pytest.raises(NotAllowed):
            deposits.cancel(row=mine, actor=member(other, Role.ACCOUNTANT), at=AT)
        assert DepositRefund.objects.filter(state="asked").count() == 2

    def test_is_not_what_stands_on_an_invoice_that_is_not_settled(self):
        row = invoice()
        page = payment(row)
        settlement.apply(payment_id=page.pk, seen=paid(6_000), at=AT)
        Invoice.objects.filter(pk=row.pk).update(state="due")
        with pytest.raises(deposits.NothingToKeep):
            deposits.keep(invoice=row, actor=staff(), at=AT)

    def test_pays_invoices_of_its_company_that_wait_for_money_each_part_or_none(self):
        company, by = CompanyFactory(), staff()
        keep(company, 9_000)
        other, mine, moving = invoice(), invoice(company), invoice(company)
        settlement.apply(payment_id=payment(moving).pk, seen=settlement.Observation("processing"), at=AT)
        for parts in ({other.pk: 100}, {moving.pk: 100}, {mine.pk: 100, other.pk: 100}, {mine.pk: 100, moving.pk: -1}):
            with pytest.raises(allocation.PartsRefused):
                allocation.spend(company=company, parts=parts, actor=by, at=AT)
        assert allocation.kept_for(company) == 9_000

    def test_and_what_arrives_unnamed_never_pay_a_supplier(self):
        """case: money for suppliers is never collected: not even by what is kept, nor by an account we know and a sum that fits."""
        company, by = CompanyFactory(), staff()
        own = invoice(company)
        lines = [entry(5_339, text=own.number, iban=IBAN, bank_id="1"), entry(7_200, iban=IBAN, bank_id="2")]
        theirs = made.in_name(billing_mandate(actor=by), company, line(6_000))
        importing.take(content=camt(*lines, total=12_539), name="r.xml", actor=by, at=AT)
        assert list(BankLine.objects.order_by("pk").values_list("state", flat=True)) == ["matched", "open"]
        with transaction.atomic():
            received = allocation.receive(company=company, cents=700, key="r", at=AT, actor=None)
        posted = LedgerTransaction.objects.count()
        assert allocation.use_deposit(company=company, at=AT, actor=None).parts == received.parts == []
        theirs.refresh_from_db()
        assert (LedgerTransaction.objects.count(), theirs.balance_cents) == (posted, 7_200)

    def test_is_found_on_a_bank_line_of_its_sum_while_it_is_on_its_way_by_transfer(self):
        company, by = CompanyFactory(), staff()
        (first, _second), _kept = paid_twice(company), keep(company, 9_000)
        going, gone = self.ask(company), self.ask(company, key="c")
        deposits.cancel(row=gone, actor=by, at=AT)
        card = self.ask(company, payment=first, iban="", key="card")
        lines = [entry(-1_000, bank_id="1"), entry(-999, bank_id="2")]
        importing.take(content=camt(*lines, total=-1_999), name="r.xml", actor=by, at=AT)
        whole, less = BankLine.objects.order_by("position")
        for moved, row in ((whole, gone), (whole, card), (less, going)):
            with pytest.raises(matching.RefundAsked):
                matching.match_refund(line=moved, refund=row, actor=by, at=AT)
        assert matching.match_refund(line=whole, refund=going, actor=by, at=AT).deposit_refund == going

    def test_that_bounced_stays_whichever_news_come_first_and_however_often(self):
        """Pitfall: the bank's refusal is read before the refund itself, and again after it."""
        company = CompanyFactory()
        first, _second = paid_twice(company)
        row = self.ask(company, payment=first, iban="")
        Refund.objects.update(refund_id="re_1")
        news = replace(paid(5_339), intent_id=first.intent_id)
        bounced, sent = replace(news, failed_refunds=["re_1"]), replace(news, refunds=[("re_1", 1_000)])
        for seen in (bounced, sent, bounced, bounced):
            settlement.apply(payment_id=first.pk, seen=seen, at=AT)
        row.refresh_from_db()
        assert (row.state, allocation.kept_for(company)) == ("cancelled", 5_339)
        assert (LedgerTransaction.objects.filter(kind="refund").count(), checking.first_break()) == (0, "")


class TestACallToStripe:
    def test_asks_for_what_is_owed_by_whatever_means_under_the_key_of_its_attempt(self):
        """case: no surcharge for cards (CMF L112-12); SEPA to 10,000.00 only; a key of our row; never in a transaction."""
        for net, methods in ((833_333, ["card", "sepa_debit"]), (833_334, ["card"])):
            row = invoice(None, line(net))
            page = payment(row)
            asked = attempts.session_params(page, "cus_1")
            (item,) = asked["line_items"]
            assert (item["quantity"], item["price_data"]["unit_amount"]) == (1, row.gross_cents)
            assert (item["price_data"]["currency"], asked["allowed_payment_method_types"]) == ("eur", methods)
            assert page.idempotency_key == f"invoice-{row.pk}-1"
        with pytest.raises(transaction.TransactionManagementError), transaction.atomic():
            gateway.client()
