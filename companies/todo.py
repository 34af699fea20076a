"""What in this room needs somebody now."""

from datetime import datetime, time, timedelta

from django.db.models import Count
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from companies.models import (
    Attendance,
    Company,
    CompanyStatus,
    EmployeeImport,
    Employment,
    ImportState,
    MeetingDecision,
    User,
)
from companies.shell import Todo


def for_company(user: User, company: Company, roles: set[str], at: datetime) -> list[Todo]:
    """HR: leavers of the month and imports that wait; administrators: invitations that wait or expired."""
    todos: list[Todo] = []
    if roles & {"hr", "admin"}:
        todos += _people(company, at)
    if "admin" in roles:
        todos += _invitations(company, at)
    return todos + _meetings(user, at)


def _meetings(user: User, at: datetime) -> list[Todo]:
    """Invitations without an answer, and what one was to do. Two queries."""
    asked = Attendance.objects.filter(user=user, answer="pending", meeting__state="invited", meeting__starts_at__gt=at)
    found = [
        Todo(
            _("Do you come? %(title)s") % {"title": row.meeting.title},
            row.meeting.group.name,
            reverse("companies:meeting", args=[row.meeting_id]),
            due=row.meeting.starts_at,
        )
        for row in asked.select_related("meeting__group").order_by("meeting__starts_at")[:3]
    ]
    tasks = MeetingDecision.objects.filter(owner=user, done_at__isnull=True).select_related("meeting")
    return found + [
        Todo(
            _("Task of a meeting: %(text)s") % {"text": row.text},
            row.meeting.title,
            reverse("companies:meeting", args=[row.meeting_id]),
            due=timezone.make_aware(datetime.combine(row.due_on, time(23, 59))) if row.due_on else None,
        )
        for row in tasks.order_by("due_on", "pk")[:5]
    ]


def _people(company: Company, at: datetime) -> list[Todo]:
    today, todos = timezone.localdate(at), []
    waiting = EmployeeImport.objects.filter(company=company, state__in=[ImportState.READY, ImportState.STALE]).defer(
        "content"
    )
    for found in waiting[:3]:
        title = _("Review the import “%(name)s”") % {"name": found.name}
        detail = _("It has errors to correct.") if found.errors else _("Nothing is applied before you say so.")
        todos.append(Todo(title, detail, reverse("companies:import", args=[company.pk, found.pk]), tone="warning"))
    month_end = (today.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    leaving = Employment.objects.filter(company=company, ends_on__range=(today, month_end)).count()
    if leaving:
        title = ngettext("%(n)s employee leaves this month", "%(n)s employees leave this month", leaving) % {
            "n": leaving
        }
        url = reverse("companies:employee_list", args=[company.pk]) + "?status=leaving"
        todos.append(Todo(title, _("Their cards stop after their last day."), url))
    if not Employment.objects.filter(company=company).exists():
        url = reverse("companies:import_new", args=[company.pk])
        todos.append(
            Todo(
                _("Import your list of employees"), _("CSV or Excel. You see every line before anything changes."), url
            )
        )
    return todos


def _invitations(company: Company, at: datetime) -> list[Todo]:
    pending = list(company.invitations.pending().values_list("expires_at", flat=True))
    if not pending:
        return []
    expired = sum(moment <= at for moment in pending)
    title = ngettext("%(n)s invitation waits", "%(n)s invitations wait", len(pending)) % {"n": len(pending)}
    detail = (
        _("%(n)s expired: send them again or withdraw them.") % {"n": expired}
        if expired
        else _("Nobody has accepted yet.")
    )
    return [
        Todo(title, detail, reverse("companies:role_list", args=[company.pk]), tone="warning" if expired else "info")
    ]


def for_staff(user: User, at: datetime) -> list[Todo]:
    """Applications to decide, and members nobody administers."""
    todos = []
    applied = Company.objects.filter(status=CompanyStatus.APPLIED).count()
    if applied:
        title = ngettext("%(n)s company applies for membership", "%(n)s companies apply for membership", applied) % {
            "n": applied
        }
        url = reverse("companies:company_list") + "?status=applied"
        todos.append(Todo(title, _("Admit it or decline with a reason."), url, tone="warning"))
    orphans = (
        Company.objects.filter(status=CompanyStatus.ADMITTED)
        .annotate(people=Count("memberships"), invited=Count("invitations"))
        .filter(people=0, invited=0)
        .count()
    )
    if orphans:
        title = ngettext("%(n)s member has no administrator", "%(n)s members have no administrator", orphans) % {
            "n": orphans
        }
        todos.append(Todo(title, _("Invite one so that the company can act."), reverse("companies:company_list")))
    return todos
