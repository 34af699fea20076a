"""The audit log of a row in words, for the timeline of its page."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from companies import audit

WORDS: dict[str, Any] = {
    "purchaserequest.created": _("Written down"),
    "purchaserequest.changed": _("Changed"),
    "purchaserequest.draft": _("Taken up again"),
    "purchaserequest.submitted": _("Submitted"),
    "purchaserequest.approved": _("Approved"),
    "purchaserequest.rejected": _("Rejected"),
    "purchaserequest.returned": _("Returned for correction"),
    "purchaserequest.cancelled": _("Cancelled"),
    "purchaserequest.expired": _("Expired: not pooled in time"),
    "purchaserequest.closed": _("Closed"),
    "pool.created": _("Opened from approved needs"),
    "pool.changed": _("Changed"),
    "pool.needs_added": _("Needs added"),
    "pool.need_removed": _("A need removed"),
    "pool.regrouped": _("Lines regrouped"),
    "pool.joined": _("A company joined"),
    "pool.gathering": _("Shown to the companies"),
    "pool.tendering": _("Suppliers asked"),
    "pool.offer_ready": _("Awarded"),
    "pool.committing": _("Open for commitments"),
    "pool.completing": _("Packs being completed"),
    "pool.extended": _("Extended once"),
    "pool.locked": _("Locked"),
    "pool.failed": _("Failed"),
    "pool.ordered": _("Ordered"),
    "pool.receiving": _("First delivery"),
    "pool.settling": _("Being settled"),
    "pool.closed": _("Closed"),
    "pool.cancelled": _("Cancelled"),
    "tender.prepared": _("Tender prepared"),
    "tender.supplier_invited": _("A supplier invited"),
    "tender.supplier_removed": _("A supplier removed"),
    "tender.open": _("Sent to the suppliers"),
    "tender.postponed": _("Deadline moved"),
    "tender.opened": _("Quotes opened"),
    "tender.awarded": _("Awarded"),
    "tender.cancelled": _("Cancelled"),
    "award.proposed": _("Award decided"),
    "award.confirmed": _("Award confirmed"),
    "award.refused": _("Award refused"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    at: datetime
    words: Any
    actor_name: str
    reason: str


def of(*targets: Model | None, names: bool = True) -> list[Entry]:
    """What happened to rows that belong together, oldest first; `names=False` leaves people out."""
    found = [
        Entry(
            row.at,
            WORDS.get(row.action, row.action),
            (row.actor_label or (str(row.actor) if row.actor else "")) if names else "",
            row.reason if names else "",
        )
        for target in targets
        if target is not None
        for row in audit.history(target)
    ]
    return sorted(found, key=lambda entry: entry.at)
