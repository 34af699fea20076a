"""The supplier's invoice and the proof of who pays what."""

import csv
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from companies import documents
from companies.access import has_role, is_staff, require
from companies.billing.models import Invoice
from companies.employees.sheets import harmless
from companies.errors import DomainError
from companies.forms import form_error
from companies.models import Company, Document, Role
from companies.money import euros, line_total
from purchasing import access, alone_words, proof_document, savings
from purchasing import proof as proofs
from purchasing.forms_back import SupplierInvoiceForm
from purchasing.models import Commitment, Pool, PurchaseOrder, PurchaseOrderLine, SupplierInvoice
from purchasing.services import billing_end, supplier_file, surplus, three_way
from purchasing.services import settlement as service
from purchasing.views.doors import attempt, company_of, reader
from purchasing.views.order import order_of


@require_http_methods(["GET", "POST"])
def record(request: HttpRequest, pk: int) -> HttpResponse:
    """Enter the supplier's invoice, filled with what is expected, or with what its own file says."""
    order = order_of(request, pk)
    lines = list(order.lines.order_by("position"))
    expected = _expected(order, lines)
    if request.method == "POST" and "read" in request.POST:
        found = _read_file(request, order, lines)
        form = SupplierInvoiceForm(lines=lines, initial=found or expected)
        return _form_page(request, order, form)
    form = SupplierInvoiceForm(request.POST or None, lines=lines, initial=expected)
    if request.method == "POST" and form.is_valid():
        try:
            document = supplier_file.kept(form.cleaned_data["kept"], order)
            draft = _draft(form, document)
            invoice = service.record(actor=reader(request), order=order, draft=draft, at=timezone.now())
        except DomainError as error:
            if error.status == 403:
                raise
            form_error(form, error)
        else:
            return redirect("purchasing:supplier_invoice", invoice.pk)
    return _form_page(request, order, form)


def _form_page(request: HttpRequest, order: PurchaseOrder, form: SupplierInvoiceForm) -> HttpResponse:
    in_name = order.pool.legal_model == Pool.LegalModel.MANDATE
    if in_name:
        form.fields["number"].label = _("Number of the supplier's statement")
    return render(request, "purchasing/settlement_form.html", {"order": order, "form": form, "in_name": in_name})


def _expected(order: PurchaseOrder, lines: Sequence[PurchaseOrderLine]) -> dict[str, Any]:
    """What came and no earlier invoice billed, at the agreed prices."""
    initial: dict[str, Any] = {"issued_on": timezone.localdate()}
    left = three_way.unbilled(order)
    for line in lines:
        open_ = left.get(line.pk, 0)
        net = line_total(open_, line.unit_price_e4)
        if open_:
            initial |= {f"quantity{line.pk}": open_, f"price{line.pk}": line.unit_price_e4, f"net{line.pk}": net}
    initial["freight"] = three_way.freight_left(order) or None
    return initial


def _read_file(request: HttpRequest, order: PurchaseOrder, lines: Sequence[PurchaseOrderLine]) -> dict[str, Any] | None:
    """What the uploaded file says, as the form's first values; None, and a message, when it cannot be kept."""
    upload = request.FILES.get("file")
    if upload is None:
        messages.error(request, _("Choose the supplier's file first."))
        return None
    try:
        content = upload.read(supplier_file.MOST_BYTES + 1)
        found, read = supplier_file.take(reader(request), order, content, str(upload.name), at=timezone.now())
    except DomainError as error:
        if error.status == 403:
            raise
        messages.error(request, error.sentence)
        return None
    if not read.lines:
        messages.info(request, _("The file is kept. It has no data to read: please enter the figures."))
        return _expected(order, lines) | {"kept": found}
    messages.success(request, _("The figures come from the file. Compare them with the paper, then enter the invoice."))
    return supplier_file.initial(read, lines) | {"kept": found}


def _draft(form: SupplierInvoiceForm, document: Document | None) -> service.InvoiceIn:
    data = form.cleaned_data
    kind = service.Kind
    lines = [
        service.LineIn(
            kind.GOODS,
            data[f"net{line.pk}"],
            line.vat_bp,
            line.pk,
            data.get(f"quantity{line.pk}"),
            data.get(f"price{line.pk}"),
        )
        for line in form.lines
        if data.get(f"net{line.pk}")
    ]
    if data.get("freight"):
        lines.append(service.LineIn(kind.FREIGHT, data["freight"], data["freight_vat"]))
    if data.get("discount"):
        lines.append(service.LineIn(kind.DISCOUNT, -data["discount"], None))
    return service.InvoiceIn(data["number"], data["issued_on"], lines, data.get("due_on"), document)


def _invoice_of(request: HttpRequest, pk: int) -> SupplierInvoice:
    user = reader(request)
    rows = SupplierInvoice.objects.visible_to(user).select_related("order__pool", "order__quote", "supplier")
    invoice = get_object_or_404(rows, pk=pk)
    require(access.can_run_pool(user, invoice.order.pool))
    return invoice


@require_GET
def supplier_invoice(request: HttpRequest, pk: int) -> HttpResponse:
    """The invoice, what differs, the shares, and the one thing to do next."""
    row, user = _invoice_of(request, pk), reader(request)
    staff = is_staff(user)
    shared = row.state in ("shared", "invoiced")
    context = {
        "invoice": row,
        "order": row.order,
        "lines": row.lines.order_by("position"),
        "differences": three_way.differences(row),
        "staff": staff,
        "table": proofs.table(row) if shared and staff else None,
        "issued": service.member_invoices(row) if row.state == "invoiced" and staff else [],
        "excess": row.net_cents - row.expected_net_cents,
    }
    return render(request, "purchasing/settlement.html", context)


@require_POST
def end_billing(request: HttpRequest, pk: int) -> HttpResponse:
    """Nothing more is billed of what came: the order closes."""
    order, user, at = order_of(request, pk), reader(request), timezone.now()
    require(is_staff(user))
    reason = request.POST.get("reason", "")
    done = _("The order is closed. Nothing more is billed.")
    attempt(request, lambda: billing_end.end_billing(actor=user, order=order, reason=reason, at=at), done)
    return redirect("purchasing:order", order.pk)


@require_POST
def act(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    """Accept, refuse the difference, share out, issue."""
    row, user, at = _invoice_of(request, pk), reader(request), timezone.now()
    reason = request.POST.get("reason", "")
    if action == "issue":
        require(is_staff(user))
    calls: dict[str, tuple[Any, str]] = {
        "accept": (
            lambda: service.accept(actor=user, invoice=row, reason=reason, at=at),
            _("The invoice is accepted."),
        ),
        "refuse": (
            lambda: service.refuse_difference(actor=user, invoice=row, reason=reason, at=at),
            _("The difference is refused: the companies pay what was expected, the rest is claimed from the supplier."),
        ),
        "share": (
            lambda: service.share_out(actor=user, invoice=row, at=at),
            _("The invoice is shared between the companies, to the cent."),
        ),
        "issue": (
            lambda: service.issue_invoices(actor=user, invoice=row, at=at),
            _("The companies' invoices are issued."),
        ),
    }
    if action not in calls:
        raise Http404
    call, done = calls[action]
    attempt(request, call, done)
    return redirect("purchasing:supplier_invoice", row.pk)


def _own_pool(request: HttpRequest, company: int, pk: int) -> tuple[Any, Pool, list[proofs.Document]]:
    row, user = company_of(request, company), reader(request)
    pool = get_object_or_404(Pool.objects.visible_to(user), pk=pk)
    return row, pool, proofs.of(pool, row)


@require_GET
def proof(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """The company's proof sheet: each of its cents, from which line, by which rule."""
    row, pool, found = _own_pool(request, company, pk)
    user = reader(request)
    keys = [key for document in found for key in service.keys_of(document.invoice, row.pk)]
    billed = Invoice.objects.filter(company=row, key__in=keys)
    alone = savings.of_pool(row, pool)
    context = {
        "company": row,
        "pool": pool,
        "documents": found,
        "alone": alone,
        "alone_words": [alone_words.title(alone) + ".", *alone_words.sentences(alone, pool)] if alone else [],
        "saving": savings.total([line for line in savings.lines(row) if line.pool_id == pool.pk]),
        "spare": _spare(row, pool) if has_role(user, row, Role.BUYER) else [],
        "invoices": billed if has_role(user, row, Role.ACCOUNTANT, Role.ADMIN) or is_staff(user) else [],
    }
    return render(request, "purchasing/proof.html", context)


def _spare(company: Company, pool: Pool) -> list[tuple[Commitment, int]]:
    """What of the company's shares is beyond its wish and could be offered to other members."""
    held = Commitment.objects.filter(company=company, pool_line__pool=pool).select_related("pool_line")
    rows = {row.pk: row for row in held}
    return [(rows[pk], units) for pk, units in surplus.spare_of(rows.values()).items()]


@require_GET
def proof_csv(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """The same as a table for a spreadsheet."""
    _row, pool, found = _own_pool(request, company, pk)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="preuve-{pool.pk}.csv"'
    response.write("\ufeff")
    writer = csv.writer(response, delimiter=";")
    writer.writerow([_("Invoice"), _("Line"), _("Rule"), _("To share"), _("Weight"), _("Of"), _("Exact share"), _("Place"),
                     _("Net"), _("VAT rate"), _("VAT")])  # fmt: skip
    for document in found:
        for step in document.steps:
            share = step.share
            writer.writerow(
                [
                    harmless(document.invoice.number),
                    harmless(step.source),
                    step.rule,
                    _comma(euros(step.total_cents)),
                    share.weight,
                    step.weights,
                    proofs.exact(step.total_cents, share.weight, step.weights) if step.weights else "",
                    share.rank or "",
                    _comma(euros(share.net_cents)),
                    _comma(f"{share.vat_bp / 100:g}"),
                    _comma(euros(share.vat_cents)),
                ]
            )
    return response


def _comma(number: str) -> str:
    return number.replace(".", ",")


@require_GET
def proof_pdf(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """The same on paper."""
    row, pool, found = _own_pool(request, company, pk)
    if not found:
        raise Http404
    response = HttpResponse(proof_document.pdf(pool, row, found, at=timezone.now()), content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="preuve-{pool.pk}.pdf"'
    response["Cache-Control"] = "private, no-store"
    return response


@require_GET
def supplier_invoice_file(request: HttpRequest, pk: int) -> HttpResponse:
    """The supplier's own file."""
    row = _invoice_of(request, pk)
    if row.document is None:
        raise Http404
    return documents.download(row.document)
