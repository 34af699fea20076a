"""What the views of the room have in common: rows one may see, refusals shown where one stands."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from companies.access import require
from companies.errors import DomainError
from companies.models import Company, User
from purchasing import access
from purchasing.models import Pool, PurchaseRequest, Tender


def reader(request: HttpRequest) -> User:
    """The signed-in user; the middleware lets nobody else through."""
    return cast(User, request.user)


def company_of(request: HttpRequest, pk: int) -> Company:
    """A company of the user, 404 for any other; 403 for its people who have no business with buying."""
    company = get_object_or_404(Company.objects.visible_to(reader(request)), pk=pk)
    require(access.can_see_requests(reader(request), company))
    return company


def request_of(request: HttpRequest, company: Company, pk: int) -> PurchaseRequest:
    rows = PurchaseRequest.objects.visible_to(reader(request)).select_related("company", "requester", "site")
    return get_object_or_404(rows, pk=pk, company=company)


def led_pool(request: HttpRequest, pk: int) -> Pool:
    """A pool the user runs; 404 for all others."""
    pool = get_object_or_404(Pool.objects.led_by(reader(request)).select_related("lead"), pk=pk)
    require(access.can_run_pool(reader(request), pool))
    return pool


def led_tender(request: HttpRequest, pool: Pool) -> Tender:
    """The pool's living tender."""
    return get_object_or_404(Tender.objects.select_related("pool", "opened_by").exclude(state="cancelled"), pool=pool)


def attempt(request: HttpRequest, call: Callable[[], Any], done: Any = "") -> bool:
    """Run a service; say what was done, or show the refusal on the page one returns to."""
    try:
        call()
    except DomainError as error:
        if error.status == 403:
            raise
        messages.error(request, error.sentence)
        return False
    if done:
        messages.success(request, str(done))
    return True
