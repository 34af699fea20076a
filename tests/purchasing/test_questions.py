"""Questions of suppliers: one answer for all, nobody learns who asked. Rounds, late answers, losers."""

from datetime import timedelta

import pytest
from django.test import Client

from companies.errors import NotAllowed
from companies.models import AuditEntry, OutboxMail, Role
from purchasing import selectors
from purchasing.models import TenderQuestion
from purchasing.services import award as awards
from purchasing.services import question as questions
from purchasing.services import tender as tenders
from purchasing.states import QuoteState
from tests.factories.companies import CompanyFactory, member, staff
from tests.factories.purchasing import NOW, answer, link, opened_tender, sent_tender

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(days=10)


def asked(tender, text="Quelle norme pour les gants ?"):
    return questions.ask(invitation=tender.invitations.order_by("pk").first(), text=text, at=NOW)


class TestAQuestion:
    def test_is_read_by_all_with_its_answer_and_without_its_author(self, time_machine):
        time_machine.move_to(NOW)
        tender = sent_tender(suppliers=3)
        question = asked(tender)
        one, two, _three = tender.invitations.order_by("pk")
        assert not TenderQuestion.objects.readable_by(two).exists()
        assert TenderQuestion.objects.readable_by(one).get() == question
        OutboxMail.objects.all().delete()
        questions.answer(actor=staff(), question=question, text="EN 388", wording="Quelle norme ?", at=NOW)
        mails = list(OutboxMail.objects.all())
        assert {mail.to for mail in mails} == set(tender.invitations.values_list("email", flat=True))
        assert all("EN 388" in mail.body and one.supplier.name not in mail.body for mail in mails)
        page = Client(headers={"host": "localhost"}).get(f"/q/{link(two)}/").content.decode()
        assert "EN 388" in page and "Quelle norme ?" in page and one.supplier.name not in page

    def test_is_told_to_the_lead_and_kept_once(self):
        tender = sent_tender()
        OutboxMail.objects.all().delete()
        assert asked(tender) == asked(tender)
        assert OutboxMail.objects.get().to == tender.pool.lead.email
        assert AuditEntry.objects.filter(action="tender.question_asked").count() == 1

    def test_ends_with_the_deadline(self):
        tender = sent_tender()
        with pytest.raises(questions.QuestionsClosed):
            questions.ask(invitation=tender.invitations.first(), text="Trop tard ?", at=LATER)
        with pytest.raises(questions.QuestionEmpty):
            asked(tender, "   ")

    def test_is_answered_once_by_those_who_run_the_pool(self):
        question = asked(sent_tender())
        with pytest.raises(NotAllowed):
            questions.answer(actor=member(CompanyFactory(), Role.BUYER), question=question, text="Non", at=NOW)
        with pytest.raises(questions.AnswerEmpty):
            questions.answer(actor=staff(), question=question, text=" ", at=NOW)
        questions.answer(actor=staff(), question=question, text="Oui", at=NOW)
        with pytest.raises(questions.AlreadyAnswered):
            questions.answer(actor=staff(), question=question, text="Non", at=NOW)

    def test_is_asked_and_read_by_a_program_with_the_link(self, time_machine):
        time_machine.move_to(NOW)
        tender = sent_tender()
        path = f"/api/v1/quotes/{link(tender.invitations.first())}/questions/"
        client = Client(headers={"host": "localhost"})
        made = client.post(path, {"question": "Palette comprise ?"}, content_type="application/json")
        assert made.status_code == 201
        assert [row["question"] for row in client.get(path).json()] == ["Palette comprise ?"]


class TestARound:
    def test_of_negotiation_keeps_both_versions_and_the_dearer_second_one_counts(self):
        """case: quote v2 at a higher price than v1 keeps both; award on an expired quote refused."""
        tender = opened_tender(40_000)
        invitation = tender.invitations.get()
        tenders.negotiate(actor=staff(), invitation=invitation, message="Et pour 200 ?", at=LATER)
        invitation.refresh_from_db()
        answer(invitation, 45_000, at=LATER + timedelta(days=1))
        assert [q.version for q in invitation.quotes.order_by("version")] == [1, 2]
        (current,) = selectors.current_quotes(tender)
        assert current.lines.get().tiers.get().unit_price_e4 == 45_000
        line = tender.pool.lines.get()
        with pytest.raises(awards.QuoteExpired):
            awards.decide(
                actor=staff(),
                tender=tender,
                choices={line.pk: current.lines.get().pk},
                reason="Seule offre",
                at=NOW + timedelta(days=91),
            )

    def test_submitted_a_second_after_the_deadline_is_late(self):
        """case: Quote submitted at deadline+1 s → late."""
        tender = sent_tender(suppliers=1)
        answer(tender.invitations.get(), 40_000, at=tender.deadline + timedelta(seconds=1))
        assert tender.invitations.get().state == QuoteState.LATE
        assert tender.invitations.get().quotes.get().late


class TestLosers:
    def test_are_told_decently_and_learn_no_name_and_no_price(self):
        tender = opened_tender(42_000, 36_000)
        loser, winner = tender.invitations.order_by("pk")
        line = tender.pool.lines.get()
        best = line.quote_lines.get(quote__invitation=winner)
        OutboxMail.objects.all().delete()
        awards.decide(actor=staff(), tender=tender, choices={line.pk: best.pk}, reason="Le moins cher", at=LATER)
        mail = OutboxMail.objects.get(to=loser.email)
        assert loser.supplier.name in mail.body and "Merci" in mail.body
        told = mail.body.replace(loser.supplier.name, "")
        assert winner.supplier.name not in told and "3,60" not in told and "360" not in told
