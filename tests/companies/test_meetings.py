"""Meetings of working groups: agenda, invitation, answers, minutes, decisions with somebody who does them."""

import random
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from icalendar import Calendar

from companies import demo_data, demo_meetings
from companies.errors import NotAllowed
from companies.models import Attendance, GroupMember, Meeting, MeetingDecision, OutboxMail, Role
from companies.services import meetings as service
from companies.services.erasure import forget_account
from companies.states import StateRefused
from tests.factories.companies import CompanyFactory, member, staff

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
BEGINS = AT + timedelta(days=7)
AGENDA = "Accueil (5)\nBois de chauffage, consultation (20)\n\nDivers"


class Circle:
    """The purchasing group with a chair and two members."""

    def __init__(self):
        self.staff, company = staff(), CompanyFactory()
        self.people = [member(company, Role.BUYER) for _ in range(3)]
        self.chair, self.first, self.second = self.people
        self.group = service.found(actor=self.staff, name="Groupement d’achats", at=AT)
        for person in self.people:
            service.join(actor=person, group=self.group, at=AT)
        row = GroupMember.objects.get(user=self.chair)
        service.set_chair(actor=self.staff, member=row, chair=True, at=AT)

    def call(self, meeting=None, begins=BEGINS, **more):
        draft = service.Draft("Réunion de mars", begins, begins + timedelta(hours=2), "Pôle Sud", AGENDA)
        return service.call(actor=self.chair, group=self.group, draft=draft, meeting=meeting, at=AT, **more)

    def invited(self):
        return service.invite(actor=self.chair, meeting=self.call(), at=AT)


@pytest.fixture
def circle(db):
    return Circle()


def event_of(mail):
    calendar = Calendar.from_ical(bytes(mail.attachments.get().content))
    (event,) = calendar.walk("VEVENT")
    return str(calendar["method"]), event


class TestAGroup:
    def test_is_opened_by_the_association_once(self, circle):
        with pytest.raises(NotAllowed):
            service.found(actor=circle.chair, name="Autre", at=AT)
        assert service.found(actor=circle.staff, name="Groupement d’achats", at=AT) == circle.group

    def test_is_joined_and_left_by_people_of_the_members(self, circle):
        service.join(actor=circle.first, group=circle.group, at=AT)
        assert circle.group.members.filter(user=circle.first).count() == 1
        service.leave(actor=circle.first, group=circle.group, at=AT)
        assert not service.belongs(circle.first, circle.group)
        with pytest.raises(NotAllowed):
            service.join(actor=member(CompanyFactory()), group=circle.group, at=AT)

    def test_invites_who_joins_later_to_what_it_has_called(self, circle):
        row, late = circle.invited(), member(CompanyFactory(), Role.BUYER)
        service.join(actor=late, group=circle.group, at=AT)
        assert row.attendances.filter(user=late).exists()


class TestAMeeting:
    def test_is_called_by_a_chair_with_an_agenda(self, circle):
        row = circle.call()
        assert [(i.title, i.planned) for i in row.agenda.all()][:2] == [
            ("Accueil", 5),
            ("Bois de chauffage, consultation", 20),
        ]
        circle.chair = circle.first
        with pytest.raises(NotAllowed):
            circle.call()

    def test_without_agenda_or_with_an_end_before_its_beginning_is_refused(self, circle):
        for draft in (service.Draft("x", BEGINS, BEGINS), service.Draft("x", BEGINS, BEGINS, "", "Accueil")):
            with pytest.raises(service.MeetingIncomplete):
                service.call(actor=circle.chair, group=circle.group, draft=draft, at=AT)

    def test_in_preparation_is_seen_by_its_chair_only(self, circle):
        row = circle.call()
        assert Meeting.objects.visible_to(circle.chair).get() == row
        assert not Meeting.objects.visible_to(circle.first).exists()

    def test_invites_everybody_once_with_a_calendar_file(self, circle):
        row = circle.invited()
        service.invite(actor=circle.chair, meeting=row, at=AT)
        mails = OutboxMail.objects.all()
        assert {mail.to for mail in mails} == {person.email for person in circle.people} and len(mails) == 3
        method, event = event_of(mails[0])
        assert (method, event.decoded("dtstart"), int(event["sequence"])) == ("REQUEST", BEGINS, 0)
        assert "Bois de chauffage" in str(event["description"])

    def test_that_moves_replaces_what_calendars_hold(self, circle):
        row = circle.invited()
        uid = event_of(OutboxMail.objects.first())[1]["uid"]
        circle.call(meeting=row, begins=BEGINS + timedelta(days=1))
        _method, event = event_of(OutboxMail.objects.filter(key__startswith="meeting_changed").first())
        assert (event["uid"], int(event["sequence"])) == (uid, 1)

    def test_that_is_cancelled_leaves_calendars(self, circle):
        row = service.cancel(actor=circle.chair, meeting=circle.invited(), reason="Grève", at=AT)
        method, event = event_of(OutboxMail.objects.filter(key__startswith="meeting_cancelled").first())
        assert (method, str(event["status"]), int(event["sequence"])) == ("CANCEL", "CANCELLED", 1)
        with pytest.raises(StateRefused):
            service.invite(actor=circle.chair, meeting=row, at=AT)

    def test_is_answered_by_who_is_invited_until_it_begins(self, circle):
        row = circle.invited()
        service.answer(actor=circle.first, meeting=row, comes=True, at=AT)
        service.answer(actor=circle.first, meeting=row, comes=False, at=AT)
        assert Attendance.objects.get(user=circle.first).answer == "no"
        with pytest.raises(NotAllowed):
            service.answer(actor=circle.staff, meeting=row, comes=True, at=AT)
        with pytest.raises(service.AnswerOver):
            service.answer(actor=circle.first, meeting=row, comes=True, at=BEGINS)


class TestTheMinutes:
    def test_are_published_once_as_a_pdf_with_decisions(self, circle):
        row = circle.invited()
        with pytest.raises(service.MinutesMissing):
            service.publish(actor=circle.chair, meeting=row, at=BEGINS)
        service.note(
            actor=circle.chair, meeting=row, minutes="Trois fournisseurs.", present=[circle.first.pk], at=BEGINS
        )
        task = {"text": "Consulter trois fournisseurs", "owner": circle.first, "due_on": date(2026, 4, 1)}
        service.decide(actor=circle.chair, meeting=row, at=BEGINS, **task)
        service.decide(actor=circle.chair, meeting=row, at=BEGINS, **task)
        assert row.decisions.count() == 1
        row = service.publish(actor=circle.chair, meeting=row, at=BEGINS)
        assert bytes(row.minutes_document.content).startswith(b"%PDF-")
        assert service.publish(actor=circle.chair, meeting=row, at=BEGINS).minutes_document == row.minutes_document
        assert OutboxMail.objects.filter(key__startswith="meeting_minutes").count() == 3
        with pytest.raises(service.AnswerOver):
            service.decide(actor=circle.chair, meeting=row, text="Trop tard", at=BEGINS)

    def test_decisions_give_tasks_to_people_of_the_group_who_finish_them(self, circle):
        row = circle.invited()
        with pytest.raises(service.DecisionMissing):
            service.decide(actor=circle.chair, meeting=row, text="x", due_on=date(2026, 4, 1), at=AT)
        with pytest.raises(NotAllowed):
            service.decide(actor=circle.chair, meeting=row, text="x", owner=member(CompanyFactory()), at=AT)
        task = service.decide(actor=circle.chair, meeting=row, text="x", owner=circle.first, at=AT)
        with pytest.raises(NotAllowed):
            service.finish_task(actor=circle.second, decision=task, at=AT)
        service.finish_task(actor=circle.first, decision=task, at=AT)
        task.refresh_from_db()
        assert task.done_by == circle.first

    def test_keep_what_was_typed_when_publishing_is_refused(self, circle, client):
        row = circle.invited()
        client.force_login(circle.chair)
        service.cancel(actor=circle.chair, meeting=row, reason="", at=AT)
        act = reverse("companies:meeting_act", args=[row.pk, "publish"])
        assert client.post(act, {"minutes": "Longue discussion"}).status_code == 200


class TestFilesAndCalendars:
    def test_hand_a_file_to_the_group_only(self, circle, client):
        row = circle.invited()
        client.force_login(circle.chair)
        sent = SimpleUploadedFile("devis.pdf", b"%PDF-1.7", content_type="application/pdf")
        client.post(reverse("companies:meeting_act", args=[row.pk, "file"]), {"file": sent})
        address = reverse("companies:meeting_file", args=[row.pk, str(row.files.get().pk)])
        assert client.get(address).content == b"%PDF-1.7"
        client.force_login(member(CompanyFactory(), Role.BUYER))
        assert client.get(address).status_code == 404

    def test_refuse_what_is_no_document(self, circle):
        row = circle.invited()
        for kind, content in (("text/html", b"x"), ("image/svg+xml", b"x"), ("application/pdf", b"")):
            with pytest.raises(service.FileWrong):
                service.add_file(actor=circle.chair, meeting=row, name="x", media_type=kind, content=content, at=AT)

    def test_feed_ones_own_meetings_until_a_new_address_is_drawn(self, circle, client):
        circle.invited()
        token = service.new_feed(actor=circle.first, at=AT)
        assert [m.title for m in service.by_feed(token, at=AT)] == ["Réunion de mars"]
        text = client.get(reverse("companies:calendar_feed", args=[token])).content.decode()
        assert "BEGIN:VCALENDAR" in text
        service.new_feed(actor=circle.first, at=AT)
        assert service.by_feed(token, at=AT) is None
        assert not service.by_feed(service.new_feed(actor=member(CompanyFactory(), Role.HR), at=AT), at=AT)


class TestAnErasedAccount:
    def test_leaves_groups_and_calendars(self, circle):
        token = service.new_feed(actor=circle.first, at=AT)
        with transaction.atomic():
            forget_account(circle.first, at=AT)
        assert service.by_feed(token, at=AT) is None and not service.belongs(circle.first, circle.group)


class TestThePages:
    def test_call_invite_and_answer(self, circle, client):
        client.force_login(circle.chair)
        new = reverse("companies:meeting_new", args=[circle.group.pk])
        typed = {"title": "Avril", "day": "2090-04-02", "begins": "10:00", "ends": "09:00", "agenda": "Accueil"}
        assert "Avril" in client.post(new, typed).content.decode()
        made = client.post(new, typed | {"ends": "11:30"})
        row = Meeting.objects.get(title="Avril")
        assert made.url == reverse("companies:meeting", args=[row.pk])
        client.post(reverse("companies:meeting_act", args=[row.pk, "invite"]))
        client.force_login(circle.first)
        client.post(reverse("companies:meeting_act", args=[row.pk, "come"]))
        assert row.attendances.get(user=circle.first).answer == "yes"
        home = client.get(reverse("companies:group_list")).content.decode()
        assert "Avril" in home


@pytest.mark.django_db
class TestTheDemonstration:
    def test_shows_a_meeting_to_come_and_one_with_minutes_and_a_task(self):
        at = timezone.now()
        world = demo_data.seed(rng=random.Random(1), scale="tiny", at=at)
        demo_meetings.seed_meetings(world=world, at=at)
        assert set(Meeting.objects.values_list("state", flat=True)) == {"invited", "minuted"}
        assert MeetingDecision.objects.filter(owner=world.one(world.home, "buyer"), done_at=None).exists()
        assert not OutboxMail.objects.exists()
