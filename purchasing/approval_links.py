"""Links that let one approver say yes from the mail: signed, once, until they expire. Only their hash is stored."""

from datetime import datetime, timedelta

from django.urls import reverse

from companies import mail
from companies.models import Company, User
from purchasing import links
from purchasing.models import ApprovalLink, Pool, PurchaseRequest

SALT = "purchasing.approval"
LIVES = timedelta(days=7)


def create(
    approver: User,
    company: Company,
    amount_cents: int,
    *,
    request: PurchaseRequest | None = None,
    pool: Pool | None = None,
    until: datetime | None = None,
    at: datetime,
) -> str:
    """A new link for one person and one thing, as an address; earlier unused ones for the same thing end."""
    ApprovalLink.objects.filter(approver=approver, request=request, pool=pool, used_at__isnull=True).filter(
        company=company, expires_at__gt=at
    ).update(expires_at=at)
    token = links.new_token(SALT)
    expires = min(at + LIVES, until) if until else at + LIVES
    ApprovalLink.objects.create(
        token_hash=links.digest(token),
        approver=approver,
        company=company,
        request=request,
        pool=pool,
        amount_cents=amount_cents,
        created_at=at,
        expires_at=expires,
    )
    return mail.absolute(reverse("purchasing:approve_by_link", args=[token]))


def find(token: str) -> ApprovalLink | None:
    """The link of a token; None for one we never gave."""
    if not links.is_ours(token, SALT):
        return None
    rows = ApprovalLink.objects.select_related("approver", "company", "request__requester", "pool")
    return rows.filter(token_hash=links.digest(token)).first()
