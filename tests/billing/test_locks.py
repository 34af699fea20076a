"""Which rows each service holds while it decides. What a lock keeps out is driven by threads in test_storms.py; here each is named."""

import re
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from companies.billing import (
    allocation,
    connected,
    corrections,
    credit_notes,
    deposits,
    ereporting,
    in_name,
    self_billing,
    settlement,
)
from companies.billing.bank import importing, matching
from companies.billing.channel import collected, exchange
from companies.billing.channel.port import Incoming
from companies.billing.models import BankLine, Invoice, Transmission
from deploy.standalone import platform_double
from tests.billing.statements import IBAN, camt, entry
from tests.billing.test_channel import delivered
from tests.billing.test_deposits import keep
from tests.billing.test_documents import advance, pay
from tests.billing.test_ereporting import private_sale
from tests.billing.test_ledger import paid
from tests.factories import billing as made
from tests.factories.billing import AT, billing_mandate, invoice, line, mandate, self_billed
from tests.factories.companies import CompanyFactory, staff

pytestmark = pytest.mark.django_db
HELD = re.compile(r'FROM "(?:billing_|companies_)(\w+)".*FOR UPDATE|INTO billing_(numbercounter)', re.DOTALL)


def held(call):
    """The tables whose rows a call locked, in its order; a counter is held from its first taking of no number."""
    with CaptureQueriesContext(connection) as seen:
        call()
    return [found[1] or found[2] for query in seen if (found := HELD.search(query["sql"]))]


class TestADocument:
    def test_is_written_by_who_holds_its_counter_and_what_it_changes(self):
        by, company = staff(), CompanyFactory()
        row = pay(advance(company, actor=by))
        final = held(lambda: invoice(company, line(100_000), order_reference="BC-7"))
        assert final == ["numbercounter", "invoice", "numbercounter"], "its counter, then the advances of its order"
        own = invoice(company)
        correct = lambda: corrections.issue(  # noqa: E731  # shorter than a function
            invoice=own, lines=[line(4_449, 550)], reason="Taux", due_on=own.due_on, supply_on=own.supply_on,
            order_reference="", key="k", actor=by, at=AT,
        )  # fmt: skip
        assert held(correct)[:2] == ["invoice", "numbercounter"]
        paid_one = pay(invoice(company))
        heir = corrections.issue(
            invoice=paid_one, lines=[line(4_449)], reason="Texte", due_on=own.due_on, supply_on=own.supply_on,
            order_reference="", key="h", actor=by, at=AT,
        )  # fmt: skip
        attempt = paid_one.payments.get()
        claim = paid(5_339, disputes=[settlement.Dispute("du_1", 5_339, returned=False)])
        news = held(lambda: settlement.apply(payment_id=attempt.pk, seen=claim, at=AT))
        assert news.count("invoice") == 2 and news[:2] == ["invoice", "payment"], "the old invoice, then its heir"
        take = lambda: credit_notes.issue(  # noqa: E731  # shorter than a function
            invoice=heir, nets={heir.lines.get().pk: 100}, reason="x", key="c", actor=None, at=AT
        )
        assert held(take)[0] == "invoice"
        assert row.deduction

    def test_in_a_sellers_name_holds_the_mandate_first(self):
        by = staff()
        of, members = mandate(CompanyFactory(), actor=by), billing_mandate(actor=by)
        written = held(lambda: self_billed(of, actor=by))
        assert written[:3] == ["selfbillingmandate", "numbercounter", "numbercounter"], (
            "held before the key is looked for"
        )
        assert held(lambda: made.in_name(members))[:2] == ["selfbillingmandate", "numbercounter"]
        row = Invoice.objects.get(billing_mandate=members)
        told = held(lambda: in_name.tell_paid(invoice=row, cents=100, seen=row.balance_cents, actor=by, at=AT))
        assert told[0] == "invoice"
        assert held(lambda: self_billing.revoke(mandate=of, reason="x", actor=by, at=AT))[0] == "selfbillingmandate"
        invite = held(lambda: connected.invite(mandate=members, commission_bp=0, actor=by, at=AT))
        account = connected.of_siren(members.siren)
        seen = {"charges_enabled": True, "payouts_enabled": True, "details_submitted": True}
        news = held(lambda: connected.follow(row_id=account.pk, found=seen, at=AT))
        assert invite[0] == news[0] == "connectedaccount"


class TestMoneyKept:
    def test_is_used_by_who_holds_the_company(self):
        by, at, company = staff(), timezone.now(), CompanyFactory()
        keep(company, 50_000)
        first = invoice(company, line(10_000, 0))
        spend = held(lambda: allocation.spend(company=company, parts={first.pk: 1_000}, actor=by, at=at))
        use = held(lambda: allocation.use_deposit(company=company, at=at, actor=by))
        assert spend[:2] == use[:2] == ["company", "invoice"]
        back = held(
            lambda: deposits.ask(company=company, cents=20_000, reason="x", key="k", actor=by, at=at, iban=IBAN)
        )
        assert back[0] == "company"
        going = company.deposit_refunds.get()
        content = camt(entry(-20_000, bank_id="1"), total=-20_000)
        importing.take(content=content, name="r.xml", actor=by, at=at)
        moved = BankLine.objects.get()
        match = held(lambda: matching.match_refund(line=moved, refund=going, actor=by, at=at))
        undo = held(lambda: matching.undo(line=moved, actor=by, at=at, reason="x"))
        assert (match[:2], undo[:3]) == (["bankline", "depositrefund"], ["bankline", "company", "depositrefund"])
        assert held(lambda: deposits.cancel(row=going, actor=by, at=at))[0] == "depositrefund"
        twice = pay(invoice(company))
        with transaction.atomic():
            allocation.receive(company=company, cents=5_339, key="t", at=at, actor=None, only=[twice])
        over = pay(invoice(company, line(1_000, 0)))
        credit = {"nets": {over.lines.get().pk: 400}, "reason": "x", "key": "o", "actor": None, "at": at}
        with transaction.atomic():
            credit_notes.issue(invoice=over, **credit)
        assert held(lambda: deposits.keep(invoice=over, actor=by, at=at))[0] == "invoice"
        card = {"payment": over.payments.get(), "company": company, "cents": 400, "reason": "x", "key": "card"}
        assert held(lambda: deposits.ask(actor=by, at=at, **card))[:2] == ["company", "payment"]
        row = company.deposit_refunds.get(cents=400).refund
        type(row).objects.filter(pk=row.pk).update(refund_id="re_1")
        left = paid(1_000, refunds=[("re_1", 400)])
        news = held(lambda: settlement.apply(payment_id=row.payment_id, seen=left, at=at))
        assert news[-1] == "depositrefund" and company.deposit_refunds.get(cents=400).state == "done"


class TestWhatThePlatformIsTold:
    def test_is_written_by_who_holds_the_document_or_the_counter_of_reports(self, settings):
        settings.EREPORT_FROM = "2026-01-01"
        private_sale()
        later = AT + timedelta(days=9)
        report = held(lambda: ereporting.close_periods(at=later))
        assert set(report) == {"numbercounter"}
        (one,) = ereporting.EReport.objects.all()
        private_sale(key="t")
        assert held(lambda: ereporting.correct(report=one, actor=staff(), at=later))[0] == "numbercounter"
        issued = delivered()
        Transmission.objects.filter(invoice=issued).update(state="sent")
        pay(issued)
        assert held(lambda: collected.say(at=AT))[0] == "transmission"
        news = Incoming("f1", "s.xml", platform_double.cdar(issued.number, 205), is_status=True)
        assert "transmission" in held(lambda: exchange.take_status(news))
