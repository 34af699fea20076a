"""Keys that sign cards, and the signed documents that scanners keep."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from benefit_card.credential import Key, Use


class KeyUse(models.TextChoices):
    """What a key signs."""

    PRINT = Use.PRINT.value, _("Printed cards")
    PHONE = Use.PHONE.value, _("Phone passes")
    LIST = Use.LIST.value, _("Revocation lists")


class SigningKey(models.Model):
    """The public half and the times of a key. The private half is a file of CARD_KEY_DIR, never a row."""

    kid = models.PositiveSmallIntegerField(primary_key=True)
    use = models.CharField(max_length=5, choices=KeyUse)
    public = models.BinaryField(max_length=32)
    not_before = models.DateTimeField()
    sign_until = models.DateTimeField(help_text="After this nothing new is signed.")
    accept_until = models.DateTimeField(help_text="After this its signatures no longer count.")
    cards = models.PositiveIntegerField(default=0, help_text="Printed cards signed, so that a leak stays small.")
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["kid"]
        constraints = [
            models.CheckConstraint(condition=Q(kid__gte=1, kid__lte=254), name="signing_key_number_fits_a_byte"),
            models.CheckConstraint(condition=Q(use__in=KeyUse.values), name="signing_key_use_known"),
            models.CheckConstraint(
                condition=Q(sign_until__gt=F("not_before"), accept_until__gte=F("sign_until")),
                name="signing_key_times_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.use} {self.kid}"

    def public_key(self) -> Key:
        """The key as the pure rules read it."""
        return Key(self.kid, Use(self.use), bytes(self.public), self.not_before, self.accept_until)


class PublishedList(models.Model):
    """One issue of a signed document, as it was served: the key set or the list of revoked cards."""

    kind = models.CharField(max_length=12, choices=[("keys", _("Keys")), ("revocations", _("Revoked cards"))])
    number = models.PositiveIntegerField()
    issued_at = models.DateTimeField()
    digest = models.CharField(max_length=64, help_text="SHA-256 of what it says, without number and time.")
    document = models.JSONField()

    class Meta:
        ordering = ["kind", "number"]
        constraints = [models.UniqueConstraint(fields=["kind", "number"], name="published_list_number_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"
