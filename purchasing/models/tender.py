"""Asking suppliers for quotes, keeping every answer, and deciding."""

from __future__ import annotations

from datetime import date

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from companies.models import User
from purchasing.models.pool import Pool, PoolLine
from purchasing.models.supplier import Supplier, SupplierContact
from purchasing.states import AWARD, QUOTE, TENDER, AwardState, QuoteState, TenderState, machine

FROZEN_WITH_QUOTE = """
    IF EXISTS (SELECT 1 FROM purchasing_quote q WHERE q.id = {quote} AND q.submitted_at IS NOT NULL) THEN
        RAISE EXCEPTION 'a submitted quote never changes';
    END IF;
    RETURN COALESCE(NEW, OLD);
"""


class TenderQuerySet(models.QuerySet["Tender"]):
    def visible_to(self, user: User) -> TenderQuerySet:
        """Tenders of the pools the user runs."""
        return self.filter(pool__in=Pool.objects.led_by(user))


class Tender(models.Model):
    """One round of asking for quotes. Until it is opened nobody at the association reads a price."""

    pool = models.ForeignKey(Pool, models.PROTECT, related_name="tenders")
    state = models.CharField(max_length=10, choices=TenderState, default=TenderState.DRAFT)
    deadline = models.DateTimeField(_("answers until"))
    sealed = models.BooleanField(_("sealed until opened"), default=True)
    message = models.TextField(_("message to the suppliers"), blank=True)
    deliver_to = models.CharField(_("delivery place"), max_length=200, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(null=True, blank=True)
    opened_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField()

    objects = TenderQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["pool"], condition=~Q(state="cancelled"), name="tender_one_running_per_pool"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["opened", "awarded"]) | Q(opened_at__isnull=False, opened_by__isnull=False),
                name="tender_opening_is_logged",
            ),
        ]
        triggers = [machine("tender_states", TENDER)]

    def __str__(self) -> str:
        return f"{self.pool} ({self.deadline:%Y-%m-%d})"

    @property
    def is_readable(self) -> bool:
        """Whether prices may be shown to those who run the pool."""
        return not self.sealed or self.opened_at is not None


class InvitationQuerySet(models.QuerySet["TenderInvitation"]):
    def visible_to(self, user: User) -> InvitationQuerySet:
        return self.filter(tender__pool__in=Pool.objects.led_by(user))


class TenderInvitation(models.Model):
    """One supplier asked in one tender: the link it got (hashed) and how far its answer went."""

    tender = models.ForeignKey(Tender, models.PROTECT, related_name="invitations")
    supplier = models.ForeignKey(Supplier, models.PROTECT, related_name="invitations")
    contact = models.ForeignKey(SupplierContact, models.SET_NULL, null=True, blank=True, related_name="+")
    email = models.EmailField()
    language = models.CharField(max_length=2, default="fr")
    state = models.CharField(max_length=13, choices=QuoteState, default=QuoteState.INVITED)
    token_hash = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    invited_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(null=True, blank=True)
    reminded_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    decline_reason = models.TextField(blank=True)
    late_accepted_at = models.DateTimeField(null=True, blank=True)
    late_accepted_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    late_reason = models.TextField(blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["tender", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["tender", "supplier"], name="supplier_invited_once"),
            models.CheckConstraint(
                condition=Q(late_accepted_at__isnull=True) | (Q(late_accepted_by__isnull=False) & ~Q(late_reason="")),
                name="late_quote_accepted_with_reason",
            ),
        ]
        triggers = [machine("quote_states", QUOTE)]

    def __str__(self) -> str:
        return f"{self.supplier} / {self.tender_id}"


class QuoteQuerySet(models.QuerySet["Quote"]):
    def visible_to(self, user: User) -> QuoteQuerySet:
        """Submitted quotes of the pools the user runs, once their tender may be read."""
        return self.filter(
            Q(invitation__tender__sealed=False) | Q(invitation__tender__opened_at__isnull=False),
            invitation__tender__pool__in=Pool.objects.led_by(user),
            submitted_at__isnull=False,
        )

    def submitted(self) -> QuoteQuerySet:
        return self.filter(submitted_at__isnull=False)


class Quote(models.Model):
    """One version of a supplier's answer. A draft (`submitted_at` null) may change; a submitted version never does."""

    invitation = models.ForeignKey(TenderInvitation, models.PROTECT, related_name="quotes")
    version = models.PositiveSmallIntegerField(default=1)
    submitted_at = models.DateTimeField(null=True, blank=True)
    late = models.BooleanField(default=False)
    valid_until = models.DateField(_("valid until"), null=True, blank=True)
    minimum_cents = models.PositiveBigIntegerField(_("minimum order"), default=0)
    freight_cents = models.PositiveBigIntegerField(_("freight"), default=0)
    # Goods value at tier prices, before VAT, from which freight is free; null = never free.
    franco_cents = models.PositiveBigIntegerField(_("free freight from"), null=True, blank=True)
    lead_days = models.PositiveSmallIntegerField(_("lead time in days"), null=True, blank=True)
    payment_days = models.PositiveSmallIntegerField(_("payment in days"), default=30)
    terms = models.TextField(_("conditions"), blank=True)
    signatory = models.CharField(_("your name"), max_length=120, blank=True)
    saved_at = models.DateTimeField()

    objects = QuoteQuerySet.as_manager()

    class Meta:
        ordering = ["invitation", "version"]
        constraints = [
            models.UniqueConstraint(fields=["invitation", "version"], name="quote_version_once"),
            models.UniqueConstraint(
                fields=["invitation"], condition=Q(submitted_at__isnull=True), name="quote_one_draft"
            ),
            models.CheckConstraint(
                condition=Q(submitted_at__isnull=True) | Q(valid_until__isnull=False),
                name="quote_submitted_has_validity",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="quote_frozen",
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Q(old__submitted_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.invitation_id} v{self.version}"

    def has_expired(self, day: date) -> bool:
        return self.valid_until is not None and self.valid_until < day


class QuoteLine(models.Model):
    """What a supplier offers for one pool line; a pool line without it is not offered."""

    quote = models.ForeignKey(Quote, models.CASCADE, related_name="lines")
    pool_line = models.ForeignKey(PoolLine, models.PROTECT, related_name="quote_lines")
    pack = models.PositiveIntegerField(_("pack size"), default=1)
    moq = models.PositiveIntegerField(_("minimum quantity"), default=0)
    available = models.PositiveIntegerField(_("available at most"), null=True, blank=True)
    reference = models.CharField(_("your reference"), max_length=60, blank=True)
    note = models.CharField(_("remark"), max_length=200, blank=True)

    class Meta:
        ordering = ["quote", "pool_line"]
        constraints = [
            models.UniqueConstraint(fields=["quote", "pool_line"], name="quote_line_once"),
            models.CheckConstraint(condition=Q(pack__gte=1), name="quote_line_pack_at_least_one"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="quote_line_frozen",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                func=FROZEN_WITH_QUOTE.format(quote="OLD.quote_id"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.quote_id}/{self.pool_line_id}"


class PriceTier(models.Model):
    """From this quantity on, each unit costs this much before VAT."""

    quote_line = models.ForeignKey(QuoteLine, models.CASCADE, related_name="tiers")
    from_qty = models.PositiveIntegerField(_("from"), default=1)
    unit_price_e4 = models.PositiveBigIntegerField(_("unit price"))

    class Meta:
        ordering = ["quote_line", "from_qty"]
        constraints = [
            models.UniqueConstraint(fields=["quote_line", "from_qty"], name="price_tier_once"),
            models.CheckConstraint(condition=Q(from_qty__gte=1), name="price_tier_from_at_least_one"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="price_tier_frozen",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                func=FROZEN_WITH_QUOTE.format(
                    quote="(SELECT l.quote_id FROM purchasing_quoteline l WHERE l.id = OLD.quote_line_id)"
                ),
            )
        ]

    def __str__(self) -> str:
        return f"{self.from_qty}: {self.unit_price_e4}"


class Award(models.Model):
    """Who gets which line, decided by whom and why. Above the pool's threshold the opener needs a second person."""

    tender = models.ForeignKey(Tender, models.PROTECT, related_name="awards")
    state = models.CharField(max_length=10, choices=AwardState, default=AwardState.PROPOSED)
    reason = models.TextField(_("reason"))
    value_cents = models.PositiveBigIntegerField()
    decided_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    decided_at = models.DateTimeField()
    needs_second_person = models.BooleanField(default=False)
    confirmed_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-decided_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["tender"], condition=~Q(state="refused"), name="award_once"),
            models.CheckConstraint(condition=~Q(reason=""), name="award_has_reason"),
            models.CheckConstraint(
                condition=Q(needs_second_person=False)
                | ~Q(state="confirmed")
                | (Q(confirmed_by__isnull=False) & ~Q(confirmed_by=F("decided_by"))),
                name="award_needs_second_person",
            ),
        ]
        triggers = [machine("award_states", AWARD)]

    def __str__(self) -> str:
        return f"{self.tender_id} {self.state}"


class AwardLine(models.Model):
    """The quote line that wins one pool line."""

    award = models.ForeignKey(Award, models.CASCADE, related_name="lines")
    pool_line = models.ForeignKey(PoolLine, models.PROTECT, related_name="award_lines")
    quote_line = models.ForeignKey(QuoteLine, models.PROTECT, related_name="award_lines")
    # The volume and the landed cost it was decided on.
    quantity = models.PositiveIntegerField()
    landed_cents = models.PositiveBigIntegerField()

    class Meta:
        ordering = ["award", "pool_line"]
        constraints = [models.UniqueConstraint(fields=["award", "pool_line"], name="award_line_once")]

    def __str__(self) -> str:
        return f"{self.award_id}/{self.pool_line_id}"
