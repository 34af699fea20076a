"""The buyer's side of a tender: preparing it, inviting suppliers, opening their quotes, accepting a late one."""

from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import require
from companies.errors import DomainError
from companies.models import User
from companies.states import move
from purchasing import access, links, mails
from purchasing.models import Pool, Supplier, SupplierContact, Tender, TenderInvitation
from purchasing.services import telling
from purchasing.services.pool import locked as locked_pool
from purchasing.states import POOL, QUOTE, TENDER, PoolState, QuoteState, TenderState

# A late answer is stored, so the link outlives the deadline by this much.
GRACE = timedelta(days=14)
AGAIN = timedelta(seconds=30)
ANSWERED = (QuoteState.SUBMITTED, QuoteState.NEGOTIATING, QuoteState.SHORTLISTED)
SILENT = (QuoteState.INVITED, QuoteState.OPENED)


class DeadlinePast(DomainError):
    code = "deadline_past"
    message = _("This deadline is in the past. Choose a later one.")


class TenderNotOpen(DomainError):
    code = "tender_not_open"
    message = _("This tender is no longer open for answers.")


class NoSupplier(DomainError):
    code = "no_supplier"
    message = _("Invite at least one supplier.")


class AlreadyInvited(DomainError):
    code = "already_invited"
    message = _("%(supplier)s is already invited.")


class NoContact(DomainError):
    code = "no_contact"
    message = _("%(supplier)s has no contact with an e-mail address. Add one first.")


class StillSealed(DomainError):
    code = "still_sealed"
    message = _("Quotes stay sealed until the deadline, or until every supplier has answered.")


class NotLate(DomainError):
    code = "not_late"
    message = _("There is no late answer to accept here.")


class ReasonMissing(DomainError):
    code = "reason_missing"
    message = _("Say why in a few words: it is kept with the tender.")


@transaction.atomic(durable=True)
def prepare(
    *,
    actor: User,
    pool: Pool,
    deadline: datetime,
    at: datetime,
    sealed: bool = True,
    message: str = "",
    deliver_to: str = "",
) -> Tender:
    """Write down the tender of a gathering pool; nothing leaves before `send`. A prepared one is changed instead."""
    require(access.can_run_pool(actor, pool))
    pool = locked_pool(pool)
    if deadline <= at:
        raise DeadlinePast(field="deadline")
    if pool.state not in (PoolState.DRAFT, PoolState.GATHERING):
        raise TenderNotOpen
    tender = pool.tenders.filter(state=TenderState.DRAFT).first() or Tender(pool=pool, created_at=at)
    tender.deadline, tender.sealed, tender.message, tender.deliver_to = deadline, sealed, message, deliver_to
    tender.save()
    tender.invitations.update(expires_at=deadline + GRACE)
    audit.record("tender.prepared", target=tender, at=at, actor=actor)
    return tender


@transaction.atomic(durable=True)
def invite(
    *, actor: User, tender: Tender, supplier: Supplier, at: datetime, contact: SupplierContact | None = None
) -> TenderInvitation:
    """Add a supplier. In a running tender the mail leaves at once, else with the others."""
    require(access.can_run_tender(actor, tender))
    tender = _locked(tender)
    if tender.state not in (TenderState.DRAFT, TenderState.OPEN):
        raise TenderNotOpen
    contact = contact or supplier.contacts.filter(receives_tenders=True).first()
    if contact is None:
        raise NoContact(supplier=supplier.name)
    if tender.invitations.filter(supplier=supplier).exists():
        raise AlreadyInvited(supplier=supplier.name)
    invitation = TenderInvitation.objects.create(
        tender=tender,
        supplier=supplier,
        contact=contact,
        email=contact.email,
        token_hash=links.digest(links.new_token()),
        expires_at=tender.deadline + GRACE,
    )
    audit.record("tender.supplier_invited", target=tender, at=at, actor=actor, data={"supplier": supplier.pk})
    if tender.state == TenderState.OPEN:
        _send_link(invitation, at=at)
    return invitation


@transaction.atomic(durable=True)
def uninvite(*, actor: User, invitation: TenderInvitation, at: datetime) -> None:
    """Take a supplier off a tender that was not sent yet."""
    require(access.can_run_tender(actor, invitation.tender))
    tender = _locked(invitation.tender)
    if tender.state != TenderState.DRAFT:
        raise TenderNotOpen
    audit.record(
        "tender.supplier_removed", target=tender, at=at, actor=actor, data={"supplier": invitation.supplier_id}
    )
    tender.invitations.filter(pk=invitation.pk).delete()


@transaction.atomic(durable=True)
def send(*, actor: User, tender: Tender, at: datetime) -> Tender:
    """Mail every invited supplier its link; from here the lines of the pool stay as they are."""
    require(access.can_run_tender(actor, tender))
    pool = locked_pool(tender.pool)
    tender = _locked(tender)
    if tender.deadline <= at:
        raise DeadlinePast(field="deadline")
    invitations = list(tender.invitations.select_related("supplier").order_by("pk"))
    if not invitations:
        raise NoSupplier
    if pool.state == PoolState.DRAFT:
        move(pool, PoolState.GATHERING, table=POOL, at=at, actor=actor)
    move(pool, PoolState.TENDERING, table=POOL, at=at, actor=actor)
    move(tender, TenderState.OPEN, table=TENDER, at=at, actor=actor, sent_at=at)
    tender.pool = pool
    telling.tender_event(tender, "sent", at=at, actor=actor)
    for invitation in invitations:
        invitation.tender = tender
        _send_link(invitation, at=at)
    return tender


@transaction.atomic(durable=True)
def resend(*, actor: User, invitation: TenderInvitation, at: datetime) -> TenderInvitation:
    """Send a fresh link; the earlier one stops working."""
    require(access.can_run_tender(actor, invitation.tender))
    tender = _locked(invitation.tender)
    if tender.state not in (TenderState.OPEN, TenderState.OPENED):
        raise TenderNotOpen
    invitation = _locked_invitation(invitation)
    just = audit.history(invitation).filter(action="invitation.resent", at__gt=at - AGAIN, at__lte=at)
    if invitation.revoked_at is None and just.exists():
        return invitation  # the button pressed twice: the link on its way stays good
    _send_link(invitation, at=at)
    audit.record("invitation.resent", target=invitation, at=at, actor=actor)
    return invitation


@transaction.atomic(durable=True)
def revoke(*, actor: User, invitation: TenderInvitation, reason: str, at: datetime) -> TenderInvitation:
    """Stop a link at once, e.g. when it went to the wrong person. What was answered stays."""
    require(access.can_run_tender(actor, invitation.tender))
    if not reason.strip():
        raise ReasonMissing(field="reason")
    invitation = _locked_invitation(invitation)
    invitation.revoked_at = at
    invitation.save(update_fields=["revoked_at"])
    audit.record("invitation.revoked", target=invitation, at=at, actor=actor, reason=reason)
    return invitation


@transaction.atomic(durable=True)
def postpone(*, actor: User, tender: Tender, deadline: datetime, at: datetime) -> Tender:
    """Give all suppliers more time; never less, because they rely on the date they were told."""
    require(access.can_run_tender(actor, tender))
    tender = _locked(tender)
    if tender.state != TenderState.OPEN:
        raise TenderNotOpen
    if deadline <= max(at, tender.deadline):
        raise DeadlinePast(field="deadline")
    audit.record(
        "tender.postponed",
        target=tender,
        at=at,
        actor=actor,
        data={"from": tender.deadline.isoformat(), "to": deadline.isoformat()},
    )
    tender.deadline = deadline
    tender.save(update_fields=["deadline"])
    tender.invitations.update(expires_at=deadline + GRACE)
    telling.tender_event(tender, "postponed", at=at, actor=actor)
    return tender


@transaction.atomic(durable=True)
def close(*, tender: Tender, at: datetime) -> bool:
    """Note once that the time to answer is over; the quotes stay sealed until somebody opens them."""
    tender = _locked(tender)
    if tender.state != TenderState.OPEN or tender.deadline > at:
        return False
    if audit.history(tender).filter(action="tender.closed", at__gte=tender.deadline).exists():
        return False
    audit.record("tender.closed", target=tender, at=at, actor=None, actor_label="clock")
    telling.tender_event(tender, "closed", at=at, actor=None)
    return True


@transaction.atomic(durable=True)
def open_quotes(*, actor: User, tender: Tender, at: datetime) -> Tender:
    """Unseal the quotes: who did it and when is kept for ever, and counts when the award is decided (I14)."""
    require(access.can_run_tender(actor, tender))
    tender = _locked(tender)
    waiting = tender.invitations.filter(state__in=SILENT, revoked_at__isnull=True).exists()
    if tender.sealed and at < tender.deadline and waiting:
        raise StillSealed
    move(tender, TenderState.OPENED, table=TENDER, at=at, actor=actor, opened_at=at, opened_by=actor)
    telling.tender_event(tender, "opened", at=at, actor=actor)
    return tender


@transaction.atomic(durable=True)
def accept_late(*, actor: User, invitation: TenderInvitation, reason: str, at: datetime) -> TenderInvitation:
    """Let a late answer compete, with the reason kept beside it."""
    require(access.can_run_tender(actor, invitation.tender))
    if not reason.strip():
        raise ReasonMissing(field="reason")
    tender = _locked(invitation.tender)
    invitation = _locked_invitation(invitation)
    if tender.state not in (TenderState.OPEN, TenderState.OPENED) or not has_late_answer(invitation):
        raise NotLate
    fields: dict[str, Any] = {"late_accepted_at": at, "late_accepted_by": actor, "late_reason": reason}
    if invitation.state == QuoteState.LATE:
        move(invitation, QuoteState.SUBMITTED, table=QUOTE, at=at, actor=actor, reason=reason, **fields)
    else:
        TenderInvitation.objects.filter(pk=invitation.pk).update(**fields)
        audit.record("invitation.late_accepted", target=invitation, at=at, actor=actor, reason=reason)
    invitation.refresh_from_db()
    return invitation


def has_late_answer(invitation: TenderInvitation) -> bool:
    """Whether an answer came late that nobody accepted yet."""
    late = invitation.quotes.filter(submitted_at__isnull=False, late=True)
    if invitation.late_accepted_at is not None:
        late = late.filter(submitted_at__gt=invitation.late_accepted_at)
    return late.exists()


@transaction.atomic(durable=True)
def negotiate(*, actor: User, invitation: TenderInvitation, message: str, at: datetime) -> TenderInvitation:
    """Ask one supplier for a better version, after the opening; every version is kept."""
    require(access.can_run_tender(actor, invitation.tender))
    if not message.strip():
        raise ReasonMissing(field="reason")
    tender = _locked(invitation.tender)
    if tender.state != TenderState.OPENED:
        raise TenderNotOpen
    invitation = _locked_invitation(invitation)
    move(invitation, QuoteState.NEGOTIATING, table=QUOTE, at=at, actor=actor, reason=message)
    token = _fresh_token(invitation, at=at)
    TenderInvitation.objects.filter(pk=invitation.pk).update(expires_at=max(invitation.expires_at, at + GRACE))
    mails.negotiation(invitation, token, message, at=at)
    return invitation


@transaction.atomic(durable=True)
def shortlist(*, actor: User, invitation: TenderInvitation, at: datetime) -> TenderInvitation:
    """Keep a quote among those that may still win, after the opening; it may be negotiated or awarded from there."""
    require(access.can_run_tender(actor, invitation.tender))
    tender = _locked(invitation.tender)
    if tender.state != TenderState.OPENED:
        raise TenderNotOpen
    invitation = _locked_invitation(invitation)
    move(invitation, QuoteState.SHORTLISTED, table=QUOTE, at=at, actor=actor)
    return invitation


@transaction.atomic(durable=True)
def expire(*, invitation: TenderInvitation, at: datetime) -> bool:
    """Note that nothing can come of an answer any more: a silent supplier's link ended, or the prices' validity did.

    False where there is nothing to note: a newer version holds longer, or the tender is decided.
    """
    tender = _locked(invitation.tender)
    invitation = _locked_invitation(invitation)
    if tender.state not in (TenderState.OPEN, TenderState.OPENED):
        return False
    if invitation.state in SILENT:
        over = invitation.expires_at <= at
    else:
        last = invitation.quotes.filter(submitted_at__isnull=False).order_by("-version").first()
        over = invitation.state in (*ANSWERED, QuoteState.LATE) and last is not None and last.has_expired(_day(at))
    if over:
        move(invitation, QuoteState.EXPIRED, table=QUOTE, at=at, actor=None, actor_label="clock")
    return over


def _day(at: datetime) -> date:
    return timezone.localdate(at)


@transaction.atomic(durable=True)
def remind(*, invitation: TenderInvitation, at: datetime) -> None:
    """Write once more to a supplier that has not answered; once per invitation."""
    invitation = _locked_invitation(invitation)
    due = invitation.state in SILENT and invitation.revoked_at is None and invitation.tender.state == TenderState.OPEN
    if not due or invitation.reminded_at is not None:
        return
    token = _fresh_token(invitation, at=at)
    TenderInvitation.objects.filter(pk=invitation.pk).update(reminded_at=at)
    mails.tender_reminder(invitation, token, at=at)


def _send_link(invitation: TenderInvitation, *, at: datetime) -> None:
    token = _fresh_token(invitation, at=at)
    mails.invited(invitation, token, at=at)


def _fresh_token(invitation: TenderInvitation, *, at: datetime) -> str:
    token = links.new_token()
    invitation.token_hash, invitation.revoked_at = links.digest(token), None
    invitation.invited_at = invitation.invited_at or at
    invitation.save(update_fields=["token_hash", "revoked_at", "invited_at"])
    return token


def _locked(tender: Tender) -> Tender:
    return Tender.objects.select_for_update(of=("self",)).select_related("pool").get(pk=tender.pk)


def _locked_invitation(invitation: TenderInvitation) -> TenderInvitation:
    return (
        TenderInvitation.objects.select_for_update(of=("self",))
        .select_related("tender__pool", "supplier")
        .get(pk=invitation.pk)
    )
