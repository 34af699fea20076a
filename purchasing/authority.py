"""With whose authority a person may approve: their own, or that of somebody absent for whom they stand in."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from companies.access import roles_in
from companies.models import Company, Membership, Role, User
from purchasing.models import ApprovalLevel, Delegation
from purchasing.rules import approval

DECIDING = frozenset({str(Role.APPROVER), str(Role.ADMIN), str(Role.ACCOUNTANT)})


@dataclass(frozen=True, slots=True)
class Authority:
    """The roles a person decides with; `absent` is the person they are held for, or None for one's own."""

    person: User
    roles: frozenset[str]
    absent: User | None = None

    @property
    def holder(self) -> User:
        return self.absent or self.person


def authorities(user: User, company: Company, *, at: datetime) -> list[Authority]:
    """The user's own authority in a company first, then those of the absent people they stand in for that day."""
    found = []
    if own := roles_in(user, company) & DECIDING:
        found.append(Authority(user, frozenset(own)))
    today = timezone.localdate(at)
    rows = Delegation.objects.filter(
        stand_in=user, company=company, starts_on__lte=today, ends_on__gte=today, revoked_at__isnull=True
    ).select_related("absent")
    return found + [
        Authority(user, frozenset(roles), row.absent)
        for row in rows.order_by("pk")
        if (roles := roles_in(row.absent, company) & DECIDING)
    ]


def fitting(
    user: User, company: Company, *, need: approval.Need, buyers: Collection[int], at: datetime
) -> Authority | None:
    """The authority with which the user may say yes: an approver's, or one of a role the amount asks for.

    Never that of who asked, in person or as absent (I14).
    """
    if not company.is_member or user.pk in buyers:
        return None
    wanted = {str(Role.APPROVER), *need.kinds}
    usable = (a for a in authorities(user, company, at=at) if a.roles & wanted and a.holder.pk not in buyers)
    return next(usable, None)


def may_approve_in(user: User, company: Company, *, at: datetime) -> bool:
    """Whether the user approves anything in this company today."""
    return any(Role.APPROVER in a.roles for a in authorities(user, company, at=at))


def levels_of(companies: Iterable[int]) -> dict[int, list[approval.Level]]:
    """The approval levels of companies, by company id. One query."""
    found: dict[int, list[approval.Level]] = {}
    for row in ApprovalLevel.objects.filter(company__in=list(companies)).order_by("above_cents"):
        found.setdefault(row.company_id, []).append(approval.Level(row.above_cents, row.approvers, row.kind))
    return found


def need_of(company: Company, amount_cents: int, *, certain: bool = True) -> approval.Need:
    """Who must agree to an amount in a company."""
    levels = levels_of([company.pk]).get(company.pk, [])
    return approval.need_of(company.approval_limit_cents, levels, amount_cents, certain=certain)


def roles_by_person(companies: Iterable[int], people: Iterable[int]) -> dict[tuple[int, int], frozenset[str]]:
    """Deciding roles by (company, person). One query."""
    found: dict[tuple[int, int], set[str]] = {}
    rows = Membership.objects.filter(company__in=list(companies), user__in=list(people), role__in=DECIDING)
    for company_id, user_id, role in rows.values_list("company_id", "user_id", "role"):
        found.setdefault((company_id, user_id), set()).add(role)
    return {key: frozenset(roles) for key, roles in found.items()}


def deciders(company: Company, *, need: approval.Need, buyers: Collection[int], at: datetime) -> list[User]:
    """Everybody to ask: approvers, holders of the roles needed, and who stands in for one of them today."""
    roles = {str(Role.APPROVER), *need.kinds}
    holders = User.objects.filter(memberships__company=company, memberships__role__in=roles, is_active=True)
    today = timezone.localdate(at)
    stand_ins = User.objects.filter(
        delegations_held__company=company,
        delegations_held__absent__in=holders.exclude(pk__in=buyers).values("pk"),
        delegations_held__starts_on__lte=today,
        delegations_held__ends_on__gte=today,
        delegations_held__revoked_at__isnull=True,
        is_active=True,
    )
    ids = {*holders.values_list("pk", flat=True), *stand_ins.values_list("pk", flat=True)} - set(buyers)
    return list(User.objects.filter(pk__in=ids).order_by("pk"))
