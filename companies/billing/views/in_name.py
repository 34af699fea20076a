"""What was written in a supplier's name: the supplier's own pages by its signed link, and what the staff notes."""

from collections.abc import Callable
from datetime import date
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from companies.billing import connected, customer_links, in_name, printing, selectors, self_billing, supplier_links
from companies.billing.models import Contest, CreditNote, Customer, Invoice, SelfBillingMandate
from companies.billing.payments import connect
from companies.billing.views.staff import staff_user
from companies.documents import download
from companies.errors import DomainError
from companies.forms import MoneyField, form_error
from companies.mail import absolute

PER_PAGE = 40


class PaidForm(forms.Form):
    """What the supplier got, and the balance the page showed."""

    cents = MoneyField(label=gettext_lazy("Amount received (€)"), min_value=1)
    seen = forms.IntegerField(widget=forms.HiddenInput)


class CommissionForm(forms.Form):
    commission_bp = forms.TypedChoiceField(
        label=gettext_lazy("Commission incl. VAT"),
        choices=[(0, "0 %"), (100, "1 %"), (200, "2 %"), (300, "3 %"), (500, "5 %")],
        coerce=int,
        initial=0,
    )


class ReasonForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("What is wrong"), max_length=500, widget=forms.Textarea({"rows": 3}))


def by_link(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The signed link is the permission: the view is given its mandate, or a page says that the link has ended."""

    @wraps(view)
    def opened(request: HttpRequest, token: str, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            mandate = supplier_links.mandate_of(token)
        except supplier_links.SupplierLinkEnded as error:
            return render(request, "billing/link_ended.html", {"sentence": error.sentence}, status=error.status)
        return view(request, token, mandate, *args, **kwargs)

    return login_not_required(never_cache(opened))


@require_safe
@by_link
def home(request: HttpRequest, token: str, mandate: SelfBillingMandate) -> HttpResponse:
    """All that was written in the supplier's name, the newest first, and a file for each month."""
    page = Paginator(in_name.invoices_of(mandate.siren), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "mandate": mandate,
        "token": token,
        "page": page,
        "invoices": selectors.decorate(page, today=timezone.localdate()),
        "credit_notes": in_name.credit_notes_of(mandate.siren)[:PER_PAGE],
        "months": in_name.months_of(mandate.siren),
        "account": connected.of_siren(mandate.siren),
        "commissions": _commissions(mandate.siren),
    }
    return render(request, "billing/in_your_name.html", context)


def _commissions(siren: str) -> str:
    """The page of what the association invoices this supplier; empty while there is nothing."""
    row = Customer.objects.filter(siren=siren).first()
    return customer_links.path(row) if row else ""


def _document(mandate: SelfBillingMandate, kind: str, pk: int) -> Invoice | CreditNote:
    if kind == "invoice":
        return get_object_or_404(in_name.invoices_of(mandate.siren).select_related("document"), pk=pk)
    if kind == "credit-note":
        return get_object_or_404(in_name.credit_notes_of(mandate.siren).select_related("document"), pk=pk)
    raise Http404


@require_http_methods(["GET", "HEAD", "POST"])
@by_link
def document(request: HttpRequest, token: str, mandate: SelfBillingMandate, kind: str, pk: int) -> HttpResponse:
    """One document: what it says, whether it was paid, and the way to contest it in time."""
    row = _document(mandate, kind, pk)
    owed = row.balance_cents if isinstance(row, Invoice) else 0
    action = request.POST.get("action", "")
    paid = PaidForm(request.POST if action == "paid" else None, initial={"cents": owed, "seen": owed})
    reason = ReasonForm(request.POST if action == "contest" else None)
    done = _acted(request, row, action, paid, reason)
    if done:
        messages.success(request, done)
        return redirect("billing:in_your_name_document", token, kind, pk)
    invoice = row if isinstance(row, Invoice) else row.invoice
    selectors.decorate([invoice], today=timezone.localdate())
    last = in_name.contest_until(row)
    context = {
        "token": token, "kind": kind, "row": row, "invoice": invoice, "is_invoice": kind == "invoice",
        "lines": invoice.lines.all() if isinstance(row, Invoice) else [],
        "paid_form": paid, "reason_form": reason, "contest_until": last, "told": in_name.is_told_paid(invoice),
        "contest": getattr(row, "contest", None), "in_time": timezone.localdate() <= last,
    }  # fmt: skip
    return render(request, "billing/in_your_name_document.html", context)


def _acted(
    request: HttpRequest, row: Invoice | CreditNote, action: str, paid: PaidForm, reason: ReasonForm
) -> str | None:
    """Do what was asked and say so; None when nothing was, or a form has to be corrected."""
    at = timezone.now()
    form: forms.Form = paid if action == "paid" else reason
    try:
        if action == "unpaid" and isinstance(row, Invoice):
            in_name.take_back_word(invoice=row, actor=None, at=at)
            return _("The invoice is owed to you again.")
        if action == "paid" and isinstance(row, Invoice) and paid.is_valid():
            in_name.tell_paid(invoice=row, actor=None, at=at, **paid.cleaned_data)
            return _("Noted: you received this money. The company sees it too.")
        if action == "contest" and reason.is_valid():
            in_name.contest(document=row, reason=reason.cleaned_data["reason"], at=at)
            return _("ERB was told that you contest this document, and answers you.")
    except DomainError as error:
        if form.is_bound:
            form_error(form, error)
        else:
            messages.error(request, error.sentence)
    return None


@require_safe
@by_link
def pdf(request: HttpRequest, token: str, mandate: SelfBillingMandate, kind: str, pk: int) -> HttpResponse:
    """The file of a document."""
    row = _document(mandate, kind, pk)
    return download(printing.file_of(row, at=timezone.now()))


def _month(siren: str, year: int, month: int) -> HttpResponse:
    if not (2000 <= year <= 2100 and 1 <= month <= 12):
        raise Http404
    content: Any = in_name.month_csv(siren, date(year, month, 1))
    response = StreamingHttpResponse(content, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="factures-{siren}-{year}-{month:02d}.csv"'
    return response  # type: ignore[return-value]  # both are responses


@require_safe
@by_link
def month(request: HttpRequest, token: str, mandate: SelfBillingMandate, year: int, month: int) -> HttpResponse:
    """A month for the supplier's books."""
    return _month(mandate.siren, year, month)


@require_POST
@by_link
def revoke(request: HttpRequest, token: str, mandate: SelfBillingMandate) -> HttpResponse:
    """The supplier ends its mandate."""
    reason = request.POST.get("reason", "").strip()
    if not reason:
        messages.error(request, _("Say in a few words why the mandate ends."))
    else:
        self_billing.revoke_by_seller(mandate=mandate, reason=reason, at=timezone.now())
        messages.success(request, _("The mandate is revoked. Nothing is written in your name any more."))
    return redirect("billing:in_your_name", token)


@require_POST
@by_link
def open_connect(request: HttpRequest, token: str, mandate: SelfBillingMandate) -> HttpResponse:
    """Send the supplier to Stripe, which asks for its papers."""
    row, back = connected.of_siren(mandate.siren), reverse("billing:in_your_name", args=[token])
    try:
        if row is None:
            raise connected.NotConnected
        return redirect(connect.onboarding(row, back=absolute(back), at=timezone.now()))
    except DomainError as error:
        messages.error(request, error.sentence)
        return redirect(back)


# The staff ------------------------------------------------------------------------------------------------------------
@require_safe
def staff_month(request: HttpRequest, pk: int, year: int, month: int) -> HttpResponse:
    """The same file for the staff, to send it on."""
    staff_user(request)
    return _month(get_object_or_404(SelfBillingMandate, pk=pk).siren, year, month)


@require_POST
def told_paid(request: HttpRequest, invoice: int) -> HttpResponse:
    """The supplier told the staff that it was paid, or was not after all."""
    user = staff_user(request)
    row = get_object_or_404(Invoice.objects.exclude(billing_mandate=None), pk=invoice)
    form, at = PaidForm(request.POST), timezone.now()
    try:
        if request.POST.get("action") == "unpaid":
            in_name.take_back_word(invoice=row, actor=user, at=at)
            messages.success(request, _("The invoice is owed to the supplier again."))
        elif form.is_valid():
            in_name.tell_paid(invoice=row, actor=user, at=at, **form.cleaned_data)
            messages.success(request, _("Noted as the supplier told you. It is no money of the association."))
        else:
            messages.error(request, _("Type the amount that the supplier received."))
    except DomainError as error:
        messages.error(request, error.sentence)
    return redirect("billing:invoice", row.company_id, row.pk)


@require_POST
def connect_invite(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a supplier be paid through Stripe, with our commission; a second time changes the commission."""
    user = staff_user(request)
    row, form = get_object_or_404(SelfBillingMandate, pk=pk), CommissionForm(request.POST)
    try:
        if form.is_valid():
            connected.invite(mandate=row, actor=user, at=timezone.now(), **form.cleaned_data)
            messages.success(request, _("The supplier finds the way to Stripe on its page. Send it the link."))
        else:
            messages.error(request, _("Choose a commission of the list."))
    except DomainError as error:
        messages.error(request, error.sentence)
    return redirect("billing:self_billing_mandate", row.pk)


@require_POST
def answer(request: HttpRequest, pk: int) -> HttpResponse:
    """What was done about a document a supplier contests."""
    user = staff_user(request)
    row = get_object_or_404(Contest.objects.select_related("invoice", "credit_note__invoice"), pk=pk)
    try:
        in_name.answer(contest=row, words=request.POST.get("words", ""), actor=user, at=timezone.now())
        messages.success(request, _("The supplier sees your answer on its page."))
    except DomainError as error:
        messages.error(request, error.sentence)
    invoice = row.about
    return redirect("billing:invoice", invoice.company_id, invoice.pk)
