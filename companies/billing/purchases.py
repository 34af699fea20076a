"""What suppliers bill the association, in its books: bought for resale, or for the account of the companies."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from companies import money
from companies.billing import ledger
from companies.billing.models import AccountKind, Invoice, InvoiceLine, InvoiceVat, LegalModel, LineKind


@dataclass(frozen=True, slots=True)
class Bought:
    """One line of a supplier's invoice; a discount is negative."""

    freight: bool
    net_cents: int
    vat_bp: int
    vat_cents: int


def by_rate(pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Cents added up by VAT rate."""
    found: dict[int, int] = {}
    for rate, cents in pairs:
        found[rate] = found.get(rate, 0) + cents
    return found


def post(*, key: str, legal_model: str, lines: Sequence[Bought], reason: str, at: datetime) -> None:
    """Post a supplier's invoice inside the caller's transaction, once per key. Nothing in the listing model.

    Bought for resale it is a purchase; bought as an agent it goes to the accounts that the companies' invoices clear.
    Raises MonthClosed.
    """
    if legal_model not in (LegalModel.RESALE, LegalModel.AGENT):
        return
    agent = legal_model == LegalModel.AGENT
    net: dict[AccountKind, int] = {}
    for line in lines:
        kind = AccountKind.PURCHASES
        if agent:
            kind = AccountKind.FREIGHT if line.freight else AccountKind.REBILLED
        net[kind] = net.get(kind, 0) + line.net_cents
    sides = [ledger.Side(kind, cents) for kind, cents in net.items()]
    vat = by_rate((line.vat_bp, line.vat_cents) for line in lines)
    sides += [ledger.Side(AccountKind.VAT_DEDUCTIBLE, cents, vat_bp=rate) for rate, cents in vat.items()]
    total = sum(side.cents for side in sides)
    if total:
        sides.append(ledger.Side(AccountKind.SUPPLIERS, -total))
        ledger.post(key=f"supplier-invoice-{key}", kind="supplier_invoice", at=at, sides=sides, reason=reason)


def post_rounding(
    *, key: str, invoices: Sequence[Invoice], vat: Mapping[int, int], reason: str, at: datetime
) -> dict[int, int]:
    """Resale: the cents by which the VAT of the companies' invoices differs from the supplier's go to the rounding account.

    VAT on our own fee is no difference. Returns the cents by rate; once per key, inside the caller's transaction.
    """
    rows = InvoiceVat.objects.filter(invoice__in=invoices)
    ours = by_rate(rows.values_list("vat_bp", "vat_cents"))
    fees = by_rate(
        InvoiceLine.objects.filter(invoice__in=invoices, kind=LineKind.FEE).values_list("vat_bp", "net_cents")
    )
    found = {
        rate: cents
        for rate in sorted({*ours, *vat})
        if (cents := ours.get(rate, 0) - vat.get(rate, 0) - money.vat(fees.get(rate, 0), rate))
    }
    sides = [ledger.Side(AccountKind.VAT_COLLECTED, cents, vat_bp=rate) for rate, cents in found.items()]
    sides.append(ledger.Side(AccountKind.ROUNDING, -sum(found.values())))
    if sum(1 for side in sides if side.cents) > 1:
        ledger.post(key=f"vat-rounding-{key}", kind="vat_rounding", at=at, sides=sides, reason=reason)
    return found
