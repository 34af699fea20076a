"""The way of the goods of one pool, for whoever runs it: lock, orders, deliveries, invoices."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from companies.access import is_staff
from purchasing import access
from purchasing.award_words import together_now
from purchasing.models import Commitment, Pool, PoolTogether, Quote, SupplierInvoice
from purchasing.rules import hints
from purchasing.services import lock as service
from purchasing.services import standing as standings
from purchasing.states import PoolState
from purchasing.views.doors import attempt, led_pool, reader
from purchasing.views.pages_of_lines import lines_of


@require_GET
def goods(request: HttpRequest, pk: int) -> HttpResponse:
    """Where the pool stands between the first commitment and the last invoice, and the one thing to do next."""
    pool, user = led_pool(request, pk), reader(request)
    numbers = lines_of(request, pool)
    whole = numbers.paginator.num_pages == 1
    standing = standings.read(pool, lines=None if whole else list(numbers.object_list))
    staff = access.sees_members(user)
    deadline = standings.deadline_of(pool)
    committing = pool.state in (PoolState.COMMITTING, PoolState.COMPLETING)
    firm = _firm(standing) if staff else {}
    lines = []
    for row in standing.lines:
        companies = len({c.company_id for c in row.commitments})
        lines.append(
            {
                "row": row,
                "companies": companies,
                "exact": staff or companies > hints.FEW,
                "wanted": sum(c.quantity for c in row.commitments),
                "commitments": firm.get(row.line.pk, []),
                "buy_ups": hints.buy_up(row.terms, row.outcome.ordered) if committing else [],
            }
        )
    compared = PoolTogether.objects.filter(pool=pool).first()
    context = {
        "pool": pool,
        "together": together_now(compared, members=staff) if compared else None,
        "lines": lines,
        "staff": is_staff(user),
        "deadline": deadline,
        "committing": committing,
        "can_lock": committing and deadline is not None and timezone.now() >= deadline,
        "minimums": _minimums(pool, standing if whole else None) if committing else [],
        "numbers": numbers,
        "orders": pool.orders.select_related("supplier").order_by("pk"),
        "invoices": SupplierInvoice.objects.filter(order__pool=pool).select_related("supplier", "order").order_by("pk"),
    }
    return render(request, "purchasing/goods.html", context)


def _firm(standing: standings.Standing) -> dict[int, list[dict[str, Any]]]:
    """Who said what, line by line, as the table of a line shows it."""
    names = ("pool_line_id", "company__name", "quantity", "tolerance", "price_cap_e4", "granted")
    rows = Commitment.objects.filter(pk__in=[c.pk for row in standing.lines for c in row.commitments])
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows.order_by("pk").values(*names):
        found.setdefault(row["pool_line_id"], []).append(row)
    return found


def _minimums(pool: Pool, standing: standings.Standing | None) -> list[tuple[Quote, int]]:
    """What is missing to suppliers' minimums; a pool of many pages is read as a whole only where there is a minimum."""
    if standing is None:
        asked = Quote.objects.filter(lines__award_lines__award__tender__pool=pool, minimum_cents__gt=0)
        if not asked.exists():
            return []
        standing = standings.read(pool)
    return [(quote, standings.minimum_missing(standing, quote)) for quote in standing.quotes()]


@require_POST
def lock(request: HttpRequest, pk: int) -> HttpResponse:
    """Lock by hand after the deadline; the clock does the same a moment later."""
    pool = led_pool(request, pk)
    words = {
        PoolState.LOCKED: _("The pool is locked and every company was told."),
        PoolState.FAILED: _("A minimum was missed: the pool failed, the requests are free again."),
        PoolState.COMPLETING: _("Companies may complete packs now."),
        PoolState.COMMITTING: _("A minimum was missed: the deadline was moved once and everybody was told."),
    }

    def run() -> None:
        nonlocal pool
        pool = service.lock(pool=pool, at=timezone.now(), actor=reader(request))

    if attempt(request, run):
        from django.contrib import messages

        messages.success(request, words.get(PoolState(pool.state), _("This was already done.")))
    return redirect("purchasing:goods", pool.pk)
