"""The moment goods change hands: one company's part, found by the label's code, handed over with a proof."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from companies import documents
from companies.access import has_role, is_staff, require
from companies.errors import DomainError
from companies.forms import form_error
from companies.models import Company
from purchasing import access, goods_papers, labels
from purchasing.forms.delivery import ReleaseForm, SignForm
from purchasing.models import HandOver, Pool, PurchaseOrder, Receipt
from purchasing.services import goods_release, parcels
from purchasing.services import hand_over as service
from purchasing.states import HandOverState
from purchasing.views.doors import attempt, reader
from purchasing.views.order import linked, order_of


def hand_over_of(request: HttpRequest, pk: int) -> HandOver:
    """A part of a delivery of a pool the user runs; 404 for all others."""
    user = reader(request)
    rows = HandOver.objects.select_related(
        "receipt__order__pool", "receipt__order__supplier", "company", "handed_by", "released_by", "signature"
    )
    row = get_object_or_404(rows, pk=pk, receipt__in=Receipt.objects.visible_to(user))
    require(access.can_run_pool(user, row.receipt.order.pool))
    return row


@require_http_methods(["GET", "POST"])
def hand_over_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One company's part: what it is, who collects it, a box to sign in."""
    row = hand_over_of(request, pk)
    form = SignForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _give(request, row, form):
        return redirect("purchasing:hand_over_page", row.pk)
    return _page(request, row, form, ReleaseForm())


def _page(request: HttpRequest, row: HandOver, form: SignForm, release_form: ReleaseForm) -> HttpResponse:
    items = parcels.items_of(row)
    context = {
        "row": row,
        "order": row.receipt.order,
        "mine": items,
        "held": goods_release.hold_of(row, items),
        "sees_sums": is_staff(reader(request)),
        "rule": goods_release.Rule(settings.GOODS_RELEASE),
        "form": form,
        "release_form": release_form,
        "scanned": request.GET.get("by") == "scan",
    }
    return render(request, "purchasing/hand_over.html", context)


def _release(request: HttpRequest, row: HandOver) -> HttpResponse:
    """Staff let a held part leave; what they typed stays when it is refused."""
    require(is_staff(reader(request)))
    form = ReleaseForm(request.POST)
    if form.is_valid():
        try:
            goods_release.release(actor=reader(request), row=row, reason=form.cleaned_data["reason"], at=timezone.now())
            return redirect("purchasing:hand_over_page", row.pk)
        except DomainError as error:
            form_error(form, error)
    return _page(request, row, SignForm(), form)


def _give(request: HttpRequest, row: HandOver, form: SignForm) -> bool:
    method = HandOver.Method.SCAN if request.POST.get("method") == "scan" else HandOver.Method.BUTTON
    try:
        service.hand_over(
            actor=reader(request),
            row=row,
            at=timezone.now(),
            method=method,
            signed_by=form.cleaned_data["signed_by"],
            strokes=service.strokes_of(form.cleaned_data["signature"]),
        )
    except DomainError as error:
        if error.status == 403:
            raise
        form_error(form, error)
        return False
    return True


@require_POST
def hand_over(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    """Mark a company's part as handed over, a contested one as resolved, or let a held one leave."""
    row, user, at = hand_over_of(request, pk), reader(request), timezone.now()
    if action == "release":
        return _release(request, row)
    if action == "resolve":
        note = request.POST.get("note", "")
        attempt(request, lambda: service.resolve(actor=user, row=row, note=note, at=at), _("The matter is resolved."))
    else:
        attempt(request, lambda: service.hand_over(actor=user, row=row, at=at), _("Handed over."))
    return redirect("purchasing:receipt", row.receipt_id)


@never_cache
@require_GET
def signature(request: HttpRequest, pk: int) -> HttpResponse:
    """The drawing a company's person signed with: for the company, and for whoever runs the pool."""
    user = reader(request)
    row = get_object_or_404(HandOver.objects.select_related("receipt__order__pool", "company", "signature"), pk=pk)
    if not (access.can_run_pool(user, row.receipt.order.pool) or has_role(user, row.company, *access.READERS)):
        raise Http404
    if row.signature is None:
        raise Http404
    return documents.download(row.signature)


@never_cache
@require_GET
def paper(request: HttpRequest, pk: int) -> HttpResponse:
    """The proof of a hand-over as PDF: for the company, and for whoever runs the pool."""
    user = reader(request)
    rows = HandOver.objects.select_related(
        "receipt__order__pool", "receipt__order__supplier", "company", "handed_by", "signature"
    )
    row = get_object_or_404(rows, pk=pk)
    if not (access.can_run_pool(user, row.receipt.order.pool) or has_role(user, row.company, *access.READERS)):
        raise Http404
    return printed(goods_papers.hand_over(row, at=timezone.now()), f"remise-{row.pk}")


def printed(content: bytes, name: str) -> HttpResponse:
    """A PDF made for this reader, shown in the browser and kept by no cache."""
    response = HttpResponse(content, content_type="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="{name}.pdf"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


@never_cache
@require_GET
def scan(request: HttpRequest, code: str) -> HttpResponse:
    """Where the QR of a label leads: the hand-over for who hands out, the own deliveries for who collects."""
    pair, user = labels.read_code(code), reader(request)
    if pair is None:
        raise Http404
    order = get_object_or_404(PurchaseOrder.objects.select_related("pool"), pk=pair[0])
    rows = HandOver.objects.filter(receipt__order=order, company=pair[1]).order_by("receipt__number")
    if Pool.objects.led_by(user).filter(pk=order.pool_id).exists() and access.can_run_pool(user, order.pool):
        row = rows.filter(state=HandOverState.READY).first() or rows.last()
        if row is None:
            company = get_object_or_404(Company, pk=pair[1])
            return render(request, "purchasing/hand_over_none.html", {"order": order, "company": company})
        address = redirect("purchasing:hand_over_page", row.pk)
        address.headers["Location"] += "?by=scan"
        return address
    mine = get_object_or_404(Company.objects.visible_to(user), pk=pair[1])
    require(access.can_see_requests(user, mine))
    return redirect("purchasing:delivery_list", mine.pk)


@require_GET
def order_labels(request: HttpRequest, pk: int) -> HttpResponse:
    """The labels of an order, one per company and place."""
    return _labels(order_of(request, pk))


@login_not_required  # the signed link is the login
@never_cache
@require_GET
def supplier_labels(request: HttpRequest, token: str) -> HttpResponse:
    """The same for the supplier who packs, by the link of the order."""
    row = linked(token)
    if row is None:
        return render(request, "purchasing/order_link_dead.html", status=404)
    return _labels(row)


def _labels(order: PurchaseOrder) -> HttpResponse:
    if order.sent_at is None:
        raise Http404
    return printed(labels.pdf(order), f"etiquettes-{order.number}")
