"""The states of the buying centre and the one table of allowed transitions of each.

A table maps a state to the states that may follow it; whatever is not listed is refused by
`companies.states.move` and, independently, by a trigger of the database (`machine` below).
"""

from collections.abc import Mapping

import pgtrigger
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Table = Mapping[str, frozenset[str]]


def machine(name: str, table: Table, field: str = "state") -> pgtrigger.FSM:
    """Return the trigger that makes PostgreSQL refuse every transition the table does not list."""
    transitions = [(source, target) for source, targets in sorted(table.items()) for target in sorted(targets)]
    return pgtrigger.FSM(name=name, field=field, transitions=transitions)


class RequestState(TextChoices):
    DRAFT = "draft", _("Draft")
    SUBMITTED = "submitted", _("Waiting for approval")
    APPROVED = "approved", pgettext_lazy("feminine", "Approved")
    REJECTED = "rejected", pgettext_lazy("feminine", "Rejected")
    RETURNED = "returned", _("Returned for correction")
    CANCELLED = "cancelled", pgettext_lazy("feminine", "Cancelled")
    EXPIRED = "expired", pgettext_lazy("feminine", "Expired")
    CLOSED = "closed", pgettext_lazy("feminine", "Closed")


REQUEST: Table = {
    "draft": frozenset({"submitted", "cancelled"}),
    "submitted": frozenset({"approved", "rejected", "returned", "cancelled"}),
    "returned": frozenset({"draft", "cancelled"}),
    "approved": frozenset({"cancelled", "expired", "closed"}),
    "rejected": frozenset(),
    "cancelled": frozenset(),
    "expired": frozenset(),
    "closed": frozenset(),
}


class LineState(TextChoices):
    """Where one line of a request stands: lines of one request may go to different pools."""

    WAITING = "waiting", _("Not approved yet")
    APPROVED = "approved", _("Approved, not pooled yet")
    POOLED = "pooled", _("In a pool")
    COMMITTED = "committed", _("Committed")
    ORDERED = "ordered", _("Ordered")
    PART_RECEIVED = "part_received", _("Partly received")
    RECEIVED = "received", _("Received")
    INVOICED = "invoiced", _("Invoiced")
    CLOSED = "closed", _("Closed")
    CANCELLED = "cancelled", _("Cancelled")
    EXPIRED = "expired", pgettext_lazy("need", "Expired")


# pooled → approved, committed → pooled | approved and ordered → approved: a pool that fails, or an
# order cancelled before any receipt, gives its needs back.
REQUEST_LINE: Table = {
    "waiting": frozenset({"approved", "cancelled"}),
    "approved": frozenset({"pooled", "cancelled", "expired"}),
    "pooled": frozenset({"committed", "approved", "cancelled"}),
    "committed": frozenset({"ordered", "pooled", "approved", "cancelled"}),
    "ordered": frozenset({"part_received", "received", "approved"}),
    "part_received": frozenset({"received", "invoiced", "closed"}),
    "received": frozenset({"part_received", "invoiced"}),
    "invoiced": frozenset({"closed"}),
    "closed": frozenset(),
    "cancelled": frozenset(),
    "expired": frozenset(),
}


class PoolState(TextChoices):
    DRAFT = "draft", _("Draft")
    GATHERING = "gathering", _("Gathering needs")
    TENDERING = "tendering", _("Asking suppliers")
    OFFER_READY = "offer_ready", _("Offer ready")
    COMMITTING = "committing", pgettext_lazy("feminine", "Open for commitments")
    COMPLETING = "completing", _("Completing packs")
    EXTENDED = "extended", pgettext_lazy("feminine", "Extended")
    LOCKED = "locked", pgettext_lazy("feminine", "Locked")
    FAILED = "failed", pgettext_lazy("feminine", "Failed")
    ORDERED = "ordered", pgettext_lazy("feminine", "Ordered")
    RECEIVING = "receiving", _("Being received")
    SETTLING = "settling", _("Being settled")
    CLOSED = "closed", pgettext_lazy("feminine", "Closed")
    CANCELLED = "cancelled", pgettext_lazy("feminine", "Cancelled")


POOL: Table = {
    "draft": frozenset({"gathering", "cancelled"}),
    "gathering": frozenset({"tendering", "cancelled"}),
    "tendering": frozenset({"offer_ready", "cancelled"}),
    "offer_ready": frozenset({"committing", "cancelled"}),
    "committing": frozenset({"completing", "extended", "locked", "cancelled"}),
    "completing": frozenset({"extended", "locked", "cancelled"}),
    "extended": frozenset({"committing", "cancelled"}),
    "locked": frozenset({"ordered", "failed", "cancelled"}),
    # cancelled: every order was, before anything came (deploy/decisions/0039-orders-that-end.md).
    "ordered": frozenset({"receiving", "cancelled"}),
    "receiving": frozenset({"settling"}),
    "settling": frozenset({"closed"}),
    "failed": frozenset(),
    "closed": frozenset(),
    "cancelled": frozenset(),
}


class PoolLineState(TextChoices):
    OPEN = "open", _("Open")
    LOCKED = "locked", pgettext_lazy("feminine", "Locked")
    FAILED = "failed", pgettext_lazy("feminine", "Failed")
    CANCELLED = "cancelled", pgettext_lazy("feminine", "Cancelled")


POOL_LINE: Table = {
    "open": frozenset({"locked", "failed", "cancelled"}),
    "locked": frozenset({"failed", "cancelled"}),
    "failed": frozenset(),
    "cancelled": frozenset(),
}


class TenderState(TextChoices):
    DRAFT = "draft", _("Draft")
    OPEN = "open", _("Waiting for quotes")
    OPENED = "opened", _("Quotes opened")
    AWARDED = "awarded", pgettext_lazy("feminine", "Awarded")
    CANCELLED = "cancelled", pgettext_lazy("feminine", "Cancelled")


TENDER: Table = {
    "draft": frozenset({"open", "cancelled"}),
    "open": frozenset({"opened", "cancelled"}),
    "opened": frozenset({"awarded", "cancelled"}),
    "awarded": frozenset(),
    "cancelled": frozenset(),
}


class QuoteState(TextChoices):
    """The supplier's side of a tender; kept on the invitation, the versions hang below it."""

    INVITED = "invited", _("Invited")
    OPENED = "opened", _("Link opened")
    SUBMITTED = "submitted", _("Quote received")
    NEGOTIATING = "negotiating", _("In negotiation")
    SHORTLISTED = "shortlisted", _("Shortlisted")
    AWARDED = "awarded", _("Awarded")
    PART_AWARDED = "part_awarded", _("Awarded in part")
    LOST = "lost", _("Not chosen")
    LATE = "late", _("Received late")
    DECLINED = "declined", _("Declined")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    EXPIRED = "expired", pgettext_lazy("need", "Expired")


_OUTCOMES = frozenset({"awarded", "part_awarded", "lost"})

QUOTE: Table = {
    "invited": frozenset({"opened", "submitted", "late", "declined", "expired"}),
    "opened": frozenset({"submitted", "late", "declined", "expired"}),
    "submitted": frozenset({"negotiating", "shortlisted", "withdrawn", "expired"}) | _OUTCOMES,
    "negotiating": frozenset({"submitted", "withdrawn", "expired", "lost"}),
    "shortlisted": frozenset({"negotiating", "withdrawn", "expired"}) | _OUTCOMES,
    "late": frozenset({"submitted", "lost", "withdrawn", "expired"}),
    "declined": frozenset({"submitted", "late"}),
    "awarded": frozenset(),
    "part_awarded": frozenset(),
    "lost": frozenset(),
    "withdrawn": frozenset(),
    # What was silent may still come late; what ran out may be renewed, asked for again, or has lost.
    "expired": frozenset({"submitted", "late", "negotiating", "withdrawn", "lost"}),
}


class AwardState(TextChoices):
    PROPOSED = "proposed", _("Waiting for a second person")
    CONFIRMED = "confirmed", pgettext_lazy("feminine", "Confirmed")
    REFUSED = "refused", pgettext_lazy("feminine", "Refused")


AWARD: Table = {
    "proposed": frozenset({"confirmed", "refused"}),
    "confirmed": frozenset(),
    "refused": frozenset(),
}


class StudyState(TextChoices):
    """How far a search for the cheapest award is, and how sure its answer."""

    WAITING = "waiting", _("Waiting to start")
    RUNNING = "running", pgettext_lazy("computation", "Computing")
    PROVEN = "proven", pgettext_lazy("feminine", "Proven cheapest")
    WITHIN = "within", pgettext_lazy("feminine", "Close to the cheapest")
    BEST_FOUND = "best_found", pgettext_lazy("feminine", "Best found")
    IMPOSSIBLE = "impossible", pgettext_lazy("feminine", "Not possible")
    CANCELLED = "cancelled", pgettext_lazy("feminine", "Stopped without an answer")
    FAILED = "failed", pgettext_lazy("masculine", "Failed")


STUDY: Table = {
    "waiting": frozenset({"running", "cancelled", "failed"}),
    "running": frozenset({"proven", "within", "best_found", "impossible", "cancelled", "failed"}),
    "proven": frozenset(),
    "within": frozenset(),
    "best_found": frozenset(),
    "impossible": frozenset(),
    "cancelled": frozenset(),
    "failed": frozenset(),
}


class CommitmentState(TextChoices):
    DRAFT = "draft", _("Draft")
    TO_APPROVE = "to_approve", _("Waiting for approval")
    COMMITTED = "committed", _("Committed")
    LOCKED = "locked", _("Locked")
    DROPPED = "dropped", _("Dropped")
    WITHDRAWN = "withdrawn", _("Withdrawn")


COMMITMENT: Table = {
    "draft": frozenset({"to_approve", "committed", "withdrawn", "dropped"}),
    "to_approve": frozenset({"committed", "draft", "withdrawn", "dropped"}),
    "committed": frozenset({"to_approve", "locked", "dropped", "withdrawn"}),
    "locked": frozenset({"dropped"}),
    "dropped": frozenset({"draft", "to_approve", "committed"}),
    "withdrawn": frozenset({"draft", "to_approve", "committed"}),
}


class OrderState(TextChoices):
    DRAFT = "draft", _("Draft")
    TO_SIGN = "to_sign", _("To be signed")
    SENT = "sent", pgettext_lazy("feminine", "Sent")
    ACKNOWLEDGED = "acknowledged", _("Acknowledged")
    CHANGED = "changed", _("Changed by the supplier")
    ACCEPTED = "accepted", _("Change accepted")
    REFUSED = "refused", _("Change refused")
    PART_RECEIVED = "part_received", pgettext_lazy("feminine", "Partly received")
    RECEIVED = "received", pgettext_lazy("feminine", "Received")
    BILLED = "billed", pgettext_lazy("feminine", "Billed")
    CLOSED = "closed", pgettext_lazy("feminine", "Closed")
    CLOSED_SHORT = "closed_short", _("Closed short")
    CANCELLED = "cancelled", pgettext_lazy("feminine", "Cancelled")


ORDER: Table = {
    "draft": frozenset({"to_sign", "sent", "cancelled"}),
    "to_sign": frozenset({"sent", "cancelled"}),
    "sent": frozenset({"acknowledged", "changed", "part_received", "received", "cancelled"}),
    "changed": frozenset({"accepted", "refused", "cancelled"}),
    "refused": frozenset({"sent", "changed", "cancelled"}),
    "acknowledged": frozenset({"changed", "part_received", "received", "cancelled"}),
    "accepted": frozenset({"part_received", "received", "cancelled"}),
    "part_received": frozenset({"received", "billed", "closed_short"}),
    "received": frozenset({"part_received", "billed"}),
    "billed": frozenset({"closed", "closed_short"}),
    "closed_short": frozenset({"billed"}),
    "closed": frozenset(),
    "cancelled": frozenset(),
}


class ReceiptState(TextChoices):
    ANNOUNCED = "announced", pgettext_lazy("delivery", "Announced")
    ARRIVED = "arrived", pgettext_lazy("feminine", "Arrived")
    COUNTED = "counted", pgettext_lazy("feminine", "Counted")
    ACCEPTED = "accepted", pgettext_lazy("feminine", "Accepted")
    ACCEPTED_WITH_RESERVES = "accepted_with_reserves", _("Accepted with reserves")
    REFUSED = "refused", pgettext_lazy("feminine", "Refused")
    NEVER_CAME = "never_came", pgettext_lazy("delivery", "Never came")
    ALLOCATED = "allocated", pgettext_lazy("feminine", "Shared out")
    HANDED_OVER = "handed_over", pgettext_lazy("feminine", "Handed over")


# arrived → refused: turned away at the door, uncounted. never_came: its order ended while it was on its way.
RECEIPT: Table = {
    "announced": frozenset({"arrived", "never_came"}),
    "arrived": frozenset({"counted", "refused"}),
    "counted": frozenset({"accepted", "accepted_with_reserves", "refused"}),
    "accepted": frozenset({"allocated"}),
    "accepted_with_reserves": frozenset({"allocated"}),
    "allocated": frozenset({"handed_over"}),
    "handed_over": frozenset(),
    "refused": frozenset(),
    "never_came": frozenset(),
}


class HandOverState(TextChoices):
    READY = "ready", _("Ready to collect")
    HANDED_OVER = "handed_over", pgettext_lazy("feminine", "Handed over")
    CONFIRMED = "confirmed", pgettext_lazy("feminine", "Confirmed")
    CONTESTED = "contested", _("Contested")
    RESOLVED = "resolved", _("Resolved")
    TAKEN_BACK = "taken_back", _("Taken back by a correction")


# taken_back: a counter-receipt left nothing of a part that nobody had collected.
HAND_OVER: Table = {
    "ready": frozenset({"handed_over", "taken_back"}),
    "handed_over": frozenset({"confirmed", "contested"}),
    "contested": frozenset({"resolved"}),
    "confirmed": frozenset(),
    "resolved": frozenset(),
    "taken_back": frozenset(),
}


class SupplierInvoiceState(TextChoices):
    RECEIVED = "received", pgettext_lazy("feminine", "Received")
    MATCHED = "matched", _("Matches the order")
    DISPUTED = "disputed", _("Disputed")
    ACCEPTED = "accepted", pgettext_lazy("feminine", "Accepted")
    SHARED = "shared", pgettext_lazy("feminine", "Shared out")
    INVOICED = "invoiced", _("Invoiced to the companies")


SUPPLIER_INVOICE: Table = {
    "received": frozenset({"matched", "disputed"}),
    "matched": frozenset({"accepted", "disputed"}),
    "disputed": frozenset({"accepted", "received"}),
    "accepted": frozenset({"shared", "disputed"}),
    "shared": frozenset({"invoiced"}),
    "invoiced": frozenset(),
}


class ClaimState(TextChoices):
    OPEN = "open", pgettext_lazy("feminine", "Waiting for the supplier")
    ANSWERED = "answered", pgettext_lazy("feminine", "Answered by the supplier")
    RESOLVED = "resolved", pgettext_lazy("feminine", "Settled")
    REJECTED = "rejected", pgettext_lazy("feminine", "Rejected")


# A supplier may answer again while nobody has decided; whoever runs the pool may decide without an answer.
CLAIM: Table = {
    "open": frozenset({"answered", "resolved", "rejected"}),
    "answered": frozenset({"open", "resolved", "rejected"}),
    "resolved": frozenset(),
    "rejected": frozenset(),
}


class FrameworkState(TextChoices):
    DRAFT = "draft", _("Draft")
    ACTIVE = "active", _("In force")
    SUSPENDED = "suspended", pgettext_lazy("masculine", "Suspended")
    ENDED = "ended", pgettext_lazy("masculine", "Ended")
    CANCELLED = "cancelled", _("Cancelled")


# Nothing is drawn on a suspended or ended agreement; what was drawn before goes on.
FRAMEWORK: Table = {
    "draft": frozenset({"active", "cancelled"}),
    "active": frozenset({"suspended", "ended"}),
    "suspended": frozenset({"active", "ended"}),
    "ended": frozenset(),
    "cancelled": frozenset(),
}


class RebateState(TextChoices):
    COMPUTED = "computed", pgettext_lazy("feminine", "Computed")
    ISSUED = "issued", pgettext_lazy("feminine", "Credited to the companies")
    DROPPED = "dropped", pgettext_lazy("feminine", "Dropped")


# What was credited stays: a mistake is put right by another rebate of the same year, over the difference.
REBATE: Table = {
    "computed": frozenset({"issued", "dropped"}),
    "issued": frozenset(),
    "dropped": frozenset(),
}
