"""A pool: the needs of several companies bought as one."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from companies.models import GONE, Company, Role, User
from purchasing.models.article import Article, Category, Unit, VatRate
from purchasing.models.request import RequestLine
from purchasing.states import POOL, POOL_LINE, PoolLineState, PoolState, machine


class PoolQuerySet(models.QuerySet["Pool"]):
    def visible_to(self, user: User) -> PoolQuerySet:
        """Published pools for everybody with a buying role in a company; drafts for staff and their lead."""
        if not user.is_authenticated:
            return self.none()
        if hasattr(user, "staff_role"):
            return self
        mine = Q(lead=user)
        buying = [Role.ADMIN, Role.BUYER, Role.APPROVER, Role.ACCOUNTANT]
        taking_part = user.memberships.filter(role__in=buying, company__suspended_at__isnull=True)
        taking_part = taking_part.exclude(company__status__in=GONE)
        if taking_part.exists():
            # A call-off is one company's own business (I13).
            mine |= ~Q(state=PoolState.DRAFT) & Q(only_company__isnull=True)
            mine |= Q(only_company__in=taking_part.values("company"))
        return self.filter(mine)

    def led_by(self, user: User) -> PoolQuerySet:
        """Pools the user may run: all for staff, else the ones where the user is lead buyer."""
        if not user.is_authenticated:
            return self.none()
        return self if hasattr(user, "staff_role") else self.filter(lead=user)


class Pool(models.Model):
    """The frame of one pooled order: dates, legal model and the policies everybody knows beforehand."""

    class LegalModel(models.TextChoices):
        RESALE = "resale", _("Resale")
        AGENT = "agent", _("Agent")
        LISTING = "listing", _("Listing")
        MANDATE = "mandate", _("Listing, invoices in the supplier's name")

    class MinimumMissed(models.TextChoices):
        ROUND_DOWN = "round_down", _("Order less")
        EXTEND = "extend", _("Extend once")
        FAIL = "fail", pgettext_lazy("minimum missed", "Give up")

    class Shortage(models.TextChoices):
        PROPORTIONAL = "proportional", _("In proportion")
        FIRST_COME = "first_come", _("First come, first served")

    class Freight(models.TextChoices):
        VALUE = "value", _("By value")
        QUANTITY = "quantity", _("By quantity")
        WEIGHT = "weight", _("By weight")
        EQUAL = "equal", _("Equally")
        DROP_POINT = "drop_point", _("By delivery place")

    class Fairness(models.TextChoices):
        NONE = "none", _("Same price, nothing more")
        STAND_ALONE_CAP = "stand_alone_cap", _("Nobody pays more than alone")

    class Dearer(models.TextChoices):
        ORDER = "order", _("Order all the same, at one price for all")
        RELEASE = "release", _("Release the companies that better order alone")

    title = models.CharField(_("title"), max_length=120)
    description = models.TextField(_("description"), blank=True)
    category = models.CharField(_("category"), max_length=20, choices=Category, blank=True)
    lead = models.ForeignKey(User, models.PROTECT, related_name="led_pools", verbose_name=_("lead buyer"))
    state = models.CharField(max_length=12, choices=PoolState, default=PoolState.DRAFT)
    legal_model = models.CharField(_("legal model"), max_length=8, choices=LegalModel, default=LegalModel.RESALE)
    minimum_missed = models.CharField(
        _("if a minimum is missed"), max_length=10, choices=MinimumMissed, default=MinimumMissed.ROUND_DOWN
    )
    shortage = models.CharField(
        _("if goods are missing"), max_length=12, choices=Shortage, default=Shortage.PROPORTIONAL
    )
    freight = models.CharField(_("freight is shared"), max_length=10, choices=Freight, default=Freight.VALUE)
    fairness = models.CharField(_("fairness"), max_length=16, choices=Fairness, default=Fairness.STAND_ALONE_CAP)
    # How much of what the pool saves is shared in proportion to the price alone, in percent; 0: one price for all.
    fairness_mix = models.PositiveSmallIntegerField(_("saving shared with everybody"), default=0)
    # No way to share exists in which nobody pays more than alone (C > Σ s): what the lock does then.
    dearer = models.CharField(_("if together is dearer than alone"), max_length=8, choices=Dearer, default=Dearer.ORDER)
    fee_bp = models.PositiveIntegerField(_("management fee"), default=0)
    # What the supplier pays the association on the net of its goods: only where it invoices the companies itself.
    supplier_fee_bp = models.PositiveIntegerField(_("supplier's commission"), default=0, db_default=0)
    # Above this net value whoever opened the quotes cannot award alone.
    second_person_above_cents = models.PositiveBigIntegerField(_("second person above"), default=500_000)
    opens_at = models.DateTimeField(_("commitments from"), null=True, blank=True)
    closes_at = models.DateTimeField(_("commitments until"), null=True, blank=True)
    completes_at = models.DateTimeField(_("packs completed until"), null=True, blank=True)
    order_on = models.DateField(_("order on"), null=True, blank=True)
    extended_at = models.DateTimeField(null=True, blank=True)
    # The deadline companies were reminded of; another one after an extension is reminded of again.
    warned_for = models.DateTimeField(null=True, blank=True)
    # A supplier's rise above this needs every company's consent again; below it they are told.
    consent_limit_bp = models.PositiveIntegerField(_("price rise accepted without asking"), default=200)
    locked_at = models.DateTimeField(null=True, blank=True)
    # Set on the frame of a call-off: nobody else sees or joins it.
    only_company = models.ForeignKey(Company, models.PROTECT, null=True, blank=True, related_name="+")
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    objects = PoolQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["state", "closes_at"], name="pool_by_deadline")]
        constraints = [
            models.CheckConstraint(condition=Q(fee_bp__lte=3_000), name="pool_fee_within_bounds"),
            models.CheckConstraint(
                condition=Q(supplier_fee_bp=0) | Q(supplier_fee_bp__lte=3_000, legal_model="listing"),
                name="pool_supplier_fee_in_listing",
            ),
            models.CheckConstraint(condition=Q(fairness_mix__lte=100), name="pool_fairness_mix_is_a_percentage"),
            models.CheckConstraint(
                condition=Q(opens_at__isnull=True) | Q(closes_at__isnull=True) | Q(closes_at__gt=F("opens_at")),
                name="pool_closes_after_it_opens",
            ),
            models.CheckConstraint(
                condition=Q(completes_at__isnull=True)
                | Q(closes_at__isnull=True)
                | Q(completes_at__gte=F("closes_at")),
                name="pool_completes_after_it_closes",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["committing", "completing", "extended"]) | Q(closes_at__isnull=False),
                name="pool_committing_has_deadline",
            ),
        ]
        triggers = [machine("pool_states", POOL)]

    def __str__(self) -> str:
        return self.title


class PoolLine(models.Model):
    """One thing bought by the pool. `order_quantity`, `tier_from` and `unit_price_e4` are set when the pool locks."""

    pool = models.ForeignKey(Pool, models.PROTECT, related_name="lines")
    position = models.PositiveSmallIntegerField()
    article = models.ForeignKey(Article, models.PROTECT, null=True, blank=True, related_name="+")
    text = models.CharField(_("article"), max_length=200)
    details = models.TextField(_("details for the supplier"), blank=True)
    unit = models.CharField(_("unit"), max_length=12, choices=Unit, default=Unit.PIECE)
    pack = models.PositiveIntegerField(_("pack size"), default=1)
    moq = models.PositiveIntegerField(_("minimum quantity"), default=0)
    vat_bp = models.PositiveIntegerField(_("VAT rate"), choices=VatRate, default=VatRate.STANDARD)
    unit_weight_grams = models.PositiveIntegerField(_("weight of one unit in grams"), null=True, blank=True)
    state = models.CharField(max_length=10, choices=PoolLineState, default=PoolLineState.OPEN)
    # Non-binding volume asked from the suppliers; the commitments decide.
    asked_quantity = models.PositiveIntegerField(default=0)
    order_quantity = models.PositiveIntegerField(null=True, blank=True)
    tier_from = models.PositiveIntegerField(null=True, blank=True)
    unit_price_e4 = models.PositiveBigIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["pool", "position"]
        constraints = [
            models.UniqueConstraint(fields=["pool", "position"], name="pool_line_position_once"),
            models.CheckConstraint(condition=Q(pack__gte=1), name="pool_line_pack_at_least_one"),
            models.CheckConstraint(condition=~Q(text=""), name="pool_line_says_what"),
            models.CheckConstraint(
                condition=~Q(state="locked") | Q(order_quantity__isnull=False, unit_price_e4__isnull=False),
                name="pool_line_locked_has_quantity_and_price",
            ),
            # I6: a multiple of the pack, at least the minimum, or nothing.
            models.CheckConstraint(
                condition=Q(order_quantity__isnull=True)
                | Q(order_quantity=0)
                | (Q(order_quantity__gte=F("moq")) & Q(order_quantity=F("order_quantity") / F("pack") * F("pack"))),
                name="pool_line_orders_whole_packs",
            ),
        ]
        triggers = [machine("pool_line_states", POOL_LINE)]

    def __str__(self) -> str:
        return self.text


class PooledNeed(models.Model):
    """The trace between a company's request line and the pool line that carries it, kept even after a release."""

    pool_line = models.ForeignKey(PoolLine, models.PROTECT, related_name="needs")
    request_line = models.ForeignKey(RequestLine, models.PROTECT, related_name="pooled")
    company = models.ForeignKey(Company, models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField()
    added_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    added_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True, blank=True)
    release_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["pool_line", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["request_line"], condition=Q(released_at__isnull=True), name="request_line_in_one_pool"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.pool_line_id}"
