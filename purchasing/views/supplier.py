"""A supplier's file: closed days, documents, contacts, price lists with their dry run."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from companies.access import require
from companies.documents import download
from companies.employees.table import MAX_BYTES
from companies.errors import DomainError
from companies.forms import form_error
from purchasing import access
from purchasing.forms import supplier as forms
from purchasing.models import (
    PriceList,
    PriceListRow,
    PriceListState,
    Supplier,
    SupplierClosure,
    SupplierContact,
    SupplierDocument,
)
from purchasing.price_words import file_sentence, problem_sentence
from purchasing.rules.units import change_bp
from purchasing.services import price_list as lists
from purchasing.services import supplier as service
from purchasing.views.doors import attempt, reader

KINDS = [
    (PriceListRow.Kind.ERROR, "danger", "circle-alert"),
    (PriceListRow.Kind.NEW, "success", "plus"),
    (PriceListRow.Kind.CHANGED, "info", "pencil"),
    (PriceListRow.Kind.GONE, "warning", "log-out"),
    (PriceListRow.Kind.UNCHANGED, "muted", "equal"),
]


def _supplier(request: HttpRequest, pk: int) -> Supplier:
    require(access.can_keep_catalogue(reader(request)))
    return get_object_or_404(Supplier, pk=pk)


@require_GET
def supplier_file(request: HttpRequest, pk: int) -> HttpResponse:
    """Everything known about one supplier beside its name and address."""
    return _file(request, _supplier(request, pk))


def _file(request: HttpRequest, row: Supplier, **tried: Any) -> HttpResponse:
    today = timezone.localdate()
    documents = list(
        row.documents.filter(replaced_at__isnull=True).defer("document__content").select_related("document")
    )
    for document in documents:
        left = (document.expires_on - today).days if document.expires_on else None
        document.tone = "muted" if left is None else "danger" if left < 0 else "warning" if left <= 30 else "success"  # type: ignore[attr-defined]  # for the template
    context = {
        "supplier": row,
        "closures": row.closures.filter(ends_on__gte=today),
        "closed_now": row.closures.filter(starts_on__lte=today, ends_on__gte=today).first(),
        "earliest": service.earliest_delivery(row, today),
        "documents": documents,
        "contacts": row.contacts.all(),
        "lists": row.price_lists.defer("content")[:10],
        "prices": row.prices.filter(ended_on__isnull=True).count(),
        "closure_form": tried.get("closure") or forms.ClosureForm(),
        "document_form": tried.get("document") or forms.DocumentForm(),
        "contact_form": tried.get("contact") or forms.ContactForm(),
    }
    return render(request, "purchasing/supplier_file.html", context)


@require_POST
def closure_add(request: HttpRequest, pk: int) -> HttpResponse:
    row, form = _supplier(request, pk), forms.ClosureForm(request.POST)
    if form.is_valid():
        try:
            service.close(actor=reader(request), supplier=row, at=timezone.now(), **form.cleaned_data)
            return redirect("purchasing:supplier_file", row.pk)
        except DomainError as error:
            form_error(form, error)
    return _file(request, row, closure=form)


@require_POST
def closure_remove(request: HttpRequest, pk: int, closure: int) -> HttpResponse:
    row = _supplier(request, pk)
    found = get_object_or_404(SupplierClosure, pk=closure, supplier=row)
    attempt(request, lambda: service.reopen(actor=reader(request), closure=found, at=timezone.now()))
    return redirect("purchasing:supplier_file", row.pk)


@require_POST
def document_add(request: HttpRequest, pk: int) -> HttpResponse:
    row, form = _supplier(request, pk), forms.DocumentForm(request.POST, request.FILES)
    if form.is_valid():
        sent = form.cleaned_data["file"]
        try:
            service.add_document(
                actor=reader(request),
                supplier=row,
                kind=form.cleaned_data["kind"],
                name=sent.name,
                content=sent.read(service.MAX_DOCUMENT + 1),
                expires_on=form.cleaned_data["expires_on"],
                at=timezone.now(),
            )
            return redirect("purchasing:supplier_file", row.pk)
        except DomainError as error:
            form_error(form, error)
    return _file(request, row, document=form)


@require_GET
def document(request: HttpRequest, pk: int, document: int) -> HttpResponse:
    """The file itself."""
    found = get_object_or_404(
        SupplierDocument.objects.select_related("document"), pk=document, supplier=_supplier(request, pk)
    )
    return download(found.document)


@require_POST
def contact_add(request: HttpRequest, pk: int) -> HttpResponse:
    row, form = _supplier(request, pk), forms.ContactForm(request.POST)
    if form.is_valid():
        service.add_contact(actor=reader(request), supplier=row, values=form.cleaned_data, at=timezone.now())
        return redirect("purchasing:supplier_file", row.pk)
    return _file(request, row, contact=form)


@require_POST
def contact_remove(request: HttpRequest, pk: int, contact: int) -> HttpResponse:
    row = _supplier(request, pk)
    found = get_object_or_404(SupplierContact, pk=contact, supplier=row)
    attempt(request, lambda: service.remove_contact(actor=reader(request), contact=found, at=timezone.now()))
    return redirect("purchasing:supplier_file", row.pk)


@require_http_methods(["GET", "POST"])
def price_list_new(request: HttpRequest, pk: int) -> HttpResponse:
    """Send a list: it is compared first, nothing changes yet."""
    row = _supplier(request, pk)
    form = forms.PriceListForm(
        request.POST or None, request.FILES or None, initial={"valid_from": timezone.localdate()}
    )
    if request.method == "POST" and form.is_valid():
        sent, data = form.cleaned_data["file"], form.cleaned_data
        try:
            found = lists.upload(
                actor=reader(request),
                supplier=row,
                name=sent.name,
                content=sent.read(MAX_BYTES + 1),
                full=data["full"],
                valid_from=data["valid_from"],
                at=timezone.now(),
            )
            return redirect("purchasing:price_list", row.pk, found.pk)
        except DomainError as error:
            form_error(form, error)
    return render(request, "purchasing/price_list_new.html", {"supplier": row, "form": form})


@require_GET
def price_list(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """Where a list stands, and line by line what it does or what is wrong."""
    row = _supplier(request, pk)
    found = get_object_or_404(row.price_lists.defer("content").select_related("job"), pk=number)
    kind = request.GET.get("kind", "")
    if kind not in PriceListRow.Kind.values:
        kind = "error" if found.errors else ""
    rows = found.rows.select_related("article").exclude(kind="" if kind else "unchanged")
    page = Paginator(rows.filter(kind=kind) if kind else rows, 100).get_page(request.GET.get("page"))
    for line in page:
        line.sentences = [problem_sentence(problem) for problem in line.problems]  # type: ignore[attr-defined]  # for the template
        if line.was_e4 and line.price_e4:
            line.change_bp = change_bp(line.was_e4, line.price_e4)  # type: ignore[attr-defined]  # for the template
    figures = [
        {"kind": k, "label": k.label, "tone": tone, "icon": icon, "count": found.counts.get(k, 0)}
        for k, tone, icon in KINDS
    ]
    context = {
        "supplier": row,
        "found": found,
        "figures": figures,
        "kind": kind,
        "page": page,
        "trouble": file_sentence(found.trouble) if found.trouble else "",
        "ready": found.state == PriceListState.READY,
        "busy": found.state in (PriceListState.READING, PriceListState.APPLYING),
    }
    return render(request, "purchasing/price_list.html", context)


def _act(request: HttpRequest, pk: int, number: int, step: Any, done: str = "") -> HttpResponse:
    row = _supplier(request, pk)
    found = get_object_or_404(PriceList.objects.defer("content"), pk=number, supplier=row)
    attempt(request, lambda: step(actor=reader(request), found=found, at=timezone.now()), done)
    return redirect("purchasing:price_list", row.pk, found.pk)


@require_POST
def price_list_apply(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    return _act(request, pk, number, lists.start_applying)


@require_POST
def price_list_cancel(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    return _act(request, pk, number, lists.cancel, _("The price list is given up. No price changed."))
