"""The page on which money kept for a company is used for its invoices."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from companies.access import require
from companies.billing import access, allocation
from companies.billing.models import Invoice
from companies.billing.views.company import owned_company
from companies.errors import DomainError
from companies.forms import MoneyField, form_error
from companies.models import Company, User
from companies.templatetags.ui import day, euros

SHOWN = 50


class DepositForm(forms.Form):
    """One amount an invoice; filled in beforehand, the oldest due first or the one that was asked for."""

    def __init__(self, data: object, *, rows: list[Invoice], kept: int, wanted: str) -> None:
        super().__init__(data)  # type: ignore[arg-type]  # request.POST or None
        first = sorted(rows, key=lambda row: str(row.pk) != wanted)
        parts = dict(
            zip([row.pk for row in first], allocation.spread(kept, [r.balance_cents for r in first]), strict=True)
        )
        for row in rows:
            self.fields[f"invoice_{row.pk}"] = MoneyField(
                label=_("%(number)s, due on %(day)s") % {"number": row.number, "day": day(row.due_on)},
                help_text=_("still owed: %(sum)s") % {"sum": euros(row.balance_cents)},
                required=False,
                min_value=0,
                initial=parts[row.pk] if not wanted or str(row.pk) == wanted else 0,
            )

    def parts(self) -> dict[int, int]:
        return {int(name.rpartition("_")[2]): cents or 0 for name, cents in self.cleaned_data.items()}


@require_http_methods(["GET", "POST"])
def deposit(request: HttpRequest, company: int) -> HttpResponse:
    """What is kept for the company, and the open invoices it can be used for."""
    owner = owned_company(request, company)
    uses = access.can_pay(request.user, owner) or access.can_collect(request.user)
    rows = list(Invoice.objects.filter(company=owner).payable().order_by("due_on", "pk")[:SHOWN])
    kept = allocation.kept_for(owner)
    form = DepositForm(request.POST or None, rows=rows, kept=kept, wanted=request.GET.get("invoice", ""))
    if request.method == "POST":
        require(uses)
        if form.is_valid() and _used(request, owner, form):
            return redirect("billing:deposit", owner.pk)
    context = {"company": owner, "kept": kept, "form": form, "rows": rows, "uses": uses}
    return render(request, "billing/deposit.html", context)


def _used(request: HttpRequest, owner: Company, form: DepositForm) -> bool:
    assert isinstance(request.user, User)
    try:
        done = allocation.spend(company=owner, parts=form.parts(), actor=request.user, at=timezone.now())
    except DomainError as error:
        form_error(form, error)
        return False
    total = sum(cents for _invoice, cents in done.parts)
    messages.success(request, _("%(sum)s were used. What is left stays kept for the company.") % {"sum": euros(total)})
    return True
