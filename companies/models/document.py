"""Finished files, kept with the data they belong to."""

import uuid

import pgtrigger
from django.db import models

from companies.models.company import Company


class Document(models.Model):
    """An immutable file: an invoice, an order, a sheet of cards. In PostgreSQL, so that one backup holds all."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=40)
    name = models.CharField(max_length=160)
    media_type = models.CharField(max_length=80)
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()
    company = models.ForeignKey(Company, models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        triggers = [pgtrigger.Protect(name="immutable", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return self.name
