"""Working groups and meetings: called, answered, held, minuted; decisions with somebody who does them."""

import hashlib
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext_lazy as _

from companies import audit, documents
from companies.access import companies_of, is_staff, require
from companies.calendars import invitation
from companies.errors import DomainError, Invalid
from companies.meeting_mails import tell
from companies.models import (
    MEETING,
    AgendaItem,
    Attendance,
    CalendarFeed,
    Company,
    Document,
    GroupMember,
    Meeting,
    MeetingDecision,
    MeetingDocument,
    MeetingState,
    User,
    WorkingGroup,
)
from companies.states import move

MOST_BYTES = 10 * 1024 * 1024


class MeetingIncomplete(Invalid):
    code = "meeting_incomplete"
    message = _("A meeting needs a title, a beginning, an end after it, and an agenda.")


class AnswerOver(DomainError):
    code = "meeting_answer_over"
    message = _("This meeting takes no more answers.")


class MinutesMissing(Invalid):
    code = "minutes_missing"
    message = _("Write the minutes before you publish them.")
    field = "minutes"


class DecisionMissing(Invalid):
    code = "decision_missing"
    message = _("Write what was decided; a date needs somebody who does it.")
    field = "text"


class FileWrong(Invalid):
    code = "meeting_file_invalid"
    message = _("Send a PDF, an image or an office file of at most 10 MB.")
    field = "file"


@dataclass(frozen=True, slots=True)
class Draft:
    """What is called: `agenda` one point per line, minutes in brackets: `Bois de chauffage (20)`."""

    title: str
    starts_at: datetime
    ends_at: datetime
    place: str = ""
    agenda: str = ""


def runs(user: User, group: WorkingGroup) -> bool:
    """Association staff and the group's chairs call meetings and write minutes."""
    return is_staff(user) or group.members.filter(user=user, chair=True, left_at__isnull=True).exists()


def belongs(user: User, group: WorkingGroup) -> bool:
    return is_staff(user) or group.members.filter(user=user, left_at__isnull=True).exists()


def may_join(user: User) -> bool:
    """Whoever holds a role in a company that is a member today."""
    return Company.objects.members().filter(pk__in=companies_of(user).values("pk")).exists()


@transaction.atomic(durable=True)
def found(*, actor: User, name: str, purpose: str = "", at: datetime) -> WorkingGroup:
    """The association opens a group; the same name is the same group."""
    require(is_staff(actor))
    group, new = WorkingGroup.objects.get_or_create(
        name=name.strip()[:120], defaults={"purpose": purpose.strip(), "created_by": actor, "created_at": at}
    )
    if new:
        audit.record("workinggroup.created", target=group, at=at, actor=actor)
    return group


@transaction.atomic(durable=True)
def join(*, actor: User, group: WorkingGroup, at: datetime) -> None:
    """Join a group, invited at once to what it has called already."""
    require(may_join(actor))
    WorkingGroup.objects.select_for_update(of=("self",)).get(pk=group.pk)
    _row, new = GroupMember.objects.get_or_create(group=group, user=actor, left_at=None, defaults={"joined_at": at})
    if new:
        for meeting in group.meetings.filter(state=MeetingState.INVITED, starts_at__gt=at):
            Attendance.objects.get_or_create(meeting=meeting, user=actor)
        audit.record("workinggroup.joined", target=group, at=at, actor=actor)


@transaction.atomic(durable=True)
def leave(*, actor: User, group: WorkingGroup, at: datetime) -> None:
    """Leave a group and what it has called. Doing it again changes nothing."""
    if group.members.filter(user=actor, left_at__isnull=True).update(left_at=at):
        Attendance.objects.filter(meeting__group=group, meeting__starts_at__gt=at, user=actor).delete()
        audit.record("workinggroup.left", target=group, at=at, actor=actor)


@transaction.atomic(durable=True)
def set_chair(*, actor: User, member: GroupMember, chair: bool, at: datetime) -> None:
    """The association names who calls meetings."""
    require(is_staff(actor))
    GroupMember.objects.filter(pk=member.pk).update(chair=chair)
    audit.record("workinggroup.chair", target=member.group, at=at, actor=actor, data={"user": member.user_id})


def agenda_of(text: str) -> list[tuple[str, int | None]]:
    """The points of an agenda as typed, with their planned minutes.

    >>> agenda_of("Accueil (5)\\n\\nBois de chauffage")
    [('Accueil', 5), ('Bois de chauffage', None)]
    """
    points: list[tuple[str, int | None]] = []
    for line in (line.strip() for line in text.splitlines()):
        found_ = re.fullmatch(r"(.+?)\s*\((\d{1,3})\)", line)
        if found_:
            points.append((found_[1][:200], int(found_[2])))
        elif line:
            points.append((line[:200], None))
    return points


@transaction.atomic(durable=True)
def call(*, actor: User, group: WorkingGroup, draft: Draft, at: datetime, meeting: Meeting | None = None) -> Meeting:
    """Prepare a meeting, or change one: who was invited already gets the new file with a higher sequence."""
    require(runs(actor, group))
    points = agenda_of(draft.agenda)
    if not draft.title.strip() or not points or draft.ends_at <= draft.starts_at:
        raise MeetingIncomplete
    values = {
        "title": draft.title.strip()[:160],
        "starts_at": draft.starts_at,
        "ends_at": draft.ends_at,
        "place": draft.place.strip()[:200],
    }
    if meeting is None:
        meeting = Meeting.objects.create(group=group, created_by=actor, created_at=at, **values)
        audit.record("meeting.created", target=meeting, at=at, actor=actor)
    else:
        meeting = _locked(meeting)
        if meeting.state not in (MeetingState.DRAFT, MeetingState.INVITED):
            raise AnswerOver
        Meeting.objects.filter(pk=meeting.pk).update(**values, sequence=F("sequence") + 1)
        meeting.agenda.all().delete()
        audit.record("meeting.changed", target=meeting, at=at, actor=actor)
    AgendaItem.objects.bulk_create(
        AgendaItem(meeting=meeting, position=n, title=title, planned=minutes)
        for n, (title, minutes) in enumerate(points, start=1)
    )
    meeting = _locked(meeting)
    if meeting.state == MeetingState.INVITED:
        _write(meeting, "meeting_changed", at=at)
    return meeting


def _locked(meeting: Meeting) -> Meeting:
    rows = Meeting.objects.select_for_update(of=("self",)).select_related("group", "created_by")
    return rows.get(pk=meeting.pk)


def _write(meeting: Meeting, template: str, *, at: datetime) -> None:
    """Mail everybody invited, with the calendar file, and tell the programs of their companies."""
    _tell_companies(meeting, template.removeprefix("meeting_"), at=at)
    name = f"reunion-{meeting.pk}-{meeting.sequence}.ics"
    file = documents.store(
        kind="meeting_ics", name=name, content=invitation(meeting), media_type="text/calendar", at=at
    )
    people = [row.user for row in meeting.attendances.select_related("user") if row.user.is_active]
    tell(meeting, people, template, f"{template}:{meeting.pk}:{meeting.sequence}", at=at, attachments=[file])


def _tell_companies(meeting: Meeting, event: str, *, at: datetime) -> None:
    invited = Company.objects.members().filter(memberships__user__in=meeting.attendances.values("user"))
    audit.record_for(
        invited.values_list("pk", flat=True), f"companymeeting.{event}", meeting.pk,
        kind="companies.companymeeting", at=at, actor=None, actor_label="system",
    )  # fmt: skip


@transaction.atomic(durable=True)
def invite(*, actor: User, meeting: Meeting, at: datetime) -> Meeting:
    """Invite everybody in the group by mail with a calendar file. Doing it again changes nothing."""
    require(runs(actor, meeting.group))
    row = _locked(meeting)
    if row.state == MeetingState.INVITED:
        return row
    move(row, MeetingState.INVITED, table=MEETING, at=at, actor=actor)
    members = row.group.members.filter(left_at__isnull=True, user__is_active=True).order_by("pk")
    Attendance.objects.bulk_create(Attendance(meeting=row, user_id=m.user_id) for m in members)
    _write(row, "meeting_called", at=at)
    return row


@transaction.atomic(durable=True)
def cancel(*, actor: User, meeting: Meeting, reason: str, at: datetime) -> Meeting:
    """Call a meeting off; calendars take it out."""
    require(runs(actor, meeting.group))
    row = _locked(meeting)
    told = row.state == MeetingState.INVITED
    move(
        row, MeetingState.CANCELLED, table=MEETING, at=at, actor=actor, reason=reason.strip(), sequence=row.sequence + 1
    )
    if told:
        _write(row, "meeting_cancelled", at=at)
    return row


@transaction.atomic(durable=True)
def answer(*, actor: User, meeting: Meeting, comes: bool, at: datetime) -> Attendance:
    """Say whether one comes, until the meeting begins."""
    row = _locked(meeting)
    mine = row.attendances.filter(user=actor).first()
    require(mine is not None)
    assert mine is not None
    if row.state != MeetingState.INVITED or at >= row.starts_at:
        raise AnswerOver
    mine.answer, mine.answered_at = (Attendance.Answer.YES if comes else Attendance.Answer.NO), at
    mine.save(update_fields=["answer", "answered_at"])
    return mine


@transaction.atomic(durable=True)
def note(*, actor: User, meeting: Meeting, minutes: str, present: Iterable[int], at: datetime) -> Meeting:
    """Keep who came and the minutes as far as they are written."""
    require(runs(actor, meeting.group))
    row = _locked(meeting)
    if row.state != MeetingState.INVITED:
        raise AnswerOver
    came = set(present)
    for attendance in row.attendances.all():
        Attendance.objects.filter(pk=attendance.pk).update(present=attendance.user_id in came)
    Meeting.objects.filter(pk=row.pk).update(minutes=minutes.strip()[:20_000])
    row.minutes = minutes.strip()[:20_000]
    return row


@transaction.atomic(durable=True)
def decide(
    *, actor: User, meeting: Meeting, text: str, owner: User | None = None, due_on: date | None = None, at: datetime
) -> MeetingDecision:
    """Write a decision down, and who does what until when. The same words are the same decision."""
    require(runs(actor, meeting.group))
    row = _locked(meeting)
    if row.state != MeetingState.INVITED:
        raise AnswerOver
    if not text.strip() or (due_on and owner is None):
        raise DecisionMissing
    require(owner is None or belongs(owner, row.group))
    made, _new = MeetingDecision.objects.get_or_create(
        meeting=row, text=text.strip()[:500], defaults={"owner": owner, "due_on": due_on, "at": at}
    )
    return made


@transaction.atomic(durable=True)
def finish_task(*, actor: User, decision: MeetingDecision, at: datetime) -> None:
    """Whoever was to do it, or who runs the group, says that it is done."""
    require(decision.owner_id == actor.pk or runs(actor, decision.meeting.group))
    if MeetingDecision.objects.filter(pk=decision.pk, done_at__isnull=True).update(done_at=at, done_by=actor):
        audit.record("meeting.task_done", target=decision.meeting, at=at, actor=actor, data={"decision": decision.pk})


@transaction.atomic(durable=True)
def publish(*, actor: User, meeting: Meeting, at: datetime) -> Meeting:
    """Publish the minutes as a PDF to everybody invited; from then on they stay as they are."""
    require(runs(actor, meeting.group))
    row = _locked(meeting)
    if row.state == MeetingState.MINUTED:
        return row
    if not row.minutes:
        raise MinutesMissing
    file = print_minutes(row, at=at)
    move(row, MeetingState.MINUTED, table=MEETING, at=at, actor=actor, minutes_document=file)
    _tell_companies(row, "minutes", at=at)
    people = [a.user for a in row.attendances.select_related("user") if a.user.is_active]
    tell(row, people, "meeting_minutes", f"meeting_minutes:{row.pk}", at=at, attachments=[file])
    return row


def print_minutes(row: Meeting, *, at: datetime) -> Document:
    """The minutes as a PDF, kept."""
    content = documents.render_pdf("companies/papers/minutes.typ", _data(row))
    return documents.store(kind="minutes", name=f"compte-rendu-{row.pk}.pdf", content=content, at=at)


def _data(row: Meeting) -> dict[str, object]:
    from django.utils import timezone

    came: Sequence[Attendance] = list(row.attendances.select_related("user"))
    return {
        "group": row.group.name,
        "title": row.title,
        "when": f"{timezone.localtime(row.starts_at):%d/%m/%Y %H:%M}",
        "place": row.place,
        "agenda": [item.title for item in row.agenda.all()],
        "present": [str(a.user) for a in came if a.present],
        "excused": [str(a.user) for a in came if not a.present],
        "minutes": row.minutes.splitlines(),
        "decisions": [
            {
                "text": d.text,
                "owner": str(d.owner) if d.owner else "",
                "due": f"{d.due_on:%d/%m/%Y}" if d.due_on else "",
            }
            for d in row.decisions.select_related("owner")
        ],
    }


@transaction.atomic(durable=True)
def add_file(
    *, actor: User, meeting: Meeting, name: str, media_type: str, content: bytes, at: datetime
) -> MeetingDocument:
    """Keep a file with the meeting."""
    require(runs(actor, meeting.group))
    allowed = media_type.startswith(("image/", "application/pdf", "application/vnd.", "text/plain"))
    if not content or len(content) > MOST_BYTES or not allowed or "svg" in media_type:
        raise FileWrong
    _locked(meeting)
    if again := meeting.files.filter(document__sha256=hashlib.sha256(content).hexdigest()).first():
        return again  # the same form or call twice
    kept = documents.store(kind="meeting_file", name=name[:160], content=content, media_type=media_type, at=at)
    made = MeetingDocument.objects.create(meeting=meeting, document=kept, added_by=actor)
    audit.record("meeting.file_added", target=meeting, at=at, actor=actor, data={"name": name[:160]})
    return made


@transaction.atomic(durable=True)
def new_feed(*, actor: User, at: datetime) -> str:
    """Draw a private calendar address; the one before stops working. Returns the token, shown once."""
    token = secrets.token_urlsafe(24)
    CalendarFeed.objects.update_or_create(user=actor, defaults={"token_hash": _hash(token), "created_at": at})
    audit.record("calendarfeed.created", target=actor, at=at, actor=actor)
    return token


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def by_feed(token: str, *, at: datetime) -> QuerySet[Meeting] | None:
    """The meetings behind a calendar address: a year back and all to come. None for an unknown one."""
    feed = CalendarFeed.objects.select_related("user").filter(token_hash=_hash(token), user__is_active=True).first()
    if feed is None:
        return None
    rows = Meeting.objects.visible_to(feed.user).exclude(state=MeetingState.DRAFT)
    return (
        rows.filter(starts_at__gte=at - timedelta(days=365))
        .select_related("group", "created_by")
        .prefetch_related("agenda")
    )
