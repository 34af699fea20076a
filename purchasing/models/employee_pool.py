"""Employee pools (P17): what is offered to employees, who may join, and what each company adds."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies.billing.models import Invoice
from companies.models import Company, Document, Person, Role, User
from purchasing.models.article import VatRate
from purchasing.models.supplier import Supplier
from purchasing.rules.subsidy import Promise
from purchasing.states import machine
from purchasing.states_employees import EMPLOYEE_POOL, EmployeePoolState

# Stripe ends a card's reservation after about seven days (decision 0026): cards are asked in the last six (0030).
RESERVED_FOR = timedelta(days=6)


class EmployeePoolQuerySet(models.QuerySet["EmployeePool"]):
    def visible_to(self, user: User) -> EmployeePoolQuerySet:
        """For who runs or subsidises: all for staff; own pools and those that invite the company for its HR and admins."""
        if not user.is_authenticated:
            return self.none()
        if hasattr(user, "staff_role"):
            return self
        mine = Company.objects.filter(
            pk__in=user.memberships.filter(role__in=[Role.HR, Role.ADMIN]).values("company")
        ).values("pk")
        invited = Q(audience="all") | Q(places__company__in=mine)
        public = Q(company__isnull=True) & ~Q(state=EmployeePoolState.DRAFT) & invited
        return self.filter(Q(company__in=mine) | public).distinct() if mine.exists() else self.none()

    def visible_in(self, company: Company, user: User) -> EmployeePoolQuerySet:
        """Pools of or for this very company, of those the user sees."""
        chosen = EmployeePoolPlace.objects.filter(company=company).values("pool")
        return self.filter(pk__in=EmployeePool.objects.visible_to(user).values("pk")).filter(
            Q(audience="all") | Q(pk__in=chosen)
        )

    def open_to(self, person: Person, at: datetime) -> EmployeePoolQuerySet:
        """What an employee sees: pools for a member company that employs them today, and those they have joined."""
        today = person.employments.filter(company__in=Company.objects.members()).current(on=timezone.localdate(at))
        employers = list(today.values_list("company", flat=True))
        invited = Q(places__company__in=employers)
        if employers:
            invited |= Q(audience=EmployeePool.Audience.ALL)
        shown = ~Q(state__in=[EmployeePoolState.DRAFT, EmployeePoolState.CANCELLED]) & invited
        return self.filter(shown | Q(purchases__person=person)).distinct()


class EmployeePool(models.Model):
    """A pooled order paid by employees themselves, opened by the association or by one company for its own people."""

    class Audience(models.TextChoices):
        ALL = "all", _("Employees of all companies")
        CHOSEN = "chosen", _("Employees of chosen companies")

    class Rest(models.TextChoices):
        """What happens when the words given do not fill the last pack (decision 0038)."""

        OPENER = "opener", _("Who opened the pool takes and pays what is left of the last pack")
        FEWER = "fewer", _("Only full packs are ordered; the last units are shared out fairly")

    class Freight(models.TextChoices):
        VALUE = "value", _("By the value of what each one takes")
        QUANTITY = "quantity", _("By the number of units")
        EQUAL = "equal", _("The same for everybody")

    title = models.CharField(_("title"), max_length=90)
    description = models.TextField(_("description"), blank=True)
    state = models.CharField(max_length=10, choices=EmployeePoolState, default=EmployeePoolState.DRAFT)
    company = models.ForeignKey(Company, models.PROTECT, null=True, blank=True, related_name="opened_pools")
    audience = models.CharField(_("open to"), max_length=8, choices=Audience, default=Audience.ALL)
    supplier = models.ForeignKey(
        Supplier, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("supplier")
    )
    closes_at = models.DateTimeField(_("open until"))
    expected_on = models.DateField(_("delivery expected on"), null=True, blank=True)
    pack_rest = models.CharField(_("when the last pack is not full"), max_length=6, choices=Rest, default=Rest.OPENER)
    # VAT included, as everything employees read. From the franco on freight is free; null: never.
    freight_cents = models.PositiveBigIntegerField(_("supplier's freight"), default=0)
    franco_cents = models.PositiveBigIntegerField(_("free freight from"), null=True, blank=True)
    freight_split = models.CharField(_("freight is shared"), max_length=8, choices=Freight, default=Freight.VALUE)
    freight_due_cents = models.PositiveBigIntegerField(null=True, blank=True)  # fixed at the lock
    rest_freight_cents = models.PositiveBigIntegerField(default=0)  # of it, for the rest of packs
    rest_invoice = models.OneToOneField(Invoice, models.PROTECT, null=True, blank=True, related_name="+")
    opened_at = models.DateTimeField(null=True, blank=True)
    locked_at = models.DateTimeField(null=True, blank=True)
    ordered_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    order_number = models.CharField(max_length=24, blank=True)
    order_file = models.ForeignKey(Document, models.PROTECT, null=True, blank=True, related_name="+")
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    objects = EmployeePoolQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["state", "closes_at"], name="employee_pool_deadline")]
        constraints = [
            models.CheckConstraint(
                condition=Q(company__isnull=True) | Q(audience="chosen"), name="employee_pool_own_people_only"
            ),
        ]
        triggers = [machine("employee_pool_states", EMPLOYEE_POOL)]

    def __str__(self) -> str:
        return self.title

    @property
    def payable_from(self) -> datetime:
        """From when a card can be reserved so that the reservation still holds at the lock."""
        return self.closes_at - RESERVED_FOR


class EmployeePoolPlace(models.Model):
    """A company in a pool: invited, where its people collect, and what it adds. The budget is kept at commitment."""

    class Kind(models.TextChoices):
        NONE = "none", _("Nothing")
        PERCENT = "percent", _("A part of the price")
        AMOUNT = "amount", _("An amount for each person")

    pool = models.ForeignKey(EmployeePool, models.CASCADE, related_name="places")
    company = models.ForeignKey(Company, models.PROTECT, related_name="employee_pools")
    where = models.CharField(_("where people collect"), max_length=160, blank=True)
    kind = models.CharField(_("the company adds"), max_length=8, choices=Kind, default=Kind.NONE)
    percent_bp = models.PositiveIntegerField(_("part of the price"), default=0)
    amount_cents = models.PositiveBigIntegerField(_("amount for each person"), default=0)
    person_cap_cents = models.PositiveBigIntegerField(_("at most for one person"), null=True, blank=True)
    total_cap_cents = models.PositiveBigIntegerField(_("at most in all"), null=True, blank=True)
    invoice = models.OneToOneField(Invoice, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ["pool", "company"]
        constraints = [
            models.UniqueConstraint(fields=["pool", "company"], name="employee_pool_company_once"),
            models.CheckConstraint(
                name="employee_pool_subsidy_of_its_kind",
                condition=Q(kind="none", percent_bp=0, amount_cents=0)
                | Q(kind="percent", percent_bp__gt=0, percent_bp__lte=10_000, amount_cents=0)
                | Q(kind="amount", percent_bp=0, amount_cents__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pool_id}/{self.company_id}"

    @property
    def promise(self) -> Promise | None:
        """The company's word, for the rules; None when it adds nothing."""
        if self.kind == self.Kind.NONE:
            return None
        return Promise(self.percent_bp, self.amount_cents, self.person_cap_cents)


class EmployeeArticle(models.Model):
    """Something offered. Its first tier is the minimum: below it nothing is ordered and nobody pays. Prices include VAT."""

    pool = models.ForeignKey(EmployeePool, models.CASCADE, related_name="articles")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(_("article"), max_length=120)
    description = models.TextField(_("description"), blank=True)
    photo = models.ForeignKey(Document, models.PROTECT, null=True, blank=True, related_name="+")
    vat_bp = models.PositiveIntegerField(_("VAT rate"), choices=VatRate, default=VatRate.STANDARD)
    most_per_person = models.PositiveIntegerField(_("at most per person"), null=True, blank=True)
    pack = models.PositiveIntegerField(_("sold in packs of"), default=1)
    # Set at the lock: the price of all, null when the minimum was missed.
    unit_price_cents = models.PositiveBigIntegerField(null=True, blank=True)
    # What is left of the last pack for who opened the pool, and how much of it will not come.
    rest = models.PositiveIntegerField(default=0)
    rest_missing = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["pool", "position"]
        constraints = [
            models.UniqueConstraint(fields=["pool", "position"], name="employee_article_position_once"),
            models.CheckConstraint(condition=~Q(name=""), name="employee_article_has_name"),
            models.CheckConstraint(
                condition=Q(pack__gte=1, rest__lt=F("pack"), rest_missing__lte=F("rest")),
                name="employee_article_rest_of_one_pack",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class EmployeeTier(models.Model):
    """From so many units of all employees together, each costs so much, VAT included."""

    article = models.ForeignKey(EmployeeArticle, models.CASCADE, related_name="tiers")
    from_quantity = models.PositiveIntegerField()
    unit_price_cents = models.PositiveBigIntegerField()

    class Meta:
        ordering = ["article", "from_quantity"]
        constraints = [
            models.UniqueConstraint(fields=["article", "from_quantity"], name="employee_tier_once"),
            # A card takes no less than 0.50 €, so neither does a unit.
            models.CheckConstraint(
                condition=Q(from_quantity__gte=1, unit_price_cents__gte=50), name="employee_tier_in_bounds"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.from_quantity}: {self.unit_price_cents}"


class EmployeeArrival(models.Model):
    """What arrived of an article at one company. Append-only; `number` comes from the form, so a double click is once."""

    article = models.ForeignKey(EmployeeArticle, models.PROTECT, related_name="arrivals")
    company = models.ForeignKey(Company, models.PROTECT, related_name="+")
    number = models.PositiveSmallIntegerField()
    quantity = models.PositiveIntegerField()
    counted_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["article", "company", "number"], name="employee_arrival_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="employee_arrival_is_something"),
        ]

    def __str__(self) -> str:
        return f"{self.article_id}/{self.company_id}: {self.quantity}"
