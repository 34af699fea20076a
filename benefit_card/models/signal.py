"""Signals of misuse: rows for people to judge."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from benefit_card.models.card import Card
from benefit_card.models.redemption import Redemption
from companies.access import is_staff
from companies.models import User
from merchants.models import Merchant

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class SignalKind(models.TextChoices):
    """What looked wrong."""

    PARALLEL = "parallel", _("One day pass on two devices")
    ELSEWHERE = "elsewhere", _("Two merchants within three minutes")
    TYPED = "typed", _("Merchant with typed or printed codes only")
    CONFLICTS = "conflicts", _("Twice beyond the limit without network")
    CONTESTED = "contested", _("Contested by the holder")


class SignalState(models.TextChoices):
    """What a person decided."""

    OPEN = "open", _("To judge")
    UPHELD = "upheld", _("Measure taken")
    DISMISSED = "dismissed", _("Dismissed")


SIGNAL_MOVES = {SignalState.OPEN: frozenset({SignalState.UPHELD, SignalState.DISMISSED})}


class SignalQuerySet(models.QuerySet["Signal"]):
    def visible_to(self, user: "User | AnonymousUser") -> "SignalQuerySet":
        """The association's staff judges; nobody else sees the queue."""
        return self if is_staff(user) else self.none()

    def waiting(self) -> "SignalQuerySet":
        return self.filter(state=SignalState.OPEN)


class Signal(models.Model):
    """One thing that looked wrong, once per `key`. A machine only writes it; people decide."""

    kind = models.CharField(max_length=10, choices=SignalKind)
    key = models.CharField(max_length=80, unique=True, help_text="What it is about, so that it is raised once.")
    card = models.ForeignKey(Card, models.CASCADE, null=True, related_name="signals")
    merchant = models.ForeignKey(Merchant, models.CASCADE, null=True, related_name="signals")
    redemption = models.ForeignKey(Redemption, models.CASCADE, null=True, related_name="signals")
    facts = models.JSONField(default=dict, help_text="Numbers only; no name.")
    words = models.CharField(max_length=400, blank=True, help_text="What the holder said, when contested.")
    state = models.CharField(max_length=10, choices=SignalState, default=SignalState.OPEN)
    raised_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    reason = models.CharField(max_length=400, blank=True)

    objects = SignalQuerySet.as_manager()

    class Meta:
        ordering = ["-raised_at"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=SignalKind.values), name="signal_kind_known"),
            models.CheckConstraint(condition=Q(state__in=SignalState.values), name="signal_state_known"),
            models.CheckConstraint(
                condition=Q(state="open", decided_at__isnull=True)
                | (Q(state__in=["upheld", "dismissed"], decided_at__isnull=False) & ~Q(reason="")),
                name="signal_decision_has_time_and_reason",
            ),
        ]
        indexes = [models.Index(fields=["-raised_at"], name="signal_to_judge", condition=Q(state="open"))]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
