"""A computed award: what was asked of the solver, what it found, and how sure that is."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from companies.models import Job, User
from purchasing.models.pool import Pool
from purchasing.models.tender import Award, Tender
from purchasing.states import STUDY, StudyState, machine


class AwardStudyQuerySet(models.QuerySet["AwardStudy"]):
    def visible_to(self, user: User) -> AwardStudyQuerySet:
        """Studies of the pools the user runs. They hold prices: none exists before its tender was opened."""
        return self.filter(tender__pool__in=Pool.objects.led_by(user), tender__opened_at__isnull=False)


class AwardStudy(models.Model):
    """One search for the cheapest award of a tender. Kept with everything needed to run it again.

    `instance` is the problem as the solver read it; its money is in 1/`scale` cents. `cost_cents` is priced by the exact
    evaluator; no award under the same options costs less than `bound_cents` (as judged, where suppliers are preferred).
    """

    tender = models.ForeignKey(Tender, models.PROTECT, related_name="studies")
    state = models.CharField(max_length=10, choices=StudyState, default=StudyState.WAITING)
    options = models.JSONField(default=dict)
    seconds = models.PositiveSmallIntegerField(_("seconds at most"), default=60)
    instance = models.JSONField(default=dict)
    scale = models.PositiveIntegerField(default=1)
    offers = models.JSONField(default=list)  # offer of the instance → quote line
    fingerprint = models.CharField(max_length=64)
    seed = models.PositiveIntegerField(default=0)
    solver_version = models.CharField(max_length=40, blank=True)
    proof = models.JSONField(default=dict)
    packs = models.JSONField(default=dict)  # offer of the instance → packs; the best award so far
    cost_cents = models.PositiveBigIntegerField(null=True, blank=True)
    judged_cents = models.PositiveBigIntegerField(null=True, blank=True)
    bound_cents = models.PositiveBigIntegerField(null=True, blank=True)
    result = models.JSONField(default=dict)
    job = models.OneToOneField(Job, models.SET_NULL, null=True, blank=True, related_name="+")
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    stop_asked_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = AwardStudyQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state__in=["proven", "within", "best_found"])
                | Q(cost_cents__isnull=False, bound_cents__isnull=False, finished_at__isnull=False),
                name="study_with_an_award_has_cost_and_bound",
            ),
        ]
        triggers = [machine("study_states", STUDY)]

    def __str__(self) -> str:
        return f"{self.tender_id} {self.state}"

    @property
    def is_over(self) -> bool:
        return self.state not in (StudyState.WAITING, StudyState.RUNNING)

    @property
    def has_award(self) -> bool:
        return self.state in (StudyState.PROVEN, StudyState.WITHIN, StudyState.BEST_FOUND)

    @property
    def gap_bp(self) -> int | None:
        """How much cheaper another award could be at most, in hundredths of a percent, rounded up."""
        cost = self.judged_cents if self.judged_cents is not None else self.cost_cents
        if not cost or self.bound_cents is None:
            return None
        return -(-max(0, cost - self.bound_cents) * 10_000 // cost)


class AwardMeasure(models.Model):
    """What a decided award costs beside the computed one: kept for ever with the reason of the award.

    `extra_cents` is null where the two do not cover the same lines and cannot be compared.
    """

    award = models.OneToOneField(Award, models.CASCADE, related_name="measure")
    study = models.ForeignKey(AwardStudy, models.PROTECT, related_name="measures")
    extra_cents = models.BigIntegerField(null=True, blank=True)
    follows = models.BooleanField(default=False)  # the award is the combination of the study

    def __str__(self) -> str:
        return f"{self.award_id}: {self.extra_cents}"
