"""Questions of suppliers in a tender: asked by the link, answered once for everybody."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from companies.models import User
from purchasing.models.pool import Pool
from purchasing.models.tender import Tender, TenderInvitation


class QuestionQuerySet(models.QuerySet["TenderQuestion"]):
    def visible_to(self, user: User) -> QuestionQuerySet:
        """Questions of the tenders the user runs."""
        return self.filter(tender__pool__in=Pool.objects.led_by(user))

    def readable_by(self, invitation: TenderInvitation) -> QuestionQuerySet:
        """What one supplier reads: everything that was answered, and its own questions that still wait."""
        return self.filter(Q(answered_at__isnull=False) | Q(invitation=invitation), tender=invitation.tender_id)


class TenderQuestion(models.Model):
    """One question. `wording` is what everybody reads: staff may take out what gives the author away."""

    tender = models.ForeignKey(Tender, models.PROTECT, related_name="questions")
    invitation = models.ForeignKey(TenderInvitation, models.PROTECT, related_name="questions")
    text = models.TextField(_("question"))
    asked_at = models.DateTimeField()
    wording = models.TextField(_("question as all read it"), blank=True)
    answer = models.TextField(_("answer"), blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")

    objects = QuestionQuerySet.as_manager()

    class Meta:
        ordering = ["tender", "asked_at", "pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="question_says_something"),
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True) | (Q(answered_by__isnull=False) & ~Q(answer="") & ~Q(wording="")),
                name="question_answered_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return self.wording or self.text
