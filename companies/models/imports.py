"""Imports of staff lists: what was sent, what it would do, what it did, and what was there before."""

from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from companies.models.company import Company, Membership, Role, StaffRole
from companies.models.job import Job
from companies.models.person import Employment
from companies.models.user import User

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class ImportState(models.TextChoices):
    READING = "reading", _("Being read")
    UNREADABLE = "unreadable", _("Not readable")
    READY = "ready", _("To review")
    APPLYING = "applying", _("Being applied")
    STALE = "stale", _("To check again")
    APPLIED = "applied", _("Carried out")
    UNDOING = "undoing", _("Being undone")
    UNDONE = "undone", _("Undone")
    CANCELLED = "cancelled", pgettext_lazy("job", "Cancelled")


IMPORT_MOVES: dict[str, frozenset[str]] = {
    ImportState.READING: frozenset({ImportState.READY, ImportState.UNREADABLE, ImportState.CANCELLED}),
    ImportState.UNREADABLE: frozenset(),
    ImportState.READY: frozenset({ImportState.APPLYING, ImportState.READING, ImportState.CANCELLED}),
    ImportState.APPLYING: frozenset({ImportState.APPLIED, ImportState.STALE}),
    ImportState.STALE: frozenset({ImportState.READING, ImportState.CANCELLED}),
    ImportState.APPLIED: frozenset({ImportState.UNDOING}),
    ImportState.UNDOING: frozenset({ImportState.UNDONE, ImportState.APPLIED}),
    ImportState.UNDONE: frozenset(),
    ImportState.CANCELLED: frozenset(),
}


class EmployeeImportQuerySet(models.QuerySet["EmployeeImport"]):
    def visible_to(self, user: "User | AnonymousUser") -> "EmployeeImportQuerySet":
        """Imports of the companies whose employees the user keeps; the staff sees them all."""
        if not user.is_authenticated:
            return self.none()
        if StaffRole.objects.filter(user=user).exists():
            return self
        return self.filter(
            company__in=Membership.objects.filter(user=user, role__in=[Role.HR, Role.ADMIN]).values("company")
        )


class EmployeeImport(models.Model):
    """One staff list sent by HR. The file itself is forgotten once the import is applied or given up."""

    company = models.ForeignKey(Company, models.CASCADE, related_name="employee_imports")
    name = models.CharField(_("file"), max_length=160)
    content = models.BinaryField(null=True)
    full = models.BooleanField(_("the file names everybody"), default=False)
    leave_on = models.DateField(_("last day of those who are missing"))
    state = models.CharField(max_length=12, choices=ImportState, default=ImportState.READING)
    trouble = models.JSONField(default=dict, help_text="Why the file cannot be read, or why it was refused.")
    columns = models.JSONField(default=dict)
    ignored = models.JSONField(default=list)
    counts = models.JSONField(default=dict, help_text="Rows of each kind.")
    active = models.PositiveIntegerField(default=0)
    absent = models.PositiveIntegerField(default=0)
    fingerprint = models.CharField(
        max_length=64, blank=True, help_text="Of the employees the dry run was made against."
    )
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    applied_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    applied_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)

    objects = EmployeeImportQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def errors(self) -> int:
        return int(self.counts.get("error", 0))

    @property
    def effects(self) -> int:
        """How many people an application would touch."""
        return sum(int(self.counts.get(kind, 0)) for kind in ("joiner", "change", "leaver"))

    @property
    def needs_confirmation(self) -> bool:
        from companies.employees.plan import Plan

        return Plan([], self.active, self.absent).needs_confirmation


class ImportRow(models.Model):
    """What one line does, or did. `before` is what undo puts back; dates are ISO, sites are keys."""

    employee_import = models.ForeignKey(EmployeeImport, models.CASCADE, related_name="rows")
    position = models.PositiveIntegerField()
    line = models.PositiveIntegerField(null=True, help_text="Empty for somebody the file does not name.")
    kind = models.CharField(max_length=10)
    first_name = models.CharField(max_length=80)
    last_name = models.CharField(max_length=80)
    employment = models.ForeignKey(Employment, models.SET_NULL, null=True, related_name="import_rows")
    values = models.JSONField(default=dict)
    before = models.JSONField(default=dict)
    problems = models.JSONField(default=list)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["employee_import", "position"], name="import_row_once")]
        indexes = [models.Index(fields=["employee_import", "kind", "position"], name="import_row_kind")]

    def __str__(self) -> str:
        return f"{self.last_name} {self.first_name}: {self.kind}"
