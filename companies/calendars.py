"""Meetings as iCalendar (RFC 5545, invitations after RFC 5546)."""

from collections.abc import Iterable
from datetime import UTC
from typing import TYPE_CHECKING

from django.urls import reverse

from companies.mail import absolute
from companies.models import Meeting, MeetingState

if TYPE_CHECKING:
    from icalendar import Event


def _event(meeting: Meeting) -> "Event":
    """Times in UTC: every calendar shows them in its own zone, and no zone table is needed."""
    from icalendar import Event, vCalAddress, vText

    event = Event()
    event.add("uid", f"{meeting.uid}@erb")
    event.add("sequence", meeting.sequence)
    event.add("dtstamp", meeting.created_at.astimezone(UTC))
    event.add("dtstart", meeting.starts_at.astimezone(UTC))
    event.add("dtend", meeting.ends_at.astimezone(UTC))
    event.add("summary", f"{meeting.group.name} : {meeting.title}")
    event.add("location", meeting.place)
    event.add("url", absolute(reverse("companies:meeting", args=[meeting.pk])))
    points = [f"{item.position}. {item.title}" for item in meeting.agenda.all()]
    event.add("description", "\n".join(points))
    event.add("status", "CANCELLED" if meeting.state == MeetingState.CANCELLED else "CONFIRMED")
    organizer = vCalAddress(f"mailto:{meeting.created_by.email}")
    organizer.params["CN"] = vText(str(meeting.created_by))
    event["organizer"] = organizer
    return event


def _calendar(method: str, meetings: Iterable[Meeting]) -> bytes:
    from icalendar import Calendar

    calendar = Calendar()
    calendar.add("prodid", "-//ERB Services//meetings//FR")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    for meeting in meetings:
        calendar.add_component(_event(meeting))
    return bytes(calendar.to_ical())


def invitation(meeting: Meeting) -> bytes:
    """The file of an invitation; of a cancelled meeting, the one that takes it out of calendars."""
    return _calendar("CANCEL" if meeting.state == MeetingState.CANCELLED else "REQUEST", [meeting])


def feed(meetings: Iterable[Meeting]) -> bytes:
    """A calendar to subscribe to."""
    return _calendar("PUBLISH", meetings)
