"""Questions and answers of a tender: everybody invited reads the same, nobody learns who asked."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import require
from companies.errors import DomainError, Invalid
from companies.models import User
from purchasing import access, mails
from purchasing.models import Tender, TenderInvitation, TenderQuestion
from purchasing.states import TenderState

MOST_OPEN = 20  # questions of one supplier that wait for an answer


class QuestionEmpty(Invalid):
    code = "question_empty"
    message = _("Write your question in a few words.")
    field = "question"


class AnswerEmpty(Invalid):
    code = "answer_empty"
    message = _("Write the answer: every supplier reads it.")
    field = "answer"


class QuestionsClosed(DomainError):
    code = "questions_closed"
    message = _("Questions end with the deadline of this request.")


class QuestionsTooMany(DomainError):
    code = "questions_too_many"
    message = _("Many of your questions wait for an answer already. Call your contact.")


class AlreadyAnswered(DomainError):
    code = "question_answered"
    message = _("This question was answered; all suppliers have read it.")


@transaction.atomic(durable=True)
def ask(*, invitation: TenderInvitation, text: str, at: datetime) -> TenderQuestion:
    """A supplier asks by its link, before the deadline. The same words twice are one question. The lead is told."""
    text = text.strip()[:2_000]
    if not text:
        raise QuestionEmpty
    tender = Tender.objects.select_for_update(of=("self",)).select_related("pool__lead").get(pk=invitation.tender_id)
    if tender.state != TenderState.OPEN or at >= tender.deadline:
        raise QuestionsClosed
    mine = TenderQuestion.objects.filter(invitation=invitation)
    known = mine.filter(text=text).first()
    if known is not None:
        return known
    if mine.filter(answered_at__isnull=True).count() >= MOST_OPEN:
        raise QuestionsTooMany
    question = TenderQuestion.objects.create(tender=tender, invitation=invitation, text=text, asked_at=at)
    audit.record("tender.question_asked", target=tender, at=at, actor=None, actor_label=invitation.supplier.name)
    mails.question_asked(question, at=at)
    return question


@transaction.atomic(durable=True)
def answer(*, actor: User, question: TenderQuestion, text: str, at: datetime, wording: str = "") -> TenderQuestion:
    """Answer once, for all invited suppliers; `wording` replaces the question where its words name the author."""
    require(access.can_run_tender(actor, question.tender))
    if not text.strip():
        raise AnswerEmpty
    tender = Tender.objects.select_for_update(of=("self",)).select_related("pool").get(pk=question.tender_id)
    question = TenderQuestion.objects.select_for_update(of=("self",)).get(pk=question.pk)
    if question.answered_at is not None:
        raise AlreadyAnswered
    if tender.state not in (TenderState.OPEN, TenderState.OPENED):
        raise QuestionsClosed
    question.answer, question.wording = text.strip(), wording.strip() or question.text
    question.answered_at, question.answered_by = at, actor
    question.save(update_fields=["answer", "wording", "answered_at", "answered_by"])
    audit.record("tender.question_answered", target=tender, at=at, actor=actor, data={"question": question.pk})
    mails.question_answered(question, tender, at=at)
    return question
