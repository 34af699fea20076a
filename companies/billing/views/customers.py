"""Commissions to suppliers: the staff's pages, and the supplier's own by its signed link (decision 0058)."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.db.models import Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from companies.billing import customer_links, printing, selectors, statements, supplier_invoicing
from companies.billing.models import CreditNote, Customer, Invoice
from companies.billing.references import creditor_reference, spaced
from companies.billing.supplier_links import SupplierLinkEnded
from companies.billing.views.desk import _csv
from companies.billing.views.einvoice import transmission_of
from companies.billing.views.staff import staff_user
from companies.documents import download
from companies.errors import DomainError

PER_PAGE = 40


class CustomerForm(forms.Form):
    """How a supplier is named and reached on its next invoices."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=160)
    legal_form = forms.CharField(label=gettext_lazy("Legal form"), max_length=60, required=False)
    street = forms.CharField(label=gettext_lazy("Street"), max_length=160)
    postcode = forms.CharField(label=gettext_lazy("Postcode"), max_length=10)
    city = forms.CharField(label=gettext_lazy("Town"), max_length=80)
    vat_no = forms.CharField(label=gettext_lazy("VAT number"), max_length=20, required=False)
    e_address = forms.CharField(
        label=gettext_lazy("Address on the invoicing platform"),
        max_length=60,
        required=False,
        help_text=gettext_lazy("Empty: its SIREN."),
    )
    email = forms.EmailField(label=gettext_lazy("E-mail address of its accounts"), required=False)
    payment_days = forms.IntegerField(label=gettext_lazy("Days to pay"), min_value=0, max_value=60)


# The staff ------------------------------------------------------------------------------------------------------------
@require_safe
def customers(request: HttpRequest) -> HttpResponse:
    """Suppliers that owe a commission or were invoiced one, with what is not invoiced yet."""
    staff_user(request)
    open_sums = supplier_invoicing.open_sums()
    rows = Customer.objects.annotate(owed_cents=Sum("invoices__balance_cents")).order_by("name", "pk")
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    for row in page:
        row.open_cents = open_sums.get(row.pk, 0)  # type: ignore[attr-defined]  # for the template
    figures = {"open": sum(open_sums.values()), "owed": rows.aggregate(sum=Sum("owed_cents"))["sum"] or 0}
    return render(request, "billing/customers.html", {"page": page, "figures": figures})


@require_http_methods(["GET", "HEAD", "POST"])
def customer(request: HttpRequest, pk: int) -> HttpResponse:
    """One supplier: what it owes, what will be invoiced, how it is named and reached."""
    user = staff_user(request)
    row = get_object_or_404(Customer, pk=pk)
    form = CustomerForm(request.POST or None, initial={name: getattr(row, name) for name in CustomerForm.base_fields})
    if request.method == "POST" and form.is_valid():
        supplier_invoicing.change_identity(customer=row, actor=user, at=timezone.now(), **form.cleaned_data)
        messages.success(request, _("Saved. It counts for invoices issued from now on."))
        return redirect("billing:customer", pk)
    link = customer_links.path(row)
    return render(request, "billing/customer.html", _account(request, row) | {"form": form, "link": link})


def _account(request: HttpRequest, row: Customer) -> dict[str, Any]:
    """What both sides see of a supplier's account."""
    today = timezone.localdate()
    page = Paginator(row.invoices.prefetch_related("credit_notes"), PER_PAGE).get_page(request.GET.get("page"))
    return {
        "customer": row,
        "page": page,
        "invoices": selectors.decorate(page, today=today),
        "fees": supplier_invoicing.open_fees().filter(customer=row),
        "found": statements.of(row, first=today.replace(month=1, day=1), last=today),
    }


@require_POST
def invoice_now(request: HttpRequest, pk: int) -> HttpResponse:
    """Invoice a supplier its commissions without waiting for the end of the month."""
    user = staff_user(request)
    row = get_object_or_404(Customer, pk=pk)
    try:
        made = supplier_invoicing.invoice_now(customer=row, actor=user, at=timezone.now())
    except DomainError as error:
        messages.error(request, error.sentence)
    else:
        said = ngettext("%(n)s document is issued.", "%(n)s documents are issued.", len(made)) % {"n": len(made)}
        messages.success(request, said) if made else messages.info(request, _("There is nothing to invoice."))
    return redirect("billing:customer", pk)


def _statement(row: Customer, form: str) -> HttpResponse:
    today = timezone.localdate()
    found = statements.of(row, first=today.replace(month=1, day=1), last=today)
    name = f"{row.siren}-{found.first}-{found.last}"
    if form == "csv":
        return _csv(statements.as_csv(found), f"{name}.csv")
    if form != "pdf":
        raise Http404
    content = statements.as_pdf(found, language=translation.get_language() or "fr", at=timezone.now())
    answer = HttpResponse(content, content_type="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="{name}.pdf"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@require_safe
def statement(request: HttpRequest, pk: int, form: str) -> HttpResponse:
    """The statement of this year as PDF or CSV."""
    staff_user(request)
    return _statement(get_object_or_404(Customer, pk=pk), form)


@require_safe
def supplier_invoice(request: HttpRequest, pk: int) -> HttpResponse:
    """One invoice to a supplier: lines, what was paid, where it went, and what can be done."""
    staff_user(request)
    rows = Invoice.objects.exclude(customer=None).select_related("customer", "document")
    row = get_object_or_404(rows, pk=pk)
    selectors.decorate([row], today=timezone.localdate())
    context = {
        "invoice": row,
        "lines": row.lines.all(),
        "vat_rows": row.vat_rows.all(),
        "credit_notes": row.credit_notes.all(),
        "history": selectors.timeline(row),
        "transmission": transmission_of(row),
        "reminders": row.reminders.all(),
        "reference": spaced(creditor_reference(row.number)),
    }
    return render(request, "billing/supplier_invoice.html", context)


def _document(kind: str, pk: int, **of: Any) -> Invoice | CreditNote:
    if kind == "invoice":
        return get_object_or_404(Invoice.objects.exclude(customer=None).select_related("document"), pk=pk, **of)
    if kind != "credit-note":
        raise Http404
    notes = CreditNote.objects.exclude(invoice__customer=None).select_related("document", "invoice")
    return get_object_or_404(notes, pk=pk, **{f"invoice__{name}": value for name, value in of.items()})


@require_safe
def document(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """The file of an invoice or a credit note to a supplier."""
    staff_user(request)
    return download(printing.file_of(_document(kind, pk), at=timezone.now()))


# The supplier ---------------------------------------------------------------------------------------------------------
def by_link(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The signed link is the permission: the view is given its supplier, or a page says that the link has ended."""

    @wraps(view)
    def opened(request: HttpRequest, token: str, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            row = customer_links.customer_of(token)
        except SupplierLinkEnded as error:
            return render(request, "billing/link_ended.html", {"sentence": error.sentence}, status=error.status)
        return view(request, token, row, *args, **kwargs)

    return login_not_required(never_cache(opened))


@require_safe
@by_link
def home(request: HttpRequest, token: str, row: Customer) -> HttpResponse:
    """All that the association invoiced a supplier, what is owed, and how to pay it."""
    context = _account(request, row) | {"token": token}
    for invoice in context["invoices"]:
        invoice.reference = spaced(creditor_reference(invoice.number))
    return render(request, "billing/customer_home.html", context)


@require_safe
@by_link
def pdf(request: HttpRequest, token: str, row: Customer, kind: str, pk: int) -> HttpResponse:
    """The file of a document of the supplier's."""
    return download(printing.file_of(_document(kind, pk, customer=row), at=timezone.now()))


@require_safe
@by_link
def own_statement(request: HttpRequest, token: str, row: Customer, form: str) -> HttpResponse:
    """The supplier's own statement of this year."""
    return _statement(row, form)
