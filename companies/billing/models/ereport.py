"""E-reporting: what the tax office is told of sales outside e-invoicing, and of the money received for them."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from companies.models import Document
from companies.models.guards import never_emptied


class ReportKind(models.TextChoices):
    SALES = "sales", _("Sales to private persons and abroad")
    PAYMENTS = "payments", _("Money received for them")


class ReportState(models.TextChoices):
    WAITING = "waiting", _("Waiting to be sent")
    SENT = "sent", _("Handed to the platform")
    ACCEPTED = "accepted", pgettext_lazy("report", "Accepted")
    REJECTED = "rejected", _("Rejected by the platform")


REPORT_TRANSITIONS: dict[str, frozenset[str]] = {
    "waiting": frozenset({"sent", "rejected"}),
    "sent": frozenset({"accepted", "rejected"}),
    "accepted": frozenset(),
    "rejected": frozenset(),  # a corrected one is another report
}


class EReport(models.Model):
    """One report of one period. A later revision replaces the whole of the one before (RE); sent once each."""

    kind = models.CharField(max_length=8, choices=ReportKind)
    period_start = models.DateField()
    period_end = models.DateField()
    send_by = models.DateField()
    revision = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(_("state"), max_length=8, choices=ReportState, default=ReportState.WAITING)
    content = models.JSONField()  # what it tells, as collected
    digest = models.CharField(max_length=64)
    net_cents = models.BigIntegerField()
    vat_cents = models.BigIntegerField()
    document = models.OneToOneField(Document, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    flow_id = models.CharField(max_length=80, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=240, blank=True)

    class Meta:
        ordering = ["-period_start", "kind", "-revision"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "period_start", "revision"], name="ereport_revision_once"),
            models.UniqueConstraint(fields=["flow_id"], condition=~Q(flow_id=""), name="ereport_flow_once"),
            models.CheckConstraint(name="ereport_period_runs_on", condition=Q(period_end__gte=F("period_start"))),
        ]
        triggers = [
            pgtrigger.ReadOnly(name="ereport_as_told", exclude=["state", "sent_at", "flow_id", "attempts", "error"]),
            pgtrigger.Protect(name="ereport_kept", operation=pgtrigger.Delete),
            never_emptied("report_never_emptied"),
            pgtrigger.FSM(
                name="ereport_states",
                field="state",
                transitions=[(o, n) for o, targets in REPORT_TRANSITIONS.items() for n in sorted(targets)],
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def reference(self) -> str:
        """How the report is known to the platform: the same one however often it is sent."""
        letter = "V" if self.kind == ReportKind.SALES else "E"
        return f"ER{letter}-{self.period_start:%Y%m%d}-{self.revision}"

    @property
    def is_correction(self) -> bool:
        return self.revision > 1
