"""API tokens: a company's programs sign in with them."""

import secrets
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import can_administer, has_role, is_staff, require
from companies.errors import DomainError
from companies.models import ApiToken, Company, Role, User

SCOPES: dict[str, str | Promise] = {
    "hr": _("read the employees"),
    "hr:write": _("add, change and end employees"),
    "requests": _("read requests and articles"),
    "requests:write": _("file requests"),
    "pools": _("read pooled orders"),
    "pools:write": _("open and lead pooled orders"),
    "commitments": _("read commitments"),
    "commitments:write": _("commit the company"),
    "orders": _("read orders and deliveries"),
    "orders:write": _("receive deliveries"),
    "exchange": _("read offers, questions and ratings of suppliers between members"),
    "exchange:write": _("offer, reserve, ask and answer between members"),
    "employee-pools": _("read employees' group purchases and what is to be counted"),
    "employee-pools:write": _("open and run employees' group purchases, add to them, count and hand out at work"),
    "meetings": _("read working groups and meetings"),
    "meetings:write": _("join groups, call meetings and answer invitations in your name"),
    "invoices": _("read invoices, credit notes, mandates and dues"),
    "invoices:write": _("open a payment page for an invoice"),
    "deposits": _("read the money kept on account and what was sent back of it"),
    "deposits:write": _("ask for money kept on account to be sent back"),
    "accounts": _("read ERB's bank lines and received invoices"),
    "accounts:write": _("take in statements and suppliers' invoices, match them and decide"),
}
PREFIX = "erb_"  # so that a leaked token is recognised by scanners


class ScopeUnknown(DomainError):
    code = "scope_unknown"
    message = _("Choose what the program may do.")


class RoleLacking(DomainError):
    """A token never allows more than the person who makes it."""

    code = "role_lacking"
    message = _("The token acts in your name, and you do not have the role for: %(scopes)s. Take the role first.")


BUYING = (Role.BUYER, Role.APPROVER)
STAFF = "accounts"  # not a company's: only the association's staff hands it out, and only while they are staff
NEEDS: dict[str, tuple[Role, ...]] = {
    "hr": (Role.HR, Role.ADMIN), "invoices": (Role.ACCOUNTANT, Role.ADMIN), "deposits": (Role.ACCOUNTANT, Role.ADMIN),
    "invoices:write": (Role.ACCOUNTANT,), "deposits:write": (Role.ACCOUNTANT,),
    "requests": BUYING, "pools": BUYING, "commitments": BUYING, "orders": BUYING, "exchange": BUYING,
    "employee-pools": (Role.HR, Role.ADMIN), "meetings": tuple(Role),
}  # fmt: skip


def may_give(user: User, company: Company, scope: str) -> bool:
    """Whether a person may do themselves what a scope allows."""
    kind = scope.partition(":")[0]
    return is_staff(user) if kind == STAFF else has_role(user, company, *NEEDS.get(scope, NEEDS.get(kind, ())))


@transaction.atomic(durable=True)
def create(*, company: Company, name: str, scopes: Iterable[str], actor: User, at: datetime) -> tuple[ApiToken, str]:
    """Make a token and return it with its secret, which is stored nowhere."""
    from companies.api_auth import token_hash

    require(can_administer(actor, company))
    wanted = sorted(set(scopes))
    if not wanted or not set(wanted) <= set(SCOPES):
        raise ScopeUnknown(field="scopes")
    lacking = [scope for scope in wanted if not may_give(actor, company, scope)]
    if lacking:
        raise RoleLacking(field="scopes", scopes=", ".join(str(SCOPES[scope]) for scope in lacking))
    secret = PREFIX + secrets.token_urlsafe(32)
    row = ApiToken.objects.create(
        company=company, user=actor, name=name, scopes=wanted, token_hash=token_hash(secret), created_at=at
    )
    audit.record("api_token.created", target=row, at=at, actor=actor, company=company, data={"scopes": wanted})
    return row, secret


@transaction.atomic(durable=True)
def revoke(*, token: ApiToken, actor: User, at: datetime) -> None:
    """Stop a token; doing it again changes nothing."""
    require(can_administer(actor, token.company))
    if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=at):
        audit.record("api_token.revoked", target=token, at=at, actor=actor, company=token.company)
