"""Budgets, who must agree to what, stand-ins, and the page behind the link of an approval mail."""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from companies.access import has_role, require
from companies.errors import DomainError
from companies.forms import form_error
from companies.models import Company, Role
from purchasing import access
from purchasing.authority import DECIDING, may_approve_in, need_of
from purchasing.forms import approval as forms
from purchasing.models import ApprovalLevel, ApprovalLink, Budget, Delegation
from purchasing.services import budget as budgets
from purchasing.services import delegation as service
from purchasing.services import one_tap
from purchasing.services import standing as standings
from purchasing.views.doors import attempt, company_of, reader


@require_http_methods(["GET", "POST"])
def budget_list(request: HttpRequest, company: int) -> HttpResponse:
    """What each cost centre may commit this year, what is taken, what is left; the form to set one."""
    row, user = company_of(request, company), reader(request)
    may = access.can_keep_budgets(user, row)
    if request.method == "POST":
        require(may)
    at = timezone.now()
    this_year = timezone.localdate(at).year
    form = forms.BudgetForm(request.POST or None, this_year=this_year)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            budgets.save(
                actor=user,
                company=row,
                year=data["year"],
                cost_centre=data["cost_centre"],
                amount_cents=data["amount"],
                name=data["name"],
                at=at,
            )
        except DomainError as error:
            form_error(form, error)
        else:
            return redirect(f"{request.path}?year={data['year']}")
    years = sorted({this_year, *Budget.objects.filter(company=row).values_list("year", flat=True)}, reverse=True)
    asked = request.GET.get("year", "")
    year = int(asked) if asked.isdecimal() and len(asked) == 4 and int(asked) in years else this_year
    rows = [_shown(use) for use in budgets.uses(row, year)]
    context = {"company": row, "rows": rows, "form": form, "may": may, "year": year, "years": years}
    return render(request, "purchasing/budget_list.html", context)


def _shown(use: budgets.BudgetUse) -> dict[str, Any]:
    """A budget with the bar of what is taken of it, in whole percent."""
    whole = max(use.budget.amount_cents, use.taken_cents, 1)
    return {
        "use": use,
        "budget": use.budget,
        "committed_percent": use.committed_cents * 100 // whole,
        "reserved_percent": use.reserved_cents * 100 // whole,
        "tight": not use.over_cents and use.taken_cents * 10 >= use.budget.amount_cents * 9,
    }


@require_POST
def budget_remove(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    row, user = company_of(request, company), reader(request)
    budget = get_object_or_404(Budget.objects.visible_to(user), pk=pk, company=row)
    attempt(
        request,
        lambda: budgets.remove(actor=user, budget=budget, at=timezone.now()),
        _("The budget is removed."),
    )
    return redirect("purchasing:budget_list", row.pk)


@require_GET
def approval_rules(request: HttpRequest, company: int) -> HttpResponse:
    """Who must agree above which amount, and who stands in for whom."""
    return _rules(request, company_of(request, company))


def _rules(
    request: HttpRequest,
    row: Company,
    level: forms.LevelForm | None = None,
    stand_in: forms.DelegationForm | None = None,
) -> HttpResponse:
    user, today = reader(request), timezone.localdate()
    admin = access.can_set_levels(user, row)
    delegates = admin or has_role(user, row, *(Role(role) for role in DECIDING))
    living = Q(revoked_at__isnull=True, ends_on__gte=today)
    context = {
        "company": row,
        "levels": ApprovalLevel.objects.filter(company=row),
        "delegations": Delegation.objects.filter(living, company=row).select_related("absent", "stand_in"),
        "today": today,
        "admin": admin,
        "level_form": level or forms.LevelForm(),
        "delegates": delegates,
        "delegation_form": stand_in or _delegation_form(request, row),
        "approves": may_approve_in(user, row, at=timezone.now()),
    }
    return render(request, "purchasing/approval_rules.html", context)


def _delegation_form(request: HttpRequest, row: Company) -> forms.DelegationForm:
    user = reader(request)
    data = request.POST if request.method == "POST" else None
    anybody = access.can_set_levels(user, row)
    return forms.DelegationForm(data, company=row, user=user, anybody=anybody, today=timezone.localdate())


@require_POST
def level_add(request: HttpRequest, company: int) -> HttpResponse:
    row, user = company_of(request, company), reader(request)
    require(access.can_set_levels(user, row))
    form = forms.LevelForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        try:
            service.add_level(
                actor=user,
                company=row,
                above_cents=data["above"],
                approvers=data["approvers"],
                kind=data["kind"],
                at=timezone.now(),
            )
            return redirect("purchasing:approval_rules", row.pk)
        except DomainError as error:
            form_error(form, error)
    return _rules(request, row, level=form)


@require_POST
def level_remove(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    row, user = company_of(request, company), reader(request)
    level = get_object_or_404(ApprovalLevel.objects.visible_to(user), pk=pk, company=row)
    attempt(
        request,
        lambda: service.remove_level(actor=user, level=level, at=timezone.now()),
        _("The level is removed."),
    )
    return redirect("purchasing:approval_rules", row.pk)


@require_POST
def delegation_add(request: HttpRequest, company: int) -> HttpResponse:
    row, user = company_of(request, company), reader(request)
    require(access.can_delegate(user, row, user))
    form = _delegation_form(request, row)
    if form.is_valid():
        try:
            service.delegate(actor=user, company=row, at=timezone.now(), **form.cleaned_data)
            return redirect("purchasing:approval_rules", row.pk)
        except DomainError as error:
            form_error(form, error)
    return _rules(request, row, stand_in=form)


@require_POST
def delegation_end(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    row, user = company_of(request, company), reader(request)
    delegation = get_object_or_404(Delegation.objects.visible_to(user), pk=pk, company=row)
    attempt(
        request,
        lambda: service.end(actor=user, delegation=delegation, at=timezone.now()),
        _("The absent person decides again."),
    )
    return redirect("purchasing:approval_rules", row.pk)


@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def approve_by_link(request: HttpRequest, token: str) -> HttpResponse:
    """What waits, and one button. Only the button changes anything: mail programs open links by themselves."""
    at = timezone.now()
    try:
        link = one_tap.find(token, at=at)
        if request.method == "POST":
            link = one_tap.approve(token=token, at=at)
            if link.request is not None:
                link.request.refresh_from_db()
    except DomainError as error:
        status = 409 if error.status == 403 else error.status  # nobody signed in: the refusal is about the link
        return _private(render(request, "purchasing/approve_dead.html", {"sentence": error.sentence}, status=status))
    context = _link_context(link) | {"done": request.method == "POST"}
    return _private(render(request, "purchasing/approve_link.html", context))


def _private(response: HttpResponse) -> HttpResponse:
    response["Referrer-Policy"] = "same-origin"
    response["X-Robots-Tag"] = "noindex"
    return response


def _link_context(link: ApprovalLink) -> dict[str, Any]:
    """What the approver reads on a phone before saying yes."""
    context: dict[str, Any] = {"link": link, "company": link.company}
    if link.request is not None:
        lines = list(link.request.lines.order_by("position"))
        certain = all(line.ref_price_e4 is not None for line in lines)
        need = need_of(link.company, link.request.amount_cents, certain=certain)
        agreed = link.request.decisions.filter(verdict="approved", at__gte=link.request.submitted_at or link.created_at)
        context |= {"purchase": link.request, "lines": lines, "certain": certain, "need": need}
        context["agreed"] = agreed.select_related("approver")
        return context
    assert link.pool is not None
    standing = standings.read(link.pool, waiting_of=link.company)
    mine = [c for row in standing.lines for c in row.commitments if c.company_id == link.company_id]
    names = {row.line.pk: row.line for row in standing.lines}
    context |= {
        "pool": link.pool,
        "lines": [{"line": names[c.pool_line_id], "commitment": c} for c in mine],
        "estimate": standings.estimates(standing).get(link.company_id, 0),
        "most": standings.worst_cents(standing, link.company),
        "deadline": standings.deadline_of(link.pool),
    }
    return context
