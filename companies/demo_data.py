"""Believable companies and people of the valley for demonstrations and measurements. All of them are invented.

SIREN numbers begin with 000, which the register never gives out; addresses end in `.example`.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

from django.utils import timezone
from django.utils.text import slugify
from stdnum import luhn

from companies.demo_names import CITIES, FIRST_NAMES, FORMS, LAST_NAMES, PREFIXES, STREETS, TRADES
from companies.models import Company, CompanyStatus, Employment, Membership, Person, Role, Site, StaffRole, User

SIZES = {"tiny": (8, 160), "erb": (70, 4_000), "region": (22_000, 220_000)}  # companies, employees
DETAILED = 70  # companies whose people hold roles; at region scale the others only have employees
CHUNK = 5_000


@dataclass
class World:
    """What the rooms seed on. `members[company_id][role]` lists the people with a role in a detailed company."""

    scale: str
    staff: list[User] = field(default_factory=list)
    companies: list[Company] = field(default_factory=list)  # the detailed ones
    members: dict[int, dict[str, list[User]]] = field(default_factory=dict)
    sites: dict[int, list[Site]] = field(default_factory=dict)
    employee: User | None = None  # the demo's employee, who has an account and a person
    notes: dict[str, Any] = field(default_factory=dict)  # what a room wants the seed command to print or write

    @property
    def home(self) -> Company:
        """The company of the demo's sign-in links."""
        return self.companies[0]

    def one(self, company: Company, role: str) -> User:
        """The first person with a role in a company."""
        return self.members[company.pk][role][0]


def siret(number: int) -> str:
    """A well-formed SIRET that no real company has."""
    siren = f"000{number:05d}"
    siren += str(luhn.calc_check_digit(siren))
    nic = f"{siren}0001"
    return nic + str(luhn.calc_check_digit(nic))


def headcounts(rng: random.Random, companies: int, employees: int) -> list[int]:
    """Sizes drawn from a log-normal law, as company sizes are, scaled to sum to the number of employees."""
    raw = sorted((rng.lognormvariate(0, 1.15) for _ in range(companies)), reverse=True)
    scale = (employees - companies) / sum(raw)
    sizes = [1 + int(value * scale) for value in raw]
    for index in range(employees - sum(sizes)):
        sizes[index % companies] += 1
    return sizes


def seed(*, rng: random.Random, scale: str, at: datetime) -> World:
    """Create the association's staff, its companies, sites, role holders and employees."""
    world = World(scale=scale)
    count, employees = SIZES[scale]
    sizes = headcounts(rng, count, employees)
    world.staff = _users([("Animation ERB", "animation@erb.example"), ("Permanence ERB", "permanence@erb.example")], at)
    StaffRole.objects.bulk_create(StaffRole(user=user) for user in world.staff)
    number = 0
    for chunk in _chunks(range(count), 1_000):
        companies = Company.objects.bulk_create(_company(rng, index, sizes[index], at) for index in chunk)
        sites = Site.objects.bulk_create(site for company in companies for site in _sites(rng, company))
        by_company: dict[int, list[Site]] = {}
        for site in sites:
            by_company.setdefault(site.company_id, []).append(site)
        if not world.companies:
            world.companies = companies[:DETAILED]
            world.sites = {company.pk: by_company[company.pk] for company in world.companies}
        number = _employees(rng, companies, by_company, number, at)
    _roles(rng, world, at)
    _demo_employee(world, at)
    return world


def _chunks(items: Any, size: int) -> Iterator[list[Any]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _users(people: list[tuple[str, str]], at: datetime) -> list[User]:
    users = [User(full_name=name, email=email, password="!", date_joined=at) for name, email in people]  # noqa: S106 - "!" is no password
    return User.objects.bulk_create(users)


def _company(rng: random.Random, index: int, headcount: int, at: datetime) -> Company:
    trade, words = TRADES[index % len(TRADES)]
    owner = LAST_NAMES[(index * 7 + index // len(LAST_NAMES)) % len(LAST_NAMES)]
    name = f"{PREFIXES[index % len(PREFIXES)]} {owner} {words[(index // len(TRADES)) % len(words)]}".strip()
    name = name if index < 1_000 else f"{name} {index}"
    postcode, city = CITIES[rng.randrange(len(CITIES))] if index >= DETAILED else CITIES[index % 2]
    number = siret(index + 1)
    status = CompanyStatus.APPLIED if index in {61, 66} else CompanyStatus.ADMITTED
    suspended = index == 64
    return Company(
        name=name,
        siren=number[:9],
        siret=number,
        vat_no=f"FR{(12 + 3 * (int(number[:9]) % 97)) % 97:02d}{number[:9]}",
        legal_form=FORMS[index % len(FORMS)],
        trade=trade,
        street=f"{rng.randrange(1, 90)} {STREETS[rng.randrange(len(STREETS))]}",
        postcode=postcode,
        city=city,
        headcount=headcount,
        status=CompanyStatus.SUSPENDED if suspended else status,
        suspended_at=at - timedelta(days=9) if suspended else None,
        approval_limit_cents=rng.choice([50_000, 100_000, 100_000, 200_000]),
    )


def _sites(rng: random.Random, company: Company) -> list[Site]:
    names = ["Siège", "Atelier", "Dépôt", "Boutique d’usine"][: 1 + (company.headcount > 25) + (company.headcount > 80)]
    return [
        Site(
            company=company,
            name=name,
            street=company.street if not index else f"{rng.randrange(1, 60)} {STREETS[rng.randrange(len(STREETS))]}",
            postcode=company.postcode,
            city=company.city,
            delivery_hours=rng.choice(
                ["8 h – 12 h, 13 h 30 – 16 h 30", "7 h 30 – 15 h", "du lundi au jeudi, 8 h – 16 h"]
            ),
        )
        for index, name in enumerate(names)
    ]


def _employees(
    rng: random.Random, companies: list[Company], sites: dict[int, list[Site]], number: int, at: datetime
) -> int:
    """People and their employments, a chunk at a time so that memory stays flat; returns the running number."""

    def rows() -> Iterator[tuple[Person, Company, int]]:
        nonlocal number
        for company in companies:
            for index in range(company.headcount):
                number += 1
                first = FIRST_NAMES[rng.randrange(len(FIRST_NAMES))]
                last = LAST_NAMES[rng.randrange(len(LAST_NAMES))]
                yield Person(first_name=first, last_name=last), company, index

    today = timezone.localdate(at)
    for chunk in _chunks(rows(), CHUNK):
        people = Person.objects.bulk_create(person for person, _company, _index in chunk)
        employments = []
        for person, (_person, company, index) in zip(people, chunk, strict=True):
            slug = slugify(company.name)[:40]
            employments.append(
                Employment(
                    person=person,
                    company=company,
                    site=rng.choice(sites[company.pk]),
                    reference=f"{index + 1:05d}",
                    email=f"{slugify(person.first_name)}.{slugify(person.last_name)}.{index + 1}@{slug}.example",
                    starts_on=today - timedelta(days=rng.randrange(20, 9_000)),
                    ends_on=_leaving(rng, today),
                )
            )
        Employment.objects.bulk_create(employments)
    return number


def _leaving(rng: random.Random, today: date) -> date | None:
    """Three in a hundred leave within two months; the others have no last day."""
    return today + timedelta(days=rng.randrange(1, 60)) if rng.random() < 0.03 else None


def _roles(rng: random.Random, world: World, at: datetime) -> None:
    """Small companies have one person for everything and a second who approves; larger ones have one for each role."""
    wanted: list[tuple[Company, str, list[Role]]] = []
    for company in world.companies:
        if company.headcount < 20:
            wanted.append((company, "direction", [Role.ADMIN, Role.APPROVER]))
            wanted.append((company, "bureau", [Role.BUYER, Role.HR, Role.ACCOUNTANT]))
        else:
            wanted.append((company, "direction", [Role.ADMIN]))
            wanted += [
                (company, "achats", [Role.BUYER]),
                (company, "valideur", [Role.APPROVER]),
                (company, "rh", [Role.HR]),
                (company, "compta", [Role.ACCOUNTANT]),
            ]
    people = []
    for company, desk, _roles_held in wanted:
        name = f"{FIRST_NAMES[rng.randrange(len(FIRST_NAMES))]} {LAST_NAMES[rng.randrange(len(LAST_NAMES))]}"
        people.append((name, f"{desk}@{slugify(company.name)[:40]}.example"))
    users = _users(people, at)
    memberships = []
    for user, (company, _desk, roles) in zip(users, wanted, strict=True):
        for role in roles:
            memberships.append(Membership(user=user, company=company, role=role))
            world.members.setdefault(company.pk, {}).setdefault(role.value, []).append(user)
    Membership.objects.bulk_create(memberships)


def _demo_employee(world: World, at: datetime) -> None:
    employment = world.home.employments.select_related("person").order_by("pk")[2]
    person = employment.person
    world.employee = _users([(str(person), employment.email)], at)[0]
    person.user = world.employee
    person.save(update_fields=["user"])
