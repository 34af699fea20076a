"""Companies, people and roles."""

from datetime import UTC, date, datetime

import factory
from factory.django import DjangoModelFactory
from stdnum import luhn

from companies.models import Company, CompanyStatus, Employment, Membership, Person, Role, Site, StaffRole, User

PAST = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def siret(number: int) -> str:
    """A valid SIRET made from a number."""
    siren = f"{31_000_000 + number}"
    siren += luhn.calc_check_digit(siren)
    nic = f"{siren}0001"
    return nic + luhn.calc_check_digit(nic)


class UserFactory(DjangoModelFactory):
    """A person who can sign in, with no role anywhere."""

    class Meta:
        model = User

    email = factory.Sequence(lambda n: f"person{n}@example.org")
    full_name = factory.Sequence(lambda n: f"Person {n}")

    @classmethod
    def _create(cls, model_class, *args, **kwargs):
        return model_class.objects.create_user(**kwargs)


class CompanyFactory(DjangoModelFactory):
    """An admitted member company. `suspended=True` makes one that is not."""

    class Meta:
        model = Company

    class Params:
        suspended = factory.Trait(status=CompanyStatus.SUSPENDED, suspended_at=PAST)

    name = factory.Sequence(lambda n: f"Company {n}")
    siret = factory.Sequence(siret)
    siren = factory.LazyAttribute(lambda o: o.siret[:9])
    street, postcode, city = "1 rue de la Tannerie", "26100", "Romans-sur-Isère"
    status = CompanyStatus.ADMITTED
    headcount = 50


class SiteFactory(DjangoModelFactory):
    class Meta:
        model = Site

    company = factory.SubFactory(CompanyFactory)
    name = factory.Sequence(lambda n: f"Site {n}")


class MembershipFactory(DjangoModelFactory):
    """A role; `role=Role.X` chooses which."""

    class Meta:
        model = Membership

    user = factory.SubFactory(UserFactory)
    company = factory.SubFactory(CompanyFactory)
    role = Role.BUYER


class StaffFactory(DjangoModelFactory):
    class Meta:
        model = StaffRole

    user = factory.SubFactory(UserFactory)


class PersonFactory(DjangoModelFactory):
    class Meta:
        model = Person

    first_name = factory.Sequence(lambda n: f"First{n}")
    last_name = factory.Sequence(lambda n: f"Last{n}")


class EmploymentFactory(DjangoModelFactory):
    """Somebody employed since 2025. `ended=True` left in January 2026."""

    class Meta:
        model = Employment

    class Params:
        ended = factory.Trait(ends_on=date(2026, 1, 4))

    person = factory.SubFactory(PersonFactory)
    company = factory.SubFactory(CompanyFactory)
    starts_on = date(2025, 1, 1)


def member(company: Company, *roles: Role, email: str = "") -> User:
    """A person with roles in a company."""
    user = UserFactory(**({"email": email} if email else {}))
    for role in roles:
        MembershipFactory(user=user, company=company, role=role)
    return user


def staff() -> User:
    """A member of the association's staff."""
    return StaffFactory().user
