"""Stripe Connect over real HTTP: what is a supplier's goes to it, and only what is ours reaches our books (decision 0052)."""

import json
from datetime import date

import pytest
from django.urls import reverse
from django.utils import timezone

from companies.billing import (
    allocation,
    checking,
    connected,
    exports,
    fec,
    ledger,
    payments,
    settlement,
    supplier_links,
    third_party,
)
from companies.billing.models import AccountKind, ConnectedAccount, Invoice, LedgerEntry, Payment, SupplierFee
from companies.billing.payments import connect
from companies.errors import NotAllowed
from companies.models import AuditEntry, Role
from tests.factories import billing as made
from tests.factories.billing import billing_mandate
from tests.factories.companies import UserFactory, member, staff

GOOD = "FR1420041010050500013M02606"
OURS = (AccountKind.RECEIVABLE, AccountKind.BANK, AccountKind.SALES, AccountKind.PURCHASES, AccountKind.DEPOSITS)
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_once")]


class Supplier:
    """A supplier with a mandate, connected; one invoice of 53.39 € in its name and who pays it."""

    def __init__(self, double, *, commission_bp=0):
        self.double, self.clerk = double, staff()
        mandate = billing_mandate(actor=self.clerk)
        row = connected.invite(mandate=mandate, commission_bp=commission_bp, actor=self.clerk, at=timezone.now())
        self.row = connect.open_account(row, at=timezone.now())
        self.enable(True)
        self.bill = made.in_name(mandate, at=timezone.now(), due_on=timezone.localdate())
        self.payer = member(self.bill.company, Role.ACCOUNTANT)

    def enable(self, yes):
        self.double.lever("account", account=self.row.account_id, enabled=yes)
        return self.double.post(self.double.events("account.updated")[-1])

    def pay(self, **how):
        page = payments.start(invoice=self.bill, actor=self.payer, at=timezone.now())
        self.double.pays(page.url, **how)
        return self.read(page)

    def read(self, payment):
        return payments.refresh(payment_id=payment.pk, at=timezone.now())

    @property
    def has(self):
        with self.double.store.transaction():
            return self.double.store.get(self.row.account_id)["_balance"]

    def state(self):
        return Invoice.objects.values_list("state", "balance_cents").get(pk=self.bill.pk)


def ours():
    """What stands in our books, by kind of account, without what balances to nothing."""
    found = {}
    for entry in LedgerEntry.objects.exclude(account__kind__startswith="suppliers_").select_related("account"):
        found[entry.account.kind] = found.get(entry.account.kind, 0) + entry.cents
    return {kind: cents for kind, cents in found.items() if cents}


class TestASupplier:
    def test_opens_its_account_from_its_link_and_stripes_news_arrive_twice_and_late(self, double, client):
        """Without an account of ours: invited by the staff, identified by Stripe, able to charge when Stripe says so."""
        clerk = staff()
        mandate = billing_mandate(actor=clerk)
        page = reverse("billing:in_your_name", args=[supplier_links.token(mandate)])
        opens = reverse("billing:in_your_name_connect", args=[supplier_links.token(mandate)])
        assert client.post(opens).status_code == 302 and not ConnectedAccount.objects.exists()  # not invited yet
        with pytest.raises(NotAllowed):
            connected.invite(mandate=mandate, commission_bp=0, actor=UserFactory(), at=timezone.now())
        silent = billing_mandate(actor=clerk, siren="732829320", email="")
        with pytest.raises(connected.NoAddress):
            connected.invite(mandate=silent, commission_bp=0, actor=clerk, at=timezone.now())
        client.force_login(clerk)
        for _twice in range(2):
            client.post(reverse("billing:connect_invite", args=[mandate.pk]), {"commission_bp": "200"})
        assert AuditEntry.objects.filter(action="connectedaccount.invited").count() == 1
        stale = ConnectedAccount.objects.get()
        client.logout()
        first, again = (client.post(opens).headers["Location"] for _ in range(2))
        assert (
            first.startswith(f"{double.url}/connect/al_") and again != first
        )  # a link lives minutes; the account stays
        row = ConnectedAccount.objects.get()
        connect.open_account(stale, at=timezone.now())  # another process, that has not seen Stripe's answer
        double.lever("forget")  # days later Stripe knows our key no more
        connect.open_account(row, at=timezone.now())
        with double.store.transaction():
            assert len(list(double.store.newest("account"))) == 1
        assert (row.can_charge, row.commission_bp, len(row.requirements)) == (False, 200, 4)
        assert double.confirms(first).endswith(page)
        news = double.events("account.updated")[0]
        assert [double.post(news), double.post(news)] == [200, 200]
        row.refresh_from_db()
        assert (row.can_charge, row.payouts_enabled, row.requirements) == (True, True, [])
        double.lever("account", account=row.account_id, enabled=False)
        assert (
            double.post(json.dumps(json.loads(news) | {"id": "evt_late"}).encode()) == 200
        )  # late: read again, not believed
        row.refresh_from_db()
        assert (row.can_charge, row.requirements) == (False, ["company.verification.document"])
        assert "company.verification" not in client.get(page).content.decode()  # in words, not in Stripe's terms


class TestAPayment:
    def test_by_debit_goes_to_the_supplier_and_leaves_nothing_of_it_in_our_books(self, double):
        """case: Connect carries the money: onboarding, debit, refund, dispute; the FEC has Stripe's fee and our commission only."""
        s = Supplier(double, commission_bp=300)
        payment = s.pay(iban=GOOD)
        assert (payment.state, s.state(), ours()) == ("processing", ("collecting", 5_339), {})
        double.lever("settle", payment_intent=payment.intent_id)
        for _twice in range(2):
            payment = s.read(payment)
        assert (s.state(), s.has) == (("paid", 0), 5_339 - 160)
        assert ours() == {"stripe": 160 - 35, "bank_charges": 35, "fees": -133, "vat_collected": -27}
        refund = payments.refund(
            payment=payment, amount_cents=2_000, reason="Casse", key="r", actor=s.clerk, at=timezone.now()
        )
        assert (refund.state, s.state(), s.has) == ("succeeded", ("part_paid", 2_000), 5_339 - 160 - 2_000 + 60)
        left = {"stripe": 100 - 35, "bank_charges": 35, "fees": -83, "vat_collected": -17}
        assert ours() == left
        old = settlement.Observation("succeeded", received_cents=5_339, intent_id=payment.intent_id)
        settlement.apply(payment_id=payment.pk, seen=old, at=timezone.now())  # read before the refund, written after it
        assert ours() == left
        double.lever("dispute", payment_intent=payment.intent_id)
        for event in double.events("charge.dispute.created", "charge.dispute.closed"):
            double.post(event)
            double.post(event)
        assert (s.state(), s.has) == (("charged_back", 5_339), 0)
        assert ours() == {"stripe": -35, "bank_charges": 35}  # the supplier gave it back, and we our commission
        assert not any(
            ledger.balance(kind) for kind in OURS if kind not in (AccountKind.RECEIVABLE, AccountKind.DEPOSITS)
        )
        text = "".join(fec.lines(date(2020, 1, 1), date(2099, 12, 31)))
        assert "411000" not in text and "707000" not in text
        assert {row["number"] for row in exports.balances(date(2099, 12, 31)) if row["balance"]} == {"517000", "627000"}
        assert checking.first_break() == ""

    def test_whose_claim_is_won_is_the_suppliers_again_less_our_commission(self, double, monkeypatch):
        """The commission given back with the claim is charged again, once, and stands in the books as at first."""
        s = Supplier(double, commission_bp=300)
        payment = s.pay()
        before = ours()
        assert before == {"stripe": 160 - 105, "bank_charges": 105, "fees": -133, "vat_collected": -27}
        double.lever("dispute", payment_intent=payment.intent_id)
        s.read(payment)
        assert (s.state()[0], s.has, ledger.balance(AccountKind.CONNECT)) == ("charged_back", 0, 0)
        assert ours() == {"stripe": -105, "bank_charges": 105}
        with double.store.transaction():
            dispute = next(double.store.newest("dispute"))
        double.lever("decide", dispute=dispute["id"], status="won")
        with (
            monkeypatch.context() as patch,
            pytest.raises(ConnectionError),
        ):  # we die between the transfer and its booking
            patch.setattr(connected, "post_laid_out", _dies_on("connect-returned", connected.post_laid_out))
            s.read(payment)
        double.lever("forget")  # we wake up days later: Stripe knows our keys no more, but the marks we put
        for _twice in range(2):
            s.read(payment)
        with double.store.transaction():
            assert len(list(double.store.newest("transfer"))) == 2
        assert (s.state()[0], s.has, ours()) == ("paid", 5_339 - 160, before)
        # The bank thinks again: what was transferred the second time is recovered, once, and handed on once more when won.
        for won in (False, True):
            double.lever("dispute", payment_intent=payment.intent_id) if not won else double.lever(
                "decide", dispute=_newest(double), status="won"
            )
            for _twice in range(2):
                s.read(payment)
            after = ("paid", 5_339 - 160, before) if won else ("charged_back", 0, {"stripe": -105, "bank_charges": 105})
            assert (s.state()[0], s.has, ours()) == after
            assert ledger.balance(AccountKind.CONNECT) == 0
        earned = SupplierFee.objects.values_list("net_cents", "vat_cents")
        assert [sum(sums) for sums in zip(*earned, strict=True)] == [133, 27]
        with double.store.transaction():
            assert (
                len(list(double.store.newest("transfer"))),
                len(list(double.store.newest("transfer_reversal"))),
            ) == (3, 2)
        assert checking.first_break() == ""

    def test_whose_supplier_has_nothing_left_stays_laid_out_until_it_has(self, double):
        s = Supplier(double)
        payment = s.pay()
        double.lever("payout", account=s.row.account_id)
        double.lever("dispute", payment_intent=payment.intent_id)
        s.read(payment)
        assert (s.state()[0], ledger.balance(AccountKind.CONNECT)) == ("charged_back", 5_339)
        other = made.in_name(s.bill.billing_mandate, s.bill.company, at=timezone.now(), due_on=timezone.localdate())
        s.bill = other
        s.pay()
        connect.sweep(at=timezone.now())
        assert (s.has, ledger.balance(AccountKind.CONNECT), checking.first_break()) == (0, 0, "")

    def test_whose_claim_is_won_before_the_supplier_had_anything_owes_it_nothing_more(self, double):
        """The bank gave back what we had laid out; the supplier has kept its money all the time."""
        s = Supplier(double)
        payment = s.pay()
        double.lever("payout", account=s.row.account_id)
        double.lever("dispute", payment_intent=payment.intent_id)
        s.read(payment)
        with double.store.transaction():
            dispute = next(double.store.newest("dispute"))
        double.lever("decide", dispute=dispute["id"], status="won")
        for _twice in range(2):
            s.read(payment)
        assert (s.state(), s.has, ledger.balance(AccountKind.CONNECT)) == (("paid", 0), 0, 0)
        assert (connected.to_settle(payment), checking.first_break()) == ([], "")

    def test_refunded_and_bounced_is_handed_to_the_supplier_again(self, double):
        s = Supplier(double, commission_bp=300)
        payment = s.pay()
        before = ours()
        row = payments.refund(
            payment=payment, amount_cents=1_000, reason="x", key="r", actor=s.clerk, at=timezone.now()
        )
        double.lever("bounce", refund=row.refund_id)
        for _twice in range(2):
            s.read(payment)
        assert (s.state(), s.has, ours()) == (("paid", 0), 5_339 - 160, before)
        assert checking.first_break() == ""

    @pytest.mark.parametrize("lost", ["open", "book", "recover"])
    def test_is_made_and_booked_once_though_we_die_between_call_and_booking(self, double, monkeypatch, lost):
        s = Supplier(double, commission_bp=300)
        if lost == "open":
            double.lever("fail", requests=3, when="after")  # Stripe did it, we never heard
            with pytest.raises(payments.PaymentServiceDown):
                s.pay()
        payment = s.pay()
        if lost == "book":
            Payment.objects.filter(pk=payment.pk).update(seen_at=None)
            assert s.read(payment).state == "succeeded"
        double.lever("dispute", payment_intent=payment.intent_id)
        if lost == "recover":
            with monkeypatch.context() as patch, pytest.raises(ConnectionError):
                patch.setattr(connected, "post_laid_out", _dies_on("connect-recovered", connected.post_laid_out))
                s.read(payment)
            double.lever("forget")
        for _twice in range(2):
            s.read(payment)
        with double.store.transaction():
            assert (
                len(list(double.store.newest("transfer"))) == len(list(double.store.newest("transfer_reversal"))) == 1
            )
        assert (s.has, ours()) == (0, {"stripe": -105, "bank_charges": 105})
        assert checking.first_break() == ""


def _newest(double):
    with double.store.transaction():
        return next(double.store.newest("dispute"))["id"]


def _dies_on(prefix, real):
    def post(key, *rest, **more):
        if key.startswith(prefix):
            raise ConnectionError
        return real(key, *rest, **more)

    return post


class TestTheGuard:
    def test_lets_pages_take_money_for_a_supplier_only_while_its_account_can_charge(self, double, client):
        """case: never collected unless Stripe Connect carries it: not before, not after, and never on our own account."""
        s = Supplier(double)
        link = reverse("billing:invoice", args=[s.bill.company_id, s.bill.pk])
        client.force_login(s.payer)
        assert "par Stripe" in client.get(link).content.decode()
        with pytest.raises(third_party.SuppliersMoney):  # our mandate names the association as creditor
            payments.new_attempt(s.bill, amount_cents=100, at=timezone.now(), mandate=None)
        _kept(s.bill.company)
        with pytest.raises(third_party.SuppliersMoney):
            allocation.spend(company=s.bill.company, parts={s.bill.pk: 100}, actor=s.clerk, at=timezone.now())
        s.enable(False)
        with pytest.raises(third_party.SuppliersMoney):
            payments.start(invoice=s.bill, actor=s.payer, at=timezone.now())
        assert "par Stripe" not in client.get(link).content.decode()
        own = made.invoice(s.bill.company, at=timezone.now())
        page = payments.start(invoice=own, actor=s.payer, at=timezone.now())
        assert page.destination == ""


def _kept(company):
    """Money of the company waits with us."""
    sides = [ledger.Side(AccountKind.BANK, 100), ledger.Side(AccountKind.DEPOSITS, -100, company=company)]
    ledger.post(key="kept", kind="bank", at=timezone.now(), sides=sides)
