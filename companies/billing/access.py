"""Who sees and who pays."""

from django.contrib.auth.models import AnonymousUser

from companies.access import companies_of, has_role, is_staff
from companies.models import Company, Role, User


def can_see_invoices(user: User | AnonymousUser, company: Company) -> bool:
    """The accountants and administrators of the company, and the association's staff."""
    return is_staff(user) or has_role(user, company, Role.ACCOUNTANT, Role.ADMIN)


def can_pay(user: User | AnonymousUser, company: Company | None) -> bool:
    """Only an accountant of the company moves its money; nobody a supplier's."""
    return company is not None and has_role(user, company, Role.ACCOUNTANT)


def sees_any_invoice(user: User | AnonymousUser) -> bool:
    """Whether the list of the API is anything for this user."""
    return is_staff(user) or companies_of(user, Role.ACCOUNTANT, Role.ADMIN).exists()


def can_refund(user: User | AnonymousUser) -> bool:
    """Money goes back only by the association's staff."""
    return is_staff(user)


def can_collect(user: User | AnonymousUser) -> bool:
    """Reminders, write-offs, dues, disputes, credit notes: the association's staff."""
    return is_staff(user)
