"""What the central directory says of a company, with the moment it said so."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from companies.models import Company


class DirectoryEntry(models.Model):
    """The last answer of the directory about one company. It is only a memory: asked again when it is old."""

    company = models.OneToOneField(Company, models.CASCADE, related_name="directory_entry")
    lines = models.JSONField(default=list)  # [{"address", "siret", "status", "platform"}]
    looked_at = models.DateTimeField(_("looked up at"))

    def __str__(self) -> str:
        return f"{self.company}: {len(self.lines)}"

    @property
    def open_lines(self) -> list[dict[str, str]]:
        """Addresses that take invoices today."""
        return [line for line in self.lines if line["status"] == "Enabled"]

    @property
    def is_found(self) -> bool:
        return bool(self.lines)
