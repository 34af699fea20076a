"""What pooled goods really cost a company's budgets, once the supplier's invoice is shared out."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet, Sum

from companies.money import share
from purchasing.models import Budget, BudgetCharge, ClaimCredit, Commitment, CostShare, PurchaseOrder
from purchasing.services import budget as budgets
from purchasing.services.three_way import all_billed
from purchasing.states import CommitmentState, OrderState


def charge(order: PurchaseOrder, *, at: datetime) -> None:
    """Replace the estimate of each commitment of an order by its shares: goods, freight, fee, less what claims gave back.

    While goods or invoices are still awaited the estimate stays where it is higher: nobody may spend the difference twice.
    Inside the caller's transaction; companies that keep no budget are left out.
    """
    lines = list(order.lines.all())
    held = list(
        Commitment.objects.filter(
            pool_line__in=[line.pool_line_id for line in lines],
            state=CommitmentState.LOCKED,
            company__in=Budget.objects.values("company"),
        ).order_by("pk")
    )
    if not held:
        return
    shares = CostShare.objects.filter(invoice__order=order, company__in={c.company_id for c in held})
    goods = _sums(shares.filter(commitment__isnull=False), "commitment")
    whole = _sums(shares, "company")
    for company, cents in _sums(ClaimCredit.objects.filter(claim__order=order), "company").items():
        whole[company] = whole.get(company, 0) - cents
    real: dict[int, int] = {}
    for company in sorted({c.company_id for c in held}):
        mine = [c for c in held if c.company_id == company]
        weights = [max(0, goods.get(c.pk, 0)) for c in mine]
        total = max(0, whole.get(company, 0))
        parts = share(total, weights) if any(weights) else [0] * len(mine)
        real |= {c.pk: part for c, part in zip(mine, parts, strict=True)}
    if _awaits_more(order):
        known = dict(BudgetCharge.objects.filter(commitment__in=held).values_list("commitment", "cents"))
        real = {pk: max(cents, known.get(pk, 0)) for pk, cents in real.items()}
    budgets.store_charges(real, at=at)


def _sums(rows: "QuerySet[Any]", name: str) -> dict[int, int]:
    return dict(rows.order_by().values_list(name).annotate(total=Sum("net_cents")))


def _awaits_more(order: PurchaseOrder) -> bool:
    """Whether goods are still expected, or some that came were not billed yet."""
    if order.state not in (OrderState.RECEIVED, OrderState.CLOSED_SHORT, OrderState.BILLED, OrderState.CLOSED):
        return True
    return not all_billed(order)
