"""Offers and their versions. What a version says never changes; a change is a new version."""

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from companies.models import Document
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
    """In which calendar period (Europe/Paris) the uses of a person are counted, or in any `window_days` days in a row."""

    EVER = "ever", _("in all")
    DAY = "day", _("per day")
    WEEK = "week", _("per week")
    MONTH = "month", _("per month")
    YEAR = "year", _("per year")
    ROLLING = "rolling", _("in any number of days")


class Combine(models.TextChoices):
    """With which other offers of the merchant a holder may use this one on the same day (Europe/Paris)."""

    ANY = "any", _("with every other offer")
    GIFTS = "gifts", _("with gifts only")
    ALONE = "alone", _("with no other offer")


class Contract(models.TextChoices):
    """Which employment gives the right to an offer: with or without a last day."""

    ANY = "any", _("every contract")
    OPEN = "open", _("permanent contracts")
    FIXED = "fixed", _("fixed-term contracts, apprentices and temporary staff")


LONGEST_WINDOW, MOST_IN_WINDOW, MOST_SPANS = 366, 100, 6
SIZES = {
    "1-9": (0, 9),
    "10-49": (10, 49),
    "50-249": (50, 249),
    "250+": (250, 2_147_483_647),
}  # headcount, both included


class OfflinePolicy(models.TextChoices):
    """What a till without network may accept."""

    ALLOW = "allow", _("any card")
    DYNAMIC = "dynamic", _("cards shown on a phone only")
    ONLINE = "online", _("none: the network is needed")


class OfferQuerySet(models.QuerySet["Offer"]):
    def published(self) -> "OfferQuerySet":
        """Offers that may be used today, as far as states go; dates and hours stand in the version."""
        return self.filter(state=OfferState.PUBLISHED, current__isnull=False, merchant__status=MerchantStatus.ACTIVE)

    def for_everybody(self) -> "OfferQuerySet":
        """Offers that ask nothing of the holder's employer or contract."""
        return self.filter(current__companies=[], current__sites=[], current__sizes=[], current__contract=Contract.ANY)


class Offer(models.Model):
    """A standing promise of a merchant. `current` is the version in force, or the draft before publication.

    `draft` holds the next terms until they come into force; with `due_at` that happens by itself, and publishes an offer
    that is not published yet.
    """

    merchant = models.ForeignKey(Merchant, models.CASCADE, related_name="offers")
    state = models.CharField(_("state"), max_length=10, choices=OfferState, default=OfferState.DRAFT)
    current = models.OneToOneField("OfferVersion", models.PROTECT, null=True, blank=True, related_name="current_of")
    draft = models.JSONField(null=True, blank=True, encoder=DjangoJSONEncoder)
    due_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OfferQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["merchant", "state"], name="offer_merchant_state"),
            models.Index(fields=["due_at"], name="offer_due", condition=Q(due_at__isnull=False)),
        ]
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
    """What an offer says, from one moment on. Immutable: a redemption points at the version that was scanned.

    Only its picture may be taken away, once the terms are no longer in force (decision 0040).
    """

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
    hours = models.JSONField(_("hours"), default=list, blank=True)  # ["11:30", "12:15"], any number; none: all day
    starts_on = models.DateField(pgettext_lazy("offer", "first day"))
    ends_on = models.DateField(pgettext_lazy("offer", "last day"), null=True, blank=True)
    per_person_limit = models.PositiveSmallIntegerField(_("uses per person"), null=True, blank=True)
    period = models.CharField(pgettext_lazy("uses", "counted"), max_length=7, choices=Period, default=Period.EVER)
    window_days = models.PositiveSmallIntegerField(_("days in a row"), null=True, blank=True)
    stock = models.PositiveIntegerField(_("uses in all"), null=True, blank=True)
    offline = models.CharField(_("without network"), max_length=8, choices=OfflinePolicy, default=OfflinePolicy.ONLINE)
    combine = models.CharField(
        _("on the same day"), max_length=5, choices=Combine, default=Combine.ANY, db_default=Combine.ANY
    )
    excluded = models.JSONField(
        _("excluded days"), default=list, blank=True
    )  # [first, last] in ISO form, both included
    first_visit = models.BooleanField(_("first visit only"), default=False, db_default=False)
    companies = ArrayField(models.BigIntegerField(), verbose_name=_("companies"), default=list, blank=True)
    sites = ArrayField(models.BigIntegerField(), verbose_name=_("sites"), default=list, blank=True)
    sizes = ArrayField(models.CharField(max_length=6), verbose_name=_("company sizes"), default=list, blank=True)
    contract = models.CharField(
        _("contract"), max_length=5, choices=Contract, default=Contract.ANY, db_default=Contract.ANY
    )
    picture = models.ForeignKey(Document, models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["offer", "number"]
        triggers = [
            pgtrigger.ReadOnly(name="immutable", exclude=["picture"]),
            pgtrigger.Protect(
                name="picture_only_taken_away",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(new__picture__isnull=False)
                & pgtrigger.Q(old__picture__df=pgtrigger.F("new__picture")),
            ),
        ]
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
            models.CheckConstraint(
                condition=(
                    Q(period=Period.ROLLING)
                    & Q(window_days__range=(1, LONGEST_WINDOW))
                    & Q(per_person_limit__lte=MOST_IN_WINDOW)
                )
                | (~Q(period=Period.ROLLING) & Q(window_days__isnull=True)),
                name="offer_version_window_has_its_days",
            ),
            models.CheckConstraint(
                condition=Q(first_visit=False) | Q(per_person_limit=1, period=Period.EVER),
                name="offer_version_first_visit_is_one",
            ),
            models.CheckConstraint(condition=Q(combine__in=Combine.values), name="offer_version_combine_known"),
            models.CheckConstraint(condition=Q(contract__in=Contract.values), name="offer_version_contract_known"),
        ]

    def __str__(self) -> str:
        return f"{self.title} (v{self.number})"

    @property
    def restricted(self) -> bool:
        """Whether it asks something of the holder's employer or contract."""
        return bool(self.companies or self.sites or self.sizes) or self.contract != Contract.ANY
