"""What the association's staff watch: every invoice, every payment, refunds."""

from uuid import uuid4

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from companies.access import is_staff
from companies.billing import buyers, payments, selectors
from companies.billing.models import Invoice, Payment, PaymentState
from companies.errors import DomainError
from companies.forms import MoneyField, form_error
from companies.models import User

PER_PAGE = 50
PAYMENT_TABS = {
    "": gettext_lazy("All payments"),
    "succeeded": gettext_lazy("Money received"),
    "processing": gettext_lazy("On its way"),
    "failed": gettext_lazy("Payment failed"),
    "charged_back": gettext_lazy("Taken back"),
}


def staff_user(request: HttpRequest) -> User:
    """The person of the staff who asks; for everybody else the page does not exist."""
    if not is_staff(request.user):
        raise Http404
    assert isinstance(request.user, User)
    return request.user


@require_safe
def invoices(request: HttpRequest) -> HttpResponse:
    """Every invoice of the association, by tab, searched by number or company."""
    staff_user(request)
    rows = Invoice.objects.all()
    text = request.GET.get("q", "").strip()[:80]
    if text:
        rows = rows.filter(Q(number__icontains=text) | buyers.named(text))
    group, today = request.GET.get("state", ""), timezone.localdate()
    page = Paginator(rows.in_group(group).select_related("company"), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "tabs": selectors.tabs(rows, group),
        "figures": selectors.figures(rows.own(), today=today),
        "page": page,
        "invoices": selectors.decorate(page, today=today),
        "text": text,
        "group": group,
    }
    return render(request, "billing/staff_invoices.html", context)


@require_safe
def staff_payments(request: HttpRequest) -> HttpResponse:
    """Every attempt to pay, newest first."""
    staff_user(request)
    rows = Payment.objects.exclude(state=PaymentState.CREATED)
    state = request.GET.get("state", "")
    chosen = rows.filter(state=state) if state in PAYMENT_TABS and state else rows
    page = Paginator(chosen.select_related("invoice__company"), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "tabs": [{"key": key, "label": label, "current": key == state} for key, label in PAYMENT_TABS.items()],
        "page": page,
        "payments": selectors.decorate_payments(page),
    }
    return render(request, "billing/staff_payments.html", context)


class RefundForm(forms.Form):
    """How much goes back to the payer, and why."""

    amount_cents = MoneyField(label=gettext_lazy("Amount to refund (€)"), min_value=1)
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=240)
    key = forms.CharField(widget=forms.HiddenInput, max_length=60)


@require_http_methods(["GET", "POST"])
def refund(request: HttpRequest, payment: int) -> HttpResponse:
    """Send part or all of a received payment back."""
    staff_user(request)
    found = get_object_or_404(Payment.objects.select_related("invoice__company"), pk=payment)
    left = found.amount_cents - found.refunded_cents
    form = RefundForm(request.POST or None, initial={"amount_cents": left, "key": f"page-{uuid4()}"})
    if request.method == "POST" and form.is_valid():
        assert isinstance(request.user, User)
        try:
            payments.refund(payment=found, actor=request.user, at=timezone.now(), **form.cleaned_data)
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(request, _("The refund was sent. The payer receives it within a few days."))
            return redirect("billing:invoice", found.invoice.company_id, found.invoice_id)
    return render(request, "billing/refund.html", {"payment": found, "form": form, "left": left})
