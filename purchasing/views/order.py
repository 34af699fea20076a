"""Orders: prepared, signed and sent by who runs the pool; acknowledged by the supplier through a link."""

from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone, translation
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from companies import documents
from companies.access import is_staff, require
from companies.errors import DomainError
from companies.forms import form_error
from purchasing import access, history
from purchasing.forms_back import AnswerForm
from purchasing.models import CallOff, PurchaseOrder
from purchasing.services import changes, claims, delivery, employee_supplier, shipment, three_way
from purchasing.services import order as service
from purchasing.services.answers import answerable
from purchasing.services.shipment import AWAITED, UNCOUNTED
from purchasing.states import ORDER
from purchasing.views import employee_order
from purchasing.views.doors import attempt, led_pool, reader

MOST_CALL_OFFS = 20


def order_of(request: HttpRequest, pk: int) -> PurchaseOrder:
    """An order of a pool the user runs; 404 for all others."""
    user = reader(request)
    rows = PurchaseOrder.objects.visible_to(user).select_related("pool__lead", "supplier", "document", "quote")
    order = get_object_or_404(rows, pk=pk)
    require(access.can_run_pool(user, order.pool))
    return order


@require_POST
def prepare(request: HttpRequest, pk: int) -> HttpResponse:
    """One order per supplier, ready to be signed."""
    pool = led_pool(request, pk)
    attempt(
        request,
        lambda: service.prepare(actor=reader(request), pool=pool, at=timezone.now()),
        _("The orders are prepared. Look at each and sign it."),
    )
    return redirect("purchasing:goods", pool.pk)


@require_GET
def order(request: HttpRequest, pk: int) -> HttpResponse:
    """One order: what was ordered, what the supplier said, what arrived, what was billed."""
    row = order_of(request, pk)
    lines = list(row.lines.select_related("pool_line").order_by("position"))
    unbilled = three_way.unbilled(row)
    for line in lines:
        line.received = delivery.accepted_of(line.pk)  # type: ignore[attr-defined]  # for the template
        line.open = delivery.open_quantity(line) if row.state in AWAITED else 0  # type: ignore[attr-defined]  # for the template
        line.unbilled = unbilled.get(line.pk, 0)  # type: ignore[attr-defined]  # for the template
    answer = row.acknowledgements.prefetch_related("lines__order_line").last()
    consents = list(answer.consents.select_related("commitment__company")) if answer else []
    context = {
        "order": row,
        "lines": lines,
        "answer": answer,
        "answered": sum(c.accepted is not None for c in consents),
        "consents": consents,
        "sees_members": access.sees_members(reader(request)),
        "receipts": row.receipts.prefetch_related("lines__order_line").order_by("number"),
        "awaited": row.state in AWAITED,
        "invoices": row.supplier_invoices.order_by("pk"),
        "can_receive": row.state in delivery.RECEIVABLE,
        "can_bill": row.state in ("part_received", "received", "closed_short", "billed"),
        "unbilled": sum(unbilled.values()),
        "answerable": answerable(row),
        "claims": row.claims.order_by("pk"),
        "can_claim": row.state in claims.CLAIMABLE,
        "can_cancel": "cancelled" in ORDER[row.state],
        "staff": is_staff(reader(request)),
        "history": history.of(row),
        "call_off": CallOff.objects.filter(pool=row.pool_id).select_related("agreement", "company").first(),
    }
    return render(request, "purchasing/order.html", context)


def whole(text: str) -> int | None:
    """A typed number of parcels; 0, which is refused in words, for what is none; None for an empty field."""
    text = text.strip()
    return (int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0) if text else None


@require_POST
def arrived(request: HttpRequest, pk: int) -> HttpResponse:
    """Note at the drop point that a delivery is there; counting it is the next step."""
    row = order_of(request, pk)
    number = request.POST.get("receipt", "")
    receipt = get_object_or_404(row.receipts, pk=whole(number)) if number else None
    parcels = whole(request.POST.get("parcels", ""))
    attempt(
        request,
        lambda: shipment.arrive(actor=reader(request), order=row, receipt=receipt, parcels=parcels, at=timezone.now()),
        _("The arrival is noted. Count the delivery when you can."),
    )
    return redirect("purchasing:order", row.pk)


@require_POST
def send(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign the order and mail it."""
    row = order_of(request, pk)
    attempt(
        request,
        lambda: service.sign_and_send(actor=reader(request), order=row, at=timezone.now()),
        _("The order was signed and sent to %(supplier)s.") % {"supplier": row.supplier},
    )
    return redirect("purchasing:order", row.pk)


@require_GET
def pdf(request: HttpRequest, pk: int) -> HttpResponse:
    row = order_of(request, pk)
    if row.document is None:
        raise Http404
    return documents.download(row.document)


@require_http_methods(["GET", "POST"])
def acknowledge(request: HttpRequest, pk: int) -> HttpResponse:
    """Write down what the supplier said on the telephone."""
    row = order_of(request, pk)
    form = AnswerForm(request.POST or None, order=row)
    if request.method == "POST" and form.is_valid() and _answer(row, form, request):
        messages.success(request, _("The supplier's answer is recorded."))
        return redirect("purchasing:order", row.pk)
    return render(request, "purchasing/order_answer.html", {"order": row, "form": form, "supplier_view": False})


def _answer(row: PurchaseOrder, form: AnswerForm, request: HttpRequest | None) -> bool:
    """Record an answer; with a request it is by somebody signed in, else by the supplier."""
    answer = service.Answer(
        delivery_on=form.cleaned_data["delivery_on"],
        reference=form.cleaned_data["reference"],
        note=form.cleaned_data["note"],
        changes=form.changes(),
        substitutes=form.substitutes(),
    )
    try:
        service.acknowledge(
            order=row, answer=answer, at=timezone.now(), actor=reader(request) if request is not None else None
        )
    except DomainError as error:
        form_error(form, error)
        return False
    return True


@require_POST
def conclude(request: HttpRequest, pk: int) -> HttpResponse:
    """Close the question to the companies and compute the lines again."""
    row = order_of(request, pk)
    attempt(
        request,
        lambda: changes.conclude_change(actor=reader(request), order=row, at=timezone.now()),
        _("The change is concluded."),
    )
    return redirect("purchasing:order", row.pk)


@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    row = order_of(request, pk)
    reason = request.POST.get("reason", "").strip()
    attempt(
        request,
        lambda: service.cancel(actor=reader(request), order=row, reason=reason, at=timezone.now()),
        _("The order is cancelled and the needs are free again."),
    )
    return redirect("purchasing:order", row.pk)


def linked(token: str) -> PurchaseOrder | None:
    return service.by_token(token, at=timezone.now())


def _dead_link(request: HttpRequest) -> HttpResponse:
    return render(request, "purchasing/order_link_dead.html", status=404)


@login_not_required  # the signed link is the login
@never_cache
@require_http_methods(["GET", "POST"])
def supplier_order(request: HttpRequest, token: str) -> HttpResponse:
    """The supplier's page: the order, one button to acknowledge, and a form for what changes."""
    row = linked(token)
    if row is None:
        other = employee_supplier.by_token(token, at=timezone.now())
        return employee_order.supplier_side(request, other, token) if other else _dead_link(request)
    with translation.override("en" if request.GET.get("lang") == "en" else translation.get_language()):
        shipping = request.method == "POST" and "ship" in request.POST
        if shipping and _ships(request, row):
            return redirect(request.path)
        form = AnswerForm(None if shipping else request.POST or None, order=row)
        if request.method == "POST" and form.is_valid() and _answer(row, form, None):
            return redirect(request.path)
        row.refresh_from_db()
        context = {
            "order": row,
            "form": form,
            "token": token,
            "answerable": answerable(row),
            "ships": row.state in AWAITED and not answerable(row),
            "announced": row.receipts.filter(state__in=UNCOUNTED, counted_at__isnull=True).order_by("number"),
            "answer": row.acknowledgements.prefetch_related("lines__order_line").last(),
            "soonest": timezone.localdate() + timedelta(days=1),
            "supplier_view": True,
            "limit_bp": row.pool.consent_limit_bp,
            **_framework(row),
        }
        return render(request, "purchasing/order_supplier.html", context)


def _ships(request: HttpRequest, row: PurchaseOrder) -> bool:
    """The supplier says when what is awaited leaves and comes."""
    day, note = parse_date(request.POST.get("arrives_on", "")[:10]), request.POST.get("delivery_note", "")
    parcels = whole(request.POST.get("parcels", ""))
    return attempt(
        request,
        lambda: shipment.announce(order=row, day=day, delivery_note=note, parcels=parcels, at=timezone.now()),
        _("Thank you: the companies see the day."),
    )


def _framework(row: PurchaseOrder) -> dict[str, object]:
    """For an order that draws on an agreement: the agreement, and the supplier's other orders on it."""
    call_off = CallOff.objects.filter(pool=row.pool_id).select_related("agreement").first()
    if call_off is None:
        return {}
    others = PurchaseOrder.objects.filter(
        supplier=row.supplier_id, pool__call_off__agreement=call_off.agreement_id, sent_at__isnull=False
    )
    return {"call_off": call_off, "call_offs": others.order_by("-sent_at", "-pk")[:MOST_CALL_OFFS]}


@login_not_required  # the signed link is the login
@never_cache
@require_GET
def supplier_pdf(request: HttpRequest, token: str) -> HttpResponse:
    row = linked(token)
    if row is None and (other := employee_supplier.by_token(token, at=timezone.now())):
        return employee_order.supplier_paper(other)
    if row is None or row.document is None:
        return _dead_link(request)
    return documents.download(row.document)
