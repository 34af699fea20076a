"""Requests: list, form, page, decision."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from companies.access import require
from companies.errors import DomainError
from companies.forms import form_error
from companies.models import Company
from companies.once import once
from purchasing import access, history, selectors
from purchasing.authority import may_approve_in, need_of
from purchasing.forms import request as forms
from purchasing.models import CallOff, PurchaseRequest, RequestDecision
from purchasing.services import request as service
from purchasing.services import request_file
from purchasing.states import RequestState
from purchasing.views.doors import attempt, company_of, reader, request_of

TABS = {
    "open": [RequestState.DRAFT, RequestState.SUBMITTED, RequestState.RETURNED, RequestState.APPROVED],
    "done": [RequestState.CLOSED, RequestState.REJECTED, RequestState.CANCELLED, RequestState.EXPIRED],
}


@require_GET
def request_list(request: HttpRequest, company: int) -> HttpResponse:
    """The company's requests; first what waits for the reader's approval."""
    row, user = company_of(request, company), reader(request)
    tab = request.GET.get("tab", "open")
    rows = selectors.request_list(user, row).filter(state__in=TABS.get(tab, TABS["open"]))
    can_approve = may_approve_in(user, row, at=timezone.now())
    context = {
        "company": row,
        "tab": tab if tab in TABS else "open",
        "page": Paginator(rows, 30).get_page(request.GET.get("page")),
        "to_approve": selectors.to_approve(user, row) if can_approve else [],
        "can_request": access.can_request(user, row),
    }
    return render(request, "purchasing/request_list.html", context)


@require_http_methods(["GET", "POST"])
def request_edit(request: HttpRequest, company: int, pk: int | None = None) -> HttpResponse:
    """Write a request down: save as a draft, or submit at once. “Add rows” works without a script."""
    row, user = company_of(request, company), reader(request)
    require(access.can_request(user, row))
    purchase = request_of(request, row, pk) if pk else None
    if purchase and purchase.state not in (RequestState.DRAFT, RequestState.RETURNED):
        return redirect("purchasing:request", row.pk, purchase.pk)
    if purchase and (drawn := CallOff.objects.filter(request=purchase).first()):
        return redirect("purchasing:call_off", row.pk, drawn.pk)
    articles = forms.catalogue()
    if request.method == "POST":
        data = request.POST.copy()
        if data.get("action") == "more":
            total = str(data.get("lines-TOTAL_FORMS", "0"))
            data["lines-TOTAL_FORMS"] = str(min(300, int(total if total.isdecimal() and len(total) < 9 else 0) + 5))
        head = forms.RequestForm(data, company=row)
        lines = forms.LineFormSet(data, prefix="lines", form_kwargs={"articles": articles})
        if data.get("action") != "more" and head.is_valid() and lines.is_valid():
            saved = _save(request, row, purchase, head, lines)
            if saved is not None:
                return redirect("purchasing:request", row.pk, saved.pk)
    else:
        head = forms.RequestForm(initial=forms.initial_head(purchase) if purchase else _first(row), company=row)
        initial = forms.initial_lines(purchase) if purchase else None
        lines = forms.LineFormSet(prefix="lines", initial=initial, form_kwargs={"articles": articles})
    context = {"company": row, "purchase": purchase, "form": head, "lines": lines, "articles": articles.values()}
    return render(request, "purchasing/request_form.html", context)


def _first(company: Company) -> dict[str, Any]:
    sites = list(company.sites.all()[:2])
    return {"site": sites[0]} if len(sites) == 1 else {}


def _save(
    request: HttpRequest, company: Company, purchase: PurchaseRequest | None, head: Any, lines: Any
) -> PurchaseRequest | None:
    """Save, and submit when asked; a refusal goes onto the form with everything still in it."""
    user, at = reader(request), timezone.now()
    try:
        saved = service.save(actor=user, company=company, request=purchase, draft=forms.draft(head, lines), at=at)
    except DomainError as error:
        form_error(head, error)
        return None
    if request.POST.get("action") != "submit":
        attempt(request, lambda: None, _("The draft is saved. Nobody sees it until you submit it."))
    else:
        attempt(request, lambda: service.submit(actor=user, request=saved, at=at), _("The request is submitted."))
    return saved


@require_GET
def request_detail(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """One request: its lines, where each stands, and what the reader may do."""
    row, user = company_of(request, company), reader(request)
    purchase = request_of(request, row, pk)
    lines = list(
        purchase.lines.select_related("article").prefetch_related("pooled__pool_line__pool").order_by("position")
    )
    for line in lines:
        line.pool = next((need.pool_line.pool for need in line.pooled.all() if need.released_at is None), None)  # type: ignore[attr-defined]  # for the template
    own = access.can_request(user, row)
    call_off = CallOff.objects.filter(request=purchase).first()
    may_cancel = all(line.state in service.CANCELLABLE for line in lines)
    context = {
        "company": row,
        "purchase": purchase,
        "lines": lines,
        "history": history.of(purchase),
        "decision": purchase.decisions.last(),
        "call_off": call_off,
        "files": purchase.files.select_related("line", "document").defer("document__content"),
        "can_attach": own and purchase.state in request_file.WRITABLE,
        "agreed": _agreed(purchase),
        "need": need_of(row, purchase.amount_cents),
        "can_edit": own and purchase.state in (RequestState.DRAFT, RequestState.RETURNED),
        "can_submit": own and purchase.state == RequestState.DRAFT,
        "can_cancel": own and may_cancel and purchase.state in ("draft", "submitted", "returned", "approved"),
        "can_copy": own,
        "can_decide": purchase.state == RequestState.SUBMITTED and access.can_approve(user, purchase),
        "unpriced": any(line.ref_price_e4 is None for line in lines),
    }
    return render(request, "purchasing/request.html", context)


def _agreed(purchase: PurchaseRequest) -> list[RequestDecision]:
    """Who agreed to the present submission; two or more are worth a list."""
    if purchase.submitted_at is None:
        return []
    rows = purchase.decisions.filter(verdict="approved", at__gte=purchase.submitted_at)
    return list(rows.select_related("approver", "on_behalf_of"))


@require_POST
def request_submit(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    row = company_of(request, company)
    purchase = request_of(request, row, pk)
    attempt(
        request,
        lambda: service.submit(actor=reader(request), request=purchase, at=timezone.now()),
        _("The request is submitted."),
    )
    return redirect("purchasing:request", row.pk, pk)


@require_POST
def request_decide(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """The approver's verdict."""
    row = company_of(request, company)
    purchase = request_of(request, row, pk)
    require(access.can_approve(reader(request), purchase))
    form = forms.DecisionForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        attempt(
            request,
            lambda: service.decide(
                actor=reader(request),
                request=purchase,
                verdict=data["verdict"],
                reason=data["reason"],
                at=timezone.now(),
            ),
            _("Your decision is recorded and the requester is told."),
        )
    return redirect("purchasing:request", row.pk, pk)


@require_POST
def request_cancel(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    row = company_of(request, company)
    purchase = request_of(request, row, pk)
    reason = request.POST.get("reason", "")
    attempt(
        request,
        lambda: service.cancel(actor=reader(request), request=purchase, reason=reason, at=timezone.now()),
        _("The request is cancelled."),
    )
    return redirect("purchasing:request", row.pk, pk)


@require_POST
@once
def request_copy(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """A new draft with the same lines."""
    row = company_of(request, company)
    new = service.copy(actor=reader(request), request=request_of(request, row, pk), at=timezone.now())
    return redirect("purchasing:request_edit", row.pk, new.pk)
