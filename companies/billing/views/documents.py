"""Advance invoices and corrective invoices, issued by the association's staff."""

import uuid
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from companies.billing import advances, corrections, invoices, selectors, terms
from companies.billing.models import DocumentType, Invoice, InvoiceLine, LineKind
from companies.billing.views.staff import staff_user
from companies.errors import DomainError
from companies.forms import CHOOSE, MoneyField, form_error
from companies.models import Company

PER_PAGE = 40
RATES = [(2_000, "20\u00a0%"), (1_000, "10\u00a0%"), (550, "5,5\u00a0%"), (210, "2,1\u00a0%"), (0, "0\u00a0%")]


def day_field(label: Any, **more: Any) -> forms.DateField:
    """A day, picked or typed."""
    return forms.DateField(label=label, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **more)


class AdvanceForm(forms.Form):
    """An advance on an order."""

    company = forms.ModelChoiceField(label=gettext_lazy("Company"), queryset=Company.objects.none(), empty_label=CHOOSE)
    order_reference = forms.CharField(
        label=gettext_lazy("Order number"),
        max_length=80,
        help_text=gettext_lazy("The final invoice of this order deducts the advance."),
    )
    description = forms.CharField(label=gettext_lazy("What the advance is for"), max_length=240)
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=LineKind.choices)
    net_cents = MoneyField(label=gettext_lazy("Amount excl. VAT (€)"), min_value=1)
    vat_bp = forms.TypedChoiceField(label=gettext_lazy("VAT rate"), choices=RATES, coerce=int)
    due_on = day_field(gettext_lazy("Payment due on"))
    notes = forms.CharField(label=gettext_lazy("Note on the invoice"), max_length=400, required=False)
    key = forms.CharField(widget=forms.HiddenInput, max_length=60)

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["company"].queryset = Company.objects.order_by("name")  # type: ignore[attr-defined]  # a choice among rows


@require_safe
def advance_list(request: HttpRequest) -> HttpResponse:
    """Advance invoices, those without their final invoice first."""
    staff_user(request)
    text = request.GET.get("q", "").strip()[:80]
    rows = Invoice.objects.filter(type_code=DocumentType.PREPAYMENT).select_related("company", "deduction__invoice")
    if text:
        rows = rows.filter(
            Q(number__icontains=text) | Q(company__name__icontains=text) | Q(order_reference__icontains=text)
        )
    rows = rows.order_by("deduction", "-pk")
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "text": text, "invoices": selectors.decorate(page, today=timezone.localdate())}
    return render(request, "billing/advances.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def advance_new(request: HttpRequest) -> HttpResponse:
    """Ask a company for an advance."""
    user, today = staff_user(request), timezone.localdate()
    initial = {
        "due_on": today + timedelta(days=15),
        "key": f"page-{uuid.uuid4()}",
        "company": request.GET.get("company"),
    }
    initial["order_reference"] = request.GET.get("order", "")[:80]
    form = AdvanceForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        line = {name: data[name] for name in ("description", "net_cents", "vat_bp", "kind")}
        try:
            made = advances.issue(
                company=data["company"],
                lines=[advances.draft(**line)],
                order_reference=data["order_reference"],
                due_on=data["due_on"],
                notes=data["notes"],
                key=data["key"],
                actor=user,
                at=timezone.now(),
            )
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(request, _("Advance invoice %(number)s is issued.") % {"number": made.number})
            return redirect("billing:invoice", made.company_id, made.pk)
    return render(request, "billing/advance_new.html", {"form": form, "last": terms.latest(today)})


class CorrectionForm(forms.Form):
    """The lines as they should have been; an empty amount drops a line."""

    reason = forms.CharField(
        label=gettext_lazy("What was wrong"), max_length=240, help_text=gettext_lazy("It stands on the new invoice.")
    )
    order_reference = forms.CharField(label=gettext_lazy("Purchase order"), max_length=80, required=False)
    supply_on = day_field(gettext_lazy("Delivered or supplied on"))
    due_on = day_field(gettext_lazy("Payment due on"))
    key = forms.CharField(widget=forms.HiddenInput, max_length=60)

    def __init__(self, data: Any, invoice: Invoice, **more: Any) -> None:
        super().__init__(data, **more)
        self.rows = list(zip(invoice.lines.all(), corrections.drafts_of(invoice), strict=True))
        for line, draft in self.rows:
            self._add(f"{line.pk}", draft.description, draft.net_cents, draft.vat_bp)
        self._add("new", "", None, 2_000)

    def _add(self, name: str, text: str, net_cents: int | None, vat_bp: int) -> None:
        label = _("Another line") if name == "new" else _("Description")
        self.fields[f"text_{name}"] = forms.CharField(label=label, max_length=240, required=False, initial=text)
        self.fields[f"net_{name}"] = MoneyField(label=_("Amount excl. VAT (€)"), required=False, initial=net_cents)
        self.fields[f"vat_{name}"] = forms.TypedChoiceField(
            label=_("VAT rate"), choices=RATES, coerce=int, initial=vat_bp
        )

    def groups(self) -> list[list[Any]]:
        """The fields of each line together, the new one last."""
        names = [str(line.pk) for line, _draft in self.rows] + ["new"]
        return [[self[f"text_{name}"], self[f"net_{name}"], self[f"vat_{name}"]] for name in names]

    def head(self) -> list[Any]:
        return [self[name] for name in ("reason", "order_reference", "supply_on", "due_on")]

    def drafts(self) -> list[invoices.LineDraft]:
        """What was typed. Lines of a rate that nobody touched keep the VAT they were given."""
        data = self.cleaned_data
        found = [(line, self._draft(line, draft)) for line, draft in self.rows if data.get(f"net_{line.pk}")]
        touched = {line.vat_bp for line, draft in self.rows if not self._kept(line, draft)}
        touched |= {draft.vat_bp for line, draft in found if draft.vat_bp != line.vat_bp}
        if data.get("net_new"):
            touched.add(data["vat_new"])
        drafts = [
            draft if draft.vat_bp in touched or line.vat_cents is None else invoices.with_vat(draft, line.vat_cents)
            for line, draft in found
        ]
        if data.get("net_new"):
            text = data["text_new"] or _("Correction")
            kind = self.rows[0][1].kind
            drafts.append(invoices.LineDraft(text, 1, "", None, data["net_new"], data["vat_new"], kind=kind))
        return drafts

    def _kept(self, line: InvoiceLine, draft: invoices.LineDraft) -> bool:
        data = self.cleaned_data
        same = (data.get(f"net_{line.pk}"), data.get(f"vat_{line.pk}")) == (line.net_cents, line.vat_bp)
        return same and draft.net_cents == line.net_cents

    def _draft(self, line: InvoiceLine, draft: invoices.LineDraft) -> invoices.LineDraft:
        data, net = self.cleaned_data, self.cleaned_data[f"net_{line.pk}"]
        return invoices.LineDraft(
            description=data[f"text_{line.pk}"] or line.description,
            quantity=line.quantity,
            unit=line.unit,
            unit_price_e4=draft.unit_price_e4 if net == draft.net_cents else None,
            net_cents=net,
            vat_bp=data[f"vat_{line.pk}"],
            kind=draft.kind,
            exemption=draft.exemption if data[f"vat_{line.pk}"] == 0 else "",
        )


@require_http_methods(["GET", "HEAD", "POST"])
def correct(request: HttpRequest, invoice: int) -> HttpResponse:
    """Replace an invoice that was wrong by a corrective one."""
    user, today = staff_user(request), timezone.localdate()
    row = get_object_or_404(Invoice.objects.filter(customer=None).select_related("company"), pk=invoice)
    initial = {
        "order_reference": row.order_reference,
        "supply_on": row.supply_on,
        "due_on": max(row.due_on, today),
        "key": f"page-{uuid.uuid4()}",
    }
    form = CorrectionForm(request.POST or None, row, initial=initial)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        head = {name: data[name] for name in ("reason", "due_on", "supply_on", "order_reference", "key")}
        try:
            made = corrections.issue(invoice=row, lines=form.drafts(), actor=user, at=timezone.now(), **head)
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(request, _("Corrective invoice %(number)s is issued.") % {"number": made.number})
            return redirect("billing:invoice", made.company_id, made.pk)
    context = {"invoice": row, "company": row.company, "form": form, "why_not": corrections.why_not(row)}
    return render(request, "billing/correct.html", context)
