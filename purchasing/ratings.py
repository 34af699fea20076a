"""What reviews say of suppliers, read in few queries. Averages only of enough companies."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from django.utils.formats import number_format

from purchasing.models import SupplierReview
from purchasing.models.review import CRITERIA
from purchasing.rules.reviews import LEAST, mean_tenths
from purchasing.states_exchange import ReviewState


@dataclass(slots=True)
class Rating:
    """One supplier's marks in tenths; all None while fewer than three companies have reviewed."""

    reviews: int = 0
    companies: int = 0
    marks: dict[str, int | None] = field(default_factory=dict)
    overall: int | None = None

    @property
    def missing(self) -> int:
        """Companies still needed for an average."""
        return max(0, LEAST - self.companies)

    @property
    def stars(self) -> str:
        """`4,3` in the reader's way, or empty."""
        return mark(self.overall)


def mark(tenths: int | None) -> str:
    """Tenths as `4,3`, in the reader's way; empty when there is no average."""
    return "" if tenths is None else str(number_format(Decimal(tenths) / 10, 1))


def of_suppliers(ids: Iterable[int]) -> dict[int, Rating]:
    """Ratings by supplier, one query; a supplier without reviews has an empty one."""
    wanted = list(ids)
    rows = SupplierReview.objects.filter(supplier__in=wanted, state=ReviewState.PUBLISHED)
    said: dict[int, dict[str, dict[int, list[int]]]] = {pk: {name: {} for name in CRITERIA} for pk in wanted}
    counts = dict.fromkeys(wanted, 0)
    for supplier, company, *marks in rows.values_list("supplier_id", "company_id", *CRITERIA):
        counts[supplier] += 1
        for name, mark in zip(CRITERIA, marks, strict=True):
            said[supplier][name].setdefault(company, []).append(mark)
    found = {}
    for pk in wanted:
        by_name = said[pk]
        everything: dict[int, list[int]] = {}
        for given in by_name.values():
            for company, marks in given.items():
                everything.setdefault(company, []).extend(marks)
        means = {name: mean_tenths(given) for name, given in by_name.items()}
        found[pk] = Rating(counts[pk], len(everything), means, mean_tenths(everything))
    return found
