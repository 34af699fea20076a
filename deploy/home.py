"""Home pages: for each scope, what needs the reader now. The rooms say what; this page puts it in order."""

from collections.abc import Iterable
from datetime import timedelta
from importlib import import_module
from importlib.util import find_spec
from typing import Any, cast

from django.contrib.auth.decorators import login_not_required
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from benefit_card.views.offers import beside_the_card
from companies.access import is_staff, roles_in
from companies.models import Company, User
from companies.shell import Todo
from deploy import home_figures
from deploy.navigation import scopes_of
from merchants import words
from merchants.models import Merchant
from purchasing import employee_pages
from purchasing.states_employees import EmployeePoolState

ROOMS = ["companies", "purchasing", "benefit_card", "companies.billing", "merchants"]


def _todos(function: str, *args: Any) -> list[Todo]:
    """What every room has for the reader: deadlines first, soonest on top."""
    found: list[Todo] = []
    for room in ROOMS:
        if find_spec(f"{room}.todo"):
            ask = getattr(import_module(f"{room}.todo"), function, None)
            found += ask(*args) if ask else []
    return _ordered(found)


def _ordered(todos: Iterable[Todo]) -> list[Todo]:
    tones = {"danger": 0, "warning": 1, "info": 2, "success": 3}
    far = timezone.now() + timedelta(days=3650)
    return sorted(todos, key=lambda todo: (todo.due or far, tones.get(todo.tone, 2)))


@login_not_required
def home(request: HttpRequest) -> HttpResponse:
    """The public page for strangers; for everybody else the home of the scope they used last."""
    if not request.user.is_authenticated:
        return render(request, "welcome.html")
    scopes = scopes_of(request.user)
    remembered = request.session.get("scope")
    for scope in scopes:
        if [scope.kind, scope.id] == remembered:
            return redirect(scope.url)
    if scopes:
        return redirect(scopes[0].url)
    return render(request, "nowhere.html")


def company(request: HttpRequest, company: int) -> HttpResponse:
    """What needs the reader now in a company."""
    row = get_object_or_404(Company.objects.visible_to(request.user), pk=company)
    roles = roles_in(request.user, row)
    now = timezone.now()
    context = {
        "title": row.name,
        "figures": home_figures.for_company(cast(User, request.user), row, roles, now),
        "todos": _todos("for_company", request.user, row, roles, now),
    }
    return render(request, "home.html", context)


def staff(request: HttpRequest) -> HttpResponse:
    """What needs the association's staff now."""
    if not is_staff(request.user):
        raise Http404
    context = {
        "title": "ERB",
        "figures": home_figures.for_staff(),
        "todos": _todos("for_staff", request.user, timezone.now()),
    }
    return render(request, "home.html", context)


def person(request: HttpRequest) -> HttpResponse:
    """An employee's home is the card."""
    if not hasattr(request.user, "person"):
        raise Http404
    return redirect("benefit_card:card")


@require_safe
@never_cache
def person_now(request: HttpRequest) -> HttpResponse:
    """What stands below the card on the phone: some offers with the uses left, and the group purchases open to the reader."""
    person = getattr(request.user, "person", None)
    if person is None:
        raise Http404
    now = timezone.now()
    pools = employee_pages.my_list(person, now).filter(Q(state=EmployeePoolState.OPEN) | Q(waiting__gt=0))
    offers = [
        {"offer": offer, "worth": words.worth(offer.current), "left": left}
        for offer, left in beside_the_card(cast(User, request.user), at=now)
        if offer.current
    ]
    return render(request, "person_now.html", {"offers": offers, "pools": pools[:3]})


def merchant(request: HttpRequest, merchant: int) -> HttpResponse:
    """A merchant's home, for its owners."""
    row = get_object_or_404(Merchant, pk=merchant, roles__user=request.user)
    return redirect("merchants:home", row.pk)
