"""Audit actions in the reader's words. An action without a sentence shows the state it led to, from this table."""

from typing import Any

from django.utils.translation import pgettext_lazy


def words(action: str) -> str:
    """A short phrase for an action such as `purchaserequest.approved`."""
    _kind, _dot, verb = action.rpartition(".")
    return str(_sentences().get(action) or _sentences().get(verb) or verb.replace("_", " ").capitalize())


def actor(label: str) -> str:
    """What stands for a person where a program acted, in the reader's words; a name comes back as it is."""
    return str(_PROGRAMS.get(label, label))


_PROGRAMS = {
    **dict.fromkeys(["clock", "schedule", "system"], pgettext_lazy("history", "by itself")),
    "solver": pgettext_lazy("history", "computed"),
    "platform": pgettext_lazy("history", "the invoicing platform"),
    "limit": pgettext_lazy("history", "within the limit of the company"),
}


def why(reason: str) -> str:
    """A reason in the reader's words; what a person wrote stays as it is."""
    reasons: dict[str, Any] = {
        "minimum_missed": pgettext_lazy("reason", "A minimum was missed"),
        "minimum": pgettext_lazy("reason", "A minimum was missed"),
        "min_useful": pgettext_lazy("reason", "Less than the useful minimum"),
        "price_cap": pgettext_lazy("reason", "The price is above the cap"),
        "approval": pgettext_lazy("reason", "Not approved in time"),
        "budget": pgettext_lazy("reason", "The budget does not cover it"),
        "draft": pgettext_lazy("reason", "Still a draft at the deadline"),
        "suspended": pgettext_lazy("reason", "The company is suspended"),
        "not_ordered": pgettext_lazy("reason", "Not in the order"),
        "consent": pgettext_lazy("reason", "A change of the supplier was not accepted"),
        "no award": pgettext_lazy("reason", "No quote was chosen"),
        "regrouped": pgettext_lazy("reason", "Lines regrouped"),
        "computed again": pgettext_lazy("reason", "Computed again"),
        "prices moved": pgettext_lazy("reason", "Prices moved"),
    }
    return str(reasons.get(reason, reason))


def _sentences() -> dict[str, Any]:
    return {
        "employeepool.written": pgettext_lazy("history", "Written down"),
        "employeepool.open": pgettext_lazy("history", "Opened to employees"),
        "employeepool.subsidised": pgettext_lazy("history", "A company adds to it"),
        "employeepool.arrived": pgettext_lazy("history", "Counted at a company"),
        "employeepool.rest_short": pgettext_lazy("history", "The rest of a pack will not come"),
        "created": pgettext_lazy("history", "Created"),
        "changed": pgettext_lazy("history", "Changed"),
        "draft": pgettext_lazy("history", "Back to draft"),
        "submitted": pgettext_lazy("history", "Submitted"),
        "approved": pgettext_lazy("history", "Approved"),
        "rejected": pgettext_lazy("history", "Rejected"),
        "returned": pgettext_lazy("history", "Sent back"),
        "pooled": pgettext_lazy("history", "Put in a pooled order"),
        "committed": pgettext_lazy("history", "Committed"),
        "withdrawn": pgettext_lazy("history", "Withdrawn"),
        "cancelled": pgettext_lazy("history", "Cancelled"),
        "expired": pgettext_lazy("history", "Expired"),
        "gathering": pgettext_lazy("history", "Opened"),
        "tendering": pgettext_lazy("history", "Suppliers asked"),
        "offer_ready": pgettext_lazy("history", "Quotes opened"),
        "committing": pgettext_lazy("history", "Open for commitments"),
        "completing": pgettext_lazy("history", "Completing"),
        "extended": pgettext_lazy("history", "Extended"),
        "locked": pgettext_lazy("history", "Locked"),
        "failed": pgettext_lazy("history", "Failed"),
        "ordered": pgettext_lazy("history", "Ordered"),
        "receiving": pgettext_lazy("history", "Delivery begun"),
        "settling": pgettext_lazy("history", "Being settled"),
        "closed": pgettext_lazy("history", "Closed"),
        "sent": pgettext_lazy("history", "Sent"),
        "acknowledged": pgettext_lazy("history", "Acknowledged"),
        "opened": pgettext_lazy("history", "Opened"),
        "declined": pgettext_lazy("history", "Declined"),
        "awarded": pgettext_lazy("history", "Awarded"),
        "lost": pgettext_lazy("history", "Not chosen"),
        "invited": pgettext_lazy("history", "Invited"),
        "received": pgettext_lazy("history", "Received"),
        "part_received": pgettext_lazy("history", "Partly received"),
        "counted": pgettext_lazy("history", "Counted"),
        "accepted": pgettext_lazy("history", "Accepted"),
        "refused": pgettext_lazy("history", "Refused"),
        "allocated": pgettext_lazy("history", "Shared out"),
        "handed_over": pgettext_lazy("history", "Handed over"),
        "issued": pgettext_lazy("history", "Issued"),
        "due": pgettext_lazy("history", "Due"),
        "collecting": pgettext_lazy("history", "In collection"),
        "paid": pgettext_lazy("history", "Paid"),
        "part_paid": pgettext_lazy("history", "Partly paid"),
        "credited": pgettext_lazy("history", "Credited"),
        "charged_back": pgettext_lazy("history", "Charged back"),
        "admitted": pgettext_lazy("history", "Admitted"),
        "suspended": pgettext_lazy("history", "Suspended"),
        "published": pgettext_lazy("history", "Published"),
        "paused": pgettext_lazy("history", "Paused"),
        "ended": pgettext_lazy("history", "Ended"),
        "revoked": pgettext_lazy("history", "Revoked"),
        "granted": pgettext_lazy("history", "Granted"),
        "billed": pgettext_lazy("history", "Billed"),
        "invoiced": pgettext_lazy("history", "Invoiced"),
        "active": pgettext_lazy("history", "Active"),
        "company.applied": pgettext_lazy("history", "Application received"),
        "registered": pgettext_lazy("history", "Entered by the association"),
        "left": pgettext_lazy("history", "Left"),
        "leaving": pgettext_lazy("history", "Leaving, access ended"),
    }
