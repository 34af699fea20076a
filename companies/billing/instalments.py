"""Paying one invoice in dated parts: the association proposes, the company's accountant agrees, the mandate is debited."""

from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies import audit, mail, money
from companies.access import require
from companies.billing import access, buyers, mandates, third_party
from companies.billing.models import DebitState, Instalment, InstalmentPlan, Invoice, PlannedDebit, PlanState
from companies.billing.payments import SEPA_LIMIT_CENTS
from companies.billing.printing import readers
from companies.errors import DomainError
from companies.models import User

MOST = 12


class PlanRefused(DomainError):
    """The parts do not make a plan."""

    code = "plan_refused"
    message = _(
        "The parts must come to what is owed, each to 10,000 € at most, on dates that follow each other from today on."
    )


def equal_parts(balance_cents: int, count: int, first: date) -> list[tuple[date, int]]:
    """Monthly parts as equal as cents allow.

    >>> equal_parts(10_000, 3, date(2026, 1, 31))
    [(datetime.date(2026, 1, 31), 3334), (datetime.date(2026, 2, 28), 3333), (datetime.date(2026, 3, 31), 3333)]
    """
    parts = money.share(balance_cents, [1] * count)
    return [(_months_later(first, place), cents) for place, cents in enumerate(parts)]


def _months_later(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, min(day.day, last))
        except ValueError:
            continue
    raise AssertionError


@transaction.atomic(durable=True)
def propose(*, invoice: Invoice, parts: Sequence[tuple[date, int]], actor: User, at: datetime) -> InstalmentPlan:
    """Propose dated parts; a proposal nobody answered yet is replaced. A debit announced for the whole is given up."""
    require(access.can_collect(actor))
    row = Invoice.objects.select_for_update(of=("self",)).select_related("company").get(pk=invoice.pk)
    third_party.require_own(row)
    company = buyers.member(row)
    days = [day for day, _cents in parts]
    wrong = (
        not row.is_payable
        or not 2 <= len(parts) <= MOST
        or sum(cents for _day, cents in parts) != row.balance_cents
        or any(not 0 < cents <= SEPA_LIMIT_CENTS for _day, cents in parts)
        or days != sorted(set(days))
        or days[0] < timezone.localdate(at)
        or row.plans.filter(state=PlanState.AGREED).exists()
    )
    if wrong:
        raise PlanRefused
    for earlier in row.plans.filter(state=PlanState.PROPOSED):
        if [(part.due_on, part.amount_cents) for part in earlier.instalments.all()] == list(parts):
            return earlier  # the same form sent twice
    row.plans.filter(state=PlanState.PROPOSED).update(state=PlanState.CANCELLED)
    plan = InstalmentPlan.objects.create(invoice=row, proposed_by=actor, proposed_at=at)
    Instalment.objects.bulk_create(
        Instalment(plan=plan, position=place, due_on=day, amount_cents=cents)
        for place, (day, cents) in enumerate(parts, 1)
    )
    _give_up_debit(row)
    audit.record(
        "invoice.plan_proposed", target=row, at=at, actor=actor, company=row.company, data={"parts": len(parts)}
    )
    from django.urls import reverse

    url = mail.absolute(reverse("billing:plan", args=[row.company_id, row.pk]))
    for user in readers(company):
        mail.queue(
            to=user.email,
            template="billing/mail/plan",
            context={"invoice": row, "plan": plan, "url": url},
            key=f"plan-{plan.pk}-{user.pk}",
            language=user.language,
            at=at,
        )
    return plan


@transaction.atomic(durable=True)
def agree(*, plan: InstalmentPlan, actor: User, ip: str | None, user_agent: str, at: datetime) -> InstalmentPlan:
    """The accountant consents: each part is announced and debited on the company's mandate."""
    invoice = Invoice.objects.select_for_update(of=("self",)).select_related("company").get(pk=plan.invoice_id)
    require(access.can_pay(actor, invoice.company))
    if mandates.in_force(buyers.member(invoice)) is None:
        raise mandates.NoMandate(_("Sign a direct debit mandate first: the parts are debited on it."))
    if sum(part.amount_cents for part in plan.instalments.all()) != invoice.balance_cents:
        raise PlanRefused(_("What is owed has changed since. Ask ERB for a new proposal."))
    changed = InstalmentPlan.objects.filter(pk=plan.pk, state=PlanState.PROPOSED).update(
        state=PlanState.AGREED, agreed_by=actor, agreed_at=at, ip=ip, user_agent=user_agent[:300]
    )
    if not changed:
        raise PlanRefused(_("This proposal is no longer open."))
    _give_up_debit(invoice)
    audit.record("invoice.plan_agreed", target=invoice, at=at, actor=actor, company=invoice.company)
    plan.refresh_from_db()
    return plan


@transaction.atomic(durable=True)
def cancel(*, plan: InstalmentPlan, actor: User, at: datetime) -> InstalmentPlan:
    """The company declines, or the association ends the plan: what is owed is due as before."""
    invoice = Invoice.objects.select_for_update(of=("self",)).select_related("company").get(pk=plan.invoice_id)
    require(access.can_collect(actor) or (access.can_pay(actor, invoice.company) and plan.state == PlanState.PROPOSED))
    changed = InstalmentPlan.objects.filter(pk=plan.pk, state__in=[PlanState.PROPOSED, PlanState.AGREED]).update(
        state=PlanState.CANCELLED
    )
    if not changed:
        raise PlanRefused(_("This proposal is no longer open."))
    _give_up_debit(invoice)
    audit.record("invoice.plan_cancelled", target=invoice, at=at, actor=actor, company=invoice.company)
    plan.refresh_from_db()
    return plan


def _give_up_debit(invoice: Invoice) -> None:
    PlannedDebit.objects.filter(invoice=invoice, state=DebitState.PLANNED).update(
        state=DebitState.CANCELLED, reason="instalments"
    )
