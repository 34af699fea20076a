"""Offers and their versions. What a version says never changes; a change is a new version."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from merchants.models.merchant import Merchant, MerchantStatus


class OfferState(models.TextChoices):
    """Where an offer stands."""

    DRAFT = "draft", _("Draft")
    PUBLISHED = "published", pgettext_lazy("offer", "Published")
    PAUSED = "paused", _("Paused")
    ENDED = "ended", pgettext_lazy("offer", "Ended")


TRANSITIONS = {
    OfferState.DRAFT: frozenset({OfferState.PUBLISHED, OfferState.ENDED}),
    OfferState.PUBLISHED: frozenset({OfferState.PAUSED, OfferState.ENDED}),
    OfferState.PAUSED: frozenset({OfferState.PUBLISHED, OfferState.ENDED}),
}


class Kind(models.TextChoices):
    """What the holder gets."""

    PERCENT = "percent", _("Percentage")
    FIXED = "fixed", _("Fixed amount")
    GIFT = "gift", _("Gift")


class Period(models.TextChoices):
    """In which calendar period (Europe/Paris) the uses of a person are counted."""

    EVER = "ever", _("in all")
    DAY = "day", _("per day")
    WEEK = "week", _("per week")
    MONTH = "month", _("per month")
    YEAR = "year", _("per year")


class OfflinePolicy(models.TextChoices):
    """What a till without network may accept."""

    ALLOW = "allow", _("any card")
    DYNAMIC = "dynamic", _("cards shown on a phone only")
    ONLINE = "online", _("none: the network is needed")


class OfferQuerySet(models.QuerySet["Offer"]):
    def published(self) -> "OfferQuerySet":
        """Offers that may be used today, as far as states go; dates and hours stand in the version."""
        return self.filter(state=OfferState.PUBLISHED, current__isnull=False, merchant__status=MerchantStatus.ACTIVE)


class Offer(models.Model):
    """A standing promise of a merchant. `current` is the version in force, or the draft before publication."""

    merchant = models.ForeignKey(Merchant, models.CASCADE, related_name="offers")
    state = models.CharField(_("state"), max_length=10, choices=OfferState, default=OfferState.DRAFT)
    current = models.OneToOneField("OfferVersion", models.PROTECT, null=True, blank=True, related_name="current_of")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OfferQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["merchant", "state"], name="offer_merchant_state")]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=OfferState.values), name="offer_state_known"),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "ended"]) | Q(current__isnull=False),
                name="offer_published_has_a_version",
            ),
        ]

    def __str__(self) -> str:
        return self.current.title if self.current else f"#{self.pk}"


class OfferVersion(models.Model):
    """What an offer says, from one moment on. Immutable: a redemption points at the version that was scanned."""

    offer = models.ForeignKey(Offer, models.CASCADE, related_name="versions")
    number = models.PositiveSmallIntegerField()
    title = models.CharField(_("title"), max_length=80)
    description = models.CharField(_("details"), max_length=400, blank=True)
    kind = models.CharField(_("what the holder gets"), max_length=10, choices=Kind)
    percent = models.PositiveSmallIntegerField(_("percentage"), null=True, blank=True)
    amount_cents = models.PositiveIntegerField(_("amount"), null=True, blank=True)
    cap_cents = models.PositiveIntegerField(_("at most"), null=True, blank=True)
    gift = models.CharField(_("gift"), max_length=80, blank=True)
    min_spend_cents = models.PositiveIntegerField(_("minimum purchase"), default=0)
    weekdays = models.PositiveSmallIntegerField(_("weekdays"), default=127)  # bit 0 is Monday
    from_time = models.TimeField(pgettext_lazy("time", "from"), null=True, blank=True)
    until_time = models.TimeField(pgettext_lazy("time", "until"), null=True, blank=True)
    starts_on = models.DateField(pgettext_lazy("offer", "first day"))
    ends_on = models.DateField(pgettext_lazy("offer", "last day"), null=True, blank=True)
    per_person_limit = models.PositiveSmallIntegerField(_("uses per person"), null=True, blank=True)
    period = models.CharField(pgettext_lazy("uses", "counted"), max_length=6, choices=Period, default=Period.EVER)
    stock = models.PositiveIntegerField(_("uses in all"), null=True, blank=True)
    offline = models.CharField(_("without network"), max_length=8, choices=OfflinePolicy, default=OfflinePolicy.ONLINE)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["offer", "number"]
        triggers = [pgtrigger.Protect(name="immutable", operation=pgtrigger.Update)]
        constraints = [
            models.UniqueConstraint(fields=["offer", "number"], name="offer_version_number_once"),
            models.CheckConstraint(
                name="offer_version_says_what_it_gives",
                condition=Q(kind=Kind.PERCENT, percent__gte=1, percent__lte=100, amount_cents__isnull=True, gift="")
                | Q(kind=Kind.FIXED, amount_cents__gte=1, percent__isnull=True, cap_cents__isnull=True, gift="")
                | (
                    Q(kind=Kind.GIFT, percent__isnull=True, amount_cents__isnull=True, cap_cents__isnull=True)
                    & ~Q(gift="")
                ),
                violation_error_message=_("Say what the holder gets: a percentage, an amount or a gift."),
            ),
            models.CheckConstraint(condition=Q(weekdays__gte=1, weekdays__lte=127), name="offer_version_has_a_weekday"),
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")),
                name="offer_version_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=Q(per_person_limit__isnull=True) | Q(per_person_limit__gte=1),
                name="offer_version_limit_allows_one",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} (v{self.number})"
