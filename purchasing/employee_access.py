"""Who may do what in employee pools. The employer opens, subsidises and hands out; it never reads who chose what."""

from companies.access import has_role, is_staff
from companies.models import Company, Person, Role, User
from purchasing.models import EmployeePool


def keeps_people(user: User, company: Company) -> bool:
    """Human resources and administrators of a company, which are also who hands goods out at work."""
    return has_role(user, company, Role.HR, Role.ADMIN)


def can_open(user: User, company: Company | None) -> bool:
    """The association's staff for everybody; human resources and administrators for their own people."""
    if company is None:
        return is_staff(user)
    return company.is_member and keeps_people(user, company)


def can_run(user: User, pool: EmployeePool) -> bool:
    """Who opened it: the association's staff, or the company's people; staff may always help."""
    return is_staff(user) or (pool.company is not None and keeps_people(user, pool.company))


def can_subsidise(user: User, company: Company) -> bool:
    """Only the company promises its own money; the association cannot."""
    return company.is_member and keeps_people(user, company)


def can_count(user: User, company: Company) -> bool:
    """Goods at work are counted and handed out by the company's people, or by the association's staff."""
    return is_staff(user) or keeps_people(user, company)


def is_self(user: User, person: Person) -> bool:
    return person.user_id is not None and person.user_id == user.pk


def can_decide_refunds(user: User) -> bool:
    """Money goes back only by the association's staff."""
    return is_staff(user)
