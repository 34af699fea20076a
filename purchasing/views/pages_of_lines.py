"""Pools of hundreds of lines are read a page at a time: the time a page takes does not grow with the pool."""

from collections.abc import Sequence

from django.core.paginator import Page, Paginator
from django.http import HttpRequest

from purchasing.models import Pool
from purchasing.states import PoolLineState

PER_PAGE = 25


def numbers_of(request: HttpRequest, numbers: Sequence[int], per_page: int = PER_PAGE) -> Page[int]:
    """The ids of the page that is asked for; a page that is not there is the nearest one."""
    return Paginator(numbers, per_page).get_page(request.GET.get("page"))


def lines_of(request: HttpRequest, pool: Pool) -> Page[int]:
    """The living lines of a pool, in order, one page of them."""
    rows = pool.lines.exclude(state=PoolLineState.CANCELLED).order_by("position").values_list("pk", flat=True)
    return numbers_of(request, list(rows))
