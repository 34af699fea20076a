"""Text messages and the codes in them. A number stands here only until its text went out; then its keyed hash stays."""

import uuid

from django.db import models
from django.db.models import Q

from benefit_card.models.card import ActivationCode
from companies.models import Person


class TextMessage(models.Model):
    """One text to send. Once it is sent, or too old to be of use, number and words are emptied."""

    key = models.CharField(max_length=80, unique=True)
    to = models.CharField(max_length=16, blank=True)
    body = models.TextField(blank=True)
    queued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [models.Index(fields=["queued_at"], condition=~Q(to=""), name="text_message_waiting")]

    def __str__(self) -> str:
        return f"{self.pk}"


class PhoneCode(models.Model):
    """Six digits sent to a number: they prove the phone, for ten minutes and five attempts."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    activation = models.ForeignKey(ActivationCode, models.CASCADE, null=True, related_name="phone_codes")
    number_hash = models.CharField(max_length=32)
    code_hash = models.CharField(max_length=32)
    created_at = models.DateTimeField(db_index=True)
    expires_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.pk}"


class HolderPhone(models.Model):
    """The phone of somebody without an e-mail address, as a keyed hash: enough to let them in again, not to call them."""

    person = models.OneToOneField(Person, models.CASCADE, related_name="phone")
    number_hash = models.CharField(max_length=32, unique=True)
    since = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.person_id}"
