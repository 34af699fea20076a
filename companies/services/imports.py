"""Importing a staff list: read, review, apply whole or not at all, undo.

The dry run and its effects are long work: each is a job whose task may be killed and started again at any point.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from companies import audit, jobs, limits
from companies.access import can_manage_people, require
from companies.employees.plan import Kind, Step, make_plan
from companies.employees.problems import Unreadable
from companies.employees.reading import read
from companies.employees.table import MAX_BYTES
from companies.errors import DomainError
from companies.models import Company, Job, User
from companies.models.imports import IMPORT_MOVES, EmployeeImport, ImportRow, ImportState
from companies.services import staff_register
from companies.services.import_effects import Changed, apply_rows, undo_rows
from companies.states import move

CHUNK = 2_000
APPLIED_PER_COMPANY = ("staff-list", 5, timedelta(hours=1))  # design of the card, "Rate limits"


class FileTooBig(DomainError):
    code = "file_too_big"
    message = _("The file is larger than %(limit)s MB. Send the list without pictures or other sheets.")


class ImportNotReady(DomainError):
    code = "import_not_ready"
    message = _("This import cannot be applied in its present state: %(state)s. Open it again to see where it stands.")


class ImportHasErrors(DomainError):
    code = "import_has_errors"
    message = _("%(count)s lines have errors, so nothing is applied. Correct them in your file and send it again.")


class ManyLeavers(DomainError):
    code = "many_leavers"
    message = _("%(absent)s of %(active)s employees would leave. Tick the box if the file really names everybody.")


class ImportNotUndoable(DomainError):
    code = "import_not_undoable"
    message = _("This import can no longer be undone: it is not applied, or it is older than three months.")


@transaction.atomic(durable=True)
def upload(
    *, company: Company, name: str, content: bytes, full: bool, leave_on: date | None, actor: User, at: datetime
) -> EmployeeImport:
    """Keep the file and start its dry run. Nothing changes for anybody before `apply`."""
    require(can_manage_people(actor, company))
    if len(content) > MAX_BYTES:
        raise FileTooBig(limit=MAX_BYTES // 1024 // 1024)
    found = EmployeeImport.objects.create(
        company=company, name=name[:160], content=content, full=full, leave_on=leave_on or timezone.localdate(at),
        created_by=actor, created_at=at,
    )  # fmt: skip
    audit.record("employee_import.sent", target=found, at=at, actor=actor, company=company, data={"full": full})
    _start(found, "companies.read_staff_list", actor, at)
    return found


@transaction.atomic(durable=True)
def check_again(*, found: EmployeeImport, actor: User, at: datetime) -> EmployeeImport:
    """Repeat the dry run, because the employees changed since."""
    require(can_manage_people(actor, found.company))
    found = _locked(found.pk)
    if found.state == ImportState.READING:
        return found
    if found.content is None:
        raise ImportNotReady(state=found.get_state_display())
    move(found, ImportState.READING, table=IMPORT_MOVES, at=at, actor=actor, company=found.company)
    _start(found, "companies.read_staff_list", actor, at)
    return found


@transaction.atomic(durable=True)
def cancel(*, found: EmployeeImport, actor: User, at: datetime) -> None:
    """Give the import up and forget the file and its lines."""
    require(can_manage_people(actor, found.company))
    found = _locked(found.pk)
    if found.state == ImportState.CANCELLED:
        return
    move(found, ImportState.CANCELLED, table=IMPORT_MOVES, at=at, actor=actor, company=found.company, content=None)
    found.rows.all().delete()


@transaction.atomic(durable=True)
def start_applying(*, found: EmployeeImport, confirmed: bool, actor: User, at: datetime) -> EmployeeImport:
    """Begin to apply. Pressed twice it begins once. Refused while any line has an error."""
    require(can_manage_people(actor, found.company))
    found = _locked(found.pk)
    if found.state in (ImportState.APPLYING, ImportState.APPLIED):
        return found
    if found.state != ImportState.READY:
        raise ImportNotReady(state=found.get_state_display())
    if found.errors:
        raise ImportHasErrors(count=found.errors)
    if found.full and found.needs_confirmation and not confirmed:
        raise ManyLeavers(absent=found.absent, active=found.active)
    limits.spend(APPLIED_PER_COMPANY, found.company_id)
    move(found, ImportState.APPLYING, table=IMPORT_MOVES, at=at, actor=actor, company=found.company, applied_by=actor)
    _start(found, "companies.apply_staff_list", actor, at, total=found.effects)
    return found


@transaction.atomic(durable=True)
def start_undoing(*, found: EmployeeImport, actor: User, at: datetime, reason: str = "") -> EmployeeImport:
    """Begin to put everything back as it was before the import."""
    require(can_manage_people(actor, found.company))
    found = _locked(found.pk)
    if found.state in (ImportState.UNDOING, ImportState.UNDONE):
        return found
    if found.state != ImportState.APPLIED or (found.effects and not found.rows.exists()):
        raise ImportNotUndoable
    move(
        found,
        ImportState.UNDOING,
        table=IMPORT_MOVES,
        at=at,
        actor=actor,
        company=found.company,
        reason=reason,
        trouble={},
    )
    _start(found, "companies.undo_staff_list", actor, at, total=found.effects)
    return found


def dry_run(*, job: Job, at: datetime) -> None:
    """Read the file and write what it would do, line by line. Safe to run again from the start."""
    found = EmployeeImport.objects.select_related("company").get(pk=job.payload["import"])
    if found.state != ImportState.READING or found.job_id != job.pk:
        return jobs.finish(job.pk, _where(found))
    found.rows.all().delete()
    try:
        staff_list = read(bytes(found.content or b""))
    except Unreadable as refused:
        trouble = {"code": refused.code, **refused.params}
        with transaction.atomic():
            move(
                found, ImportState.UNREADABLE, table=IMPORT_MOVES, at=at, actor=None, company=found.company,
                trouble=trouble, content=None,
            )  # fmt: skip
            jobs.finish(job.pk, _where(found))
        return None
    jobs.advance(job.pk, done=0, total=len(staff_list.lines))
    everybody, places = staff_register.employees(found.company), staff_register.sites(found.company)
    plan = make_plan(
        staff_list.lines, everybody, columns=staff_list.columns, sites=places, today=timezone.localdate(found.created_at),
        full=found.full, leave_on=found.leave_on,
    )  # fmt: skip
    rows = enumerate(_row(found, step) for step in plan.steps)
    for chunk in _chunks(rows):
        for position, row in chunk:
            row.position = position
        ImportRow.objects.bulk_create([row for _position, row in chunk], batch_size=CHUNK)
        jobs.advance(job.pk, done=chunk[-1][0] + 1, total=len(plan.steps))  # leavers are on no line of the list
    with transaction.atomic():
        move(
            found, ImportState.READY, table=IMPORT_MOVES, at=at, actor=None, company=found.company, trouble={},
            columns=dict(staff_list.columns), ignored=staff_list.ignored[:30], active=plan.active, absent=plan.absent,
            counts={kind.value: plan.count(kind) for kind in Kind},
            fingerprint=staff_register.fingerprint(everybody, places),
        )  # fmt: skip
        jobs.finish(job.pk, _where(found))
    return None


def apply(*, job: Job, at: datetime) -> None:
    """Do what the dry run showed, in one transaction; refused as a whole when the employees changed since."""
    _carry_out(job, at, ImportState.APPLYING, ImportState.APPLIED, ImportState.STALE)


def undo(*, job: Job, at: datetime) -> None:
    """Restore exactly what the import changed, in one transaction; refused when the same people changed later."""
    _carry_out(job, at, ImportState.UNDOING, ImportState.UNDONE, ImportState.APPLIED)


def forget(*, before: datetime) -> int:
    """Retention: delete lines and files of imports sent before a moment; they can no longer be undone."""
    old = EmployeeImport.objects.filter(created_at__lt=before).exclude(
        state__in=[ImportState.APPLYING, ImportState.UNDOING]
    )
    old.exclude(content=None).update(content=None)
    return ImportRow.objects.filter(employee_import__in=old).delete()[0]


def _carry_out(job: Job, at: datetime, doing: str, done: str, refused: str) -> None:
    with transaction.atomic(durable=True):
        company = staff_register.lock(EmployeeImport.objects.get(pk=job.payload["import"]).company)
        found = _locked(job.payload["import"])
        if found.state != doing or found.job_id != job.pk:
            return jobs.finish(job.pk, _where(found))
        try:
            with transaction.atomic():
                fields: dict[str, Any] = _effects(found, company, doing, at)
        except Changed as trouble:
            with translation.override(job.created_by.language if job.created_by else settings.LANGUAGE_CODE):
                sentence = trouble.sentence
            move(found, refused, table=IMPORT_MOVES, at=at, actor=None, company=company, reason=sentence,
                 trouble={"code": trouble.code, "people": trouble.people})  # fmt: skip
            return jobs.fail(job.pk, sentence)
        counts = {kind: count for kind, count in found.counts.items() if kind not in ("unchanged", "error")}
        move(found, done, table=IMPORT_MOVES, at=at, actor=job.created_by, company=company, **fields)
        audit.record(
            f"employees.import_{done}",
            target=found,
            at=at,
            actor=job.created_by,
            company=company,
            data={"counts": counts},
        )
        jobs.finish(job.pk, {**_where(found), "counts": counts})
    return None


def _effects(found: EmployeeImport, company: Company, doing: str, at: datetime) -> dict[str, Any]:
    if doing == ImportState.UNDOING:
        undo_rows(found)
        return {"undone_at": at}
    everybody, places = staff_register.employees(company), staff_register.sites(company)
    if staff_register.fingerprint(everybody, places) != found.fingerprint:
        raise Changed
    apply_rows(found)
    return {"applied_at": at, "content": None}


def _where(found: EmployeeImport) -> dict[str, object]:
    """Result of a job: where its reader goes next."""
    return {"state": found.state, "url": reverse("companies:import", args=[found.company_id, found.pk])}


def _locked(pk: int) -> EmployeeImport:
    return EmployeeImport.objects.select_for_update(of=("self",)).select_related("company").get(pk=pk)


def _start(found: EmployeeImport, task: str, actor: User, at: datetime, total: int = 0) -> None:
    kind = task.rpartition(".")[2]
    payload = {"import": found.pk}
    found.job = jobs.start(
        kind=kind, task=task, payload=payload, actor=actor, company=found.company, total=total, at=at
    )
    found.save(update_fields=["job"])


def _row(found: EmployeeImport, step: Step) -> ImportRow:
    return ImportRow(
        employee_import=found, line=step.line, kind=step.kind, first_name=step.first_name, last_name=step.last_name,
        employment_id=step.employee, values=_plain(step.values),
        before=_plain({name: before for name, (before, _after) in step.changes.items()}),
        problems=[problem.as_json() for problem in step.problems],
    )  # fmt: skip


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}


def _chunks(rows: Iterator[tuple[int, ImportRow]]) -> Iterator[list[tuple[int, ImportRow]]]:
    while chunk := list(islice(rows, CHUNK)):
        yield chunk
