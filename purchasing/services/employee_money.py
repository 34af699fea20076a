"""Money of employee pools after the lock: refunds decided and sent, companies billed once, the sale booked."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, Sum
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from companies import money
from companies.access import require
from companies.billing import credit_notes, invoices, ledger, personal
from companies.billing.models import AccountKind, Invoice, LegalModel, PersonalRefund, PersonalState
from companies.billing.payments import PaymentServiceDown
from companies.errors import DomainError
from companies.models import Company, User
from companies.states import move
from purchasing import employee_access as access
from purchasing import mails_employees
from purchasing.models import (
    EmployeeArticle,
    EmployeePayBack,
    EmployeePool,
    EmployeePoolPlace,
    EmployeePurchase,
    EmployeePurchaseLine,
)
from purchasing.services.employee_pool import locked
from purchasing.states_employees import (
    EMPLOYEE_POOL,
    PAY_BACK,
    EmployeePoolState,
    PayBackState,
    PurchaseState,
)

log = logging.getLogger(__name__)
LAST_CALL = timedelta(days=1)


class StillOpen(DomainError):
    code = "employee_pool_unfinished"
    message = _("Not everything has arrived or been given up yet, or a refund is still to be decided or sent.")


# Refunds --------------------------------------------------------------------------------------------------------------
@transaction.atomic(durable=True)
def decide(*, actor: User, row: EmployeePayBack, granted: bool, reason: str = "", at: datetime) -> EmployeePayBack:
    """Grant or decline a refund that was proposed at a pick-up; a second decision changes nothing."""
    from purchasing.tasks_employees import carry_out_pay_backs

    require(access.can_decide_refunds(actor))
    row = (
        EmployeePayBack.objects.select_for_update(of=("self",))
        .select_related("line__purchase__pool", "line__purchase__company")
        .get(pk=row.pk)
    )
    if row.state != PayBackState.PROPOSED:
        return row
    move(
        row,
        PayBackState.DECIDED if granted else PayBackState.DECLINED,
        table=PAY_BACK,
        at=at,
        actor=actor,
        company=row.line.purchase.company,
        reason=reason.strip()[:200],
        decided_by=actor,
        decided_at=at,
    )
    if granted:
        carry_out_pay_backs.delay_on_commit(pool_id=row.line.purchase.pool_id)
    return row


def undone() -> list[int]:
    """Pools with refunds decided and not sent."""
    rows = EmployeePayBack.objects.filter(state=PayBackState.DECIDED)
    return sorted(set(rows.values_list("line__purchase__pool", flat=True)))


def carry_out(*, pool: EmployeePool, at: datetime) -> int:
    """Send the decided refunds of a pool to person and company in proportion, each once; returns how many were sent."""
    rows = EmployeePayBack.objects.filter(line__purchase__pool=pool, state=PayBackState.DECIDED)
    sent = 0
    for row in rows.select_related("line__purchase__payment", "decided_by").order_by("pk"):
        payment, actor = row.line.purchase.payment, row.decided_by
        if payment is None or actor is None or payment.state != PersonalState.CAPTURED:
            continue
        try:
            made = personal.refund(
                payment=payment,
                cents=row.cents,
                key=f"employee-pay-back-{row.pk}-{row.attempt}",
                reason=str(row.get_cause_display()),
                actor=actor,
                at=at,
            )
        except (personal.RefundRefused, PaymentServiceDown) as refusal:
            log.warning("employee pay-back %s: %s", row.pk, refusal)
            continue
        if made.state == "failed":  # another try is another refund at Stripe
            EmployeePayBack.objects.filter(pk=row.pk, attempt=row.attempt).update(attempt=F("attempt") + 1)
        elif made.state == "succeeded":
            sent += _paid(row.pk, made, at)
    return sent


@transaction.atomic(durable=True)
def _paid(pk: int, made: PersonalRefund, at: datetime) -> int:
    row = (
        EmployeePayBack.objects.select_for_update(of=("self",))
        .select_related("line__purchase__person__user", "line__purchase__pool", "line__purchase__company")
        .get(pk=pk)
    )
    if row.state != PayBackState.DECIDED:
        return 0
    move(
        row, PayBackState.PAID, table=PAY_BACK, at=at, actor=row.decided_by, company=row.line.purchase.company,
        refund_id=made.pk,
    )  # fmt: skip
    mails_employees.paid_back(row.line.purchase, made.to_person_cents, at=at, number=row.pk)
    if row.line.purchase.pool.state == EmployeePoolState.CLOSED:  # a parcel that was collected, and refused, later
        _take_back(row, at)
        if made.to_company_cents:
            _credit(row, made.to_company_cents, at)
    return 1


# The end --------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Bill:
    """What one company owes for a pool. The total alone is billed: neither names nor articles nor how many bought."""

    company: Company
    cents: int


@dataclass(frozen=True)
class RestRow:
    """Units of one article left of the last pack, VAT and freight included."""

    article: EmployeeArticle
    units: int
    cents: int


def bills(pool: EmployeePool) -> list[Bill]:
    """Each company's subsidies that were taken and not given back."""
    rows = (
        EmployeePurchase.objects.filter(pool=pool, payment__state=PersonalState.CAPTURED)
        .values("company")
        .annotate(cents=Sum(F("payment__captured_subsidy_cents") - F("payment__refunded_subsidy_cents")))
        .order_by("company")
    )
    names = Company.objects.in_bulk([row["company"] for row in rows])
    return [Bill(names[row["company"]], row["cents"]) for row in rows if row["cents"]]


def can_close(pool: EmployeePool) -> bool:
    """Everything ordered has arrived or was given up, and no refund is open. Parcels may still wait to be collected."""
    lines = EmployeePurchaseLine.objects.filter(purchase__pool=pool, purchase__state=PurchaseState.LOCKED)
    open_lines = lines.filter(Q(ordered__gt=F("arrived") + F("missing")))
    open_refunds = EmployeePayBack.objects.filter(
        line__purchase__pool=pool, state__in=[PayBackState.PROPOSED, PayBackState.DECIDED]
    )
    return not open_lines.exists() and not open_refunds.exists()


@transaction.atomic(durable=True)
def close(*, actor: User, pool: EmployeePool, at: datetime) -> EmployeePool:
    """Conclude a pool: each company is invoiced for its subsidies, once, and the advances become a sale in the books.

    Only the association's staff invoices. Raises StillOpen.
    """
    require(access.can_decide_refunds(actor))
    pool = locked(pool)
    if pool.state == EmployeePoolState.CLOSED:
        return pool
    if pool.state not in (EmployeePoolState.ORDERED, EmployeePoolState.RECEIVING) or not can_close(pool):
        raise StillOpen
    for bill in bills(pool):
        _invoice(pool, bill, actor, at)
    _invoice_rest(pool, actor, at)
    _book_sale(pool, at)
    move(pool, EmployeePoolState.CLOSED, table=EMPLOYEE_POOL, at=at, actor=actor, company=pool.company, closed_at=at)
    return pool


def _invoice(pool: EmployeePool, bill: Bill, actor: User, at: datetime) -> Invoice:
    """The company's part. It pays for a sale to its people, taxed there: its own invoice carries no VAT (decision 0030)."""
    today = timezone.localdate(at)
    with translation.override("fr"):
        words = translation.gettext("Contribution to employees' purchases: %(pool)s") % {"pool": pool.title}
    line = invoices.LineDraft(words, 1, "", None, bill.cents, 0)
    invoice = invoices.issue(
        company=bill.company,
        lines=[line],
        at=at,
        due_on=today + timedelta(days=bill.company.payment_days),
        source=f"employee_pool:{pool.pk}",
        key=f"employee-pool-{pool.pk}-{bill.company.pk}",
        actor=actor,
        legal_model=LegalModel.AGENT,
        supply_on=today,
        order_reference=pool.order_number,
    )
    place, _new = EmployeePoolPlace.objects.get_or_create(pool=pool, company=bill.company)
    EmployeePoolPlace.objects.filter(pk=place.pk).update(invoice=invoice)
    # What the company owes moves from its contributions to its receivable; the invoice brought the other half.
    ledger.post(
        key=f"employee-subsidy-{invoice.pk}",
        kind="personal_subsidy",
        at=at,
        reason=invoice.number,
        sides=[
            ledger.Side(AccountKind.REBILLED, bill.cents),
            ledger.Side(AccountKind.SUBSIDIES, -bill.cents, company=bill.company),
        ],
    )
    return invoice


def rest_rows(pool: EmployeePool) -> list[RestRow]:
    """What is left of the last packs, what it comes to with its freight, and how much of it will not come."""
    articles = list(pool.articles.filter(rest__gt=0).order_by("position"))
    goods = [article.rest * (article.unit_price_cents or 0) for article in articles]
    freight = money.share(pool.rest_freight_cents, goods) if articles else []
    rows = []
    for article, cents, part in zip(articles, goods, freight, strict=True):
        coming = article.rest - article.rest_missing
        rows.append(RestRow(article, coming, (cents + part) * coming // article.rest))
    return rows


def _invoice_rest(pool: EmployeePool, actor: User, at: datetime) -> None:
    """A company that opened the pool buys the rest of the last packs: an ordinary sale, with its VAT (decision 0038)."""
    rows = [row for row in rest_rows(pool) if row.cents]
    if pool.company is None or not rows:
        return
    today = timezone.localdate(at)
    lines = []
    for row in rows:
        net = money.divide(row.cents * 10_000, 10_000 + row.article.vat_bp)
        vat = row.cents - net
        lines.append(invoices.LineDraft(row.article.name, row.units, "", None, net, row.article.vat_bp, vat))
    pool.rest_invoice = invoices.issue(
        company=pool.company,
        lines=lines,
        at=at,
        due_on=today + timedelta(days=pool.company.payment_days),
        source=f"employee_pool:{pool.pk}",
        key=f"employee-rest-{pool.pk}",
        actor=actor,
        legal_model=LegalModel.RESALE,
        supply_on=today,
        order_reference=pool.order_number,
    )
    EmployeePool.objects.filter(pk=pool.pk).update(rest_invoice=pool.rest_invoice)


def _book_sale(pool: EmployeePool, at: datetime) -> None:
    """What employees paid in advance becomes a sale, with the VAT inside each rate's total."""
    kept = _kept(pool)
    sides = [ledger.Side(AccountKind.EMPLOYEES, sum(kept.values()))]
    for rate, gross in sorted(kept.items()):
        net = _net(gross, rate)
        sides.append(ledger.Side(AccountKind.SALES, -net))
        if rate:
            sides.append(ledger.Side(AccountKind.VAT_COLLECTED, net - gross, vat_bp=rate))
    if sum(kept.values()):
        ledger.post(key=f"employee-sale-{pool.pk}", kind="personal_sale", at=at, reason=pool.title, sides=sides)


def _net(gross: int, rate: int) -> int:
    return money.divide(gross * 10_000, 10_000 + rate)


def _kept(pool: EmployeePool) -> dict[int, int]:
    """What was taken for goods and not given back, with its VAT, by rate."""
    kept: dict[int, int] = {}
    lines = EmployeePurchaseLine.objects.filter(
        purchase__pool=pool, purchase__payment__state=PersonalState.CAPTURED, ordered__gt=0
    ).select_related("article")
    back = dict(
        EmployeePayBack.objects.filter(line__in=lines, state=PayBackState.PAID)
        .values_list("line")
        .annotate(cents=Sum("cents"))
        .order_by()
    )
    for line in lines:
        cents = line.worth(line.ordered) - back.get(line.pk, 0)
        kept[line.article.vat_bp] = kept.get(line.article.vat_bp, 0) + cents
    return kept


def _take_back(row: EmployeePayBack, at: datetime) -> None:
    """Lessen the sale by a refund that came after it. Split by running totals: the parts come to the whole."""
    rate = row.line.article.vat_bp
    left = _kept(row.line.purchase.pool).get(rate, 0)  # this refund is already off
    net = _net(left + row.cents, rate) - _net(left, rate)
    sides = [ledger.Side(AccountKind.EMPLOYEES, -row.cents), ledger.Side(AccountKind.SALES, net)]
    if rate:
        sides.append(ledger.Side(AccountKind.VAT_COLLECTED, row.cents - net, vat_bp=rate))
    ledger.post(
        key=f"employee-sale-back-{row.pk}",
        kind="personal_sale",
        at=at,
        reason=row.line.purchase.pool.title,
        sides=sides,
    )


def _credit(row: EmployeePayBack, cents: int, at: datetime) -> None:
    """Credit the company with its part of a refund that came after its contributions were invoiced."""
    company = row.line.purchase.company
    place = row.line.purchase.pool.places.select_related("invoice").get(company=company)
    assert place.invoice is not None
    try:
        with transaction.atomic():
            note = credit_notes.issue(
                invoice=place.invoice,
                nets={place.invoice.lines.get().pk: cents},
                reason=str(row.get_cause_display()),
                key=f"employee-pay-back-{row.pk}",
                actor=row.decided_by,
                at=at,
            )
    except (credit_notes.CreditRefused, credit_notes.CreditElsewhere) as refusal:
        # The staff corrected that invoice by hand: the money is back all the same, and the account of contributions shows it.
        log.warning("employee pay-back %s: %s", row.pk, refusal)
        return
    ledger.post(
        key=f"employee-subsidy-back-{row.pk}",
        kind="personal_subsidy",
        at=at,
        reason=note.number,
        sides=[
            ledger.Side(AccountKind.REBILLED, -cents),
            ledger.Side(AccountKind.SUBSIDIES, cents, company=company),
        ],
    )


# Asking ---------------------------------------------------------------------------------------------------------------
def ask_to_pay(*, at: datetime) -> int:
    """Write to those whose card can be asked now and is not reserved: once as the days begin, once on the last day.

    Also to those whose reservation has ended by itself; returns how many letters were due.
    """
    waiting = EmployeePurchase.objects.filter(
        Q(payment=None) | Q(payment__state=PersonalState.FAILED),
        Q(state=PurchaseState.COMMITTED, pool__state=EmployeePoolState.OPEN, pool__closes_at__gt=at)
        | Q(state=PurchaseState.LOCKED, pool__state=EmployeePoolState.LOCKED),
    ).select_related("pool", "person__user", "payment")
    due = 0
    for row in waiting.filter(Q(state=PurchaseState.LOCKED) | Q(pool__closes_at__lte=at + timedelta(days=6))):
        last = row.state == PurchaseState.COMMITTED and row.pool.closes_at <= at + LAST_CALL
        stage = "locked" if row.state == PurchaseState.LOCKED else "last" if last else "first"
        with transaction.atomic():
            attempt = row.payment.attempt if row.payment else 0
            mails_employees.pay_now(row, at=at, attempt=f":{stage}:{attempt}")
        due += 1
    return due
