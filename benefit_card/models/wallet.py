"""Phones whose wallet holds a card, as the wallet told us, and passes that we tell Google about."""

from django.db import models

from benefit_card.models.card import Card


class WalletRegistration(models.Model):
    """One device that wants to hear of changes of one card. The device's id is the wallet's, unknown elsewhere."""

    card = models.ForeignKey(Card, models.CASCADE, related_name="wallets")
    device = models.CharField(max_length=100)
    push_token = models.CharField(max_length=200)
    registered_at = models.DateTimeField()
    changed_at = models.DateTimeField(help_text="When the pass last changed, as this wallet is to be told.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["device", "card"], name="wallet_registration_once")]

    def __str__(self) -> str:
        return f"{self.card_id} {self.device[:8]}"


class GooglePass(models.Model):
    """A card that was offered to Google Wallet, and what Google was last told of it.

    Google keeps the pass itself, so that we must write to it when the card stops; Apple's wallet asks instead.
    """

    card = models.OneToOneField(Card, models.CASCADE, related_name="google_pass")
    offered_at = models.DateTimeField(help_text="When its holder last asked for the link.")
    told = models.CharField(
        max_length=8, default="", blank=True, help_text="The state Google was told last; absent: it had no such pass."
    )
    told_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "google passes"

    def __str__(self) -> str:
        return f"{self.card_id} {self.told}"
