"""Working groups of the members, their meetings, and what was decided there."""

from __future__ import annotations

import uuid

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from companies.models.company import StaffRole
from companies.models.document import Document
from companies.models.user import User


class WorkingGroup(models.Model):
    """A circle of people of the member companies, such as the purchasing group."""

    name = models.CharField(_("name"), max_length=120, unique=True)
    purpose = models.TextField(_("what it is for"), blank=True)
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class GroupMember(models.Model):
    """Somebody in a group until they leave; a chair calls its meetings."""

    group = models.ForeignKey(WorkingGroup, models.PROTECT, related_name="members")
    user = models.ForeignKey(User, models.PROTECT, related_name="group_memberships")
    chair = models.BooleanField(default=False)
    joined_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["group", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["group", "user"], condition=Q(left_at__isnull=True), name="group_member_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user_id} → {self.group_id}"


class MeetingState(models.TextChoices):
    DRAFT = "draft", pgettext_lazy("meeting", "Being prepared")
    INVITED = "invited", pgettext_lazy("meeting", "Invited")
    MINUTED = "minuted", pgettext_lazy("meeting", "Minutes published")
    CANCELLED = "cancelled", pgettext_lazy("meeting", "Cancelled")


MEETING: dict[str, frozenset[str]] = {
    "draft": frozenset({"invited", "cancelled"}),
    "invited": frozenset({"minuted", "cancelled"}),
    "minuted": frozenset(),
    "cancelled": frozenset(),
}


class MeetingQuerySet(models.QuerySet["Meeting"]):
    def visible_to(self, user: User) -> MeetingQuerySet:
        """Meetings of one's own groups; staff see all. A draft is its group's chairs' and the staff's."""
        if StaffRole.objects.filter(user=user).exists():
            return self
        mine = GroupMember.objects.filter(user=user, left_at__isnull=True)
        chaired = Q(group__in=mine.filter(chair=True).values("group"))
        return self.filter(group__in=mine.values("group")).filter(~Q(state=MeetingState.DRAFT) | chaired)


class Meeting(models.Model):
    """One meeting of a group. `sequence` grows with each change, so that calendars replace what they hold."""

    group = models.ForeignKey(WorkingGroup, models.PROTECT, related_name="meetings")
    title = models.CharField(_("title"), max_length=160)
    starts_at = models.DateTimeField(_("begins"))
    ends_at = models.DateTimeField(_("ends"))
    place = models.CharField(_("place or link"), max_length=200, blank=True)
    state = models.CharField(max_length=9, choices=MeetingState, default=MeetingState.DRAFT)
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    sequence = models.PositiveIntegerField(default=0)
    minutes = models.TextField(_("minutes"), blank=True)
    minutes_document = models.OneToOneField(Document, models.PROTECT, null=True, blank=True, related_name="+")
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    objects = MeetingQuerySet.as_manager()

    class Meta:
        ordering = ["-starts_at", "-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="meeting_ends_after_start"),
            models.CheckConstraint(
                condition=~Q(state="minuted") | Q(minutes_document__isnull=False), name="meeting_minutes_are_kept"
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="meeting_states",
                field="state",
                transitions=[(a, b) for a, targets in sorted(MEETING.items()) for b in sorted(targets)],
            )
        ]

    def __str__(self) -> str:
        return self.title


class AgendaItem(models.Model):
    """One point of the agenda, with its minutes when planned."""

    meeting = models.ForeignKey(Meeting, models.CASCADE, related_name="agenda")
    position = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=200)
    planned = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["meeting", "position"]
        constraints = [models.UniqueConstraint(fields=["meeting", "position"], name="agenda_position_once")]

    def __str__(self) -> str:
        return self.title


class Attendance(models.Model):
    """Whether somebody invited comes, and whether they came."""

    class Answer(models.TextChoices):
        PENDING = "pending", pgettext_lazy("meeting", "No answer yet")
        YES = "yes", pgettext_lazy("meeting", "Comes")
        NO = "no", pgettext_lazy("meeting", "Does not come")

    meeting = models.ForeignKey(Meeting, models.CASCADE, related_name="attendances")
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    answer = models.CharField(max_length=7, choices=Answer, default=Answer.PENDING)
    answered_at = models.DateTimeField(null=True, blank=True)
    present = models.BooleanField(null=True, blank=True)

    class Meta:
        ordering = ["meeting", "pk"]
        constraints = [models.UniqueConstraint(fields=["meeting", "user"], name="attendance_once")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.answer}"


class MeetingDecision(models.Model):
    """What the group decided; when somebody is to do something, who and until when."""

    meeting = models.ForeignKey(Meeting, models.CASCADE, related_name="decisions")
    text = models.CharField(_("decision"), max_length=500)
    owner = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="meeting_tasks")
    due_on = models.DateField(_("until"), null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["meeting", "pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="decision_says_what"),
            models.CheckConstraint(
                condition=Q(due_on__isnull=True) | Q(owner__isnull=False), name="decision_due_has_owner"
            ),
        ]

    def __str__(self) -> str:
        return self.text


class MeetingDocument(models.Model):
    """A file for the meeting."""

    meeting = models.ForeignKey(Meeting, models.CASCADE, related_name="files")
    document = models.OneToOneField(Document, models.PROTECT, related_name="+")
    added_by = models.ForeignKey(User, models.PROTECT, related_name="+")

    class Meta:
        ordering = ["meeting", "pk"]

    def __str__(self) -> str:
        return str(self.document)


class CalendarFeed(models.Model):
    """A person's private calendar address; only its hash is kept. A new one ends the old."""

    user = models.OneToOneField(User, models.CASCADE, related_name="calendar_feed")
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"calendar of {self.user_id}"
