"""Framework agreements for companies: what one may draw, and the call-offs made."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from companies.access import require
from companies.errors import DomainError
from companies.forms import form_error
from companies.models import Company
from purchasing import access, history
from purchasing.forms.framework import CallOffForm
from purchasing.models import CallOff, FrameworkAgreement, RebateShare
from purchasing.rules import hints
from purchasing.services import call_off as service
from purchasing.services import delivery
from purchasing.services import framework_use as use
from purchasing.states import FrameworkState, RequestState
from purchasing.views.doors import company_of, reader

CORRECTABLE = (RequestState.DRAFT, RequestState.RETURNED)


def agreement_of(request: HttpRequest, pk: int) -> FrameworkAgreement:
    """A signed agreement; drafts are not shown to companies."""
    rows = FrameworkAgreement.objects.visible_to(reader(request)).exclude(
        state__in=[FrameworkState.DRAFT, FrameworkState.CANCELLED]
    )
    return get_object_or_404(rows.select_related("supplier", "responsible"), pk=pk)


@require_GET
def company_frameworks(request: HttpRequest, company: int) -> HttpResponse:
    """What the company can draw on today, and its call-offs."""
    row, user, today = company_of(request, company), reader(request), timezone.localdate()
    running = FrameworkAgreement.objects.visible_to(user).running_on(today).select_related("supplier")
    call_offs = CallOff.objects.filter(company=row).select_related("agreement", "request", "pool")
    shares = RebateShare.objects.filter(company=row, rebate__state="issued").exclude(net_cents=0)
    context = {
        "company": row,
        "agreements": running.prefetch_related("articles").order_by("ends_on", "pk"),
        "page": Paginator(call_offs.prefetch_related("pool__orders"), 30).get_page(request.GET.get("page")),
        "rebates": shares.select_related("rebate__agreement").order_by("-rebate__year", "-pk"),
        "can_request": access.can_request(user, row),
    }
    return render(request, "purchasing/company_frameworks.html", context)


@require_http_methods(["GET", "POST"])
def company_framework(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """One agreement as the company may use it; its buyers draw on it here."""
    row, agreement = company_of(request, company), agreement_of(request, pk)
    if request.method == "POST":
        require(access.can_request(reader(request), row))
    return _page(request, row, agreement, None)


def _page(request: HttpRequest, row: Company, agreement: FrameworkAgreement, call_off: CallOff | None) -> HttpResponse:
    today = timezone.localdate()
    found = use.uses([agreement.pk], without=call_off.pk if call_off else None)
    articles = use.of_articles(use.articles_of(agreement), found, max(today, agreement.starts_on), row.pk)
    may = access.can_request(reader(request), row) and agreement.runs_on(today)
    form = CallOffForm(
        request.POST or None,
        company=row,
        articles=[a for a in articles if a.terms],
        initial=_initial(row, call_off),
    )
    if request.method == "POST" and form.is_valid():
        try:
            made = service.place(
                actor=reader(request),
                company=row,
                agreement=agreement,
                draft=form.draft(),
                at=timezone.now(),
                call_off=call_off,
            )
        except DomainError as error:
            if error.status == 403:
                raise
            form_error(form, error)
        else:
            waiting = made.request.state == RequestState.SUBMITTED
            done = (
                _("Your approver is asked. The units are kept for you meanwhile.") if waiting else _("It is ordered.")
            )
            messages.success(request, done)
            return redirect("purchasing:call_off", row.pk, made.pk)
    others = {who for (_article, who) in found if who != row.pk}
    context = {
        "company": row,
        "agreement": agreement,
        "articles": articles,
        "form": form,
        "may": may,
        "exact": len(others) >= hints.FEW,
        "call_off": call_off,
        "days_left": (agreement.ends_on - today).days,
        "tiers": agreement.rebate_tiers.order_by("start"),
        "mine": CallOff.objects.filter(company=row, agreement=agreement)
        .select_related("request", "pool")
        .prefetch_related("pool__orders")[:10],
    }
    return render(request, "purchasing/company_framework.html", context)


def _initial(company: Company, call_off: CallOff | None) -> dict[str, object]:
    if call_off is None:
        sites = list(company.sites.all()[:2])
        return {"site": sites[0]} if len(sites) == 1 else {}
    request = call_off.request
    said: dict[str, object] = {f"quantity{line.article_id}": line.quantity for line in call_off.lines.all()}
    names = ("needed_by", "site", "cost_centre", "notes")
    return said | {name: getattr(request, name) for name in names}


@require_http_methods(["GET", "POST"])
def call_off(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """One call-off: approval, order, deliveries. One an approver returned is corrected here."""
    row, user = company_of(request, company), reader(request)
    found = get_object_or_404(
        CallOff.objects.visible_to(user)
        .filter(company=row)
        .select_related("agreement__supplier", "agreement__responsible", "request__requester", "pool"),
        pk=pk,
    )
    if request.method == "POST":
        require(access.can_request(user, row))
    if found.request.state in CORRECTABLE and access.can_request(user, row):
        return _page(request, row, found.agreement, found)
    order = found.order
    lines = list(found.lines.select_related("article").order_by("article__position"))
    by_need: dict[int, int] = {}
    if order is not None:
        ordered = order.lines.select_related("pool_line").prefetch_related("pool_line__needs")
        by_need = {need.request_line_id: row.pk for row in ordered for need in row.pool_line.needs.all()}
    for line in lines:
        match = by_need.get(line.request_line_id)
        line.received = delivery.accepted_of(match) if match else None  # type: ignore[attr-defined]  # for the template
    context = {
        "company": row,
        "call_off": found,
        "agreement": found.agreement,
        "order": order,
        "lines": lines,
        "history": history.of(found.request, order),
        "decision": found.request.decisions.select_related("approver").last(),
        "can_decide": found.request.state == RequestState.SUBMITTED and access.can_approve(user, found.request),
        "billed": order is not None and order.supplier_invoices.filter(state__in=["shared", "invoiced"]).exists(),
    }
    return render(request, "purchasing/call_off.html", context)
