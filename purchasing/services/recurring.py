"""Needs that come back: every month or quarter a request is written from a pattern, once per period."""

from calendar import monthrange
from datetime import date, datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import require
from companies.errors import DomainError, Invalid
from companies.models import User
from purchasing import access
from purchasing.models import PurchaseRequest, RecurringNeed, RecurringRun, RequestLine
from purchasing.services import request as requests
from purchasing.states import LineState

MONTHS = {RecurringNeed.Every.MONTH: 1, RecurringNeed.Every.QUARTER: 3}
AT_ONCE = 12  # periods caught up in one go after a long standstill


class StartsPast(Invalid):
    code = "starts_past"
    message = _("The first day must be today or later, and the last not before it.")
    field = "starts_on"


def due_day(starts_on: date, every: str, number: int) -> date:
    """The day of the period `number`, counted from the first: the 31st stays the 31st, or the month's last day.

    >>> due_day(date(2026, 1, 31), "month", 1), due_day(date(2026, 1, 31), "month", 2)
    (datetime.date(2026, 2, 28), datetime.date(2026, 3, 31))
    """
    months = starts_on.month - 1 + number * MONTHS[RecurringNeed.Every(every)]
    year, month = starts_on.year + months // 12, months % 12 + 1
    return date(year, month, min(starts_on.day, monthrange(year, month)[1]))


@transaction.atomic(durable=True)
def start(
    *,
    actor: User,
    pattern: PurchaseRequest,
    every: str,
    starts_on: date,
    ends_on: date | None = None,
    lead_days: int = 30,
    submit: bool = False,
    at: datetime,
) -> RecurringNeed:
    """Let a request come back. Its lines are the pattern as they are now. The same rhythm twice is one."""
    require(access.can_request(actor, pattern.company))
    PurchaseRequest.objects.select_for_update(of=("self",)).get(pk=pattern.pk)
    said = {"every": every, "starts_on": starts_on, "ends_on": ends_on, "lead_days": lead_days, "submit": submit}
    known = RecurringNeed.objects.filter(pattern=pattern, ended_at__isnull=True, **said).first()
    if known is not None:
        return known
    if starts_on < timezone.localdate(at) or (ends_on is not None and ends_on < starts_on):
        raise StartsPast
    row = RecurringNeed.objects.create(
        company=pattern.company,
        pattern=pattern,
        next_on=starts_on,
        **said,
        requester=actor,
        created_at=at,
    )
    data = {"every": str(every), "from": str(starts_on), "submit": submit}
    audit.record("recurringneed.created", target=row, at=at, actor=actor, company=pattern.company, data=data)
    return row


@transaction.atomic(durable=True)
def end(*, actor: User, recurring: RecurringNeed, at: datetime) -> None:
    """Stop it; what was written stays. Twice is once."""
    require(access.can_request(actor, recurring.company))
    if RecurringNeed.objects.filter(pk=recurring.pk, ended_at__isnull=True).update(ended_at=at):
        audit.record("recurringneed.ended", target=recurring, at=at, actor=actor, company=recurring.company)


def write_due(*, at: datetime) -> int:
    """Write every period that is due, oldest first; what a standstill missed is caught up. Safe to run at any time."""
    today = timezone.localdate(at)
    written = 0
    due = RecurringNeed.objects.filter(ended_at__isnull=True, next_on__lte=today).order_by("next_on", "pk")
    for pk in list(due.values_list("pk", flat=True)):
        for _n in range(AT_ONCE):
            made = _write(pk, today, at=at)
            if made is None:
                break
            written += 1
            _submit(made, at=at)
    return written


@transaction.atomic(durable=True)
def _write(pk: int, today: date, *, at: datetime) -> RecurringRun | None:
    """One period of one need, under its lock; None when nothing is due, or somebody wrote it already."""
    row = (
        RecurringNeed.objects.select_for_update(of=("self",)).select_related("pattern__company", "requester").get(pk=pk)
    )
    if row.ended_at is not None or row.next_on > today:
        return None
    if row.ends_on is not None and row.next_on > row.ends_on:
        RecurringNeed.objects.filter(pk=pk).update(ended_at=at)
        return None
    due = row.next_on
    request = _copy(row, due, at=at)
    try:
        with transaction.atomic():
            run = RecurringRun.objects.create(recurring=row, due_on=due, request=request, at=at)
    except IntegrityError:  # pragma: no cover - the lock makes this impossible; the constraint is the proof
        transaction.set_rollback(True)
        return None
    row.written += 1
    row.next_on = due_day(row.starts_on, row.every, row.written)
    row.save(update_fields=["written", "next_on"])
    return run


def _copy(row: RecurringNeed, due: date, *, at: datetime) -> PurchaseRequest:
    pattern = row.pattern
    needed = max(due, timezone.localdate(at)) + timedelta(days=row.lead_days)
    request = PurchaseRequest.objects.create(
        company=pattern.company,
        site=pattern.site,
        title=pattern.title,
        cost_centre=pattern.cost_centre,
        notes=pattern.notes,
        needed_by=needed,
        requester=row.requester,
        created_at=at,
        amount_cents=pattern.amount_cents,
    )
    lines = list(pattern.lines.order_by("position"))
    for line in lines:
        line.pk, line.request, line.state, line.needed_by = None, request, LineState.WAITING, needed
    RequestLine.objects.bulk_create(lines)
    audit.record(
        "purchaserequest.created",
        target=request,
        at=at,
        actor=None,
        actor_label="clock",
        company=pattern.company,
        data={"recurring": row.pk, "due_on": str(due)},
    )
    return request


def _submit(run: RecurringRun, *, at: datetime) -> None:
    """Hand it in when asked to; a refusal (budget, role) is kept beside the draft for its requester."""
    if not run.recurring.submit:
        return
    try:
        requests.submit(actor=run.recurring.requester, request=run.request, at=at)
    except DomainError as error:
        RecurringRun.objects.filter(pk=run.pk).update(trouble=error.sentence[:300])
