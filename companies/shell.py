"""The page shell's vocabulary: scopes a person acts in, places to go, things to do."""

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from companies.access import is_staff
from companies.models import Membership, User


@dataclass(frozen=True)
class Todo:
    """One thing that needs the reader now. `tone` is info, success, warning or danger; `due` a deadline or None."""

    title: str
    detail: str
    url: str
    due: datetime | None = None
    tone: str = "info"


@dataclass(frozen=True)
class Place:
    """A destination of the side bar: label, address, lucide icon."""

    label: str
    url: str
    icon: str


@dataclass(frozen=True)
class Scope:
    """Something a person acts for: a company, the association, a merchant or themself."""

    kind: str
    id: int
    name: str
    roles: frozenset[str]
    url: str


def company_scopes(user: User) -> list[Scope]:
    """The association and the companies a person acts for, one query, companies by name."""
    scopes = [Scope("staff", 0, "ERB", frozenset({"staff"}), reverse("home_staff"))] if is_staff(user) else []
    roles: dict[tuple[str, int], set[str]] = {}
    rows = (
        Membership.objects.filter(user=user)
        .values_list("company__name", "company_id", "role")
        .order_by("company__name")
    )
    for name, company_id, role in rows:
        roles.setdefault((name, company_id), set()).add(role)
    scopes += [
        Scope("company", company_id, name, frozenset(held), reverse("home_company", args=[company_id]))
        for (name, company_id), held in roles.items()
    ]
    return scopes
