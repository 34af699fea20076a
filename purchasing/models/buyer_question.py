"""What buyers ask each other about a supplier, an article or a pool, and what they answer."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from companies.models import Company, User
from purchasing.models.article import Article
from purchasing.models.pool import Pool
from purchasing.models.supplier import Supplier
from purchasing.states import machine
from purchasing.states_exchange import QUESTION, QuestionState


class BuyerQuestionQuerySet(models.QuerySet["BuyerQuestion"]):
    def visible_to(self, user: User) -> BuyerQuestionQuerySet:
        """What the buyers of all members read; about a pool only those that see it; hidden ones its author and staff."""
        rows = self.filter(Q(pool__isnull=True) | Q(pool__in=Pool.objects.visible_to(user)))
        if hasattr(user, "staff_role"):
            return rows
        return rows.filter(~Q(state=QuestionState.HIDDEN) | Q(author=user))


class BuyerQuestion(models.Model):
    """One question, about exactly one thing. `accepted` is the answer that helped."""

    company = models.ForeignKey(Company, models.PROTECT, related_name="buyer_questions")
    author = models.ForeignKey(User, models.PROTECT, related_name="+")
    supplier = models.ForeignKey(Supplier, models.CASCADE, null=True, blank=True, related_name="buyer_questions")
    article = models.ForeignKey(Article, models.CASCADE, null=True, blank=True, related_name="buyer_questions")
    pool = models.ForeignKey(Pool, models.CASCADE, null=True, blank=True, related_name="buyer_questions")
    title = models.CharField(_("question"), max_length=160)
    text = models.TextField(_("details"), blank=True)
    state = models.CharField(max_length=6, choices=QuestionState, default=QuestionState.OPEN)
    accepted = models.OneToOneField("BuyerAnswer", models.PROTECT, null=True, blank=True, related_name="+")
    moderation = models.CharField(max_length=200, blank=True)
    asked_at = models.DateTimeField()
    # The last word on it: the list shows what moves.
    active_at = models.DateTimeField()

    objects = BuyerQuestionQuerySet.as_manager()

    class Meta:
        ordering = ["-active_at", "-pk"]
        indexes = [GinIndex(SearchVector("title", "text", config="erb_french"), name="question_by_stems")]
        constraints = [
            models.CheckConstraint(condition=~Q(title=""), name="question_says_what"),
            models.CheckConstraint(
                condition=Q(supplier__isnull=False, article__isnull=True, pool__isnull=True)
                | Q(supplier__isnull=True, article__isnull=False, pool__isnull=True)
                | Q(supplier__isnull=True, article__isnull=True, pool__isnull=False),
                name="question_about_one_thing",
            ),
            models.CheckConstraint(
                condition=(Q(state="solved") & Q(accepted__isnull=False))
                | (~Q(state="solved") & Q(accepted__isnull=True)),
                name="question_solved_by_an_answer",
            ),
            models.CheckConstraint(condition=~Q(state="hidden") | ~Q(moderation=""), name="question_hidden_has_reason"),
        ]
        triggers = [machine("question_states", QUESTION)]

    def __str__(self) -> str:
        return self.title

    @property
    def subject(self) -> Supplier | Article | Pool:
        found = self.supplier or self.article or self.pool
        assert found is not None  # question_about_one_thing
        return found


class BuyerAnswer(models.Model):
    """One answer; `company` is empty when the association answers."""

    question = models.ForeignKey(BuyerQuestion, models.CASCADE, related_name="answers")
    company = models.ForeignKey(Company, models.PROTECT, null=True, blank=True, related_name="buyer_answers")
    author = models.ForeignKey(User, models.PROTECT, related_name="+")
    text = models.TextField(_("answer"))
    at = models.DateTimeField()
    hidden_at = models.DateTimeField(null=True, blank=True)
    moderation = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["at", "pk"]
        indexes = [GinIndex(SearchVector("text", config="erb_french"), name="answer_by_stems")]
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="answer_says_something"),
            models.CheckConstraint(
                condition=Q(hidden_at__isnull=True) | ~Q(moderation=""), name="answer_hidden_has_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.question_id}: {self.text[:40]}"


class QuestionFollow(models.Model):
    """Who is told of new answers: who asked, who answered, and whoever wants to be. `stopped_at` ends it."""

    question = models.ForeignKey(BuyerQuestion, models.CASCADE, related_name="follows")
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    company = models.ForeignKey(Company, models.PROTECT, null=True, blank=True, related_name="+")
    stopped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["question", "user"], name="question_followed_once")]

    def __str__(self) -> str:
        return f"{self.user_id} → {self.question_id}"
