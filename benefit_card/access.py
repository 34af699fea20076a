"""Who may do what with cards. Services call `require(rule(...))` before anything else."""

from typing import TYPE_CHECKING

from benefit_card.models import Card
from companies.access import can_manage_people, companies_of, is_staff
from companies.models import Company, Role

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from companies.models import User

    AnyUser = User | AnonymousUser | None


def can_issue(user: "AnyUser", company: Company) -> bool:
    """Human resources and administrators hand out their company's cards."""
    return can_manage_people(user, company)


def holds(user: "AnyUser", card: Card) -> bool:
    """The person whose card it is."""
    return user is not None and user.is_authenticated and card.person.user_id == user.pk


def can_block(user: "AnyUser", card: Card) -> bool:
    """The holder, those who look after people in a company that employs the holder, and the association's staff."""
    if holds(user, card) or is_staff(user):
        return True
    companies = companies_of(user, Role.HR, Role.ADMIN)
    return card.person.employments.filter(company__in=companies).exists()
