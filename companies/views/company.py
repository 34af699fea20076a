"""The company's own page: what it says about itself, and its sites."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from companies.access import can_administer, can_manage_people, require
from companies.errors import DomainError
from companies.forms import MoneyField, form_error
from companies.models import Company, Site
from companies.services import company_settings as service
from companies.views.doors import company_of, me, refused


class CompanyForm(forms.Form):
    name = forms.CharField(label=_("Name of the company"), max_length=160)
    street = forms.CharField(label=_("Street"), max_length=160, required=False)
    postcode = forms.CharField(label=_("Postcode"), max_length=10, required=False)
    city = forms.CharField(label=_("Town"), max_length=80, required=False)
    trade = forms.CharField(label=_("Trade"), max_length=80, required=False)
    headcount = forms.IntegerField(
        label=_("Headcount"), min_value=0, max_value=100_000, help_text=_("The dues depend on it.")
    )
    approval_limit_cents = MoneyField(
        label=_("Approval limit in euros"),
        min_value=0,
        help_text=_("A request above this amount needs an approver. Zero: every request does."),
    )


class SiteForm(forms.Form):
    name = forms.CharField(label=_("Name of the site"), max_length=120, help_text=_("As in your lists of employees."))
    street = forms.CharField(label=_("Street"), max_length=160, required=False)
    postcode = forms.CharField(label=_("Postcode"), max_length=10, required=False)
    city = forms.CharField(label=_("Town"), max_length=80, required=False)
    delivery_hours = forms.CharField(
        label=_("Delivery hours"),
        max_length=160,
        required=False,
        help_text=_("For instance: Monday to Friday, 8 to 12, dock B."),
    )


def _company(request: HttpRequest, pk: int) -> Company:
    company = company_of(request, pk)
    require(can_administer(me(request), company) or can_manage_people(me(request), company))
    return company


def index(request: HttpRequest, company: int) -> HttpResponse:
    """The company's data (administrators) and its sites (human resources too)."""
    owner = _company(request, company)
    administers = can_administer(me(request), owner)
    form = CompanyForm(request.POST or None, initial={name: getattr(owner, name) for name in service.FIELDS})
    if request.method == "POST" and form.is_valid():
        service.change(company=owner, actor=me(request), at=timezone.now(), **form.cleaned_data)
        messages.success(request, _now("The changes are saved."))
        return redirect("companies:settings", owner.pk)
    context = {"company": owner, "form": form if administers else None, "sites": list(owner.sites.all())}
    return render(request, "companies/company/settings.html", context)


def site_add(request: HttpRequest, company: int) -> HttpResponse:
    """Add a site."""
    return _site(request, _company(request, company), None)


def site(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """Change a site."""
    owner = _company(request, company)
    return _site(request, owner, get_object_or_404(owner.sites, pk=pk))


@require_POST
def site_remove(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """Remove a site."""
    owner = _company(request, company)
    row = get_object_or_404(owner.sites, pk=pk)
    try:
        service.remove_site(site=row, actor=me(request), at=timezone.now())
        messages.success(request, _now("The site is removed."))
    except DomainError as error:
        refused(request, error)
    return redirect("companies:settings", owner.pk)


def _site(request: HttpRequest, owner: Company, row: Site | None) -> HttpResponse:
    initial: dict[str, Any] = {name: getattr(row, name) for name in SiteForm.base_fields} if row else {}
    form = SiteForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            service.save_site(company=owner, site=row, actor=me(request), at=timezone.now(), **form.cleaned_data)
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(request, _now("The site is saved."))
            return redirect("companies:settings", owner.pk)
    return render(request, "companies/company/site.html", {"company": owner, "form": form, "site": row})
