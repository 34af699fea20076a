"""Cards, the batches they are made in, and the codes that open them on a phone."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from companies.access import companies_of, is_staff
from companies.models import Company, Document, Job, Person, Role, User

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class BatchPurpose(models.TextChoices):
    """Why cards were made."""

    ISSUE = "issue", _("New cards")
    REPRINT = "reprint", _("Replacement")
    RENEWAL = "renewal", _("Renewal")


class CardBatchQuerySet(models.QuerySet["CardBatch"]):
    def visible_to(self, user: "User | AnonymousUser") -> "CardBatchQuerySet":
        """Batches of the companies where the user looks after people."""
        if not user.is_authenticated:
            return self.none()
        return self if is_staff(user) else self.filter(company__in=companies_of(user, Role.HR, Role.ADMIN))


class CardBatch(models.Model):
    """Cards that were asked for together. `people` are the persons it is for; the job fills in what is missing."""

    company = models.ForeignKey(Company, models.PROTECT, related_name="card_batches")
    purpose = models.CharField(max_length=8, choices=BatchPurpose, default=BatchPurpose.ISSUE)
    people = ArrayField(models.BigIntegerField())
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True, blank=True)
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    sheet_job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    letters_job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    printer_job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    sheet = models.ForeignKey(Document, models.SET_NULL, null=True, related_name="+")
    letters = models.ForeignKey(Document, models.SET_NULL, null=True, related_name="+")
    printer = models.ForeignKey(Document, models.SET_NULL, null=True, related_name="+", help_text="For a card printer.")

    objects = CardBatchQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.company} {self.created_at:%Y-%m-%d}"


class CardQuerySet(models.QuerySet["Card"]):
    def visible_to(self, user: "User | AnonymousUser") -> "CardQuerySet":
        """Cards of people employed where the user looks after people: who has one, never where it was used."""
        if not user.is_authenticated:
            return self.none()
        if is_staff(user):
            return self
        companies = companies_of(user, Role.HR, Role.ADMIN)
        return self.filter(person__employments__company__in=companies).distinct()

    def current(self) -> "CardQuerySet":
        """The card a person holds now, usable or not."""
        return self.filter(replaced_at__isnull=True)

    def revoked(self, *, at: datetime) -> "CardQuerySet":
        """Cards whose bit is set in the revocation list: blocked, replaced, or of people nobody employs any more."""
        from benefit_card.credential import PARIS

        today = at.astimezone(PARIS).date()
        employed = Q(person__employments__ends_on__isnull=True) | Q(person__employments__ends_on__gte=today)
        usable = (
            Card.objects.filter(
                employed,
                blocked_at__isnull=True,
                replaced_at__isnull=True,
                person__employments__company__status="admitted",
            )
            .order_by()
            .values("pk")
        )
        return self.filter(valid_until__gte=today).exclude(pk__in=usable)


class Card(models.Model):
    """A card of a person, for the wallet and the phone. Replacing it makes a new row with its own status index.

    Nothing of a code is stored: print tokens are signed again from these fields (the same bytes each time) and the typed
    code is derived from the status index under a secret; only its keyed hash stands here, for the look-up.
    """

    person = models.ForeignKey(Person, models.PROTECT, related_name="cards")
    batch = models.ForeignKey(CardBatch, models.SET_NULL, null=True, related_name="cards")
    status_index = models.PositiveBigIntegerField(unique=True, help_text="Random; the place in the revocation list.")
    generation = models.PositiveSmallIntegerField(default=0)
    short_hash = models.CharField(max_length=32, unique=True)
    holder_key = models.CharField(max_length=32, help_text="Keyed hash of the person: what quotas are counted under.")
    print_kid = models.PositiveSmallIntegerField()
    valid_until = models.DateField(_("valid until"))
    created_at = models.DateTimeField()
    printed_at = models.DateTimeField(null=True, blank=True)
    activated_at = models.DateTimeField(null=True, blank=True, help_text="When its holder opened it on a phone.")
    blocked_at = models.DateTimeField(null=True, blank=True)
    block_reason = models.CharField(
        max_length=8, blank=True, choices=[("lost", _("Lost")), ("stolen", _("Stolen")), ("other", _("Other"))]
    )
    blocked_by_holder = models.BooleanField(default=False, db_default=False)
    online_only_at = models.DateTimeField(
        null=True, blank=True, help_text="After two conflicts: tills without network refuse the card from then on."
    )
    replaced_at = models.DateTimeField(null=True, blank=True)

    objects = CardQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person"], condition=Q(replaced_at__isnull=True), name="card_current_once_per_person"
            ),
            models.UniqueConstraint(fields=["person", "generation"], name="card_generation_once_per_person"),
            models.CheckConstraint(
                condition=Q(replaced_at__isnull=True) | Q(replaced_at__gte=F("created_at")), name="card_replaced_later"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"

    @property
    def state(self) -> str:
        """blocked, replaced, active (opened on a phone) or ready (made, not opened): what HR may see."""
        if self.replaced_at:
            return "replaced"
        return "blocked" if self.blocked_at else "active" if self.activated_at else "ready"


class ActivationCode(models.Model):
    """Lets one person open their card on their own phone, once. Only the hash is kept."""

    card = models.ForeignKey(Card, models.CASCADE, related_name="activation_codes")
    code_hash = models.CharField(max_length=32, unique=True)
    channel = models.CharField(max_length=6, choices=[("letter", _("Letter")), ("email", _("E-mail")), ("sms", "SMS")])
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["card"], name="activation_code_card", condition=Q(used_at__isnull=True))]

    def __str__(self) -> str:
        return f"{self.channel} {self.pk}"
