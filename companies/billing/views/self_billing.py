"""Mandates for self-billing and what was written under them: for the staff, and for the member in whose name it is."""

import uuid
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from companies.billing import (
    access,
    advances,
    connected,
    in_name,
    mandates,
    printing,
    selectors,
    self_billing,
    supplier_links,
)
from companies.billing.models import LineKind, MandatePurpose, SelfBilled, SelfBillingMandate
from companies.billing.views.company import owned_company
from companies.billing.views.documents import RATES, day_field
from companies.billing.views.in_name import CommissionForm
from companies.billing.views.staff import staff_user
from companies.documents import download
from companies.errors import DomainError
from companies.forms import MoneyField, form_error
from companies.models import Company, User

PER_PAGE = 40
PARTY = (
    *("name", "siren", "vat_no", "street", "postcode", "city"),
    *("legal_form", "capital", "register", "iban", "email"),
)
SIGNED = ("purpose", "contest_days", "company", "text", "signed_on", "signed_by")


class MandateForm(forms.Form):
    """The seller, and what it signed."""

    purpose = forms.ChoiceField(
        label=gettext_lazy("Which invoices"),
        choices=MandatePurpose.choices,
        help_text=gettext_lazy(
            "For the members: ERB writes the supplier's invoices to each company of a pooled order. The supplier collects."
        ),
    )
    company = forms.ModelChoiceField(
        label=gettext_lazy("Member company"),
        queryset=Company.objects.none(),
        required=False,
        empty_label=gettext_lazy("No member"),
        help_text=gettext_lazy("Leave empty for a supplier that is no member, and fill in its identity."),
    )
    name = forms.CharField(label=gettext_lazy("Name of the seller"), max_length=160, required=False)
    siren = forms.CharField(label="SIREN", max_length=11, required=False)
    vat_no = forms.CharField(label=gettext_lazy("VAT number"), max_length=20, required=False)
    street = forms.CharField(label=gettext_lazy("Street"), max_length=160, required=False)
    postcode = forms.CharField(label=gettext_lazy("Postcode"), max_length=10, required=False)
    city = forms.CharField(label=gettext_lazy("Town"), max_length=80, required=False)
    legal_form = forms.CharField(label=gettext_lazy("Legal form"), max_length=60, required=False)
    capital = forms.CharField(label=gettext_lazy("Share capital"), max_length=30, required=False)
    register = forms.CharField(label=gettext_lazy("Commercial register"), max_length=80, required=False)
    iban = forms.CharField(
        label=gettext_lazy("IBAN of the seller"),
        max_length=42,
        required=False,
        help_text=gettext_lazy("Stands on each invoice to a member: it is where they pay."),
    )
    email = forms.EmailField(
        label=gettext_lazy("E-mail address of its accounts"),
        required=False,
        help_text=gettext_lazy("Gets the link to what was written in its name."),
    )
    contest_days = forms.IntegerField(
        label=gettext_lazy("Days to contest a document"), min_value=1, max_value=90, initial=8
    )
    signed_on = day_field(gettext_lazy("Signed on"))
    signed_by = forms.CharField(label=gettext_lazy("Signed by (name and function)"), max_length=160)
    text = forms.CharField(label=gettext_lazy("Words of the mandate"), widget=forms.Textarea(attrs={"rows": 8}))
    paper = forms.FileField(label=gettext_lazy("The signed mandate (PDF, JPEG or PNG)"), max_length=160)

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["company"].queryset = Company.objects.order_by("name")  # type: ignore[attr-defined]  # a choice among rows

    def clean_iban(self) -> str:
        given = str(self.cleaned_data["iban"])
        try:
            return mandates.clean_iban(given) if given.strip() else ""
        except DomainError as error:
            raise forms.ValidationError(error.sentence) from error

    def clean(self) -> dict[str, Any]:
        """To members an invoice says where to pay, and the supplier is told of it."""
        data = super().clean() or {}
        if data.get("purpose") == MandatePurpose.MEMBERS:
            for name in ("iban", "email"):
                if not data.get(name) and name not in self.errors:
                    self.add_error(name, gettext_lazy("Needed for invoices to the members."))
        return data


class RevokeForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=240)


class IssueForm(forms.Form):
    """One line; what has more is written in several documents."""

    description = forms.CharField(label=gettext_lazy("Description"), max_length=240)
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=LineKind.choices)
    net_cents = MoneyField(label=gettext_lazy("Amount excl. VAT (€)"), min_value=1)
    vat_bp = forms.TypedChoiceField(label=gettext_lazy("VAT rate"), choices=RATES, coerce=int)
    supply_on = day_field(gettext_lazy("Delivered or supplied on"))
    due_on = day_field(gettext_lazy("Payment due on"))
    order_reference = forms.CharField(label=gettext_lazy("Purchase order"), max_length=80, required=False)
    key = forms.CharField(widget=forms.HiddenInput, max_length=60)


class CreditForm(forms.Form):
    net_cents = MoneyField(label=gettext_lazy("Amount excl. VAT to take back (€)"), min_value=1)
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=240)
    key = forms.CharField(widget=forms.HiddenInput, max_length=60)


def _usual_text() -> str:
    """The words proposed for a mandate; what was signed counts."""
    return _(
        "The seller gives the association the mandate to write, in its name and for its account, the invoices and credit "
        "notes of what it sells to the association. The seller stays liable for the VAT and for its declaration, gives "
        "its identity as it stands on its invoices and every change of it, and has 8 days from the receipt of a document "
        "to contest it in writing. The numbers form a series of their own for the seller. Each party ends the mandate in "
        "writing at any time."
    )


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Mandates, and what was written under them."""
    staff_user(request)
    rows = SelfBilled.objects.select_related("mandate", "transmission")
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    signed = SelfBillingMandate.objects.order_by("revoked_at", "-pk")
    context = {"page": page, "rows": page.object_list, "mandates": signed, "contests": in_name.open_contests()}
    return render(request, "billing/self_billing.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def mandate_new(request: HttpRequest) -> HttpResponse:
    """Store a signed mandate."""
    user = staff_user(request)
    initial = {"text": _usual_text(), "signed_on": timezone.localdate()}
    form = MandateForm(request.POST or None, request.FILES or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        party = {name: data[name] for name in PARTY}
        signed = {name: data[name] for name in SIGNED}
        try:
            made = self_billing.give(party=party, paper=data["paper"].read(), actor=user, at=timezone.now(), **signed)
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(request, _("The mandate is stored. Invoices can be written in this seller's name."))
            return redirect("billing:self_billing_mandate", made.pk)
    return render(request, "billing/self_billing_mandate_new.html", {"form": form})


def _mandates(request: HttpRequest) -> QuerySet[SelfBillingMandate]:
    staff_user(request)
    return SelfBillingMandate.objects.select_related("company", "paper")


@require_http_methods(["GET", "HEAD", "POST"])
def mandate(request: HttpRequest, pk: int) -> HttpResponse:
    """One mandate with its words; an invoice is written here."""
    row = get_object_or_404(_mandates(request), pk=pk)
    if row.purpose == MandatePurpose.MEMBERS:
        return _to_members(request, row)
    today = timezone.localdate()
    initial = {"supply_on": today, "due_on": today + timedelta(days=30), "key": f"page-{uuid.uuid4()}"}
    form = IssueForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        line = {name: data.pop(name) for name in ("description", "net_cents", "vat_bp", "kind")}
        try:
            made = self_billing.issue(
                mandate=row, lines=[advances.draft(**line)], actor=staff_user(request), at=timezone.now(), **data
            )
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(request, _("%(number)s is issued in the seller's name.") % {"number": made.number})
            return redirect("billing:self_billed", made.pk)
    context = {"mandate": row, "form": form, "rows": row.documents.all()[:PER_PAGE], "revoke_form": RevokeForm()}
    return render(request, "billing/self_billing_mandate.html", context)


def _to_members(request: HttpRequest, row: SelfBillingMandate) -> HttpResponse:
    """A mandate under which the members are invoiced: what was written, month by month, and the supplier's own link."""
    page = Paginator(in_name.invoices_of(row.siren), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "mandate": row,
        "page": page,
        "invoices": selectors.decorate(page, today=timezone.localdate()),
        "months": in_name.months_of(row.siren),
        "link": supplier_links.path(row),
        "account": (account := connected.of_siren(row.siren)),
        "commission_form": CommissionForm(initial={"commission_bp": account.commission_bp if account else 0}),
        "revoke_form": RevokeForm(),
    }
    return render(request, "billing/mandate_to_members.html", context)


@require_safe
def mandate_paper(request: HttpRequest, pk: int) -> HttpResponse:
    """The signed mandate."""
    return download(get_object_or_404(_mandates(request), pk=pk).paper, inline=False)


@require_POST
def mandate_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """End a mandate; by the staff, or by the seller's own people."""
    row = get_object_or_404(SelfBillingMandate.objects.select_related("company"), pk=pk)
    if row.company is not None and not access.can_collect(request.user):
        owned_company(request, row.company.pk)
    else:
        staff_user(request)
    assert isinstance(request.user, User)
    reason = request.POST.get("reason", "").strip()
    if not reason:
        messages.error(request, _("Say in a few words why the mandate ends."))
    else:
        self_billing.revoke(mandate=row, reason=reason, actor=request.user, at=timezone.now())
        messages.success(request, _("The mandate is revoked. Nothing is written in the seller's name any more."))
    if access.can_collect(request.user):
        return redirect("billing:self_billing_mandate", row.pk)
    return redirect("billing:company_self_billing", row.company_id)


@require_http_methods(["GET", "HEAD", "POST"])
def document(request: HttpRequest, pk: int) -> HttpResponse:
    """One document in a seller's name; a credit note is written here."""
    user = staff_user(request)
    row = get_object_or_404(SelfBilled.objects.select_related("mandate", "corrects"), pk=pk)
    left = row.net_cents - sum(note.net_cents for note in row.credits.all())
    form = CreditForm(request.POST or None, initial={"net_cents": left, "key": f"page-{uuid.uuid4()}"})
    if request.method == "POST" and form.is_valid() and not row.is_credit:
        try:
            made = self_billing.credit(invoice=row, actor=user, at=timezone.now(), **form.cleaned_data)
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(request, _("%(number)s is issued in the seller's name.") % {"number": made.number})
            return redirect("billing:self_billed", made.pk)
    context = {"row": row, "form": form, "left": left, "notes": row.credits.all()}
    return render(request, "billing/self_billed.html", context)


@require_safe
def document_pdf(request: HttpRequest, pk: int) -> HttpResponse:
    """The file: for the staff, and for the member in whose name it is."""
    rows = SelfBilled.objects.visible_to(request.user).select_related("mandate__company", "document", "corrects")
    return download(printing.file_of(get_object_or_404(rows, pk=pk), at=timezone.now()))


@require_safe
def of_company(request: HttpRequest, company: int) -> HttpResponse:
    """What was written in the name of a member, and the mandate it may revoke."""
    owner = owned_company(request, company)
    page = Paginator(SelfBilled.objects.filter(mandate__company=owner), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "company": owner,
        "mandates": owner.self_billing_mandates.all(),
        "page": page,
        "rows": page.object_list,
        "revoke_form": RevokeForm(),
    }
    return render(request, "billing/company_self_billing.html", context)
