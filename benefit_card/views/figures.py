"""Dashboards: enrolment and anonymous use for HR, adoption for the association, visits for a merchant."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from benefit_card import enrolment, figures
from benefit_card.anonymity import FLOOR
from benefit_card.merchant_views import own_merchant
from benefit_card.views.privacy import only_staff
from companies.views.doors import company_for_people


@require_safe
def company_use(request: HttpRequest, company: int) -> HttpResponse:
    """How many have the card, and how much it is used where ten people and more used it."""
    row, now = company_for_people(request, company), timezone.now()
    people = enrolment.counts(row, at=now)
    context = {
        "company": row,
        "enrolment": people,
        "tables": figures.for_company(row, at=now, cards=people["cards"]),
        "floor": FLOOR,
    }
    return render(request, "benefit_card/figures/use.html", context)


@require_safe
def staff_use(request: HttpRequest) -> HttpResponse:
    """Adoption by month, company size and category."""
    only_staff(request)
    context = {"tables": figures.for_staff(at=timezone.now()), "floor": FLOOR}
    return render(request, "benefit_card/figures/use.html", context)


@require_safe
@never_cache
def merchant_visits(request: HttpRequest, merchant: int) -> HttpResponse:
    """A merchant's visits, discounts and best hours."""
    row = own_merchant(request, merchant)
    context = {"merchant": row, **figures.for_merchant(row, at=timezone.now())}
    return render(request, "benefit_card/figures/visits.html", context)
