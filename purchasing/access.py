"""Who may do what in the buying centre. Called as `access.require(...)` at the top of every service."""

from datetime import datetime

from django.utils import timezone

from companies.access import has_role, is_staff
from companies.models import Company, Role, User
from purchasing.authority import DECIDING, Authority, fitting, need_of
from purchasing.models import Pool, PurchaseRequest, Tender

READERS = (Role.BUYER, Role.APPROVER, Role.ACCOUNTANT, Role.ADMIN)


def can_see_requests(user: User, company: Company) -> bool:
    """Those who buy, approve, pay or administer; human resources have no business there."""
    return is_staff(user) or has_role(user, company, *READERS)


def can_request(user: User, company: Company) -> bool:
    """Buyers of a company that is a member today."""
    return company.is_member and has_role(user, company, Role.BUYER)


def can_approve(user: User, request: PurchaseRequest) -> bool:
    """Somebody with an approver's authority, own or of an absent colleague, that is not the requester's (I14)."""
    return approving(user, request, at=timezone.now()) is not None


def approving(user: User, request: PurchaseRequest, *, at: datetime) -> Authority | None:
    """The authority with which the user may decide a request."""
    need = need_of(request.company, request.amount_cents)
    return fitting(user, request.company, need=need, buyers={request.requester_id}, at=at)


def can_see_budgets(user: User, company: Company) -> bool:
    """Whoever may look at the company's requests sees what is left to spend."""
    return can_see_requests(user, company)


def can_keep_budgets(user: User, company: Company) -> bool:
    """The company's accountants and administrators set budgets."""
    return has_role(user, company, Role.ACCOUNTANT, Role.ADMIN)


def can_set_levels(user: User, company: Company) -> bool:
    """Who must approve what is decided by the company's administrators."""
    return has_role(user, company, Role.ADMIN)


def can_delegate(user: User, company: Company, absent: User) -> bool:
    """People name who stands in for themselves; an administrator may for anybody."""
    return company.is_member and (
        has_role(user, company, Role.ADMIN)
        or (user.pk == absent.pk and has_role(user, company, *(Role(r) for r in DECIDING)))
    )


def can_see_pools(user: User, company: Company) -> bool:
    return can_see_requests(user, company)


def is_lead_capable(user: User) -> bool:
    """Anybody who buys for a member company may lead a pool."""
    return user.memberships.filter(role=Role.BUYER, company__in=Company.objects.members()).exists()


def can_open_pools(user: User) -> bool:
    """Association staff, and buyers of member companies."""
    return is_staff(user) or is_lead_capable(user)


def can_run_pool(user: User, pool: Pool) -> bool:
    """Association staff, and the pool's lead buyer while still a buyer."""
    return is_staff(user) or (pool.lead_id == user.pk and is_lead_capable(user))


def can_run_tender(user: User, tender: Tender) -> bool:
    return can_run_pool(user, tender.pool)


def can_keep_catalogue(user: User) -> bool:
    """Suppliers and articles are common to all: staff keep them."""
    return is_staff(user)


def can_keep_frameworks(user: User) -> bool:
    """Framework agreements are signed for all: staff keep them."""
    return is_staff(user)


def can_see_frameworks(user: User, company: Company) -> bool:
    """Whoever sees the company's requests sees what it may draw on."""
    return can_see_requests(user, company)


def sees_members(user: User) -> bool:
    """Only staff see which company needs how much; a lead buyer sees totals (I13)."""
    return is_staff(user)


def can_read_catalogue(user: User) -> bool:
    """Staff, and whoever buys, approves, pays or administers in some company."""
    return is_staff(user) or user.memberships.filter(role__in=READERS).exists()
