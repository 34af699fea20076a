"""The audit log of a row in words, for the timeline of its page."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from companies import audit, audit_words

WORDS: dict[str, Any] = {
    "purchaserequest.created": _("Written down"),
    "purchaserequest.changed": pgettext_lazy("feminine", "Changed"),
    "purchaserequest.draft": _("Taken up again"),
    "purchaserequest.submitted": pgettext_lazy("feminine", "Submitted"),
    "purchaserequest.approved": pgettext_lazy("feminine", "Approved"),
    "purchaserequest.agreed": _("Agreed to, another approver must too"),
    "approvallink.used": _("Approved from the mail"),
    "purchaserequest.rejected": pgettext_lazy("feminine", "Rejected"),
    "purchaserequest.returned": _("Returned for correction"),
    "purchaserequest.cancelled": pgettext_lazy("feminine", "Cancelled"),
    "purchaserequest.expired": _("Expired: not pooled in time"),
    "purchaserequest.closed": pgettext_lazy("feminine", "Closed"),
    "pool.created": _("Opened from approved needs"),
    "pool.changed": pgettext_lazy("feminine", "Changed"),
    "pool.needs_added": _("Needs added"),
    "pool.need_removed": _("A need removed"),
    "pool.regrouped": _("Lines regrouped"),
    "pool.joined": _("A company joined"),
    "pool.gathering": _("Shown to the companies"),
    "pool.tendering": _("Suppliers asked"),
    "pool.offer_ready": pgettext_lazy("feminine", "Awarded"),
    "pool.committing": pgettext_lazy("feminine", "Open for commitments"),
    "pool.completing": _("Packs being completed"),
    "pool.extended": _("Extended once"),
    "pool.locked": pgettext_lazy("feminine", "Locked"),
    "pool.failed": pgettext_lazy("feminine", "Failed"),
    "pool.ordered": pgettext_lazy("feminine", "Ordered"),
    "pool.receiving": _("First delivery"),
    "pool.settling": _("Being settled"),
    "pool.closed": pgettext_lazy("feminine", "Closed"),
    "pool.cancelled": pgettext_lazy("feminine", "Cancelled"),
    "tender.prepared": _("Tender prepared"),
    "tender.supplier_invited": _("A supplier invited"),
    "tender.supplier_removed": _("A supplier removed"),
    "tender.open": _("Sent to the suppliers"),
    "tender.postponed": _("Deadline moved"),
    "tender.closed": _("Time to answer over"),
    "tender.opened": _("Quotes opened"),
    "tender.awarded": pgettext_lazy("feminine", "Awarded"),
    "tender.cancelled": pgettext_lazy("feminine", "Cancelled"),
    "award.proposed": _("Award decided"),
    "award.confirmed": _("Award confirmed"),
    "award.refused": _("Award refused"),
    "awardstudy.started": _("Cheapest combination computed"),
    "awardstudy.stop_asked": _("Computation stopped"),
    "purchaseorder.to_sign": _("Prepared, to be signed"),
    "purchaseorder.sent": pgettext_lazy("feminine", "Sent"),
    "purchaseorder.acknowledged": _("Acknowledged by the supplier"),
    "purchaseorder.changed": _("Changed by the supplier"),
    "purchaseorder.accepted": _("Change accepted"),
    "purchaseorder.refused": _("Change refused"),
    "purchaseorder.part_received": pgettext_lazy("feminine", "Partly received"),
    "purchaseorder.received": pgettext_lazy("feminine", "Received"),
    "purchaseorder.billed": pgettext_lazy("feminine", "Billed"),
    "purchaseorder.closed": pgettext_lazy("feminine", "Closed"),
    "purchaseorder.closed_short": _("Closed short"),
    "purchaseorder.shipped": _("Sent off by the supplier"),
    "receipt.arrived": _("Arrived at the drop point"),
    "purchaseorder.rest_expected": _("New date for the rest"),
    "order.change_answered": _("A company answered the change"),
    "pool.decided": _("What is ordered was decided"),
    "purchaserequest.file_added": _("A file added"),
    "tender.question_asked": _("A supplier asked a question"),
    "tender.question_answered": _("A question answered for everybody"),
    "requestline.recounted": _("Counted in another unit"),
    "claim.open": pgettext_lazy("feminine", "Opened"),
    "claim.answered": _("Answered by the supplier"),
    "claim.answered_again": _("Answered again by the supplier"),
    "claim.evidence_added": _("Photos added"),
    "claim.reminded": _("Supplier asked again"),
    "claim.resolved": pgettext_lazy("feminine", "Settled"),
    "claim.rejected": pgettext_lazy("feminine", "Rejected"),
    "supplierreview.published": pgettext_lazy("feminine", "Published"),
    "exchangeoffer.open": _("Put on offer"),
    "exchangeoffer.changed": pgettext_lazy("feminine", "Changed"),
    "exchangeoffer.closed": _("Taken off"),
    "exchangeoffer.expired": _("Time over"),
    "exchangeoffer.hidden": _("Hidden by ERB"),
    "frameworkagreement.created": pgettext_lazy("agreement", "Written down"),
    "frameworkagreement.changed": pgettext_lazy("agreement", "Changed"),
    "frameworkagreement.article": _("An article written down"),
    "frameworkagreement.article_removed": _("An article removed"),
    "frameworkagreement.revised": _("New prices recorded"),
    "frameworkagreement.quota": _("A quota set"),
    "frameworkagreement.rebate": _("The rebate set"),
    "frameworkagreement.active": _("Put in force"),
    "frameworkagreement.suspended": pgettext_lazy("masculine", "Suspended"),
    "frameworkagreement.ended": pgettext_lazy("masculine", "Ended"),
    "frameworkagreement.cancelled": pgettext_lazy("agreement", "Dropped"),
    "frameworkrebate.issued": pgettext_lazy("feminine", "Credited to the companies"),
    "frameworkrebate.booked": _("Credit note of the supplier booked"),
    "frameworkrebate.dropped": pgettext_lazy("feminine", "Dropped"),
    "purchaseorder.cancelled": pgettext_lazy("feminine", "Cancelled"),
    "purchaseorder.billing_ended": _("Nothing more to be billed"),
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
            WORDS.get(row.action) or audit_words.words(row.action),
            row.actor_name if names else "",
            row.why if names else "",
        )
        for target in targets
        if target is not None
        for row in audit.history(target)
    ]
    return sorted(found, key=lambda entry: entry.at)
