"""The letters of reviews: to the supplier with its link, to the company. Once per key, in the caller's transaction."""

from datetime import datetime

from django.urls import reverse

from companies import mail
from purchasing.mails_back import is_silent, tell
from purchasing.models import SupplierReview


def published(row: SupplierReview, token: str, *, at: datetime) -> None:
    """Tell the supplier and ask for a reply; the only place the link is written in clear."""
    if is_silent():
        return
    contact = row.supplier.contacts.order_by("-receives_tenders", "pk").first()
    address = row.order.email or (contact.email if contact else "")
    if address:
        mail.queue(
            to=address,
            template="purchasing/mail/review_published",
            context={"review": row, "link": mail.absolute(reverse("purchasing:supplier_review", args=[token]))},
            key=f"review:{row.pk}",
            language="fr",
            at=at,
        )


def _link(row: SupplierReview) -> str:
    return mail.absolute(reverse("purchasing:rated_supplier", args=[row.company_id, row.supplier_id]))


def replied(row: SupplierReview, *, at: datetime) -> None:
    """Tell the company that the supplier replied."""
    tell(row.company, "review_replied", f"review-reply:{row.pk}", at, review=row, link=_link(row))


def moderated(row: SupplierReview, *, at: datetime) -> None:
    """Tell the company that its review is hidden or shown again, and why."""
    tell(
        row.company, "review_moderated", f"review-moderated:{row.pk}:{at.isoformat()}", at, review=row, link=_link(row)
    )
