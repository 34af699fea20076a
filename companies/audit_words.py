"""Audit actions in the reader's words. An action without a sentence shows the state it led to, from this table."""

from django.utils.translation import gettext as _


def words(action: str) -> str:
    """A short phrase for an action such as `purchaserequest.approved`."""
    _kind, _dot, verb = action.rpartition(".")
    return _sentences().get(action) or _sentences().get(verb) or verb.replace("_", " ").capitalize()


def _sentences() -> dict[str, str]:
    return {
        "created": _("Created"),
        "changed": _("Changed"),
        "draft": _("Back to draft"),
        "submitted": _("Submitted"),
        "approved": _("Approved"),
        "rejected": _("Rejected"),
        "returned": _("Sent back"),
        "pooled": _("Put in a pooled order"),
        "committed": _("Committed"),
        "withdrawn": _("Withdrawn"),
        "cancelled": _("Cancelled"),
        "expired": _("Expired"),
        "gathering": _("Opened"),
        "tendering": _("Suppliers asked"),
        "offer_ready": _("Quotes opened"),
        "committing": _("Open for commitments"),
        "completing": _("Completing"),
        "extended": _("Extended"),
        "locked": _("Locked"),
        "failed": _("Failed"),
        "ordered": _("Ordered"),
        "receiving": _("Delivery begun"),
        "settling": _("Being settled"),
        "closed": _("Closed"),
        "sent": _("Sent"),
        "acknowledged": _("Acknowledged"),
        "opened": _("Opened"),
        "declined": _("Declined"),
        "awarded": _("Awarded"),
        "lost": _("Not chosen"),
        "invited": _("Invited"),
        "received": _("Received"),
        "part_received": _("Partly received"),
        "counted": _("Counted"),
        "accepted": _("Accepted"),
        "refused": _("Refused"),
        "allocated": _("Shared out"),
        "handed_over": _("Handed over"),
        "issued": _("Issued"),
        "due": _("Due"),
        "collecting": _("In collection"),
        "paid": _("Paid"),
        "part_paid": _("Partly paid"),
        "credited": _("Credited"),
        "charged_back": _("Charged back"),
        "admitted": _("Admitted"),
        "suspended": _("Suspended"),
        "published": _("Published"),
        "paused": _("Paused"),
        "ended": _("Ended"),
        "revoked": _("Revoked"),
        "granted": _("Granted"),
        "billed": _("Billed"),
        "invoiced": _("Invoiced"),
        "active": _("Active"),
        "company.applied": _("Application received"),
        "registered": _("Entered by the association"),
        "left": _("Left"),
    }
