"""Deliveries: counted by who runs the pool, collected and confirmed by the companies."""

from functools import partial
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Case, Max, Prefetch, Value, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from companies import documents
from companies.access import has_role, require
from companies.errors import DomainError
from companies.forms import form_error
from companies.models import Role
from purchasing import access
from purchasing.forms.delivery import PhotoForm, ReceiptForm, RefusalForm
from purchasing.models import HandOver, PurchaseOrder, Receipt
from purchasing.services import delivery as service
from purchasing.services import door, goods_release, parcels, reserves, shipment, surplus
from purchasing.services import hand_over as hand_overs
from purchasing.services.shipment import COMING
from purchasing.states import HandOverState
from purchasing.views.doors import attempt, company_of, reader
from purchasing.views.order import order_of, whole

# In the company's hands.
GONE = (HandOverState.HANDED_OVER, HandOverState.CONFIRMED)
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
    mine = parcels.contents(*{part.receipt.order_id for part in page}, companies=[row.pk])
    kept_back = goods_release.holds(page, mine)
    for part in page:
        part.items = mine.get(part.pk, [])  # type: ignore[attr-defined]  # for the template
        part.held = kept_back.get(part.pk)  # type: ignore[attr-defined]  # for the template
    held = {item.commitment.pk: item.commitment for items in mine.values() for item in items}
    spare = surplus.spare_of(held.values())
    for part in page:
        part.spare = [  # type: ignore[attr-defined]  # for the template
            (item.commitment, spare.pop(item.commitment.pk))
            for item in part.items  # type: ignore[attr-defined]  # set for the template
            if part.state in GONE and item.commitment.pk in spare
        ]
    expected = (
        PurchaseOrder.objects.filter(
            lines__pool_line__commitments__company=row, lines__pool_line__commitments__state="locked"
        )
        .filter(state__in=["sent", "acknowledged", "changed", "accepted", "part_received"])
        .select_related("pool", "supplier")
        .distinct()
        .order_by("expected_on")
    )
    coming = Prefetch("receipts", Receipt.objects.filter(state__in=COMING).order_by("number"), to_attr="coming")
    expected = expected.prefetch_related(coming)
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
        lambda: hand_overs.answer(actor=user, row=hand_over, confirmed=confirmed, note=note, at=timezone.now()),
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


@require_http_methods(["GET", "POST"])
def refuse(request: HttpRequest, pk: int) -> HttpResponse:
    """Turn a delivery away at the door, whole; `?number=` says which of those that wait."""
    order = order_of(request, pk)
    coming = service.waiting(order, whole(request.GET.get("number", "")))
    initial = {"number": (order.receipts.aggregate(last=Max("number"))["last"] or 0) + 1}
    if coming is not None:
        initial = {"number": coming.number, "delivery_note": coming.delivery_note, "parcels": coming.parcels}
    form = RefusalForm(request.POST or None, request.FILES or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        data = dict(form.cleaned_data)
        reason, photos = data.pop("notes"), data.pop("photos") or ()
        who: dict[str, Any] = {"actor": reader(request), "order": order, "at": timezone.now()}
        try:
            receipt = door.refuse(reason=reason, photos=photos, **who, **data)
        except DomainError as error:
            if error.status == 403:
                raise
            form_error(form, error)
        else:
            messages.success(request, _("The delivery is refused. The supplier was told why."))
            return redirect("purchasing:receipt", receipt.pk)
    return render(request, "purchasing/refusal_form.html", {"order": order, "form": form, "coming": coming})


def _receipt_form(request: HttpRequest, order: PurchaseOrder, corrects: Receipt | None) -> HttpResponse:
    lines = list(order.lines.order_by("position"))
    for line in lines:
        line.received = service.accepted_of(line.pk)  # type: ignore[attr-defined]  # for the template
        line.open = max(0, service.due_quantity(line) - line.received)  # type: ignore[attr-defined]  # for the template
    following = (order.receipts.aggregate(last=Max("number"))["last"] or 0) + 1
    initial: dict[str, Any] = {"number": following}
    coming = service.waiting(order) if corrects is None else None
    if coming is not None:
        initial |= {"number": coming.number, "delivery_note": coming.delivery_note}
    if corrects is None:
        initial |= {f"counted{line.pk}": line.open for line in lines if line.open}  # type: ignore[attr-defined]  # set above for the template
    form = ReceiptForm(
        request.POST or None, request.FILES or None, lines=lines, correction=corrects is not None, initial=initial
    )
    if request.method == "POST" and form.is_valid():
        try:
            receipt = service.receive(
                actor=reader(request),
                order=order,
                counts=form.counts(),
                at=timezone.now(),
                number=form.cleaned_data["number"],
                delivery_note=form.cleaned_data.get("delivery_note", ""),
                notes=form.cleaned_data["notes"],
                corrects=corrects,
                photos=form.cleaned_data.get("photos") or (),
            )
        except DomainError as error:
            if error.status == 403:
                raise
            form_error(form, error)
        else:
            messages.success(request, _("The delivery is entered and shared out. The companies were told."))
            return redirect("purchasing:receipt", receipt.pk)
    return render(
        request, "purchasing/receipt_form.html", {"order": order, "form": form, "corrects": corrects, "coming": coming}
    )


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
    items = parcels.contents(row.order_id)
    parts = list(row.hand_overs.select_related("company", "handed_by").order_by("company__name"))
    held = goods_release.holds(parts, items)
    for part in parts:
        part.items, part.held = items.get(part.pk, []), held.get(part.pk)  # type: ignore[attr-defined]  # for the template
    context = {
        "receipt": row,
        "order": row.order,
        "lines": lines,
        "hand_overs": parts,
        "sees_members": access.sees_members(user),
        "photos": row.photos.select_related("document"),
        "photo_form": PhotoForm(),
        "now": timezone.now(),
        "claims": row.claims.select_related("company").order_by("pk"),
    }
    return render(request, "purchasing/receipt.html", context)


@require_POST
def photo_add(request: HttpRequest, pk: int) -> HttpResponse:
    """One more photo of a delivery."""
    row, user = _receipt_of(request, pk), reader(request)
    form = PhotoForm(request.POST, request.FILES)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return redirect("purchasing:receipt", row.pk)
    caption = form.cleaned_data["caption"]
    for content in form.cleaned_data["photos"]:
        if not attempt(
            request,
            partial(reserves.add_photo, actor=user, receipt=row, content=content, caption=caption, at=timezone.now()),
            _("The photo is kept with the delivery."),
        ):
            break
    return redirect("purchasing:receipt", row.pk)


@require_GET
def photo(request: HttpRequest, pk: int, photo: int) -> HttpResponse:
    row = _receipt_of(request, pk)
    return documents.download(get_object_or_404(row.photos.select_related("document"), pk=photo).document)


@require_POST
def tell_carrier(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop the clock: the carrier was told."""
    row, user = _receipt_of(request, pk), reader(request)
    reference = request.POST.get("reference", "")
    attempt(
        request,
        lambda: reserves.tell_carrier(actor=user, receipt=row, reference=reference, at=timezone.now()),
        _("It is noted that the carrier was told."),
    )
    return redirect("purchasing:receipt", row.pk)


@require_POST
def expect_rest(request: HttpRequest, pk: int) -> HttpResponse:
    """Note when the supplier delivers what is missing."""
    order = order_of(request, pk)
    day = parse_date(request.POST.get("expected_on", "")[:10])
    attempt(
        request,
        lambda: shipment.expect_rest(actor=reader(request), order=order, day=day, at=timezone.now()),
        _("The new date is noted. The companies see it with their deliveries."),
    )
    return redirect("purchasing:order", order.pk)


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
