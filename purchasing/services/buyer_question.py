"""Questions between buyers: asked about one thing, answered by whoever knows, accepted by who asked."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import has_role, is_staff, require
from companies.errors import DomainError, Invalid
from companies.models import Company, Role, User
from companies.states import move
from purchasing import access, mails_questions
from purchasing.models import Article, BuyerAnswer, BuyerQuestion, Pool, QuestionFollow, Supplier
from purchasing.services.surplus import ReasonMissing
from purchasing.states_exchange import QUESTION, QuestionState

MOST_OPEN = 20  # questions of one person that wait for an answer


class QuestionMissing(Invalid):
    code = "buyer_question_missing"
    message = _("Write your question in one sentence.")
    field = "title"


class AnswerMissing(Invalid):
    code = "buyer_answer_missing"
    message = _("Write your answer.")
    field = "text"


class TooManyOpen(DomainError):
    code = "buyer_questions_too_many"
    message = _("Many of your questions wait for an answer already. Close those that are no longer needed.")


class QuestionOver(DomainError):
    code = "buyer_question_over"
    message = _("This question takes no more answers.")


@transaction.atomic(durable=True)
def ask(
    *, actor: User, company: Company, about: Supplier | Article | Pool, title: str, text: str = "", at: datetime
) -> BuyerQuestion:
    """Ask the other buyers. Those who have bought the same are told; the same words again are the same question."""
    require(access.can_request(actor, company))
    title = title.strip()[:160]
    if not title:
        raise QuestionMissing
    User.objects.select_for_update(of=("self",), no_key=True).get(pk=actor.pk)
    field = {Supplier: "supplier", Article: "article", Pool: "pool"}[type(about)]
    mine = BuyerQuestion.objects.filter(author=actor, state=QuestionState.OPEN)
    known = mine.filter(**{field: about}, title=title).first()
    if known is not None:
        return known
    if mine.count() >= MOST_OPEN:
        raise TooManyOpen
    row = BuyerQuestion.objects.create(
        company=company,
        author=actor,
        title=title,
        text=text.strip()[:4_000],
        asked_at=at,
        active_at=at,
        **{field: about},
    )
    QuestionFollow.objects.create(question=row, user=actor, company=company)
    audit.record("buyerquestion.open", target=row, at=at, actor=actor, company=company)
    mails_questions.asked(row, at=at)
    return row


def _locked(question: BuyerQuestion) -> BuyerQuestion:
    rows = BuyerQuestion.objects.select_for_update(of=("self",)).select_related("company", "author")
    return rows.get(pk=question.pk)


def _follow(question: BuyerQuestion, user: User, company: Company | None) -> None:
    QuestionFollow.objects.get_or_create(question=question, user=user, defaults={"company": company})


@transaction.atomic(durable=True)
def answer(*, actor: User, company: Company | None, question: BuyerQuestion, text: str, at: datetime) -> BuyerAnswer:
    """Answer for a company, or for the association (`company` None). A second click is the same answer."""
    require(is_staff(actor) if company is None else access.can_request(actor, company))
    text = text.strip()[:4_000]
    if not text:
        raise AnswerMissing
    row = _locked(question)
    if row.state not in (QuestionState.OPEN, QuestionState.SOLVED):
        raise QuestionOver
    known = row.answers.filter(author=actor, text=text).first()
    if known is not None:
        return known
    made = BuyerAnswer.objects.create(question=row, company=company, author=actor, text=text, at=at)
    BuyerQuestion.objects.filter(pk=row.pk).update(active_at=at)
    mails_questions.answered(made, at=at)
    _follow(row, actor, company)
    audit.record("buyerquestion.answer", target=row, at=at, actor=actor, company=company, data={"answer": made.pk})
    return made


@transaction.atomic(durable=True)
def accept(*, actor: User, answer: BuyerAnswer, at: datetime) -> BuyerQuestion:
    """Who asked says which answer helped; another one can take its place later."""
    row = _locked(answer.question)
    require(_asked(actor, row) and answer.hidden_at is None)
    if row.accepted_id == answer.pk:
        return row
    if row.state == QuestionState.SOLVED:
        move(row, QuestionState.OPEN, table=QUESTION, at=at, actor=actor, company=row.company, accepted=None)
    move(row, QuestionState.SOLVED, table=QUESTION, at=at, actor=actor, company=row.company, accepted=answer)
    mails_questions.accepted(answer, at=at)
    return row


def _asked(actor: User, row: BuyerQuestion) -> bool:
    """Who asked, while still a buyer there; a colleague takes over when they have left."""
    return has_role(actor, row.company, Role.BUYER)


@transaction.atomic(durable=True)
def turn(*, actor: User, question: BuyerQuestion, to: str, at: datetime) -> BuyerQuestion:
    """Close a question that needs no answer any more, or open it again."""
    row = _locked(question)
    require(
        _asked(actor, row) and to in (QuestionState.OPEN, QuestionState.CLOSED) and row.state != QuestionState.HIDDEN
    )
    if row.state != to:
        move(row, to, table=QUESTION, at=at, actor=actor, company=row.company, accepted=None)
    return row


@transaction.atomic(durable=True)
def follow(*, actor: User, company: Company | None, question: BuyerQuestion, wants: bool, at: datetime) -> None:
    """Be told of new answers, or no longer."""
    require(is_staff(actor) if company is None else access.can_see_requests(actor, company))
    _follow(question, actor, company)
    QuestionFollow.objects.filter(question=question, user=actor).update(stopped_at=None if wants else at)


@transaction.atomic(durable=True)
def moderate(*, actor: User, question: BuyerQuestion, hide: bool, reason: str, at: datetime) -> BuyerQuestion:
    """The association hides a question, or shows it again."""
    require(is_staff(actor))
    why = reason.strip()[:200]
    if not why:
        raise ReasonMissing(field="reason")
    row, to = _locked(question), QuestionState.HIDDEN if hide else QuestionState.OPEN
    move(row, to, table=QUESTION, at=at, actor=actor, company=row.company, reason=why, moderation=why, accepted=None)
    return row


@transaction.atomic(durable=True)
def moderate_answer(*, actor: User, answer: BuyerAnswer, hide: bool, reason: str, at: datetime) -> BuyerAnswer:
    """The association hides one answer, or shows it again; hidden, it no longer solves the question."""
    require(is_staff(actor))
    why = reason.strip()[:200]
    if not why:
        raise ReasonMissing(field="reason")
    row = _locked(answer.question)
    if hide and row.accepted_id == answer.pk:
        move(row, QuestionState.OPEN, table=QUESTION, at=at, actor=actor, company=row.company, accepted=None)
    BuyerAnswer.objects.filter(pk=answer.pk).update(hidden_at=at if hide else None, moderation=why)
    action = "buyerquestion.answer_hidden" if hide else "buyerquestion.answer_shown"
    audit.record(action, target=row, at=at, actor=actor, company=row.company, reason=why, data={"answer": answer.pk})
    answer.refresh_from_db()
    return answer
