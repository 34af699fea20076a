"""Pools as a member company sees them: what is gathered, what may be joined, until when to commit."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from companies.access import require
from companies.models import Company
from purchasing import access, alone_words, history, savings, selectors
from purchasing.models import Pool, RequestLine
from purchasing.services import pool as service
from purchasing.services.standing import deadline_of
from purchasing.states import PoolState
from purchasing.steps import steps_of
from purchasing.views.doors import attempt, company_of, reader
from purchasing.views.pages_of_lines import lines_of

TABS = {
    "open": [PoolState.COMMITTING, PoolState.COMPLETING, PoolState.EXTENDED, PoolState.GATHERING],
    "running": [
        PoolState.TENDERING, PoolState.OFFER_READY, PoolState.LOCKED, PoolState.ORDERED, PoolState.RECEIVING,
        PoolState.SETTLING,
    ],
    "done": [PoolState.CLOSED, PoolState.FAILED, PoolState.CANCELLED],
}  # fmt: skip
SHARED = (PoolState.RECEIVING, PoolState.SETTLING, PoolState.CLOSED)  # when suppliers' invoices may be shared out
COMMITTING = (PoolState.COMMITTING, PoolState.COMPLETING, PoolState.EXTENDED)


@require_GET
def pool_list(request: HttpRequest, company: int) -> HttpResponse:
    """Pools by what can be done: join or commit, follow, look back."""
    row, user = company_of(request, company), reader(request)
    tab = request.GET.get("tab", "open")
    tab = tab if tab in TABS else "open"
    rows = selectors.company_pool_list(user, row).filter(state__in=TABS[tab])
    context = {
        "company": row,
        "tab": tab,
        "page": Paginator(rows, 30).get_page(request.GET.get("page")),
        "can_lead": access.can_request(user, row),
    }
    return render(request, "purchasing/company_pool_list.html", context)


@require_GET
def company_pool(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """One pool with the company's own needs in it; of the others only how many they are (I13)."""
    row, user = company_of(request, company), reader(request)
    pool = get_object_or_404(Pool.objects.visible_to(user).select_related("lead"), pk=pk)
    numbers = lines_of(request, pool)
    shown = list(numbers.object_list)
    lines = list(selectors.pool_lines(pool).filter(pk__in=shown))
    mine: dict[int, list[RequestLine]] = {}
    for need in selectors.live_needs(pool).filter(company=row, pool_line__in=shown):
        mine.setdefault(need.pool_line_id, []).append(need.request_line)
    gathers = pool.state == PoolState.GATHERING
    joinable = selectors.joinable_needs(user, row, lines) if gathers and access.can_request(user, row) else {}
    winners = {line.pool_line_id: line for line in service.winning_lines(pool, shown)}
    for line in lines:
        line.mine, line.joinable = mine.get(line.pk, []), joinable.get(line.pk, [])  # type: ignore[attr-defined]  # for the template
        line.winner = winners.get(line.pk)  # type: ignore[attr-defined]  # for the template
    alone = savings.of_pool(row, pool) if pool.state in SHARED else None
    context = {
        "company": row,
        "pool": pool,
        "lines": lines,
        "steps": steps_of(pool),
        "commit_url": _commit_url(row, pool) if pool.state in COMMITTING else "",
        "committing": pool.state in COMMITTING,
        "deadline": deadline_of(pool),
        "history": history.of(pool, names=False),
        "leads": Pool.objects.led_by(user).filter(pk=pool.pk).exists(),
        "numbers": numbers,
        "suppliers": selectors.winners_of(pool),
        "alone": alone,
        "alone_title": alone_words.title(alone) if alone else "",
        "alone_words": alone_words.sentences(alone, pool) if alone else [],
    }
    return render(request, "purchasing/company_pool.html", context)


def _commit_url(company: Company, pool: Pool) -> str:
    try:
        return reverse("purchasing:commit", args=[company.pk, pool.pk])
    except NoReverseMatch:
        return ""


@require_POST
def company_pool_join(request: HttpRequest, company: int, pk: int, line: int) -> HttpResponse:
    """Put an approved need of the company on a line of a gathering pool."""
    row, user = company_of(request, company), reader(request)
    require(access.can_request(user, row))
    pool = get_object_or_404(Pool.objects.visible_to(user), pk=pk)
    target = get_object_or_404(pool.lines.exclude(state="cancelled"), pk=line)
    value = request.POST.get("need", "")
    needs = RequestLine.objects.visible_to(user).filter(request__company=row)
    need = get_object_or_404(
        needs.select_related("request__company"), pk=int(value) if value.isdecimal() and len(value) < 19 else 0
    )
    attempt(
        request,
        lambda: service.join(actor=user, line=target, need=need, at=timezone.now()),
        _("Your need is in the pool. Nothing is firm yet."),
    )
    return redirect("purchasing:company_pool", row.pk, pk)
