"""Claims: a company's own, those of the pools one runs, and the supplier's page behind its link."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from companies import documents
from companies.access import has_role, require
from companies.errors import DomainError
from companies.forms import form_error
from companies.models import Company, Role
from purchasing import access, goods_papers, history
from purchasing.forms.claim import ClaimAnswerForm, ClaimEndForm, ClaimForm
from purchasing.forms.delivery import PhotosField
from purchasing.models import Claim, Commitment, HandOver, Pool, PurchaseOrder, PurchaseOrderLine, Receipt
from purchasing.services import claims as service
from purchasing.services import decide_claim
from purchasing.states import ClaimState, CommitmentState
from purchasing.views.doors import attempt, company_of, reader
from purchasing.views.hand_over import printed
from purchasing.views.order import order_of

# What waits for a person first.
WAITING = ("answered", "open")
GOODS_GONE = (Claim.Kind.MISSING, Claim.Kind.DAMAGED, Claim.Kind.WRONG)  # whose freight was for nothing


@require_GET
def company_claims(request: HttpRequest, company: int) -> HttpResponse:
    """The company's claims, and the orders about which it can open one."""
    row, user = company_of(request, company), reader(request)
    rows = Claim.objects.filter(company=row).select_related("order__supplier", "order__pool")
    orders = (
        PurchaseOrder.objects.filter(
            lines__pool_line__commitments__company=row,
            lines__pool_line__commitments__state=CommitmentState.LOCKED,
            state__in=service.CLAIMABLE,
            receipts__arrived_at__gt=timezone.now() - timedelta(days=service.CLAIM_DAYS),
        )
        .select_related("pool", "supplier")
        .distinct()
        .order_by("-pk")
    )
    context = {
        "company": row,
        "page": Paginator(rows, 30).get_page(request.GET.get("page")),
        "orders": orders if has_role(user, row, Role.BUYER) else [],
    }
    return render(request, "purchasing/claim_list.html", context)


@require_http_methods(["GET", "POST"])
def company_claim_new(request: HttpRequest, company: int, order: int) -> HttpResponse:
    """Open a claim of the company about an order it takes part in."""
    row, user = company_of(request, company), reader(request)
    require(has_role(user, row, Role.BUYER))
    mine = Commitment.objects.filter(company=row, state=CommitmentState.LOCKED, pool_line__order_lines__order=order)
    granted = {c.pool_line_id: c.granted or 0 for c in mine}
    if not granted:
        raise Http404
    found = get_object_or_404(PurchaseOrder.objects.select_related("pool", "supplier"), pk=order)
    lines = [
        (line, granted[line.pool_line_id])
        for line in found.lines.filter(pool_line__in=granted).order_by("position")
        if granted[line.pool_line_id]
    ]
    part = HandOver.objects.filter(company=row, receipt__order=found, pk=_number(request.GET.get("part"))).first()
    return _new(request, found, lines, company=row, hand_over=part)


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 19 else 0


@require_http_methods(["GET", "POST"])
def claim_new(request: HttpRequest, pk: int) -> HttpResponse:
    """Open a claim about the whole delivery, for all companies."""
    order = order_of(request, pk)
    lines = [(line, line.quantity) for line in order.lines.order_by("position")]
    receipt = Receipt.objects.filter(order=order, pk=_number(request.GET.get("receipt"))).first()
    return _new(request, order, lines, receipt=receipt)


def _new(
    request: HttpRequest,
    order: PurchaseOrder,
    lines: list[tuple[PurchaseOrderLine, int]],
    *,
    company: Company | None = None,
    **where: Any,
) -> HttpResponse:
    form = ClaimForm(request.POST or None, request.FILES or None, lines=lines)
    if request.method == "POST" and form.is_valid():
        try:
            claim = service.open_claim(
                actor=reader(request), order=order, word=form.word(), at=timezone.now(), company=company, **where
            )
        except DomainError as error:
            if error.status == 403:
                raise
            form_error(form, error)
        else:
            messages.success(request, _("The claim is open and the supplier is asked to answer."))
            if company is not None:
                return redirect("purchasing:company_claim", company.pk, claim.pk)
            return redirect("purchasing:claim", claim.pk)
    context = {"order": order, "form": form, "company": company, "days": service.ANSWER_DAYS}
    return render(request, "purchasing/claim_form.html", context)


@require_http_methods(["GET", "POST"])
def company_claim(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """One claim of the company; more photos while it is open."""
    row = company_of(request, company)
    claim = get_object_or_404(_claims(), pk=pk, company=row)
    may = has_role(reader(request), row, Role.BUYER)
    if request.method == "POST":
        require(may)
        _add_photos(request, claim)
        return redirect("purchasing:company_claim", row.pk, claim.pk)
    return _show(request, claim, company=row, may=may, runs=False)


@require_GET
def claim_list(request: HttpRequest) -> HttpResponse:
    """The claims of the pools the user runs, those that wait first."""
    user = reader(request)
    require(access.can_open_pools(user))
    rows = Claim.objects.filter(order__pool__in=Pool.objects.led_by(user)).select_related(
        "order__supplier", "order__pool", "company"
    )
    state = request.GET.get("state", "")
    if state in ClaimState.values:
        rows = rows.filter(state=state)
    context = {
        "page": Paginator(rows, 30).get_page(request.GET.get("page")),
        "state": state,
        "states": ClaimState.choices,
        "now": timezone.now(),
    }
    return render(request, "purchasing/claim_list_staff.html", context)


def led_claim(request: HttpRequest, pk: int) -> Claim:
    """A claim about an order of a pool the user runs; 404 for all others."""
    user = reader(request)
    claim = get_object_or_404(_claims().filter(order__pool__in=Pool.objects.led_by(user)), pk=pk)
    require(access.can_run_pool(user, claim.order.pool))
    return claim


@require_GET
def claim(request: HttpRequest, pk: int) -> HttpResponse:
    """One claim for whoever runs the pool: what was said, and how it ends."""
    return _show(request, led_claim(request, pk), may=True, runs=True)


@require_POST
def claim_act(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    """Remind the supplier, write down its answer, add photos, resolve, reject."""
    row, user, at = led_claim(request, pk), reader(request), timezone.now()
    if action == "remind":
        attempt(request, lambda: service.remind(actor=user, claim=row, at=at), _("The supplier is asked again."))
    elif action == "photos":
        _add_photos(request, row)
    elif action == "answer":
        form = ClaimAnswerForm(request.POST, request.FILES)
        if not form.is_valid() or not _answer(form, row, request):
            return _show(request, row, may=True, runs=True, answer_form=form)
    elif action in ("resolve", "reject"):
        end = ClaimEndForm(request.POST)
        if action == "reject":
            end.fields["outcome"].required = False
        if not end.is_valid() or not _end(end, row, request, action):
            return _show(request, row, may=True, runs=True, end_form=end)
    else:
        raise Http404
    return redirect("purchasing:claim", row.pk)


def _end(form: ClaimEndForm, claim: Claim, request: HttpRequest, action: str) -> bool:
    user, data, at = reader(request), form.cleaned_data, timezone.now()
    try:
        if action == "reject":
            decide_claim.reject(actor=user, claim=claim, reason=data["reason"], at=at)
        else:
            decide_claim.resolve(
                actor=user,
                claim=claim,
                outcome=data["outcome"],
                reason=data["reason"],
                credit_cents=data["credit"],
                with_costs=data["with_costs"],
                at=at,
            )
    except DomainError as error:
        if error.status == 403:
            raise
        form_error(form, error)
        return False
    messages.success(request, _("The claim is closed and the companies concerned are told."))
    return True


def _answer(form: ClaimAnswerForm, claim: Claim, request: HttpRequest | None) -> bool:
    data = form.cleaned_data
    try:
        service.answer(
            claim=claim,
            verdict=data["verdict"],
            text=data["text"],
            offered_cents=data["offered"],
            photos=data["photos"],
            at=timezone.now(),
            actor=reader(request) if request is not None else None,
        )
    except DomainError as error:
        form_error(form, error)
        return False
    return True


def _add_photos(request: HttpRequest, claim: Claim) -> None:
    field = PhotosField(required=True)
    try:
        photos = field.clean(request.FILES.getlist("photos"))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return
    attempt(
        request,
        lambda: service.add_evidence(actor=reader(request), claim=claim, photos=photos, at=timezone.now()),
        _("The photos are kept with the claim."),
    )


def _claims() -> Any:
    return Claim.objects.select_related(
        "order__pool", "order__supplier", "company", "receipt", "supplier_invoice", "opened_by", "decided_by"
    )


def _show(
    request: HttpRequest, claim: Claim, *, may: bool, runs: bool, company: Company | None = None, **forms: Any
) -> HttpResponse:
    last = claim.answers.last()
    named = last.offered_cents if last else None
    offered = named or claim.asked_cents
    with_costs = (
        claim.kind in GOODS_GONE and not named
    )  # beyond what the supplier named is somebody's decision, not the form's
    credits = claim.credits.select_related("company").prefetch_related("notes__invoice")
    if company is not None:
        credits = credits.filter(company=company)
    context = {
        "claim": claim,
        "company": company,
        "order": claim.order,
        "lines": claim.lines.select_related("order_line"),
        "evidence": claim.evidence.select_related("document"),
        "answers": claim.answers.all(),
        "credits": credits if company is not None or access.sees_members(reader(request)) else [],
        "open": claim.decided_at is None,
        "late": claim.state == ClaimState.OPEN and timezone.now() > claim.due_at,
        "may": may,
        "runs": runs,
        "answer_form": ClaimAnswerForm(),
        "end_form": ClaimEndForm(initial={"credit": offered, "with_costs": with_costs}),
        "history": history.of(claim, names=runs),
        **forms,
    }
    return render(request, "purchasing/claim.html", context)


@never_cache
@require_GET
def paper(request: HttpRequest, pk: int) -> HttpResponse:
    """A claim as PDF: for its company with its own credit, for whoever runs the pool with what they may see."""
    user = reader(request)
    rows = Claim.objects.visible_to(user).select_related("order__pool", "order__supplier", "company")
    row = get_object_or_404(rows, pk=pk)
    runs = access.can_run_pool(user, row.order.pool)
    if not (runs or (row.company is not None and has_role(user, row.company, *access.READERS))):
        raise Http404
    own = None if runs else row.company
    shown = goods_papers.claim(row, company=own, credits_shown=access.sees_members(user), at=timezone.now())
    return printed(shown, row.number)


@login_not_required  # the signed link is the login
@never_cache
@require_GET
def supplier_paper(request: HttpRequest, token: str) -> HttpResponse:
    """The same for the supplier, by its link; the companies' credits are not its business."""
    row = service.by_token(token, at=timezone.now())
    if row is None:
        raise Http404
    shown = goods_papers.claim(row, company=None, credits_shown=False, at=timezone.now(), of_supplier=True)
    return printed(shown, row.number)


@never_cache
@require_GET
def evidence(request: HttpRequest, pk: int, photo: int) -> HttpResponse:
    """A photo of a claim: for its company and for whoever runs the pool."""
    user = reader(request)
    row = get_object_or_404(Claim.objects.visible_to(user).select_related("order__pool", "company"), pk=pk)
    own = row.company is not None and has_role(user, row.company, *access.READERS)
    if not (own or access.can_run_pool(user, row.order.pool)):
        raise Http404
    return documents.download(get_object_or_404(row.evidence.select_related("document"), pk=photo).document)


@login_not_required  # the signed link is the login
@never_cache
@require_http_methods(["GET", "POST"])
def supplier_claim(request: HttpRequest, token: str) -> HttpResponse:
    """The supplier's page: what is claimed, the photos, three possible answers."""
    row = service.by_token(token, at=timezone.now())
    if row is None:
        return render(request, "purchasing/order_link_dead.html", status=404)
    form = ClaimAnswerForm(request.POST or None, request.FILES or None, initial={"offered": row.asked_cents})
    if request.method == "POST" and form.is_valid() and _answer(form, row, None):
        return redirect(request.path)
    context = {
        "claim": row,
        "order": row.order,
        "lines": row.lines.select_related("order_line"),
        "evidence": row.evidence.all(),
        "answers": row.answers.all(),
        "open": row.decided_at is None,
        "form": form,
        "token": token,
    }
    return render(request, "purchasing/claim_supplier.html", context)


@login_not_required  # the signed link is the login
@never_cache
@require_GET
def supplier_evidence(request: HttpRequest, token: str, photo: int) -> HttpResponse:
    row = service.by_token(token, at=timezone.now())
    if row is None:
        raise Http404
    return documents.download(get_object_or_404(row.evidence.select_related("document"), pk=photo).document)
