"""Invitations by e-mail: sent, sent again, withdrawn, accepted once."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.core import signing
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from companies import audit, mail
from companies.access import can_administer, require
from companies.errors import DomainError
from companies.models import Company, Membership, User
from companies.models.invitation import SALT, Invitation
from companies.services.roles import change, confirm_address, known

VALID_FOR = timedelta(days=14)


class AlreadyInvited(DomainError):
    code = "already_invited"
    message = _("%(email)s already has an invitation that waits. Send it again from the list below.")


class AlreadyMember(DomainError):
    code = "already_member"
    message = _("%(email)s already has a role here. Change it in the list of people.")


class LinkUseless(DomainError):
    """The link cannot be used; `message` says why and what to do."""

    code, status = "link_useless", 410
    message = _("This link is not complete. Copy it whole from the mail, or ask for a new invitation.")


class InvitationOver(DomainError):
    code = "invitation_over"
    message = _("This invitation was already accepted or withdrawn. Reload the page to see where it stands.")


@transaction.atomic(durable=True)
def invite(
    *, company: Company, email: str, roles: Iterable[str], actor: User, at: datetime, language: str = "fr"
) -> Invitation:
    """Offer roles in a company to an address."""
    require(can_administer(actor, company))
    return send(company=company, email=email, roles=roles, actor=actor, at=at, language=language)


def send(*, company: Company, email: str, roles: Iterable[str], actor: User, at: datetime, language: str) -> Invitation:
    """Create and mail an invitation inside the caller's transaction; the caller checked the right to do so."""
    company = Company.objects.select_for_update(of=("self",), no_key=True).get(pk=company.pk)
    email, wanted = email.strip().lower(), known(roles)
    if Membership.objects.filter(company=company, user__email=email).exists():
        raise AlreadyMember(email=email, field="email")
    if Invitation.objects.pending().filter(company=company, email=email).exists():
        raise AlreadyInvited(email=email, field="email")
    row = Invitation.objects.create(
        company=company,
        email=email,
        roles=wanted,
        language=language,
        created_by=actor,
        created_at=at,
        expires_at=at + VALID_FOR,
    )
    audit.record("invitation.sent", target=row, at=at, actor=actor, company=company, data={"roles": wanted})
    _mail(row, actor, at)
    return row


@transaction.atomic(durable=True)
def resend(*, invitation: Invitation, actor: User, at: datetime) -> Invitation:
    """Mail a new link; links sent earlier stop working."""
    require(can_administer(actor, invitation.company))
    row = _pending(invitation)
    row.serial, row.expires_at = row.serial + 1, at + VALID_FOR
    row.save(update_fields=["serial", "expires_at"])
    audit.record("invitation.sent_again", target=row, at=at, actor=actor, company=row.company)
    _mail(row, actor, at)
    return row


@transaction.atomic(durable=True)
def withdraw(*, invitation: Invitation, actor: User, at: datetime) -> None:
    """Take an invitation back before it is accepted."""
    require(can_administer(actor, invitation.company))
    row = _pending(invitation)
    row.revoked_at = at
    row.save(update_fields=["revoked_at"])
    audit.record("invitation.withdrawn", target=row, at=at, actor=actor, company=row.company)


def by_token(token: str, *, at: datetime) -> Invitation:
    """The open invitation of a link; otherwise `LinkUseless` with the reason in words."""
    try:
        pk, serial = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        raise LinkUseless from None
    row = Invitation.objects.select_related("company", "created_by").filter(pk=pk).first()
    if row is None or row.revoked_at:
        raise LinkUseless(_("This invitation was withdrawn. Ask the company that invited you."))
    if row.accepted_at:
        raise LinkUseless(_("This invitation was already accepted. Sign in to go on."))
    if row.serial != serial:
        raise LinkUseless(_("A newer invitation was sent to you. Use the link of the last mail."))
    if row.expires_at <= at:
        raise LinkUseless(_("This invitation has expired. Ask %(company)s for a new one."), company=row.company.name)
    return row


@transaction.atomic(durable=True)
def accept(*, token: str, at: datetime, user: User | None = None, full_name: str = "", language: str = "fr") -> User:
    """Take the offered roles with an account, or with a new account of the invited address. Works once.

    Without `user`, an account that already has the address is never taken over: its owner signs in first.
    """
    found = by_token(token, at=at)
    company = Company.objects.select_for_update(of=("self",), no_key=True).get(pk=found.company_id)
    row = Invitation.objects.select_for_update(of=("self",)).get(pk=found.pk)
    if not row.is_open(at):
        raise InvitationOver
    if user is None:
        if User.objects.filter(email=row.email).exists():
            raise LinkUseless(_("This address already has an account. Sign in, then open the link again."))
        user = User.objects.create_user(row.email, full_name, language=language)
        confirm_address(user)
    held = set(Membership.objects.filter(company=company, user=user).values_list("role", flat=True))
    change(company=company, user=user, granted=set(row.roles) - held, revoked=set(), actor=user, at=at)
    row.accepted_at, row.accepted_by = at, user
    row.save(update_fields=["accepted_at", "accepted_by"])
    audit.record("invitation.accepted", target=row, at=at, actor=user, company=company, data={"roles": row.roles})
    return user


def _pending(invitation: Invitation) -> Invitation:
    row = Invitation.objects.select_for_update(of=("self",)).select_related("company").get(pk=invitation.pk)
    if row.accepted_at or row.revoked_at:
        raise InvitationOver
    return row


def _mail(row: Invitation, actor: User, at: datetime) -> None:
    mail.queue(
        to=row.email,
        template="companies/mail/invitation",
        context={
            "invitation": row,
            "actor": actor,
            "url": mail.absolute(reverse("companies:invitation", args=[row.token])),
        },
        key=f"invitation:{row.pk}:{row.serial}",
        language=row.language,
        at=at,
    )
