"""How many statements list pages need, in a small company and in the largest: the same number, or something grows."""

from collections.abc import Iterator
from typing import Any

from tests.bench.book import Book
from tests.bench.place import Place


def measure(place: Place, book: Book) -> None:
    from django.conf import settings
    from django.test import Client

    from companies.models import Company, CompanyStatus, Membership, Role, StaffRole, User

    _ = place.seed
    settings.STAFF_NEEDS_SECOND_FACTOR = False
    admitted = Company.objects.filter(
        status=CompanyStatus.ADMITTED, headcount__gt=0, memberships__isnull=False
    ).distinct()
    sides = {"small": admitted.order_by("headcount", "pk")[0], "large": admitted.order_by("-headcount", "pk")[0]}
    clients = {}
    for side, company in sides.items():
        user = User.objects.create_user(email=f"{side}@banc.example", full_name=f"Banc {side}")
        Membership.objects.bulk_create(Membership(user=user, company=company, role=role) for role in Role)
        clients[side] = Client(headers={"host": "localhost"})
        clients[side].force_login(user)
    staff = Client(headers={"host": "localhost"})
    staff.force_login(StaffRole.objects.select_related("user").order_by("pk")[0].user)
    for name, takes_company in _lists():
        if takes_company:
            small, large = (_count(clients[side], name, {"company": sides[side].pk}) for side in ("small", "large"))
            if small is not None and large is not None:
                wide = f"company of {sides['large'].headcount}; {small} in one of {sides['small'].headcount}"
                book.note("pages", f"statements_{name}", large, "SQL", wide)
        elif (found := _count(staff, name, {})) is not None:
            book.note("pages", f"statements_{name}", found, "SQL", "association staff")


def _lists() -> Iterator[tuple[str, bool]]:
    """Every list of the product that needs nothing but a company, or nothing at all."""
    from django.urls import URLPattern, get_resolver

    def walk(patterns: Any, space: str = "") -> Iterator[tuple[str, Any]]:
        for pattern in patterns:
            if isinstance(pattern, URLPattern):
                yield f"{space}{pattern.name}", pattern.pattern
            else:
                yield from walk(pattern.url_patterns, f"{space}{pattern.namespace}:" if pattern.namespace else space)

    for name, pattern in walk(get_resolver().url_patterns):
        takes = set(pattern.converters)
        if name.endswith("_list") and takes <= {"company"}:
            yield name, bool(takes)


def _count(client: Any, name: str, arguments: dict[str, Any]) -> int | None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext
    from django.urls import reverse

    address = reverse(name, kwargs=arguments)
    client.get(address)  # fill what is cached once for everybody
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(address)
    return len(queries) if answer.status_code == 200 else None
