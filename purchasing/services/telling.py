"""What concerns a company in something that is not its own (an order, a share, a pool for employees) is logged in its name.

Its program hears of it from there (webhooks of `companies`). The target is the company's part, read at the company's own
address over REST, so the timeline of the order itself stays one line per event.
"""

from collections.abc import Iterable
from datetime import datetime

from companies import audit
from companies.models import Company, Role, User
from purchasing.models import Commitment, EmployeePool, Pool, PooledNeed, PurchaseOrder, Tender
from purchasing.services.bulk import CLOCK
from purchasing.states import CommitmentState

ORDER = "purchasing.companyorder"
SHARE = "purchasing.companyshare"
SUPPLIER = "supplier"  # which one is not told
TENDER = "purchasing.companytender"
EMPLOYEE_POOL = "purchasing.companyemployeepool"


def companies_on(order: PurchaseOrder) -> list[int]:
    """Companies whose locked words an order carries."""
    lines = order.lines.values("pool_line")
    rows = Commitment.objects.filter(pool_line__in=lines, state=CommitmentState.LOCKED)
    return list(rows.order_by("company").values_list("company", flat=True).distinct())


def tell(
    kind: str,
    event: str,
    pk: int,
    companies: Iterable[int],
    *,
    at: datetime,
    actor: User | None,
    label: str = "",
    reason: str = "",
) -> None:
    """Note `event` for each company, inside the caller's transaction. `label` names who is no user."""
    action = f"{kind.rpartition('.')[2]}.{event}"
    audit.record_for(companies, action, pk, kind=kind, at=at, actor=actor, actor_label=label, reason=reason)


def order_event(
    order: PurchaseOrder, event: str, *, at: datetime, actor: User | None, label: str = "", reason: str = ""
) -> None:
    """The same for every company on an order."""
    tell(ORDER, event, order.pk, companies_on(order), at=at, actor=actor, label=label, reason=reason)


def employee_pool_event(pool: EmployeePool, event: str, *, at: datetime, actor: User | None, reason: str = "") -> None:
    """The same for companies that a pool of the association names; nothing tells them who of theirs takes part.

    A pool for everybody names nobody: its companies are those that add something or gave a place to collect.
    """
    if pool.company_id is None:
        named = pool.places.values_list("company", flat=True)
        tell(EMPLOYEE_POOL, event, pool.pk, named, at=at, actor=actor, label="" if actor else CLOCK, reason=reason)


def tender_event(tender: Tender, event: str, *, at: datetime, actor: User | None, reason: str = "") -> None:
    """The same for companies that need something from the pool of a tender, and for the one whose buyer leads it."""
    taking_part = PooledNeed.objects.filter(pool_line__pool=tender.pool_id, released_at__isnull=True)
    told = {*taking_part.values_list("company", flat=True), *_leading(tender.pool)}
    tell(TENDER, event, tender.pk, told, at=at, actor=actor, label="" if actor else CLOCK, reason=reason)


def quote_received(tender: Tender, *, at: datetime) -> None:
    """Only whoever leads the pool hears that somebody answered; not who it was nor what, and nothing is unsealed by it."""
    tell(TENDER, "quote_received", tender.pk, _leading(tender.pool), at=at, actor=None, label=SUPPLIER)


def _leading(pool: Pool) -> list[int]:
    """The companies for which the lead of a pool buys; none when the association leads it."""
    rows = Company.objects.members().filter(memberships__user=pool.lead_id, memberships__role=Role.BUYER)
    return list(rows.values_list("pk", flat=True))
