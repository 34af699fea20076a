"""Who works at the tills of a merchant."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from companies.errors import DomainError
from companies.forms import form_error
from companies.views.doors import me, refused
from merchants import selectors
from merchants.forms import CashierForm
from merchants.models import Cashier
from merchants.services import cashiers
from merchants.views.owner import merchant_of


def cashier_list(request: HttpRequest, merchant: int) -> HttpResponse:
    """Cashiers by shop, and the form for the next one."""
    row = merchant_of(request, merchant)
    form = CashierForm(request.POST or None, merchant=row)
    if request.method == "POST" and form.is_valid():
        try:
            made = cashiers.add(actor=me(request), at=timezone.now(), **form.cleaned_data)
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(request, _("%(name)s can work at the tills of the shop.") % {"name": made.name})
            return redirect("merchants:cashier_list", row.pk)
    rows = selectors.cashiers_of(row)
    return render(request, "merchants/cashier_list.html", {"merchant": row, "cashiers": rows, "form": form})


def _cashier(request: HttpRequest, merchant: int, pk: int) -> Cashier:
    row = merchant_of(request, merchant)
    found: Cashier = get_object_or_404(Cashier.objects.select_related("shop__merchant"), pk=pk, shop__merchant=row)
    return found


@require_POST
def cashier_pin(request: HttpRequest, merchant: int, pk: int) -> HttpResponse:
    """Give a cashier another PIN."""
    row = _cashier(request, merchant, pk)
    try:
        cashiers.set_pin(actor=me(request), cashier=row, pin=request.POST.get("pin", ""), at=timezone.now())
        messages.success(request, _("%(name)s has a new PIN.") % {"name": row.name})
    except DomainError as error:
        refused(request, error)
    return redirect("merchants:cashier_list", merchant)


@require_POST
def cashier_remove(request: HttpRequest, merchant: int, pk: int) -> HttpResponse:
    """Somebody left."""
    row = _cashier(request, merchant, pk)
    cashiers.remove(actor=me(request), cashier=row, at=timezone.now())
    messages.success(request, _("%(name)s cannot work at the tills any more.") % {"name": row.name})
    return redirect("merchants:cashier_list", merchant)
