"""The year-end rebate: computed and credited by staff, proved to each company."""

import csv
from collections.abc import Sequence

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from companies.access import require
from companies.employees.sheets import harmless
from companies.errors import DomainError
from companies.forms import form_error
from companies.models import Company
from companies.money import euros
from purchasing import access, rebate_document
from purchasing.forms.framework import ComputeForm, RebateNoteForm
from purchasing.models import FrameworkRebate
from purchasing.rebate_document import Line
from purchasing.services import framework_rebate as service
from purchasing.services import rebate_note
from purchasing.states import RebateState
from purchasing.views.doors import attempt, company_of, reader
from purchasing.views.framework import kept


def _kept_rebate(request: HttpRequest, pk: int) -> FrameworkRebate:
    require(access.can_keep_frameworks(reader(request)))
    rows = FrameworkRebate.objects.select_related("agreement__supplier", "computed_by", "issued_by", "note")
    return get_object_or_404(rows, pk=pk)


@require_POST
def compute(request: HttpRequest, pk: int) -> HttpResponse:
    """Compute a year's rebate, to be looked at before anything is credited."""
    agreement = kept(request, pk)
    form = ComputeForm(request.POST, agreement=agreement)
    if not form.is_valid():
        messages.error(request, _("Choose the year and enter the amount like 1 234,56."))
        return redirect("purchasing:framework", pk)
    data = form.cleaned_data
    try:
        made = service.compute(
            actor=reader(request),
            agreement=agreement,
            year=data["year"],
            agreed_cents=data["agreed"],
            reason=data["reason"],
            supplier_reference=data["supplier_reference"],
            at=timezone.now(),
        )
    except DomainError as error:
        messages.error(request, error.sentence)
        return redirect("purchasing:framework", pk)
    return redirect("purchasing:rebate", made.pk)


@require_GET
def rebate(request: HttpRequest, pk: int) -> HttpResponse:
    """The sheet of a rebate: from the tiers to every company's cents."""
    return _page(request, _kept_rebate(request, pk))


def _page(request: HttpRequest, row: FrameworkRebate, form: RebateNoteForm | None = None) -> HttpResponse:
    due = rebate_note.awaited(row) if row.state == RebateState.ISSUED else 0
    if due and form is None:
        vat = sum(part[2] for part in rebate_note.vat_parts(row.agreement, row.year, due))
        form = RebateNoteForm(initial={"number": row.supplier_reference, "net": due, "vat": vat})
    context = {
        "rebate": row,
        "agreement": row.agreement,
        "lines": rebate_document.lines_of(row),
        "tiers": row.tiers,
        "form": form if due else None,
    }
    return render(request, "purchasing/rebate.html", context)


@require_POST
def note(request: HttpRequest, pk: int) -> HttpResponse:
    """Enter the supplier's credit note: it is compared with what was shared out, and booked."""
    row = _kept_rebate(request, pk)
    form = RebateNoteForm(request.POST)
    if not form.is_valid():
        return _page(request, row, form)
    data = form.cleaned_data
    try:
        rebate_note.record(
            actor=reader(request),
            rebate=row,
            number=data["number"],
            issued_on=data["issued_on"],
            net_cents=data["net"],
            vat_cents=data["vat"],
            at=timezone.now(),
        )
    except DomainError as error:
        form_error(form, error)
        return _page(request, row, form)
    messages.success(request, _("The supplier's credit note is booked."))
    return redirect("purchasing:rebate", row.pk)


@require_GET
def rebate_pdf(request: HttpRequest, pk: int) -> HttpResponse:
    """The sheet of all companies on paper."""
    return _paper(_kept_rebate(request, pk), None)


def _paper(row: FrameworkRebate, company: Company | None) -> HttpResponse:
    content = rebate_document.pdf(row, company, at=timezone.now())
    response = HttpResponse(content, content_type="application/pdf")
    name = f"rfa-{row.agreement.number}-{row.year}-{row.sequence}.pdf"
    response["Content-Disposition"] = f'inline; filename="{name}"'
    response["Cache-Control"] = "private, no-store"
    return response


@require_GET
def rebate_csv(request: HttpRequest, pk: int) -> HttpResponse:
    row = _kept_rebate(request, pk)
    return _csv(row, rebate_document.lines_of(row))


@require_POST
def act(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    """Credit the companies, or put the computation away."""
    row, user, at = _kept_rebate(request, pk), reader(request), timezone.now()
    if action == "issue":
        done = _("The rebate is credited and the companies are told.")
        attempt(request, lambda: service.issue(actor=user, rebate=row, at=at), done)
    elif action == "drop":
        attempt(request, lambda: service.drop(actor=user, rebate=row, at=at), _("Nothing was credited."))
    else:
        raise Http404
    return redirect("purchasing:rebate", row.pk)


def _own(request: HttpRequest, company: int, pk: int) -> tuple[FrameworkRebate, Company]:
    row = company_of(request, company)
    rows = FrameworkRebate.objects.filter(state="issued", shares__company=row)
    return get_object_or_404(rows.select_related("agreement__supplier", "note").distinct(), pk=pk), row


@require_GET
def proof(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """One company's part, with everything needed to compute it again."""
    found, row = _own(request, company, pk)
    (line,) = rebate_document.lines_of(found, row)
    context = {
        "company": row,
        "rebate": found,
        "agreement": found.agreement,
        "line": line,
        "share": line.share,
        "few": line.of is None,
        "tiers": found.tiers,
    }
    return render(request, "purchasing/rebate_proof.html", context)


@require_GET
def proof_csv(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    found, row = _own(request, company, pk)
    return _csv(found, rebate_document.lines_of(found, row))


@require_GET
def proof_pdf(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """The company's sheet on paper."""
    return _paper(*_own(request, company, pk))


def _csv(rebate: FrameworkRebate, lines: Sequence[Line]) -> HttpResponse:
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    name = f"rfa-{rebate.agreement.number}-{rebate.year}-{rebate.sequence}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response.write("\ufeff")
    writer = csv.writer(response, delimiter=";")
    writer.writerow([_("Company"), _("Units"), _("Received"), _("Claims credited"), _("Value"), _("Weight"), _("Of"),
                     _("Rebate of the year"), _("Exact share"), _("Place"), _("Share of the year"), _("Given before"),
                     _("Net"), _("Documents")])  # fmt: skip
    for line in lines:
        part = line.share
        documents = [note.number for note in part.notes.all()] + ([part.invoice.number] if part.invoice else [])
        writer.writerow(
            [
                harmless(part.company.name),
                part.units,
                _comma(part.value_cents + part.credited_cents),
                _comma(part.credited_cents),
                _comma(part.value_cents),
                part.weight,
                "" if line.of is None else line.of,
                "" if line.of is None else _comma(rebate.whole_cents),
                line.exact,
                part.rank or "",
                _comma(part.whole_cents),
                _comma(part.before_cents),
                _comma(part.net_cents),
                " ".join(documents),
            ]
        )
    return response


def _comma(cents: int) -> str:
    return euros(cents).replace(".", ",")
