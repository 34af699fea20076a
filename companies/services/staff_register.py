"""The employees of a company as the import compares them, and as one lock protects them."""

import hashlib
from collections.abc import Iterator

from companies.employees.headings import fold
from companies.employees.plan import Employee
from companies.models import Company, Employment


def lock(company: Company) -> Company:
    """Take the company's staff register until commit: whoever changes employees holds this lock."""
    return Company.objects.select_for_update(of=("self",), no_key=True).get(pk=company.pk)


def employees(company: Company) -> list[Employee]:
    """Everybody on file, past employees included, erased people not."""
    rows = (
        Employment.objects.filter(company=company, person__erased_at__isnull=True)
        .order_by("pk")
        .values_list(
            "pk", "person__first_name", "person__last_name", "reference", "email", "site_id", "starts_on", "ends_on"
        )
    )
    return [Employee(*row) for row in rows.iterator(chunk_size=2_000)]


def sites(company: Company) -> dict[str, int]:
    """Key of each site by its folded name."""
    return {fold(name): pk for pk, name in company.sites.values_list("pk", "name")}


def fingerprint(everybody: list[Employee], places: dict[str, int]) -> str:
    """Changes as soon as any employee or site does."""

    def lines() -> Iterator[str]:
        yield repr(sorted(places.items()))
        yield from (repr(one) for one in everybody)

    digest = hashlib.sha256()
    for line in lines():
        digest.update(line.encode())
    return digest.hexdigest()
