"""Working groups, meetings, answers, minutes, files and calendars."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from companies import calendars, documents, mail
from companies.access import is_staff, require
from companies.errors import DomainError
from companies.forms import form_error
from companies.forms_meetings import DecisionForm, GroupForm, MeetingForm
from companies.models import GroupMember, Meeting, MeetingState, WorkingGroup
from companies.services import meetings as service
from companies.views.doors import me, refused


def _may(request: HttpRequest) -> None:
    """People with a role in a member company, and staff; others find nothing here."""
    user = me(request)
    if not (is_staff(user) or service.may_join(user) or user.group_memberships.filter(left_at__isnull=True).exists()):
        raise Http404


@require_http_methods(["GET", "POST"])
def group_list(request: HttpRequest) -> HttpResponse:
    """Groups and the next meetings; staff open a group here."""
    _may(request)
    user = me(request)
    form = GroupForm(request.POST or None)
    if request.method == "POST":
        require(is_staff(user))
        if form.is_valid():
            made = service.found(actor=user, at=timezone.now(), **form.cleaned_data)
            return redirect("companies:group", made.pk)
    current = Count("members", filter=Q(members__left_at__isnull=True))
    mine = GroupMember.objects.filter(user=user, left_at__isnull=True).values_list("group", flat=True)
    coming = Meeting.objects.visible_to(user).filter(ends_at__gte=timezone.now(), state=MeetingState.INVITED)
    context = {
        "groups": WorkingGroup.objects.annotate(people=current),
        "mine": set(mine),
        "coming": coming.select_related("group").order_by("starts_at")[:10],
        "staff": is_staff(user),
        "form": form,
    }
    return render(request, "companies/meetings/groups.html", context)


@require_GET
def group(request: HttpRequest, pk: int) -> HttpResponse:
    """One group: its people, meetings and open tasks."""
    _may(request)
    row, user = get_object_or_404(WorkingGroup, pk=pk), me(request)
    inside = service.belongs(user, row)
    context = {
        "group": row,
        "inside": inside,
        "member": row.members.filter(user=user, left_at__isnull=True).exists(),
        "runs": service.runs(user, row),
        "staff": is_staff(user),
        "people": row.members.filter(left_at__isnull=True).select_related("user") if inside else [],
        "meetings": Meeting.objects.visible_to(user).filter(group=row)[:30] if inside else [],
    }
    return render(request, "companies/meetings/group.html", context)


@require_POST
def group_act(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    """Join or leave; staff name the chairs."""
    _may(request)
    row, user, at = get_object_or_404(WorkingGroup, pk=pk), me(request), timezone.now()
    if action == "join":
        service.join(actor=user, group=row, at=at)
    elif action == "leave":
        service.leave(actor=user, group=row, at=at)
    elif action in ("chair", "unchair"):
        number = request.POST.get("member", "")
        found = get_object_or_404(row.members, pk=int(number) if number.isdecimal() and len(number) < 19 else 0)
        service.set_chair(actor=user, member=found, chair=action == "chair", at=at)
    else:
        raise Http404
    return redirect("companies:group", row.pk)


@require_http_methods(["GET", "POST"])
def meeting_edit(request: HttpRequest, pk: int, meeting: int | None = None) -> HttpResponse:
    """Prepare a meeting of a group, or change one."""
    _may(request)
    row, user = get_object_or_404(WorkingGroup, pk=pk), me(request)
    require(service.runs(user, row))
    known = get_object_or_404(Meeting, pk=meeting, group=row) if meeting else None
    form = MeetingForm(request.POST or None, initial=_initial(known) if known else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = service.call(actor=user, group=row, draft=form.draft(), meeting=known, at=timezone.now())
        except DomainError as error:
            form_error(form, error)
        else:
            return redirect("companies:meeting", made.pk)
    return render(request, "companies/meetings/edit.html", {"group": row, "form": form, "meeting": known})


def _initial(row: Meeting) -> dict[str, Any]:
    begins, ends = timezone.localtime(row.starts_at), timezone.localtime(row.ends_at)
    points = [f"{i.title} ({i.planned})" if i.planned else i.title for i in row.agenda.all()]
    return {"title": row.title, "day": begins.date(), "begins": begins.time(), "ends": ends.time(),
            "place": row.place, "agenda": "\n".join(points)}  # fmt: skip


def _meeting(request: HttpRequest, pk: int) -> Meeting:
    rows = Meeting.objects.visible_to(me(request)).select_related("group", "created_by", "minutes_document")
    return get_object_or_404(rows, pk=pk)


@require_GET
def meeting(request: HttpRequest, pk: int) -> HttpResponse:
    """One meeting: agenda, who comes, files, decisions, minutes."""
    return _show(request, _meeting(request, pk))


def _show(
    request: HttpRequest, row: Meeting, form: DecisionForm | None = None, minutes: str | None = None
) -> HttpResponse:
    user, at = me(request), timezone.now()
    people = list(row.attendances.select_related("user"))
    context = {
        "meeting": row,
        "runs": service.runs(user, row.group),
        "mine": next((a for a in people if a.user_id == user.pk), None),
        "answers": row.state == MeetingState.INVITED and at < row.starts_at,
        "people": people,
        "coming": sum(a.answer == "yes" for a in people),
        "agenda": row.agenda.all(),
        "decisions": row.decisions.select_related("owner"),
        "files": row.files.select_related("document").defer("document__content"),
        "form": form or DecisionForm(group=row.group),
        "minutes": row.minutes if minutes is None else minutes,
        "user_id": user.pk,
    }
    return render(request, "companies/meetings/meeting.html", context)


@require_POST
def meeting_act(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    """Invite, cancel, answer, note, decide, finish a task, add a file, publish."""
    row = _meeting(request, pk)
    if action == "decide":
        form = DecisionForm(request.POST, group=row.group)
        if not form.is_valid():
            return _show(request, row, form)
    try:
        _act(request, row, action)
    except DomainError as error:
        if error.status == 403:
            raise
        refused(request, error)
        return _show(request, row, minutes=request.POST.get("minutes"))
    return redirect("companies:meeting", row.pk)


def _act(request: HttpRequest, row: Meeting, action: str) -> None:
    user, at, sent = me(request), timezone.now(), request.POST
    if action == "invite":
        service.invite(actor=user, meeting=row, at=at)
    elif action == "cancel":
        service.cancel(actor=user, meeting=row, reason=sent.get("reason", ""), at=at)
    elif action in ("come", "stay"):
        service.answer(actor=user, meeting=row, comes=action == "come", at=at)
    elif action == "decide":
        form = DecisionForm(sent, group=row.group)
        form.is_valid()
        service.decide(actor=user, meeting=row, at=at, **form.cleaned_data)
    elif action in ("note", "publish"):
        came = [int(n) for n in sent.getlist("present") if n.isdecimal() and len(n) < 19]
        row = service.note(actor=user, meeting=row, minutes=sent.get("minutes", ""), present=came, at=at)
        if action == "publish":
            service.publish(actor=user, meeting=row, at=at)
    elif action == "done":
        number = sent.get("decision", "")
        found = get_object_or_404(row.decisions, pk=int(number) if number.isdecimal() and len(number) < 19 else 0)
        service.finish_task(actor=user, decision=found, at=at)
    elif action == "file":
        file = request.FILES.get("file")
        content, name = (file.read(service.MOST_BYTES + 1), file.name or "") if file else (b"", "")
        kind = (file.content_type or "") if file else ""
        service.add_file(actor=user, meeting=row, name=name, media_type=kind, content=content, at=at)
    else:
        raise Http404


@never_cache
@require_GET
def meeting_file(request: HttpRequest, pk: int, file: str) -> HttpResponse:
    """The invitation as .ics, the minutes as PDF, or a file of the meeting, by its number."""
    row = _meeting(request, pk)
    if file == "invitation.ics":
        return _ics(calendars.invitation(row), f"reunion-{row.pk}.ics")
    if file == "minutes.pdf" and row.minutes_document:
        return documents.download(row.minutes_document)
    kept = (
        row.files.filter(pk=int(file) if file.isdecimal() and len(file) < 19 else 0).select_related("document").first()
    )
    if kept is None:
        raise Http404
    return documents.download(kept.document, inline=False)


def _ics(content: bytes, name: str) -> HttpResponse:
    response = HttpResponse(content, content_type="text/calendar; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_POST
def calendar_new(request: HttpRequest) -> HttpResponse:
    """Draw a private calendar address and show it once."""
    _may(request)
    token = service.new_feed(actor=me(request), at=timezone.now())
    address = mail.absolute(reverse("companies:calendar_feed", args=[token]))
    messages.success(request, _("Your calendar address, shown this once: %(address)s") % {"address": address})
    return redirect("companies:group_list")


@login_not_required  # the secret in the address is the login: calendar programs cannot sign in
@never_cache
@require_GET
def calendar_feed(request: HttpRequest, token: str) -> HttpResponse:
    """A person's meetings, for calendar programs."""
    rows = service.by_feed(token, at=timezone.now())
    if rows is None:
        raise Http404
    return _ics(calendars.feed(rows), "erb.ics")
