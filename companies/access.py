"""Who may do what in a company. Services call `require(rule(...))` before anything else."""

from typing import TYPE_CHECKING, Any

from companies.errors import NotAllowed
from companies.models import GONE, Company, Membership, Role, StaffRole, User

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser
    from django.db.models import QuerySet

    AnyUser = User | AnonymousUser | None


def require(allowed: bool) -> None:
    """Raise `NotAllowed` unless the rule said yes."""
    if not allowed:
        raise NotAllowed


def _roles(user: Any) -> dict[int, set[str]]:
    """Roles of a user by company id, read once per user object (that is, once per request)."""
    cached: dict[int, set[str]] | None = user._roles_by_company
    if cached is None:
        cached = {}
        held = Membership.objects.filter(user=user).exclude(company__status__in=GONE)
        for company_id, role in held.values_list("company_id", "role"):
            cached.setdefault(company_id, set()).add(role)
        user._roles_by_company = cached
    return cached


def roles_in(user: "AnyUser", company: Company) -> set[str]:
    """The user's roles in a company; none for strangers."""
    if user is None or not user.is_authenticated:
        return set()
    return _roles(user).get(company.pk, set())


def has_role(user: "AnyUser", company: Company, *roles: Role) -> bool:
    """Whether the user holds one of the roles in the company. Being its administrator implies no other role."""
    return not roles_in(user, company).isdisjoint(roles)


def is_staff(user: "AnyUser") -> bool:
    """Whether the user belongs to the association's staff."""
    if user is None or not user.is_authenticated:
        return False
    if user._is_association_staff is None:
        user._is_association_staff = StaffRole.objects.filter(user=user).exists()
    return user._is_association_staff


def companies_of(user: "AnyUser", *roles: Role) -> "QuerySet[Company]":
    """Companies in which the user holds one of the roles (any role when none is named)."""
    if user is None or not user.is_authenticated:
        return Company.objects.none()
    held = Membership.objects.filter(user=user)
    if roles:
        held = held.filter(role__in=roles)
    return Company.objects.filter(pk__in=held.values("company")).exclude(status__in=GONE)


def can_administer(user: "AnyUser", company: Company) -> bool:
    """An administrator of the company, or the association's staff."""
    return has_role(user, company, Role.ADMIN) or is_staff(user)


def can_manage_people(user: "AnyUser", company: Company) -> bool:
    """Human resources and administrators of the company handle its employees and their cards."""
    return has_role(user, company, Role.HR, Role.ADMIN)
