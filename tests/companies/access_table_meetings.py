"""Who may open which address of groups and meetings. Its people are those with a role in a member company."""

from datetime import timedelta

from django.utils import timezone

from companies.models import MeetingState
from companies.services import meetings
from tests.access import COMPANY_ROLES, EVERYBODY, Visit

PEOPLE = COMPANY_ROLES | {"staff", "foreign"}
INSIDE = {"buyer", "staff"}
C = "companies:"


def prepare(w):
    """A group of the own buyer, a meeting it was invited to, and the buyer's calendar."""
    at, person, buyer = timezone.now(), w.users["staff"], w.users["buyer"]
    w.group = meetings.found(actor=person, name="Achats", at=at)
    meetings.join(actor=buyer, group=w.group, at=at)
    begins = at + timedelta(days=3)
    draft = meetings.Draft("Réunion", begins, begins + timedelta(hours=1), "Pôle Sud", "Accueil")
    row = meetings.call(actor=person, group=w.group, draft=draft, at=at)
    w.meeting = meetings.invite(actor=person, meeting=row, at=at)
    assert w.meeting.state == MeetingState.INVITED
    w.decision = meetings.decide(actor=person, meeting=row, text="Grouper le bois", at=at)
    w.meeting_file = meetings.add_file(
        actor=person, meeting=row, name="plan.pdf", media_type="application/pdf", content=b"%PDF-1.7", at=at
    )
    w.calendar = meetings.new_feed(actor=buyer, at=at)


def group(w):
    return {"pk": w.group.pk}


def meeting(w):
    return {"pk": w.meeting.pk}


VISITS = [
    Visit(C + "group_list", PEOPLE),
    Visit(C + "group", PEOPLE, group),
    Visit(C + "group_act", PEOPLE - {"staff"}, lambda w: group(w) | {"action": "join"}, "post"),
    Visit(C + "meeting_new", {"staff"}, group),
    Visit(C + "meeting_edit", {"staff"}, lambda w: group(w) | {"meeting": w.meeting.pk}),
    Visit(C + "meeting", INSIDE, meeting),
    Visit(C + "meeting_act", {"buyer"}, lambda w: meeting(w) | {"action": "come"}, "post"),
    Visit(C + "meeting_file", INSIDE, lambda w: meeting(w) | {"file": "invitation.ics"}),
    Visit("api_groups", PEOPLE),
    Visit("api_group_membership", PEOPLE - {"staff"}, group, "put"),
    Visit("api_group_meetings", {"staff"}, group, "post"),
    Visit("api_meetings", PEOPLE),
    Visit("api_meeting", INSIDE, meeting),
    Visit("api_meeting", {"staff"}, meeting, "put"),
    Visit("api_meeting_minutes", {"staff"}, meeting),
    Visit("api_meeting_minutes", {"staff"}, meeting, "put"),
    Visit("api_meeting_decisions", INSIDE, meeting),
    Visit("api_meeting_decisions", {"staff"}, meeting, "post"),
    Visit("api_meeting_decision_done", {"staff"}, lambda w: meeting(w) | {"decision": w.decision.pk}, "post"),
    Visit("api_meeting_files", INSIDE, meeting),
    Visit("api_meeting_files", {"staff"}, meeting, "post"),
    Visit("api_meeting_file", INSIDE, lambda w: meeting(w) | {"file": str(w.meeting_file.pk)}),
    Visit("api_meeting_act", {"buyer"}, lambda w: meeting(w) | {"action": "come"}, "post"),
    Visit(C + "calendar_new", PEOPLE, method="post"),
    Visit(C + "calendar_feed", EVERYBODY, lambda w: {"token": w.calendar}),
]
