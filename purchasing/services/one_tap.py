"""Saying yes from the mail: with the link's own person as the actor, once, before it expires."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.errors import DomainError
from purchasing import approval_links
from purchasing.models import ApprovalLink
from purchasing.services import agreement
from purchasing.services import request as requests


class LinkUnknown(DomainError):
    code = "approval_link_unknown"
    message = _("This link is not complete or not ours. Open it from the mail again, or sign in to decide.")
    status = 404


class LinkExpired(DomainError):
    code = "approval_link_expired"
    message = _("This link expired on %(day)s. Sign in to see whether the request still waits for you.")
    status = 410


class LinkUsed(DomainError):
    code = "approval_link_used"
    message = _("This link was used on %(day)s. A link says yes once.")
    status = 410


def find(token: str, *, at: datetime) -> ApprovalLink:
    """The living link of a token. Reading it changes nothing, however often a mail program does."""
    link = approval_links.find(token)
    if link is None or not link.approver.is_active:
        raise LinkUnknown
    if link.used_at is not None:
        raise LinkUsed(day=f"{timezone.localtime(link.used_at):%d/%m/%Y %H:%M}")
    if at >= link.expires_at:
        raise LinkExpired(day=f"{timezone.localtime(link.expires_at):%d/%m/%Y}")
    return link


def approve(*, token: str, at: datetime) -> ApprovalLink:
    """Say yes as the person the link was sent to; every rule of signing in and deciding holds here too.

    A refusal (changed amount, rights withdrawn, decided already) leaves the link unused: it says no more than that.
    """
    link = find(token, at=at)
    if link.request is not None:
        requests.decide(
            actor=link.approver, request=link.request, verdict="approved", at=at, up_to_cents=link.amount_cents
        )
    else:
        assert link.pool is not None
        agreement.approve(
            actor=link.approver, company=link.company, pool=link.pool, at=at, up_to_cents=link.amount_cents
        )
    _mark(link, at=at)
    return link


@transaction.atomic(durable=True)
def _mark(link: ApprovalLink, *, at: datetime) -> None:
    """Spend the link. What it said was said once by the state of the request, whoever came first."""
    if ApprovalLink.objects.filter(pk=link.pk, used_at__isnull=True).update(used_at=at):
        target = link.request or link  # a pool's history is read by others too
        audit.record("approvallink.used", target=target, at=at, actor=link.approver, company=link.company)
