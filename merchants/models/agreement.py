"""Proof that a merchant accepted the agreement: who, when, from where, which text, and the file."""

import pgtrigger
from django.db import models

from companies.models import Document, User
from merchants.models.merchant import Merchant


class AgreementAcceptance(models.Model):
    """One acceptance; never changed."""

    merchant = models.ForeignKey(Merchant, models.CASCADE, related_name="acceptances")
    version = models.CharField(max_length=20)
    sha256 = models.CharField(max_length=64, help_text="Of the text that was accepted.")
    reading = models.CharField(
        max_length=5, blank=True, db_default="", help_text="Language of the copy shown beside it; empty for none."
    )
    reading_sha256 = models.CharField(max_length=64, blank=True, db_default="", help_text="Of that copy.")
    signer = models.CharField(max_length=120)
    email = models.EmailField()
    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    address = models.GenericIPAddressField(null=True)
    at = models.DateTimeField()
    document = models.ForeignKey(Document, models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-at"]
        triggers = [
            pgtrigger.Protect(
                name="immutable", operation=pgtrigger.Update, condition=pgtrigger.AnyChange(exclude=["user"])
            )
        ]

    def __str__(self) -> str:
        return f"{self.merchant} {self.version}"
