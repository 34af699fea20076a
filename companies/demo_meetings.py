"""The purchasing group of the demonstration: a meeting to come, one with minutes and tasks."""

from datetime import datetime, timedelta

from django.utils import timezone

from companies.demo_data import World
from companies.models import Attendance, GroupMember, Meeting, MeetingState, WorkingGroup
from companies.services import meetings

AGENDA = "Tour de table (10)\nGranulés de bois : consultation d’automne (30)\nAvis sur les fournisseurs de l’année (20)\nDivers"


def seed_meetings(*, world: World, at: datetime) -> None:
    """By the real services as far as they write to nobody."""
    person = world.staff[0]
    purpose = "Les acheteurs des adhérents : besoins communs, fournisseurs, calendrier des commandes groupées."
    group = meetings.found(actor=person, name="Groupement d’achats", purpose=purpose, at=at - timedelta(days=90))
    buyers = [world.one(company, "buyer") for company in world.companies if company.is_member][:9]
    GroupMember.objects.bulk_create(
        GroupMember(group=group, user=user, chair=number == 1, joined_at=at - timedelta(days=80))
        for number, user in enumerate(buyers)
    )
    past, coming = _call(world, group, at - timedelta(days=26), at), _call(world, group, at + timedelta(days=9), at)
    Attendance.objects.filter(meeting=coming, user__in=buyers[1:5]).update(answer="yes", answered_at=at)
    words = "Les besoins de granulés sont recensés.\nTrois fournisseurs seront consultés.\nLe calendrier est adopté."
    meetings.note(actor=person, meeting=past, minutes=words, present=[u.pk for u in buyers[:6]], at=past.ends_at)
    due = timezone.localdate(at) + timedelta(days=6)
    task = "Rassembler les quantités de granulés par site"
    meetings.decide(actor=person, meeting=past, text=task, owner=buyers[0], due_on=due, at=past.ends_at)
    meetings.decide(actor=person, meeting=past, text="Consultation ouverte à trois fournisseurs", at=past.ends_at)
    past.refresh_from_db()
    paper = meetings.print_minutes(past, at=past.ends_at)
    Meeting.objects.filter(pk=past.pk).update(state=MeetingState.MINUTED, minutes_document=paper)


def _call(world: World, group: WorkingGroup, day: datetime, at: datetime) -> Meeting:
    begins = timezone.localtime(day).replace(hour=10, minute=0, second=0, microsecond=0)
    draft = meetings.Draft(
        "Réunion du groupement", begins, begins + timedelta(hours=2), "Pôle Sud, salle Isère", AGENDA
    )
    called = begins - timedelta(days=14)
    row = meetings.call(actor=world.staff[0], group=group, draft=draft, at=min(called, at))
    people = group.members.values_list("user", flat=True)
    Attendance.objects.bulk_create(Attendance(meeting=row, user_id=pk) for pk in people)
    Meeting.objects.filter(pk=row.pk).update(state=MeetingState.INVITED)
    row.state = MeetingState.INVITED
    return row
