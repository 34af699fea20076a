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
from companies.money import euros
from purchasing import access
from purchasing import proof as proofs
from purchasing.forms.framework import ComputeForm
from purchasing.models import FrameworkRebate, RebateShare
from purchasing.services import framework_rebate as service
from purchasing.views.doors import attempt, company_of, reader
from purchasing.views.framework import kept


def _kept_rebate(request: HttpRequest, pk: int) -> FrameworkRebate:
    require(access.can_keep_frameworks(reader(request)))
    rows = FrameworkRebate.objects.select_related("agreement__supplier", "computed_by", "issued_by")
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


def shares_of(rebate: FrameworkRebate, company: int | None = None) -> list[RebateShare]:
    """The parts with the exact share as people check it: before rounding, of how much."""
    rows = rebate.shares.select_related("company", "invoice").prefetch_related("notes").order_by("pk")
    parts = list(rows)
    weights = sum(part.weight for part in parts)
    for part in parts:
        exact = proofs.exact(rebate.whole_cents, part.weight, weights) if weights else ""
        part.exact, part.of = exact, weights  # type: ignore[attr-defined]  # for the template
    return [part for part in parts if company in (None, part.company_id)]


@require_GET
def rebate(request: HttpRequest, pk: int) -> HttpResponse:
    """The sheet of a rebate: from the tiers to every company's cents."""
    row = _kept_rebate(request, pk)
    context = {"rebate": row, "agreement": row.agreement, "shares": shares_of(row), "tiers": row.tiers}
    return render(request, "purchasing/rebate.html", context)


@require_GET
def rebate_csv(request: HttpRequest, pk: int) -> HttpResponse:
    row = _kept_rebate(request, pk)
    return _csv(row, shares_of(row))


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


def _own(request: HttpRequest, company: int, pk: int) -> tuple[FrameworkRebate, list[RebateShare]]:
    row = company_of(request, company)
    rows = FrameworkRebate.objects.filter(state="issued", shares__company=row)
    found = get_object_or_404(rows.select_related("agreement__supplier").distinct(), pk=pk)
    return found, shares_of(found, row.pk)


@require_GET
def proof(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """One company's part, with everything needed to compute it again."""
    found, shares = _own(request, company, pk)
    context = {
        "company": shares[0].company,
        "rebate": found,
        "agreement": found.agreement,
        "share": shares[0],
        "tiers": found.tiers,
    }
    return render(request, "purchasing/rebate_proof.html", context)


@require_GET
def proof_csv(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    found, shares = _own(request, company, pk)
    return _csv(found, shares)


def _csv(rebate: FrameworkRebate, shares: Sequence[RebateShare]) -> HttpResponse:
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    name = f"rfa-{rebate.agreement.number}-{rebate.year}-{rebate.sequence}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response.write("\ufeff")
    writer = csv.writer(response, delimiter=";")
    writer.writerow([_("Company"), _("Units"), _("Value"), _("Weight"), _("Of"), _("Rebate of the year"), _("Exact share"),
                     _("Place"), _("Share of the year"), _("Given before"), _("Net"), _("Documents")])  # fmt: skip
    for part in shares:
        documents = [note.number for note in part.notes.all()] + ([part.invoice.number] if part.invoice else [])
        writer.writerow(
            [
                harmless(part.company.name),
                part.units,
                _comma(part.value_cents),
                part.weight,
                part.of,  # type: ignore[attr-defined]  # set for the template
                _comma(rebate.whole_cents),
                part.exact,  # type: ignore[attr-defined]  # set for the template
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
