"""Companies: the public application, and the association's decisions."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from companies import audit
from companies.access import is_staff, require
from companies.errors import DomainError
from companies.forms import form_error
from companies.models import Company, CompanyStatus, Role
from companies.models.invitation import Application
from companies.services import admissions as service
from companies.services import invitations
from companies.views.doors import me, page_number, refused, words_of
from companies.views.roles import InviteForm, members

TONES = {"applied": "warning", "admitted": "success", "suspended": "danger", "leaving": "warning", "left": "muted"}
ICONS = {
    "applied": "hourglass",
    "admitted": "circle-check",
    "suspended": "circle-pause",
    "leaving": "log-out",
    "left": "log-out",
}


class ApplicationForm(forms.Form):
    name = forms.CharField(label=_("Name of the company"), max_length=160)
    siret = forms.CharField(
        label="SIRET", max_length=20, help_text=_("14 digits, on your invoices. Spaces do not matter.")
    )
    street = forms.CharField(label=_("Street"), max_length=160)
    postcode = forms.CharField(label=_("Postcode"), max_length=10)
    city = forms.CharField(label=_("Town"), max_length=80)
    trade = forms.CharField(label=_("Trade"), max_length=80, required=False)
    headcount = forms.IntegerField(label=_("Employees"), min_value=0, max_value=100_000)
    full_name = forms.CharField(label=_("First administrator: first and last name"), max_length=120)
    email = forms.EmailField(label=_("First administrator: e-mail address"), help_text=_("The invitation goes there."))


class ReasonForm(forms.Form):
    reason = forms.CharField(label=_("Reason"), max_length=500, required=False)


@login_not_required
def apply(request: HttpRequest) -> HttpResponse:
    """A company asks to become a member."""
    form = ApplicationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            company = service.apply(at=timezone.now(), **form.cleaned_data)
        except DomainError as error:
            form_error(form, error)
        else:
            return render(
                request, "companies/admissions/applied.html", {"company": company, "email": form.cleaned_data["email"]}
            )
    return render(request, "companies/admissions/apply.html", {"form": form})


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Every company of the association, applications first."""
    require(is_staff(me(request)))
    status, words = request.GET.get("status") or "", words_of(request)
    rows = Company.objects.annotate(administrators=Count("memberships", filter=Q(memberships__role=Role.ADMIN)))
    if status in CompanyStatus.values:
        rows = rows.filter(status=status)
    for word in words.split():
        rows = rows.filter(Q(name__icontains=word) | Q(siret__startswith=word) | Q(city__icontains=word))
    page = Paginator(rows.order_by("name", "pk"), 100).get_page(page_number(request))
    for row in page:
        row.tone, row.icon = TONES[row.status], ICONS[row.status]  # type: ignore[attr-defined]  # for the template
    counts = dict(Company.objects.values_list("status").annotate(n=Count("pk")))
    statuses = [(value, label, counts.get(value, 0)) for value, label in CompanyStatus.choices]
    context = {"page": page, "status": status, "q": words, "statuses": statuses}
    return render(request, "companies/admissions/list.html", context)


def new(request: HttpRequest) -> HttpResponse:
    """The staff enters a member and invites its administrator."""
    require(is_staff(me(request)))
    form = ApplicationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            company = service.register(actor=me(request), at=timezone.now(), **form.cleaned_data)
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(
                request, _now("%(company)s is a member. Its administrator is invited.") % {"company": company.name}
            )
            return redirect("companies:company", company.pk)
    return render(request, "companies/admissions/new.html", {"form": form})


@require_GET
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One company as the association sees it: facts, people, history, decisions."""
    require(is_staff(me(request)))
    company = get_object_or_404(Company.objects.visible_to(request.user), pk=pk)
    context = {
        "subject": company, "tone": TONES[company.status], "icon": ICONS[company.status], "members": members(company),
        "application": Application.objects.filter(company=company).first(), "invitations": company.invitations.pending(),
        "history": audit.history(company), "form": InviteForm(initial={"roles": [Role.ADMIN]}), "now": timezone.now(),
        "ties": service.open_business(company) if company.status != CompanyStatus.APPLIED else [],
    }  # fmt: skip
    return render(request, "companies/admissions/detail.html", context)


@require_POST
def invite(request: HttpRequest, pk: int) -> HttpResponse:
    """The staff invites somebody into a company."""
    require(is_staff(me(request)))
    company = get_object_or_404(Company.objects.visible_to(request.user), pk=pk)
    form = InviteForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
    else:
        try:
            invitations.invite(company=company, actor=me(request), at=timezone.now(), **form.cleaned_data)
            messages.success(
                request, _now("The invitation to %(email)s is on its way.") % {"email": form.cleaned_data["email"]}
            )
        except DomainError as error:
            refused(request, error)
    return redirect("companies:company", company.pk)


@require_POST
def admit(request: HttpRequest, pk: int) -> HttpResponse:
    """Admit, or readmit."""
    return _decide(request, pk, service.admit, _now("%(company)s is a member."))


@require_POST
def suspend(request: HttpRequest, pk: int) -> HttpResponse:
    """Suspend."""
    return _decide(request, pk, service.suspend, _now("%(company)s is suspended. Its cards stop at the next scan."))


@require_POST
def end(request: HttpRequest, pk: int) -> HttpResponse:
    """Decline an application, or end a membership."""
    return _decide(request, pk, service.end, _now("%(company)s is no longer a member, and its people have no access."))


def _decide(request: HttpRequest, pk: int, decision: Callable[..., Any], sentence: str) -> HttpResponse:
    require(is_staff(me(request)))
    company = get_object_or_404(Company.objects.visible_to(request.user), pk=pk)
    form = ReasonForm(request.POST)
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    try:
        decision(company=company, actor=me(request), at=timezone.now(), reason=reason)
        messages.success(request, sentence % {"company": company.name})
    except DomainError as error:
        refused(request, error)
    return redirect("companies:company", company.pk)
