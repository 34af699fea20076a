"""A framework agreement: prices that hold for a time, drawn on by call-offs, with a rebate at the end of the year."""

from __future__ import annotations

from datetime import date

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from companies.models import GONE, Company, Role, User
from purchasing.models.article import Article, Unit, VatRate
from purchasing.models.order import PurchaseOrder
from purchasing.models.pool import Pool
from purchasing.models.request import PurchaseRequest, RequestLine
from purchasing.models.supplier import Supplier
from purchasing.models.tender import Award
from purchasing.states import FRAMEWORK, FrameworkState, machine

PRICE_IN_FORCE = """
    IF EXISTS (SELECT 1 FROM purchasing_frameworkagreement f JOIN purchasing_frameworkarticle a ON a.agreement_id = f.id
               WHERE a.id = OLD.article_id AND f.state <> 'draft') THEN
        RAISE EXCEPTION 'a price of a signed agreement never changes';
    END IF;
    RETURN COALESCE(NEW, OLD);
"""


class FrameworkQuerySet(models.QuerySet["FrameworkAgreement"]):
    def visible_to(self, user: User) -> FrameworkQuerySet:
        """Signed agreements for everybody with a buying role in a member company; drafts for staff."""
        if not user.is_authenticated:
            return self.none()
        if hasattr(user, "staff_role"):
            return self
        buying = [Role.ADMIN, Role.BUYER, Role.APPROVER, Role.ACCOUNTANT]
        taking_part = user.memberships.filter(role__in=buying, company__suspended_at__isnull=True)
        if not taking_part.exclude(company__status__in=GONE).exists():
            return self.none()
        return self.filter(state__in=[FrameworkState.ACTIVE, FrameworkState.SUSPENDED, FrameworkState.ENDED])

    def running_on(self, day: date) -> FrameworkQuerySet:
        """Agreements a company may draw on that day."""
        return self.filter(state=FrameworkState.ACTIVE, starts_on__lte=day, ends_on__gte=day)


class FrameworkAgreement(models.Model):
    """What one supplier promises for a time. Prices are in `articles`; `direct` orders leave without another signature."""

    class Basis(models.TextChoices):
        NONE = "none", _("No rebate")
        VALUE = "value", _("Value received in the year")
        VOLUME = "volume", _("Units received in the year")

    class Mode(models.TextChoices):
        WHOLE = "whole", _("On everything, from the first euro")
        SLICES = "slices", _("Slice by slice")

    title = models.CharField(_("title"), max_length=120)
    supplier = models.ForeignKey(Supplier, models.PROTECT, related_name="frameworks", verbose_name=_("supplier"))
    award = models.ForeignKey(Award, models.PROTECT, null=True, blank=True, related_name="frameworks")
    state = models.CharField(max_length=9, choices=FrameworkState, default=FrameworkState.DRAFT)
    legal_model = models.CharField(
        _("legal model"), max_length=8, choices=Pool.LegalModel, default=Pool.LegalModel.RESALE
    )
    fee_bp = models.PositiveIntegerField(_("management fee"), default=0)
    starts_on = models.DateField(_("from"))
    ends_on = models.DateField(_("until"))
    alert_days = models.PositiveSmallIntegerField(_("warn so many days before the end"), default=60)
    responsible = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("responsible"))
    email = models.EmailField(_("e-mail for orders"), blank=True)
    deliver_to = models.CharField(_("delivery place"), max_length=200, blank=True)
    lead_days = models.PositiveSmallIntegerField(_("lead time in days"), default=7)
    direct = models.BooleanField(_("call-offs leave at once, without another signature"), default=False)
    minimum_cents = models.PositiveBigIntegerField(_("minimum of a call-off"), default=0)
    freight_cents = models.PositiveBigIntegerField(_("freight of a call-off"), default=0)
    franco_cents = models.PositiveBigIntegerField(_("free freight from"), null=True, blank=True)
    # Over the whole life, before VAT: what is promised to the supplier, and what it promises to deliver.
    least_cents = models.PositiveBigIntegerField(_("minimum value in all"), null=True, blank=True)
    most_cents = models.PositiveBigIntegerField(_("maximum value in all"), null=True, blank=True)
    rebate_basis = models.CharField(_("year-end rebate on"), max_length=6, choices=Basis, default=Basis.NONE)
    rebate_mode = models.CharField(_("the rate applies"), max_length=6, choices=Mode, default=Mode.WHOLE)
    notes = models.TextField(_("conditions"), blank=True)
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    signed_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    signed_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = FrameworkQuerySet.as_manager()

    class Meta:
        ordering = ["-starts_on", "-pk"]
        indexes = [models.Index(fields=["state", "ends_on"], name="framework_by_end")]
        constraints = [
            models.UniqueConstraint(
                fields=["award", "supplier"], condition=~Q(state="cancelled"), name="framework_once_per_award"
            ),
            models.CheckConstraint(condition=Q(ends_on__gte=F("starts_on")), name="framework_ends_after_start"),
            models.CheckConstraint(condition=Q(fee_bp__lte=3_000), name="framework_fee_within_bounds"),
            models.CheckConstraint(
                condition=Q(least_cents__isnull=True)
                | Q(most_cents__isnull=True)
                | Q(least_cents__lte=F("most_cents")),
                name="framework_least_within_most",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "cancelled"]) | Q(signed_by__isnull=False, signed_at__isnull=False),
                name="framework_signed_by_somebody",
            ),
        ]
        triggers = [machine("framework_states", FRAMEWORK)]

    def __str__(self) -> str:
        return self.title

    @property
    def number(self) -> str:
        return f"AC-{self.starts_on:%Y}-{self.pk:04d}"

    def runs_on(self, day: date) -> bool:
        return self.state == FrameworkState.ACTIVE and self.starts_on <= day <= self.ends_on


class FrameworkArticle(models.Model):
    """One article of an agreement, with what may be drawn of it in all."""

    agreement = models.ForeignKey(FrameworkAgreement, models.CASCADE, related_name="articles")
    position = models.PositiveSmallIntegerField()
    article = models.ForeignKey(Article, models.PROTECT, null=True, blank=True, related_name="+")
    text = models.CharField(_("article"), max_length=200)
    reference = models.CharField(_("supplier's reference"), max_length=60, blank=True)
    unit = models.CharField(_("unit"), max_length=12, choices=Unit, default=Unit.PIECE)
    pack = models.PositiveIntegerField(_("pack size"), default=1)
    moq = models.PositiveIntegerField(_("minimum quantity"), default=0)
    vat_bp = models.PositiveIntegerField(_("VAT rate"), choices=VatRate, default=VatRate.STANDARD)
    least = models.PositiveIntegerField(_("minimum in all"), null=True, blank=True)
    most = models.PositiveIntegerField(_("maximum in all"), null=True, blank=True)

    class Meta:
        ordering = ["agreement", "position"]
        constraints = [
            models.UniqueConstraint(fields=["agreement", "position"], name="framework_article_position_once"),
            models.CheckConstraint(condition=Q(pack__gte=1), name="framework_article_pack_at_least_one"),
            models.CheckConstraint(condition=~Q(text=""), name="framework_article_says_what"),
            models.CheckConstraint(
                condition=Q(least__isnull=True) | Q(most__isnull=True) | Q(least__lte=F("most")),
                name="framework_article_least_within_most",
            ),
        ]

    def __str__(self) -> str:
        return self.text


class FrameworkPrice(models.Model):
    """From this day on and from this quantity of one call-off on, each unit costs this much. Never changed once signed.

    All tiers of the newest day that is not in the future hold together.
    """

    article = models.ForeignKey(FrameworkArticle, models.CASCADE, related_name="prices")
    valid_from = models.DateField(_("valid from"))
    from_qty = models.PositiveIntegerField(_("from"), default=1)
    unit_price_e4 = models.PositiveBigIntegerField(_("unit price"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        ordering = ["article", "valid_from", "from_qty"]
        constraints = [
            models.UniqueConstraint(fields=["article", "valid_from", "from_qty"], name="framework_price_once"),
            models.CheckConstraint(condition=Q(from_qty__gte=1), name="framework_price_from_at_least_one"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="framework_price_frozen",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                func=PRICE_IN_FORCE,
            )
        ]

    def __str__(self) -> str:
        return f"{self.valid_from} {self.from_qty}: {self.unit_price_e4}"


class FrameworkQuota(models.Model):
    """The part of an article's maximum that is kept for one company, and the most it may draw."""

    article = models.ForeignKey(FrameworkArticle, models.CASCADE, related_name="quotas")
    company = models.ForeignKey(Company, models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField(_("quota"))

    class Meta:
        ordering = ["article", "company"]
        constraints = [models.UniqueConstraint(fields=["article", "company"], name="framework_quota_once")]

    def __str__(self) -> str:
        return f"{self.company_id}: {self.quantity}"


class FrameworkRebateTier(models.Model):
    """From this value (cents) or volume (units) of a year on: a rate, or so much per unit (volume only)."""

    agreement = models.ForeignKey(FrameworkAgreement, models.CASCADE, related_name="rebate_tiers")
    start = models.PositiveBigIntegerField(_("from"))
    rate_bp = models.PositiveIntegerField(_("rate"), null=True, blank=True)
    per_unit_e4 = models.PositiveBigIntegerField(_("per unit"), null=True, blank=True)

    class Meta:
        ordering = ["agreement", "start"]
        constraints = [
            models.UniqueConstraint(fields=["agreement", "start"], name="framework_rebate_tier_once"),
            models.CheckConstraint(
                condition=Q(rate_bp__isnull=False, per_unit_e4__isnull=True)
                | Q(rate_bp__isnull=True, per_unit_e4__isnull=False),
                name="framework_rebate_tier_one_kind",
            ),
            models.CheckConstraint(
                condition=Q(rate_bp__isnull=True) | Q(rate_bp__lte=5_000), name="framework_rebate_rate_within_bounds"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.start}: {self.rate_bp or self.per_unit_e4}"


class CallOffQuerySet(models.QuerySet["CallOff"]):
    def visible_to(self, user: User) -> CallOffQuerySet:
        """Call-offs of the user's own companies; staff see all (I13)."""
        return self.filter(company__in=Company.objects.visible_to(user))


class CallOff(models.Model):
    """A company draws on an agreement. Its approval is the request's, its goods are those of `pool`: it has no state."""

    agreement = models.ForeignKey(FrameworkAgreement, models.PROTECT, related_name="call_offs")
    company = models.ForeignKey(Company, models.PROTECT, related_name="call_offs")
    request = models.OneToOneField(PurchaseRequest, models.PROTECT, related_name="call_off")
    # Made when the request is approved: the frame of this one company's order.
    pool = models.OneToOneField(Pool, models.PROTECT, null=True, blank=True, related_name="call_off")
    goods_cents = models.PositiveBigIntegerField(default=0)
    freight_cents = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField()

    objects = CallOffQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["agreement", "company"], name="call_off_by_company")]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        return f"CA-{self.pk:05d}"

    @property
    def order(self) -> PurchaseOrder | None:
        """The newest order of the call-off, if it came so far."""
        return max(self.pool.orders.all(), key=lambda row: row.pk, default=None) if self.pool else None


class CallOffLine(models.Model):
    """So many of one article, at the price that held when it was handed in."""

    call_off = models.ForeignKey(CallOff, models.CASCADE, related_name="lines")
    article = models.ForeignKey(FrameworkArticle, models.PROTECT, related_name="call_off_lines")
    request_line = models.OneToOneField(RequestLine, models.CASCADE, related_name="call_off_line")
    quantity = models.PositiveIntegerField()
    unit_price_e4 = models.PositiveBigIntegerField()

    class Meta:
        ordering = ["call_off", "article"]
        constraints = [
            models.UniqueConstraint(fields=["call_off", "article"], name="call_off_article_once"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="call_off_quantity_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.call_off_id}: {self.quantity}"
