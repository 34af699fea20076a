"""Collecting, for the association's staff: the due list, claims, proposals, debts given up, credit notes, settings."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.forms.models import model_to_dict
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from companies.billing import (
    credit_notes,
    deposits,
    desk,
    instalments,
    mandates,
    payments,
    reminders,
    selectors,
    write_offs,
)
from companies.billing.models import (
    CreditNote,
    Invoice,
    InvoiceState,
    PlanState,
    SuspensionProposal,
    WriteOff,
)
from companies.billing.models.invoice import PAYABLE
from companies.billing.views.desk import _csv
from companies.billing.views.staff import staff_user
from companies.errors import DomainError
from companies.forms import MoneyField, form_error
from companies.money import euros, typed

PER_PAGE = 50
VIEWS = {
    "": gettext_lazy("To be paid"),
    "collecting": gettext_lazy("In collection"),
    "announced": gettext_lazy("Announced debits"),
    "disputes": gettext_lazy("Payers’ claims"),
    "proposals": gettext_lazy("Suspensions proposed"),
    "write_offs": gettext_lazy("Debts to give up"),
    "transfers": gettext_lazy("Transfers to make"),
    "kept": gettext_lazy("Money kept"),
}


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The staff's desk: sums, the due list by age, and what waits for a decision."""
    staff_user(request)
    rows, today = Invoice.objects.own(), timezone.localdate()
    view = request.GET.get("state", "")
    view = view if view in VIEWS else ""
    choose: dict[str, Callable[[], Any]] = {
        "": lambda: (
            rows.filter(state__in=PAYABLE)
            .select_related("company")
            .prefetch_related("reminders")
            .order_by("due_on", "pk")
        ),
        "collecting": lambda: (
            rows.filter(state=InvoiceState.COLLECTING).select_related("company").prefetch_related("reminders")
        ),
        "announced": lambda: desk.announced(rows),
        "disputes": lambda: desk.disputes(rows),
        "proposals": lambda: SuspensionProposal.objects.select_related("company", "invoice", "decided_by").order_by(
            "-state", "-pk"
        ),
        "write_offs": lambda: WriteOff.objects.select_related("invoice__company", "asked_by", "decided_by"),
        "transfers": deposits.transfers_to_make,
        "kept": deposits.companies_with_money,
    }
    page = Paginator(choose[view](), PER_PAGE).get_page(request.GET.get("page"))
    counts = desk.waiting_counts()
    context = {
        "figures": desk.figures(rows, today=today),
        "ages": desk.ages(rows, today=today),
        "tabs": [
            {"key": key, "label": label, "current": key == view, "count": counts.get(key)}
            for key, label in VIEWS.items()
        ],
        "view": view,
        "page": page,
        "too_much": deposits.paid_too_much().select_related("company")[:PER_PAGE] if view == "kept" else [],
        "invoices": selectors.decorate(page, today=today) if view in ("", "collecting") else [],
    }
    return render(request, "billing/collection.html", context)


@require_safe
def export(request: HttpRequest) -> HttpResponse:
    """The due list of the whole association as CSV."""
    staff_user(request)
    rows = Invoice.objects.own().filter(balance_cents__gt=0).exclude(state=InvoiceState.WRITTEN_OFF)
    rows = rows.select_related("company").prefetch_related("reminders").order_by("company__name", "due_on", "pk")
    today = timezone.localdate()
    return _csv(desk.due_list_csv(rows, today=today), f"due-{today}.csv")


class DecisionForm(forms.Form):
    reason = forms.CharField(max_length=240)


@require_POST
def decide_proposal(request: HttpRequest, pk: int) -> HttpResponse:
    """Suspend a company that does not pay, or dismiss the proposal."""
    user = staff_user(request)
    proposal = get_object_or_404(SuspensionProposal.objects.select_related("company", "invoice"), pk=pk)
    suspend = "suspend" in request.POST
    usual = _("Unpaid invoice %(number)s") % {"number": proposal.invoice.number}
    reason = request.POST.get("reason", "").strip()[:240] or usual
    try:
        reminders.decide(proposal=proposal, suspend=suspend, reason=reason, actor=user, at=timezone.now())
    except DomainError as error:
        messages.error(request, error.sentence)
    else:
        words = (
            _("%(company)s is suspended. Its cards stop at the next scan.")
            if suspend
            else _("The proposal is dismissed.")
        )
        messages.success(request, words % {"company": proposal.company.name} if suspend else words)
    return redirect("/erb/collection/?state=proposals")


class WriteOffForm(forms.Form):
    """Why a debt is given up."""

    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=240)


@require_http_methods(["GET", "POST"])
def ask_write_off(request: HttpRequest, invoice: int) -> HttpResponse:
    """Propose to give up what is still owed on an invoice; somebody else decides."""
    user = staff_user(request)
    row = get_object_or_404(Invoice.objects.select_related("company"), pk=invoice)
    form = WriteOffForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            write_offs.ask(invoice=row, reason=form.cleaned_data["reason"], actor=user, at=timezone.now())
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(request, _("Proposed. Somebody else of the staff decides."))
            return redirect("/erb/collection/?state=write_offs")
    return render(request, "billing/write_off.html", {"invoice": row, "company": row.company, "form": form})


@require_POST
def decide_write_off(request: HttpRequest, pk: int) -> HttpResponse:
    """The second person agrees or refuses."""
    user = staff_user(request)
    row = get_object_or_404(WriteOff, pk=pk)
    try:
        write_offs.decide(write_off=row, agreed="agree" in request.POST, actor=user, at=timezone.now())
    except DomainError as error:
        messages.error(request, error.sentence)
    else:
        messages.success(request, _("Your decision is in the books."))
    return redirect("/erb/collection/?state=write_offs")


# Credit notes ---------------------------------------------------------------------------------------------------------
class CreditForm(forms.Form):
    """How much of each line is taken back, why, and whether money goes back too."""

    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=240)
    key = forms.CharField(widget=forms.HiddenInput, max_length=60)

    def __init__(self, data: Any, invoice: Invoice, **more: Any) -> None:
        super().__init__(data, **more)
        taken = credit_notes.taken(invoice)
        self.lines = list(invoice.lines.all())
        for line in self.lines:
            left = line.net_cents - taken.get(line.pk, 0)
            if left > 0:
                self.fields[f"line_{line.pk}"] = MoneyField(
                    label=line.description,
                    required=False,
                    help_text=_("Net, up to %(left)s") % {"left": typed(euros(left))},
                )
        if invoice.payments.filter(state="succeeded").exists():
            self.fields["refund"] = forms.BooleanField(
                label=gettext_lazy("Send back what was paid too much, to the means it was paid with"),
                required=False,
                initial=True,
            )

    def nets(self) -> dict[int, int]:
        """What was typed, by line."""
        found = {line.pk: self.cleaned_data.get(f"line_{line.pk}") for line in self.lines}
        return {pk: cents for pk, cents in found.items() if cents}


@require_http_methods(["GET", "POST"])
def credit(request: HttpRequest, invoice: int) -> HttpResponse:
    """Issue a credit note on lines of an invoice, and send back what was paid too much."""
    user = staff_user(request)
    row = get_object_or_404(Invoice.objects.select_related("company"), pk=invoice)
    import uuid

    form = CreditForm(request.POST or None, row, initial={"key": f"page-{uuid.uuid4()}"})
    if request.method == "POST" and form.is_valid():
        at, data = timezone.now(), form.cleaned_data
        try:
            if not form.nets():
                raise credit_notes.CreditRefused(_("Type an amount on at least one line."))
            with transaction.atomic(durable=True):
                note = credit_notes.issue(
                    invoice=row, nets=form.nets(), reason=data["reason"], key=data["key"], actor=user, at=at
                )
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(request, _("Credit note %(number)s is issued.") % {"number": note.number})
            row.refresh_from_db()
            if data.get("refund") and row.balance_cents < 0:
                _send_back(request, row, note, user)
            return redirect(row.page)
    return render(request, "billing/credit.html", {"invoice": row, "company": row.company, "form": form})


def _send_back(request: HttpRequest, row: Invoice, note: CreditNote, user: Any) -> None:
    try:
        payments.refund_in_proportion(
            invoice=row, cents=-row.balance_cents, reason=note.number, key=f"credit-note-{note.pk}", actor=user,
            at=timezone.now(),
        )  # fmt: skip
    except DomainError as error:
        messages.error(request, error.sentence)
    else:
        messages.success(request, _("The refund was sent. The payer receives it within a few days."))


# Instalments ----------------------------------------------------------------------------------------------------------
class PlanForm(forms.Form):
    """How many parts, and when the first is debited; the others follow monthly."""

    count = forms.IntegerField(
        label=gettext_lazy("Number of parts"), min_value=2, max_value=instalments.MOST, initial=3
    )
    first = forms.DateField(
        label=gettext_lazy("First part on"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )


@require_http_methods(["GET", "POST"])
def propose_plan(request: HttpRequest, invoice: int) -> HttpResponse:
    """Propose instalments for an invoice, or give a plan up."""
    user = staff_user(request)
    row = get_object_or_404(Invoice.objects.filter(customer=None).select_related("company"), pk=invoice)
    current = row.plans.filter(state__in=[PlanState.PROPOSED, PlanState.AGREED]).first()
    at = timezone.now()
    form = PlanForm(
        request.POST if "count" in request.POST else None,
        initial={"first": timezone.localdate(at) + timedelta(days=30)},
    )
    if request.method == "POST":
        try:
            if "cancel" in request.POST and current is not None:
                instalments.cancel(plan=current, actor=user, at=at)
                messages.success(request, _("The plan is given up. The invoice is due as before."))
                return redirect("billing:invoice", row.company_id, row.pk)
            if form.is_valid():
                parts = instalments.equal_parts(
                    row.balance_cents, form.cleaned_data["count"], form.cleaned_data["first"]
                )
                instalments.propose(invoice=row, parts=parts, actor=user, at=at)
                messages.success(request, _("Proposed. The company's accountants received a mail."))
                return redirect("billing:invoice", row.company_id, row.pk)
        except DomainError as error:
            form_error(form, error) if form.is_bound else messages.error(request, error.sentence)
    context = {"invoice": row, "company": row.company, "form": form, "current": current}
    return render(request, "billing/plan_new.html", context)


# Settings -------------------------------------------------------------------------------------------------------------
class LevelForm(forms.Form):
    """When a reminder goes out and what it says."""

    days_late = forms.IntegerField(label=gettext_lazy("Days after the due date"), min_value=1, max_value=365)
    subject_fr = forms.CharField(label=gettext_lazy("Subject in French"), max_length=120)
    text_fr = forms.CharField(label=gettext_lazy("Text in French"), widget=forms.Textarea(attrs={"rows": 5}))
    subject_en = forms.CharField(label=gettext_lazy("Subject in English"), max_length=120)
    text_en = forms.CharField(label=gettext_lazy("Text in English"), widget=forms.Textarea(attrs={"rows": 5}))
    proposes_suspension = forms.BooleanField(label=gettext_lazy("Propose the company's suspension"), required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for name in ("subject_fr", "text_fr", "subject_en", "text_en"):
            if unknown := reminders.unknown_marks(data.get(name, "")):
                words = _("%(mark)s would be sent as it stands. Replaced are: %(marks)s.")
                self.add_error(name, words % {"mark": unknown[0], "marks": ", ".join(reminders.MARKS)})
        return data


class PolicyForm(forms.Form):
    """How debits are announced and tried again."""

    notice_days = forms.IntegerField(
        label=gettext_lazy("Days between announcement and debit, for new mandates"), min_value=1, max_value=14
    )
    retry_days = forms.CharField(
        label=gettext_lazy("Days after which a failed debit is tried again"),
        required=False,
        help_text=gettext_lazy("For example 5, 10. Empty: never."),
    )

    def clean_retry_days(self) -> list[int]:
        try:
            found = [int(part) for part in self.cleaned_data["retry_days"].replace(",", " ").split()]
        except ValueError:
            raise forms.ValidationError(_("Write whole numbers, for example 5, 10.")) from None
        if len(found) > 4 or any(not 1 <= days <= 60 for days in found):
            raise forms.ValidationError(_("Up to four tries, each between 1 and 60 days."))
        return found


@require_http_methods(["GET", "POST"])
def settings_page(request: HttpRequest) -> HttpResponse:
    """The words and dates of the reminders, and how debits are made."""
    user = staff_user(request)
    rows, policy = reminders.levels(), mandates.policy()
    which = request.POST.get("what", "")
    forms_ = [
        (
            row,
            LevelForm(
                request.POST if which == str(row.number) else None, initial=model_to_dict(row), prefix=f"l{row.number}"
            ),
        )
        for row in rows
    ]
    initial = {"notice_days": policy.notice_days, "retry_days": ", ".join(map(str, policy.retry_days))}
    policy_form = PolicyForm(request.POST if which == "policy" else None, initial=initial)
    if request.method == "POST":
        saved = False
        for row, form in forms_:
            if form.is_bound and form.is_valid():
                reminders.change_level(level=row, actor=user, at=timezone.now(), **form.cleaned_data)
                saved = True
        if policy_form.is_bound and policy_form.is_valid():
            mandates.change_policy(actor=user, at=timezone.now(), **policy_form.cleaned_data)
            saved = True
        if saved:
            messages.success(request, _("Saved. What was sent stays as it was."))
            return redirect("billing:collection_settings")
    return render(request, "billing/collection_settings.html", {"levels": forms_, "policy": policy_form})
