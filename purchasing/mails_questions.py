"""The letters of questions between buyers. Queued inside the transaction that causes them, once per key."""

from datetime import datetime

from django.db.models import Q, QuerySet
from django.urls import reverse

from companies import mail
from companies.models import Company, Role, User
from purchasing.mails_back import is_silent
from purchasing.models import BuyerAnswer, BuyerQuestion, Commitment, QuestionFollow
from purchasing.states import CommitmentState

MOST_TOLD = 25  # people told of one question: those who bought the same last


def _send(
    user: User, company: Company | None, row: BuyerQuestion, template: str, key: str, at: datetime, **more: object
) -> None:
    link = (
        reverse("purchasing:question", args=[company.pk, row.pk]) if company else reverse("purchasing:staff_exchange")
    )
    mail.queue(
        to=user.email,
        template=f"purchasing/mail/{template}",
        context={"user": user, "question": row, "link": mail.absolute(link), **more},
        key=f"{key}:{user.pk}",
        language=user.language,
        at=at,
    )


def experts(row: BuyerQuestion) -> QuerySet[Company]:
    """Other members that have bought what the question is about."""
    bought = Commitment.objects.filter(state=CommitmentState.LOCKED, granted__gt=0)
    about = (
        Q(pool_line__order_lines__order__supplier=row.supplier_id)
        if row.supplier_id
        else Q(pool_line__article=row.article_id)
        if row.article_id
        else Q(pool_line__pool=row.pool_id)
    )
    ids = bought.filter(about).values("company")
    return Company.objects.members().filter(pk__in=ids).exclude(pk=row.company_id)


def asked(row: BuyerQuestion, *, at: datetime) -> None:
    """Tell buyers who bought the same, and the lead buyer of a pool."""
    if is_silent():
        return
    told: dict[int, tuple[User, Company | None]] = {}
    for company in experts(row).order_by("-pk")[:MOST_TOLD]:
        buyer = User.objects.filter(memberships__company=company, memberships__role=Role.BUYER, is_active=True).first()
        if buyer is not None:
            told.setdefault(buyer.pk, (buyer, company))
    if row.pool is not None:
        own = Company.objects.filter(memberships__user=row.pool.lead, memberships__role=Role.BUYER).first()
        told.setdefault(row.pool.lead_id, (row.pool.lead, own))
    told.pop(row.author_id, None)
    for user, where in list(told.values())[:MOST_TOLD]:
        _send(user, where, row, "question_between_buyers", f"buyer-question:{row.pk}", at)


def answered(answer: BuyerAnswer, *, at: datetime) -> None:
    """Tell whoever follows the question, except who answers."""
    _followers(answer, "question_new_answer", f"buyer-answer:{answer.pk}", at)


def accepted(answer: BuyerAnswer, *, at: datetime) -> None:
    """Thank the person whose answer helped."""
    follow = QuestionFollow.objects.filter(question=answer.question, user=answer.author).first()
    if not is_silent() and answer.author_id != answer.question.author_id and follow and follow.stopped_at is None:
        key = f"buyer-accepted:{answer.pk}"
        _send(answer.author, answer.company, answer.question, "question_helped", key, at, answer=answer)


def _followers(answer: BuyerAnswer, template: str, key: str, at: datetime) -> None:
    if is_silent():
        return
    rows = answer.question.follows.filter(stopped_at__isnull=True, user__is_active=True).exclude(user=answer.author)
    for follow in rows.select_related("user", "company").order_by("pk"):
        _send(follow.user, follow.company, answer.question, template, key, at, answer=answer)
