"""Yearly dues: calculated as a draft that is reviewed, then issued as invoices, or undone."""

from datetime import date, datetime
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Min
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies import audit, jobs, money
from companies.access import require
from companies.billing import access, invoices, terms
from companies.billing.invoices import LineDraft
from companies.billing.models import DuesBracket, DuesLine, DuesRun, DuesState, Invoice, LegalModel, LineKind
from companies.billing.models.dues import DUES_TRANSITIONS
from companies.errors import DomainError
from companies.models import AuditEntry, Company, CompanyStatus, Job, User
from companies.states import move

DEFAULTS = ((10, 15_000), (50, 35_000), (250, 80_000), (None, 150_000))  # headcount up to, net cents a year


class DuesRefused(DomainError):
    """The run cannot be made or changed."""

    code = "dues_refused"


class CalculatedBefore(DuesRefused):
    """One calculation of a year is open at a time."""

    message = _("There is a calculation of this year already. Issue it or undo it first.")


def brackets() -> list[DuesBracket]:
    """The brackets as the staff set them, the smallest first; made on first use."""
    found = list(DuesBracket.objects.all())
    if not found:
        for up_to, cents in DEFAULTS:
            DuesBracket.objects.get_or_create(up_to=up_to, defaults={"net_cents": cents})
        found = list(DuesBracket.objects.all())
    return found


@transaction.atomic(durable=True)
def set_brackets(*, rows: list[tuple[int | None, int]], actor: User, at: datetime) -> list[DuesBracket]:
    """Replace the brackets; exactly one has no limit. Runs already made keep their amounts."""
    require(access.can_collect(actor))
    limits = [up_to for up_to, _cents in rows]
    if limits.count(None) != 1 or len(set(limits)) != len(limits) or any(cents <= 0 for _limit, cents in rows):
        raise DuesRefused(_("Give each bracket another limit and an amount, and leave exactly one without a limit."))
    with connection.cursor() as cursor:  # people who save at once do so one after the other
        cursor.execute("LOCK TABLE billing_duesbracket IN SHARE ROW EXCLUSIVE MODE")
    DuesBracket.objects.all().delete()
    DuesBracket.objects.bulk_create(DuesBracket(up_to=up_to, net_cents=cents) for up_to, cents in rows)
    made = brackets()
    audit.record("dues.brackets_changed", target=made[0], at=at, actor=actor, data={"rows": [[*row] for row in rows]})
    return made


def full_dues(headcount: int, rows: list[DuesBracket]) -> int:
    """What a company of this size pays for a whole year."""
    return next(row.net_cents for row in rows if row.up_to is None or headcount <= row.up_to)


def months_of(joined: date, year: int) -> int:
    """Months a member of a year pays for: the month it joined counts whole.

    >>> months_of(date(2025, 5, 1), 2026), months_of(date(2026, 9, 30), 2026), months_of(date(2027, 1, 1), 2026)
    (12, 4, 0)
    """
    if joined.year > year:
        return 0
    return 12 if joined.year < year else 13 - joined.month


def joined_on(companies: list[Company]) -> dict[int, date]:
    """The day each company was first admitted; those from before the log, the day they were entered."""
    rows = AuditEntry.objects.filter(action="company.admitted", company__in=[row.pk for row in companies])
    admitted = dict(rows.values_list("company").annotate(first=Min("at")).order_by())
    return {row.pk: timezone.localdate(admitted.get(row.pk, row.created_at)) for row in companies}


def invoiced(year: int) -> set[int]:
    """Companies that have their dues of a year."""
    rows = Invoice.objects.filter(legal_model=LegalModel.DUES, source=f"dues-{year}")
    return set(rows.values_list("company", flat=True))


def year_to_calculate(today: date) -> int:
    """The year that is proposed: this one, or the next once this one's dues are issued."""
    return today.year + DuesRun.objects.filter(year=today.year, state=DuesState.ISSUED).exists()


@transaction.atomic(durable=True)
def prepare(*, year: int, due_on: date, actor: User, at: datetime) -> DuesRun:
    """Calculate a year's dues for every member that has none yet: nothing is invoiced. Joiners of the year pay their months."""
    require(access.can_collect(actor))
    if DuesRun.objects.filter(year=year, state__in=[DuesState.DRAFT, DuesState.ISSUING]).exists():
        raise CalculatedBefore
    if due_on <= timezone.localdate(at):
        raise DuesRefused(_("The due date must lie ahead."), field="due_on")
    terms.check(due_on, issued_on=timezone.localdate(at))
    # The draft comes first: whoever invoiced the year meanwhile is seen by what is read after it.
    run = _draft(year=year, due_on=due_on, created_by=actor, created_at=at)
    rows, done = brackets(), invoiced(year)
    members = Company.objects.filter(status__in=[CompanyStatus.ADMITTED, CompanyStatus.SUSPENDED]).exclude(pk__in=done)
    companies = list(members.order_by("name"))
    joined = joined_on(companies)
    lines = []
    for company in companies:
        months, full = months_of(joined[company.pk], year), full_dues(company.headcount, rows)
        if months:
            cents = money.divide(full * months, 12)
            lines.append(
                DuesLine(
                    run=run, company=company, headcount=company.headcount, full_cents=full, months=months, cents=cents
                )
            )
    if not lines:
        raise DuesRefused(_("Every member has its dues of this year already."))
    DuesLine.objects.bulk_create(lines, batch_size=1_000)
    audit.record("duesrun.draft", target=run, at=at, actor=actor, data={"year": year, "companies": len(lines)})
    return run


def _draft(**values: Any) -> DuesRun:
    """The run's row; of two people who calculate the same year at once the database lets one in."""
    try:
        with transaction.atomic():
            return DuesRun.objects.create(**values)
    except IntegrityError:
        raise CalculatedBefore from None


@transaction.atomic(durable=True)
def include(*, line: DuesLine, included: bool, actor: User, at: datetime) -> DuesLine:
    """Leave a company out of the run, or take it in again."""
    require(access.can_collect(actor))
    run = DuesRun.objects.select_for_update().get(pk=line.run_id)
    if run.state != DuesState.DRAFT:
        raise DuesRefused(_("This run was issued or undone already."))
    DuesLine.objects.filter(pk=line.pk).update(included=included)
    audit.record(
        "duesrun.included" if included else "duesrun.left_out", target=run, at=at, actor=actor, company=line.company
    )
    line.included = included
    return line


@transaction.atomic(durable=True)
def undo(*, run: DuesRun, actor: User, at: datetime) -> DuesRun:
    """Throw a calculation away. Once issued, an invoice is only corrected by a credit note."""
    require(access.can_collect(actor))
    locked = DuesRun.objects.select_for_update().get(pk=run.pk)
    move(locked, DuesState.UNDONE, table=DUES_TRANSITIONS, at=at, actor=actor)
    return locked


@transaction.atomic(durable=True)
def start_issuing(*, run: DuesRun, actor: User, at: datetime) -> Job:
    """Begin to issue a run's invoices as a job that shows its progress and survives a crash."""
    require(access.can_collect(actor))
    locked = DuesRun.objects.select_for_update().get(pk=run.pk)
    total = locked.lines.filter(included=True).count()
    if not total:
        raise DuesRefused(_("No company is left in this run."))
    job = jobs.start(
        kind="dues", task="billing.issue_dues", payload={"run": locked.pk}, actor=actor, total=total, at=at
    )
    move(locked, DuesState.ISSUING, table=DUES_TRANSITIONS, at=at, actor=actor, job=job)
    return job


def issue(*, job: Job, at: datetime) -> int:
    """Issue what a run still lacks, one company a transaction; run again after a crash it goes on where it stopped."""
    run = DuesRun.objects.get(pk=job.payload["run"])
    lines = run.lines.filter(included=True).order_by("pk")
    done = lines.filter(invoice__isnull=False).count()
    for line in lines.filter(invoice=None).select_related("company"):
        with transaction.atomic(durable=True):
            row = DuesLine.objects.select_for_update(of=("self",)).get(pk=line.pk)
            if row.invoice_id is None:
                made = _invoice(run, line, job.created_by, at)
                DuesLine.objects.filter(pk=line.pk, invoice=None).update(invoice=made)
        done += 1
        jobs.advance(job.pk, done=done)
    with transaction.atomic(durable=True):
        locked = DuesRun.objects.select_for_update().get(pk=run.pk)
        if locked.state == DuesState.ISSUING:
            move(locked, DuesState.ISSUED, table=DUES_TRANSITIONS, at=at, actor=job.created_by, actor_label="ERB")
    return done


def _invoice(run: DuesRun, line: DuesLine, actor: User | None, at: datetime) -> Invoice:
    part = "" if line.months == 12 else f" ({line.months} mois sur 12)"
    words = f"Cotisation annuelle {run.year}{part}"
    draft = LineDraft(words, 1, "forfait", line.cents * 100, line.cents, 0, kind=LineKind.FEE)
    return invoices.issue(
        company=line.company,
        lines=[draft],
        at=at,
        due_on=run.due_on,
        source=f"dues-{run.year}",
        key=f"dues-{run.year}-{line.company_id}",
        actor=actor,
        legal_model=LegalModel.DUES,
        supply_on=timezone.localdate(at),
    )
