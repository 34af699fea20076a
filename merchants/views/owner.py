"""A merchant's own pages: home, shops, tills."""

from io import BytesIO

import qrcode
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from qrcode.image.svg import SvgPathImage

from companies.audit import history
from companies.documents import download
from companies.errors import DomainError
from companies.forms import form_error
from companies.views.doors import me
from merchants import agreement as texts
from merchants import selectors, services, todo
from merchants.access import owns
from merchants.forms import PairingForm, ShopForm
from merchants.models import Merchant, Till
from merchants.services.applications import AgreementMissing
from merchants.services.tills import PREFIX


def merchant_of(request: HttpRequest, pk: int) -> Merchant:
    """The merchant of the address, if it is the reader's business; else 404."""
    row: Merchant = get_object_or_404(Merchant.objects.visible_to(request.user).select_related("category"), pk=pk)
    return row


@require_safe
def home(request: HttpRequest, merchant: int) -> HttpResponse:
    """What needs the owner now, the way to the till, and what is on offer."""
    row = merchant_of(request, merchant)
    return render(
        request,
        "merchants/home.html",
        {
            "merchant": row,
            "owner": owns(request.user, row),
            "todos": todo.for_merchant(me(request), row, timezone.now()),
            "offers": selectors.offers_of(row)[:6],
            "tills": selectors.tills_of(row),
            "shops": selectors.open_shops(row),
            "acceptance": row.acceptances.first(),
            "verdict": history(row).filter(action=f"merchant.{row.status}").last()
            if row.status in ("suspended", "refused")
            else None,
        },
    )


@require_safe
def agreement(request: HttpRequest, merchant: int) -> HttpResponse:
    """The agreement as it was accepted, with the proof."""
    found = merchant_of(request, merchant).acceptances.select_related("document").first()
    if found is None:
        raise Http404
    return download(found.document)


@require_http_methods(["GET", "HEAD", "POST"])
def agreement_accept(request: HttpRequest, merchant: int) -> HttpResponse:
    """The current text with what is new in it, and the owner's acceptance."""
    row = merchant_of(request, merchant)
    if request.method == "POST":
        try:
            services.accept_agreement(
                actor=me(request), merchant=row, agreed=bool(request.POST.get("agreed")),
                reading=texts.copy_for(request.POST.get("reading")), address=request.META.get("REMOTE_ADDR") or None, at=timezone.now(),
            )  # fmt: skip
        except AgreementMissing as error:
            messages.error(request, error.sentence)
        else:
            messages.success(request, _("Thank you. The proof of your acceptance is on this page."))
        return redirect("merchants:agreement_accept", row.pk)
    reading = texts.copy_for(get_language())
    context = {
        "merchant": row,
        "version": texts.CURRENT,
        "articles": texts.articles(reading=reading, accepted=row.agreement),
        "reading": reading,
        "accepted": row.agreement == texts.CURRENT,
        "owner": owns(request.user, row),
        "last_day": texts.last_day(),
        "acceptances": row.acceptances.all(),
        "overdue": texts.overdue(row.agreement, at=timezone.now()),
    }
    return render(request, "merchants/agreement.html", context)


def shop_list(request: HttpRequest, merchant: int) -> HttpResponse:
    """Shops with their hours."""
    row = merchant_of(request, merchant)
    return render(request, "merchants/shop_list.html", {"merchant": row, "shops": selectors.open_shops(row)})


def shop_edit(request: HttpRequest, merchant: int, pk: int | None = None) -> HttpResponse:
    """Open a shop or correct one."""
    row = merchant_of(request, merchant)
    shop = get_object_or_404(selectors.open_shops(row), pk=pk) if pk else None
    form = ShopForm(request.POST or None, shop=shop)
    if request.method == "POST" and form.is_valid():
        services.save_shop(actor=me(request), merchant=row, shop=shop, at=timezone.now(), **form.cleaned_data)
        messages.success(request, _("The shop is saved."))
        return redirect("merchants:shop_list", row.pk)
    return render(request, "merchants/shop_edit.html", {"merchant": row, "shop": shop, "form": form})


@require_POST
def shop_close(request: HttpRequest, merchant: int, pk: int) -> HttpResponse:
    row = merchant_of(request, merchant)
    services.close_shop(actor=me(request), shop=get_object_or_404(row.shops, pk=pk), at=timezone.now())
    messages.success(request, _("The shop is closed and its tills are cut off."))
    return redirect("merchants:shop_list", row.pk)


def till_list(request: HttpRequest, merchant: int) -> HttpResponse:
    """Linked tills, and the code that links the next one. The code is shown on the answer to the form, never again."""
    row = merchant_of(request, merchant)
    form = PairingForm(request.POST or None, merchant=row)
    context = {
        "merchant": row,
        "form": form,
        "tills": selectors.tills_of(row),
        "till_address": request.build_absolute_uri("/till/"),
    }
    if request.method == "POST" and form.is_valid():
        try:
            pairing, code = services.create_pairing(actor=me(request), at=timezone.now(), **form.cleaned_data)
        except DomainError as error:
            form_error(form, error)
        else:
            context |= {"pairing": pairing, "code": f"{code[:4]} {code[4:]}", "svg": svg(PREFIX + code)}
    response = render(request, "merchants/till_list.html", context)
    response["Cache-Control"] = "no-store"
    return response


@require_POST
def till_revoke(request: HttpRequest, merchant: int, pk: int) -> HttpResponse:
    row = merchant_of(request, merchant)
    till = get_object_or_404(Till.objects.select_related("shop__merchant"), pk=pk, shop__merchant=row)
    services.revoke(actor=me(request), till=till, at=timezone.now())
    messages.success(request, _("“%(till)s” is cut off. It can scan no card any more.") % {"till": till.name})
    return redirect("merchants:till_list", row.pk)


def svg(text: str) -> str:
    """A QR code as inline SVG, without style or script."""
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=4, image_factory=SvgPathImage)
    code.add_data(text)
    out = BytesIO()
    code.make_image().save(out)
    return out.getvalue().decode().split("?>", 1)[-1]
