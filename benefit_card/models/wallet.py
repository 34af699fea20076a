"""Phones whose wallet holds a card, as the wallet told us."""

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
