"""What really came on an agreement in a year: the base of its rebate."""

from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from companies.money import line_total, share
from purchasing.models import Allocation, Claim, FrameworkAgreement, Receipt
from purchasing.states import ClaimState


@dataclass(slots=True)
class YearOf:
    """What one company received in the year: units, value at the prices of its orders less credits, the same by VAT rate."""

    company: int
    first: int  # its first call-off: the order of the queue for odd cents
    units: int = 0
    value_cents: int = 0
    by_rate: dict[int, int] = field(default_factory=dict)
    credited_cents: int = 0  # what claims gave back of the goods; already taken off the value


def received_in(agreement: FrameworkAgreement, year: int) -> list[YearOf]:
    """What each company really received in a calendar year, in the order of the first call-offs. Three queries.

    A counter-receipt belongs to the year of the delivery it corrects. What a claim gave back was not bought: it lowers the
    value, not the units.
    """
    starts, ends = (timezone.make_aware(datetime(y, 1, 1)) for y in (year, year + 1))
    rows = (
        Allocation.objects.filter(commitment__request_line__call_off_line__call_off__agreement=agreement)
        .annotate(
            came=Coalesce("receipt_line__receipt__corrects__arrived_at", "receipt_line__receipt__arrived_at"),
        )
        .filter(came__gte=starts, came__lt=ends)
        .values_list(
            "commitment__company",
            "commitment__request_line__call_off_line__call_off",
            "receipt_line__order_line__unit_price_e4",
            "receipt_line__order_line__vat_bp",
            "receipt_line__order_line",
        )
        .annotate(units=Sum("quantity"))
        .order_by("commitment__request_line__call_off_line__call_off", "receipt_line__order_line")
    )
    found: dict[int, YearOf] = {}
    for company, call_off, price, rate, _line, units in rows:
        row = found.setdefault(company, YearOf(company, call_off))
        cents = line_total(units, price)
        row.units += units
        row.value_cents += cents
        row.by_rate[rate] = row.by_rate.get(rate, 0) + cents
    for company, cents in credited_in(agreement, year).items():
        if company in found:
            _take_off(found[company], cents)
    return list(found.values())


def _take_off(row: YearOf, cents: int) -> None:
    """Credits lower the value, each VAT rate in proportion, never below nothing."""
    row.credited_cents = min(cents, row.value_cents)
    rates = list(row.by_rate)
    for rate, part in zip(rates, share(row.credited_cents, [row.by_rate[rate] for rate in rates]), strict=True):
        row.by_rate[rate] -= part
    row.value_cents -= row.credited_cents


def credited_in(agreement: FrameworkAgreement, year: int) -> dict[int, int]:
    """Goods given back by settled claims, by company, in the year of the delivery they are about.

    A refused difference is left out: nobody paid it, and the value counts the agreed price.
    """
    arrived = (
        Receipt.objects.filter(order=OuterRef("order"), arrived_at__lte=OuterRef("opened_at"), corrects=None)
        .order_by("-arrived_at")
        .values("arrived_at")[:1]
    )
    rows = (
        Claim.objects.filter(
            order__pool__call_off__agreement=agreement, state=ClaimState.RESOLVED, credit_net_cents__gt=0
        )
        .exclude(kind=Claim.Kind.PRICE, supplier_invoice__isnull=False)
        .annotate(
            came=Coalesce("receipt__arrived_at", "hand_over__receipt__arrived_at", Subquery(arrived)),
            costs=Coalesce(Sum("credits__costs_cents"), 0),
        )
        .values_list("order__pool__only_company", "came", "credit_net_cents", "costs")
    )
    found: dict[int, int] = {}
    for company, came, cents, costs in rows:
        if company is not None and came is not None and timezone.localdate(came).year == year:
            found[company] = found.get(company, 0) + cents - costs
    return found
