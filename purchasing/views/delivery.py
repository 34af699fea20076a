"""Deliveries: counted by who runs the pool, collected and confirmed by the companies."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Case, Max, Sum, Value, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from companies.access import has_role, require
from companies.errors import DomainError
from companies.forms import form_error
from companies.models import Role
from purchasing import access
from purchasing.forms_back import ReceiptForm
from purchasing.models import Allocation, HandOver, PurchaseOrder, Receipt
from purchasing.services import delivery as service
from purchasing.states import HandOverState
from purchasing.views.doors import attempt, company_of, reader
from purchasing.views.order import order_of

# What needs the company first.
WAITING = (HandOverState.READY, HandOverState.HANDED_OVER, HandOverState.CONTESTED)


@require_GET
def delivery_list(request: HttpRequest, company: int) -> HttpResponse:
    """What is ready for the company, what was collected, what is still expected."""
    row, user = company_of(request, company), reader(request)
    rows = (
        HandOver.objects.visible_to(user)
        .filter(company=row)
        .select_related("receipt__order__pool", "receipt__order__supplier")
        .annotate(waits=Case(*(When(state=s, then=Value(n)) for n, s in enumerate(WAITING)), default=Value(9)))
        .order_by("waits", "-receipt__arrived_at", "-pk")
    )
    page = Paginator(rows, 30).get_page(request.GET.get("page"))
    receipts = [hand_over.receipt_id for hand_over in page]
    mine: dict[int, list[Allocation]] = {}
    allocations = (
        Allocation.objects.visible_to(user)
        .filter(commitment__company=row, receipt_line__receipt__in=receipts, quantity__gt=0)
        .select_related("receipt_line__order_line")
    )
    for allocation in allocations:
        mine.setdefault(allocation.receipt_line.receipt_id, []).append(allocation)
    for hand_over in page:
        hand_over.mine = mine.get(hand_over.receipt_id, [])  # type: ignore[attr-defined]
    expected = (
        PurchaseOrder.objects.filter(
            lines__pool_line__commitments__company=row, lines__pool_line__commitments__state="locked"
        )
        .filter(state__in=["sent", "acknowledged", "changed", "accepted", "part_received"])
        .select_related("pool", "supplier")
        .distinct()
        .order_by("expected_on")
    )
    context = {"company": row, "page": page, "expected": expected, "may": has_role(user, row, Role.BUYER)}
    return render(request, "purchasing/delivery_list.html", context)


@require_POST
def answer(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """Confirm what was collected, or say what is wrong."""
    row, user = company_of(request, company), reader(request)
    require(has_role(user, row, Role.BUYER))
    hand_over = get_object_or_404(HandOver.objects.visible_to(user).select_related("company"), pk=pk, company=row)
    confirmed = request.POST.get("verdict") == "confirm"
    note = request.POST.get("note", "")
    attempt(
        request,
        lambda: service.answer(actor=user, row=hand_over, confirmed=confirmed, note=note, at=timezone.now()),
        _("Thank you: the delivery is confirmed.") if confirmed else _("The lead buyer was told and will answer."),
    )
    return redirect("purchasing:delivery_list", row.pk)


@require_http_methods(["GET", "POST"])
def receive(request: HttpRequest, pk: int) -> HttpResponse:
    """Enter a delivery; it is shared out at once by the pool's rule."""
    order = order_of(request, pk)
    return _receipt_form(request, order, None)


@require_http_methods(["GET", "POST"])
def correct(request: HttpRequest, pk: int) -> HttpResponse:
    """Put a delivery right by a counter-receipt; the first entry stays as it is."""
    receipt = _receipt_of(request, pk)
    return _receipt_form(request, order_of(request, receipt.order_id), receipt)


def _receipt_form(request: HttpRequest, order: PurchaseOrder, corrects: Receipt | None) -> HttpResponse:
    lines = list(order.lines.order_by("position"))
    for line in lines:
        line.received = service.accepted_of(line.pk)  # type: ignore[attr-defined]
        line.open = max(0, service.due_quantity(line) - line.received)  # type: ignore[attr-defined]
    following = (order.receipts.aggregate(last=Max("number"))["last"] or 0) + 1
    initial = {"number": following}
    if corrects is None:
        initial |= {f"counted{line.pk}": line.open for line in lines if line.open}  # type: ignore[attr-defined]
    form = ReceiptForm(request.POST or None, lines=lines, correction=corrects is not None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            receipt = service.receive(
                actor=reader(request),
                order=order,
                counts=form.counts(),
                at=timezone.now(),
                number=form.cleaned_data["number"],
                delivery_note=form.cleaned_data["delivery_note"],
                notes=form.cleaned_data["notes"],
                corrects=corrects,
            )
        except DomainError as error:
            if error.status == 403:
                raise
            form_error(form, error)
        else:
            messages.success(request, _("The delivery is entered and shared out. The companies were told."))
            return redirect("purchasing:receipt", receipt.pk)
    return render(request, "purchasing/receipt_form.html", {"order": order, "form": form, "corrects": corrects})


def _receipt_of(request: HttpRequest, pk: int) -> Receipt:
    user = reader(request)
    rows = Receipt.objects.visible_to(user).select_related("order__pool", "order__supplier", "counted_by", "corrects")
    receipt = get_object_or_404(rows, pk=pk)
    require(access.can_run_pool(user, receipt.order.pool))
    return receipt


@require_GET
def receipt(request: HttpRequest, pk: int) -> HttpResponse:
    """One delivery: counts, who gets how much, what is handed over. Only staff see the companies' quantities."""
    row, user = _receipt_of(request, pk), reader(request)
    lines = list(row.lines.select_related("order_line").order_by("order_line__position"))
    shares: dict[int, list[Allocation]] = {}
    rows = Allocation.objects.filter(receipt_line__receipt=row).select_related("commitment__company", "receipt_line")
    for allocation in rows.order_by("commitment__company__name"):
        shares.setdefault(allocation.commitment.company_id, []).append(allocation)
    hand_overs = list(row.hand_overs.select_related("company", "handed_by").order_by("company__name"))
    for hand_over in hand_overs:
        hand_over.mine = shares.get(hand_over.company_id, [])  # type: ignore[attr-defined]
    context = {
        "receipt": row,
        "order": row.order,
        "lines": lines,
        "hand_overs": hand_overs,
        "handing": access.can_run_pool(user, row.order.pool),
        "units": rows.aggregate(total=Sum("quantity"))["total"] or 0,
    }
    return render(request, "purchasing/receipt.html", context)


@require_POST
def hand_over(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    """Mark a company's part as handed over, or a contested one as resolved."""
    user = reader(request)
    rows = HandOver.objects.select_related("receipt__order__pool", "company")
    row = get_object_or_404(rows, pk=pk, receipt__in=Receipt.objects.visible_to(user))
    require(access.can_run_pool(user, row.receipt.order.pool))
    at = timezone.now()
    if action == "resolve":
        note = request.POST.get("note", "")
        attempt(request, lambda: service.resolve(actor=user, row=row, note=note, at=at), _("The matter is resolved."))
    else:
        attempt(request, lambda: service.hand_over(actor=user, row=row, at=at), _("Handed over."))
    return redirect("purchasing:receipt", row.receipt_id)


@require_POST
def close_short(request: HttpRequest, pk: int) -> HttpResponse:
    """Give up waiting for what is missing."""
    order = order_of(request, pk)
    reason = request.POST.get("reason", "")
    attempt(
        request,
        lambda: service.close_short(actor=reader(request), order=order, reason=reason, at=timezone.now()),
        _("The missing goods are given up; the order is settled on what arrived."),
    )
    return redirect("purchasing:order", order.pk)
