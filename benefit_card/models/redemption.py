"""What happened at tills. There is no company here: an employer has no path from itself to a redemption."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import connection, models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from benefit_card.models.card import Card
from benefit_card.months import first_number
from companies.models import Person, User
from merchants.access import owns
from merchants.models import Cashier, Merchant, Offer, OfferVersion, Till

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class RedemptionRequest(models.Model):
    """The first answer to a `client_id`: what makes a retry a retry. A refusal keeps its whole answer."""

    client_id = models.UUIDField(primary_key=True)
    till = models.ForeignKey(Till, models.PROTECT, related_name="+")
    body_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    response = models.JSONField()
    created_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return str(self.client_id)


class Quota(models.Model):
    """How often something was used in a period: by a person (`person`, holder key and offer), in all (`stock`, offer), and
    which offers a person used at a merchant on a day (`visit`, holder key and merchant), where some may not be combined.

    Rolling windows keep the days of the uses beside the count. A large stock is split into parts (`ever`, `ever:1`, …), each
    with its own `cap`; together the caps of a `total` give that total.

    A counter, not slots: a limit that is lowered or raised later needs no rewrite. Rows outlive an erased person as keyed
    hashes, so that erasing does not give a single-use gift again.
    """

    pk = models.CompositePrimaryKey("scope", "key", "period")
    scope = models.CharField(max_length=6)
    key = models.CharField(max_length=64)
    period = models.CharField(max_length=10)
    used = models.IntegerField()
    days = ArrayField(models.DateField(), null=True)
    offers = ArrayField(models.BigIntegerField(), null=True)
    cap = models.IntegerField(null=True)
    total = models.IntegerField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(used__gte=0), name="quota_used_not_negative"),
            models.CheckConstraint(condition=Q(scope__in=["person", "stock", "visit"]), name="quota_scope_known"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.key} {self.period}: {self.used}"


class Shown(models.TextChoices):
    """How the card was shown at the till."""

    PRINT = "print", _("Printed card")
    PHONE = "phone", _("Phone")
    TYPED = "typed", _("Typed code")


class Standing(models.TextChoices):
    """Whether a redemption moved its quota. A conflict did not, and the merchant who gave it in good faith is paid."""

    OK = "ok", pgettext_lazy("redemption", "Counted")
    CONFLICT = "conflict", _("Given without network, beyond what was left")


class RedemptionQuerySet(models.QuerySet["Redemption"]):
    def visible_to(self, user: "User | AnonymousUser") -> "RedemptionQuerySet":
        """One's own redemptions; no role in a company or in the association opens anybody else's."""
        return self.filter(person__user=user) if user.is_authenticated else self.none()

    def of_merchant(self, user: "User | AnonymousUser", merchant: Merchant) -> "RedemptionQuerySet":
        """A merchant's own redemptions, for its owners."""
        return self.filter(merchant=merchant) if user.is_authenticated and owns(user, merchant) else self.none()

    def counted(self) -> "RedemptionQuerySet":
        """Redemptions that stand: no voids, and none that was voided."""
        return self.filter(voids__isnull=True, undone__isnull=True)

    def between(self, start: datetime, end: datetime) -> "RedemptionQuerySet":
        return self.filter(at__gte=start, at__lt=end)

    def bulk_create(self, objs: Iterable[Any], *arguments: Any, **more: Any) -> Any:
        rows = list(objs)
        _number([row for row in rows if row.pk is None])
        return super().bulk_create(rows, *arguments, **more)


def _number(rows: "list[Redemption]") -> None:
    """Give rows their numbers: the month of the sale, then what the sequence says."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('benefit_card_redemption_id_seq') FROM generate_series(1, %s)", [len(rows)])
        for row, (number,) in zip(rows, cursor.fetchall(), strict=True):
            row.pk = first_number(row.at) + number


class Redemption(models.Model):
    """One accepted scan, or the undoing of one (`voids`). Never edited: a mistake is put right by a second row.

    The table is split by month (decision 0041): a number begins with the month of the sale, Europe/Paris, and the table of the month
    takes nothing else. A `client_id` is unique because its request is; undoing is unique because of `Undone`.
    """

    id = models.BigIntegerField(primary_key=True, editable=False)
    client_id = models.UUIDField(help_text="Unique by its request, and within a month by an index.")
    card = models.ForeignKey(Card, models.PROTECT, null=True, related_name="redemptions")
    # No index of its own where one below begins with it, or where nobody looks by it: a sale waits for each.
    person = models.ForeignKey(Person, models.SET_NULL, null=True, related_name="redemptions", db_index=False)
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="redemptions", db_index=False)
    till = models.ForeignKey(Till, models.PROTECT, related_name="redemptions", db_index=False)
    offer = models.ForeignKey(Offer, models.PROTECT, related_name="redemptions", db_index=False)
    offer_version = models.ForeignKey(OfferVersion, models.PROTECT, related_name="redemptions", db_index=False)
    shown = models.CharField(max_length=5, choices=Shown)
    slot = models.PositiveBigIntegerField(null=True, help_text="Half minute since 1970 that a phone proved.")
    gross_cents = models.PositiveIntegerField()
    discount_cents = models.PositiveIntegerField()
    period = models.CharField(max_length=10)
    seq = models.IntegerField(null=True, help_text="Which use of the period it was, when uses are limited.")
    stock_seq = models.IntegerField(null=True, help_text="Which use in all it was, when the stock is limited.")
    stock_part = models.SmallIntegerField(null=True, help_text="From which part of a split stock it was taken.")
    voids = models.ForeignKey(  # `Undone` holds the constraint
        "self", models.PROTECT, null=True, related_name="+", db_index=False, db_constraint=False
    )
    at = models.DateTimeField()
    arrived_at = models.DateTimeField(null=True, help_text="When a sale made without network reached us; null online.")
    standing = models.CharField(max_length=8, choices=Standing, default=Standing.OK, db_default=Standing.OK)
    cashier = models.ForeignKey(Cashier, models.PROTECT, null=True, related_name="+", db_index=False)

    objects = RedemptionQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["merchant", "at"], name="redemption_merchant_at"),
            models.Index(fields=["person", "at"], name="redemption_person_at"),
            models.Index(fields=["offer", "card"], name="redemption_offer_card"),
            # Rows come in the order of their time: a month of ten millions is found by an index of a few pages.
            BrinIndex(fields=["at"], name="redemption_at_brin", autosummarize=True, pages_per_range=32),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(discount_cents__lte=F("gross_cents")), name="redemption_discount_within_gross"
            ),
            models.CheckConstraint(condition=Q(shown__in=Shown.values), name="redemption_shown_known"),
            models.CheckConstraint(condition=Q(standing__in=Standing.values), name="redemption_standing_known"),
        ]
        triggers = [
            # Retention may forget who it was (person, card); nothing else ever changes.
            pgtrigger.Protect(
                name="never_edited",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange(exclude=["card", "person"]),
            ),
            # An undoing claims its sale; of two at once, in whatever months they fall, the key lets one through.
            pgtrigger.Trigger(
                name="undone_once",
                operation=pgtrigger.Insert,
                when=pgtrigger.After,
                condition=pgtrigger.Q(new__voids__isnull=False),
                func="INSERT INTO benefit_card_undone (redemption_id, by_id, at) VALUES (NEW.voids_id, NEW.id, NEW.at); "
                "RETURN NULL;",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.offer_id}"

    def save(self, *arguments: Any, **more: Any) -> None:
        if self.pk is None:
            _number([self])
            more["force_insert"] = True
        super().save(*arguments, **more)

    @property
    def to_pay_cents(self) -> int:
        return self.gross_cents - self.discount_cents


class Undone(models.Model):
    """A sale that was undone, and by which row. Written by PostgreSQL with that row, once: its key is the sale."""

    redemption = models.OneToOneField(Redemption, models.PROTECT, primary_key=True, related_name="undone")
    by = models.ForeignKey(Redemption, models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "undone sales"
        triggers = [pgtrigger.Protect(name="kept", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.redemption_id} by {self.by_id}"
