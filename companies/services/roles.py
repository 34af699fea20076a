"""Who holds which role in a company: granted and taken back by the company itself."""

from collections.abc import Iterable
from datetime import datetime

from allauth.account.models import EmailAddress
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import can_administer, require
from companies.errors import DomainError
from companies.models import Company, Membership, Role, User


class LastAdministrator(DomainError):
    code = "last_administrator"
    message = _("%(name)s is the last administrator of %(company)s. Name another administrator first.")


class UnknownRole(DomainError):
    code = "unknown_role"
    message = _("Choose at least one role from the list.")


def known(roles: Iterable[str]) -> list[str]:
    """The given roles in their usual order; refuses what is no role."""
    wanted = set(roles)
    if not wanted or not wanted <= set(Role.values):
        raise UnknownRole(field="roles")
    return [role for role in Role.values if role in wanted]


@transaction.atomic(durable=True)
def set_roles(
    *, company: Company, user: User, roles: Iterable[str], actor: User, at: datetime, reason: str = ""
) -> None:
    """Give a person exactly these roles in a company; none means that the person leaves it.

    Allowed to the company's administrators and the association's staff, and to anybody who only gives roles up.
    """
    company = _locked(company)
    wanted = set(roles)
    if wanted and not wanted <= set(Role.values):
        raise UnknownRole(field="roles")
    held = set(Membership.objects.filter(company=company, user=user).values_list("role", flat=True))
    gives_up = user == actor and wanted <= held
    require(can_administer(actor, company) or gives_up)
    change(company=company, user=user, granted=wanted - held, revoked=held - wanted, actor=actor, at=at, reason=reason)


def change(
    *, company: Company, user: User, granted: set[str], revoked: set[str], actor: User, at: datetime, reason: str = ""
) -> None:
    """Grant and revoke inside the caller's transaction, which holds the company's row lock."""
    if Role.ADMIN in revoked:
        others = Membership.objects.filter(company=company, role=Role.ADMIN, user__is_active=True).exclude(user=user)
        if not others.exists():
            raise LastAdministrator(name=str(user), company=company.name)
    for role in sorted(granted):
        row = Membership.objects.create(user=user, company=company, role=role, granted_by=actor)
        audit.record(
            "role.granted",
            target=row,
            at=at,
            actor=actor,
            company=company,
            reason=reason,
            data={"user": user.pk, "role": role},
        )
    for row in Membership.objects.filter(company=company, user=user, role__in=revoked):
        audit.record(
            "role.revoked",
            target=row,
            at=at,
            actor=actor,
            company=company,
            reason=reason,
            data={"user": user.pk, "role": row.role},
        )
        row.delete()


def confirm_address(user: User) -> None:
    """Note that the person reads the mailbox of the account: they came by a link sent there."""
    EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"verified": True, "primary": True})


def _locked(company: Company) -> Company:
    return Company.objects.select_for_update(of=("self",), no_key=True).get(pk=company.pk)
