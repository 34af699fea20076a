"""Money kept for a company: used for its invoices, or sent back."""

import uuid

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from companies.access import require
from companies.billing import access, allocation, deposit_file, deposits, payments
from companies.billing.models import DepositRefund, DepositRefundState, Invoice
from companies.billing.views.company import company_invoice, owned_company
from companies.errors import DomainError
from companies.forms import MoneyField, form_error
from companies.models import Company, User
from companies.templatetags.ui import day, euros

SHOWN = 50


class DepositForm(forms.Form):
    """One amount an invoice; filled in beforehand, the oldest due first or the one that was asked for."""

    seen = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, data: object, *, rows: list[Invoice], kept: int, wanted: str, seen: int) -> None:
        super().__init__(data, initial={"seen": seen})  # type: ignore[arg-type]  # request.POST or None
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
        given = self.cleaned_data.items()
        return {int(name.rpartition("_")[2]): cents or 0 for name, cents in given if name != "seen"}


@require_http_methods(["GET", "POST"])
def deposit(request: HttpRequest, company: int) -> HttpResponse:
    """What is kept for the company, and the open invoices it can be used for."""
    owner = owned_company(request, company)
    uses = access.can_pay(request.user, owner) or access.can_collect(request.user)
    rows = list(Invoice.objects.own().filter(company=owner).payable().order_by("due_on", "pk")[:SHOWN])
    kept = allocation.kept_for(owner)
    seen, wanted = allocation.last_entry(owner), request.GET.get("invoice", "")
    form = DepositForm(request.POST or None, rows=rows, kept=kept, wanted=wanted, seen=seen)
    if request.method == "POST":
        require(uses)
        try:
            if form.is_valid() and _used(request, owner, form):
                return redirect("billing:deposit", owner.pk)
        except allocation.KeptChanged as error:
            messages.error(request, error.sentence)
            return redirect("billing:deposit", owner.pk)
    context = {"company": owner, "kept": kept, "form": form, "rows": rows, "uses": uses}
    context |= {"refunds": _refunds(owner), "too_much": deposits.paid_too_much().filter(company=owner)[:SHOWN]}
    return render(request, "billing/deposit.html", context)


def _used(request: HttpRequest, owner: Company, form: DepositForm) -> bool:
    assert isinstance(request.user, User)
    try:
        done = allocation.spend(
            company=owner, parts=form.parts(), actor=request.user, at=timezone.now(), seen=form.cleaned_data["seen"]
        )
    except allocation.KeptChanged:
        raise
    except DomainError as error:
        form_error(form, error)
        return False
    total = sum(cents for _invoice, cents in done.parts)
    messages.success(request, _("%(sum)s were used. What is left stays kept for the company.") % {"sum": euros(total)})
    return True


# Sent back ------------------------------------------------------------------------------------------------------------
TONES = {
    DepositRefundState.ASKED: ("warning", "clock"),
    DepositRefundState.DONE: ("success", "circle-check"),
    DepositRefundState.CANCELLED: ("muted", "ban"),
}


def _refunds(owner: Company) -> list[DepositRefund]:
    rows = owner.deposit_refunds.select_related("refund__payment", "asked_by")[:SHOWN]
    found = list(rows)
    for row in found:
        row.tone, row.icon = TONES[DepositRefundState(row.state)]  # type: ignore[attr-defined]  # for the template
    return found


class BackForm(forms.Form):
    """How much goes back, how, and why."""

    cents = MoneyField(label=gettext_lazy("Amount to send back (€)"), min_value=1)
    way = forms.ChoiceField(label=gettext_lazy("Send it to"), widget=forms.RadioSelect)
    iban = forms.CharField(
        label=gettext_lazy("IBAN"),
        max_length=42,
        required=False,
        help_text=gettext_lazy("For a bank transfer. Filled in: the account the last transfer came from."),
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=240)
    key = forms.CharField(widget=forms.HiddenInput, max_length=40)

    def __init__(self, data: object, *, owner: Company, kept: int) -> None:
        self.means = {str(one.payment.pk): one for one in deposits.means_of(owner)}
        known = deposits.known_ibans(owner)
        first = next(iter(self.means), "transfer")
        most = self.means[first].cents if first in self.means else kept
        initial = {"key": uuid.uuid4(), "cents": most, "way": first, "iban": known[0] if known else ""}
        super().__init__(data, initial=initial)  # type: ignore[arg-type]  # request.POST or None
        choices = [
            (
                key,
                _("%(means)s, by which it was paid: up to %(most)s")
                % {"means": one.payment.method_hint or _("Card"), "most": euros(one.cents)},
            )
            for key, one in self.means.items()
        ]
        self.fields["way"].choices = [*choices, ("transfer", _("Bank account, by transfer"))]  # type: ignore[attr-defined]  # a ChoiceField


@require_http_methods(["GET", "POST"])
def back(request: HttpRequest, company: int) -> HttpResponse:
    """Have what is kept sent back, all or a part."""
    owner = owned_company(request, company)
    require(access.can_pay(request.user, owner) or access.can_collect(request.user))
    kept = allocation.kept_for(owner)
    form = BackForm(request.POST or None, owner=owner, kept=kept)
    if request.method == "POST" and form.is_valid() and _sent_back(request, owner, form):
        return redirect("billing:deposit", owner.pk)
    return render(request, "billing/deposit_back.html", {"company": owner, "kept": kept, "form": form})


def _sent_back(request: HttpRequest, owner: Company, form: BackForm) -> bool:
    assert isinstance(request.user, User)
    data, at = form.cleaned_data, timezone.now()
    means = form.means.get(data["way"])
    try:
        row = deposits.ask(
            company=owner,
            cents=data["cents"],
            reason=data["reason"],
            key=data["key"],
            actor=request.user,
            at=at,
            payment=means.payment if means else None,
            iban="" if means else data["iban"],
        )
        if row.refund is not None:
            payments.send_refund(row.refund, at=at)
    except payments.PaymentServiceDown:
        messages.info(
            request, _("The payment service does not answer. The sum is set apart and sent as soon as it does.")
        )
        return True
    except DomainError as error:
        form_error(form, error)
        return False
    if row.refund is None:
        messages.success(request, _("Noted. ERB makes the transfer; this page shows when it has left."))
    else:
        messages.success(request, _("The refund was sent. The payer receives it within a few days."))
    return True


def _refund(request: HttpRequest, company: int, pk: int) -> DepositRefund:
    rows = owned_company(request, company).deposit_refunds.select_related("company", "refund__payment", "asked_by")
    return get_object_or_404(rows, pk=pk)


@require_safe
def back_pdf(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """The notice of a sum sent back, for both accountants."""
    row = _refund(request, company, pk)
    answer = HttpResponse(deposit_file.notice_pdf(row), content_type="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="{row.reference}.pdf"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@require_POST
def back_cancel(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """Give up a transfer that ERB has not made yet."""
    row = _refund(request, company, pk)
    assert isinstance(request.user, User)
    try:
        deposits.cancel(row=row, actor=request.user, at=timezone.now())
    except deposits.CancelRefused as error:
        messages.error(request, error.sentence)
    else:
        messages.success(request, _("Given up. The sum is kept for the company again."))
    return redirect("billing:deposit", company)


@require_POST
def keep(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """Keep what was paid too much on an invoice for the next ones."""
    row = company_invoice(request, company, pk)
    assert isinstance(request.user, User)
    try:
        cents = deposits.keep(invoice=row, actor=request.user, at=timezone.now())
    except deposits.NothingToKeep as error:
        messages.error(request, error.sentence)
        return redirect("billing:invoice", company, pk)
    messages.success(request, _("%(sum)s are kept for the company.") % {"sum": euros(cents)})
    return redirect("billing:deposit", company)
