"""Received invoices and the way to the platform, for the association's staff."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from companies import audit
from companies.access import is_staff
from companies.billing import directory, safe_xml
from companies.billing.channel import exchange
from companies.billing.models import (
    DirectoryEntry,
    EInvoicing,
    Invoice,
    ReceivedInvoice,
    ReceivedState,
    Transmission,
    TransmissionState,
)
from companies.billing.received import reading, services
from companies.documents import download
from companies.errors import DomainError
from companies.forms import form_error
from companies.models import Company, User

PER_PAGE = 40
TABS = {
    "received": pgettext_lazy("invoice", "To be checked"),
    "approved": pgettext_lazy("invoice", "Approved"),
    "refused": pgettext_lazy("invoice", "Refused"),
    "paid": pgettext_lazy("invoice", "Paid"),
    "": pgettext_lazy("invoice", "All"),
}
TONES = {
    ReceivedState.RECEIVED: ("warning", "inbox"),
    ReceivedState.APPROVED: ("success", "circle-check"),
    ReceivedState.REFUSED: ("danger", "circle-x"),
    ReceivedState.PAID: ("success", "banknote"),
}
WAYS = {
    TransmissionState.WAITING: ("info", "clock"),
    TransmissionState.SENT: ("info", "send"),
    TransmissionState.DELIVERED: ("success", "mail-check"),
    TransmissionState.APPROVED: ("success", "circle-check"),
    TransmissionState.REFUSED: ("danger", "circle-x"),
    TransmissionState.REJECTED: ("danger", "circle-alert"),
}


def _staff(request: HttpRequest) -> User:
    if not is_staff(request.user):
        raise Http404
    assert isinstance(request.user, User)
    return request.user


def transmission_of(invoice: Invoice) -> Transmission | None:
    """How an invoice fares on the platform, ready to be shown; None when it was only mailed."""
    row = Transmission.objects.filter(invoice=invoice).prefetch_related("statuses__by").first()
    if row is not None:
        row.tone, row.icon = WAYS[TransmissionState(row.state)]  # type: ignore[attr-defined]  # for the template
    return row


class UploadForm(forms.Form):
    file = forms.FileField(label=gettext_lazy("Invoice"), max_length=160)


class RefuseForm(forms.Form):
    why = forms.ChoiceField(label=gettext_lazy("What is wrong"), choices=list(services.REASONS.items()))
    reason = forms.CharField(
        label=gettext_lazy("In a few words"), max_length=200, help_text=gettext_lazy("The supplier reads it.")
    )

    def __init__(self, *args: Any, row: ReceivedInvoice, **more: Any) -> None:
        super().__init__(*args, **more)
        if not row.is_read:
            self.fields["reason"].help_text = ""


class AddressForm(forms.Form):
    address = forms.RegexField(
        label=gettext_lazy("Electronic address (scheme 0225)"),
        regex=r"^\d{9}(_[0-9A-Za-z._-]{1,40})*$",
        max_length=60,
        help_text=gettext_lazy("The SIREN, alone or followed by _ and a routing code."),
    )
    switch_on = forms.DateField(
        label=gettext_lazy("Structured invoices from"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )


@require_http_methods(["GET", "HEAD", "POST"])
def inbox(request: HttpRequest) -> HttpResponse:
    """Received invoices, those to be checked first; a file is dropped here."""
    user = _staff(request)
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            made = services.upload(content=safe_xml.uploaded(upload), name=upload.name, actor=user, at=timezone.now())
        except DomainError as error:
            form_error(form, error)
        else:
            read = _("The invoice was read. Check it, then approve or refuse it.")
            kept = _("The file is kept, its figures could not be read. Open it, then approve or refuse it.")
            messages.success(request, read if made.is_read else kept)
            return redirect("billing:received", made.pk)
    group = request.GET.get("state", "received")
    counts = ReceivedInvoice.objects.aggregate(
        all=Count("pk"), **{state.value: Count("pk", filter=Q(state=state)) for state in ReceivedState}
    )
    rows = ReceivedInvoice.objects.visible_to(user)
    rows = rows.filter(state=group) if group in ReceivedState.values else rows
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    for row in page.object_list:
        row.tone, row.icon = TONES[ReceivedState(row.state)]  # type: ignore[attr-defined]  # for the template
    context = {
        "form": form,
        "page": page,
        "invoices": page.object_list,
        "group": group,
        "tabs": [
            {"key": key, "label": label, "count": counts[key or "all"], "current": key == group}
            for key, label in TABS.items()
        ],
    }
    return render(request, "billing/inbox.html", context)


def _received(request: HttpRequest, pk: int) -> ReceivedInvoice:
    rows = ReceivedInvoice.objects.visible_to(_staff(request)).select_related("document")
    return get_object_or_404(rows, pk=pk)


@require_safe
def received(request: HttpRequest, pk: int) -> HttpResponse:
    """One received invoice: what was read, what does not fit, its life."""
    row = _received(request, pk)
    return _page(request, row, RefuseForm(row=row))


def _page(request: HttpRequest, row: ReceivedInvoice, form: RefuseForm) -> HttpResponse:
    row.tone, row.icon = TONES[ReceivedState(row.state)]  # type: ignore[attr-defined]  # for the template
    context = {
        "invoice": row,
        "lines": row.lines.all(),
        "problems": [reading.PROBLEMS.get(code, code) for code in row.problems],
        "statuses": row.statuses.select_related("by"),
        "refuse_form": form,
        "history": audit.history(row),
    }
    return render(request, "billing/received.html", context)


@require_safe
def received_file(request: HttpRequest, pk: int) -> HttpResponse:
    """The file as it came. XML is never shown, only handed over: it is a stranger's."""
    row = _received(request, pk)
    return download(row.document, inline=row.document.media_type == "application/pdf")


@require_POST
def approve_received(request: HttpRequest, pk: int) -> HttpResponse:
    """Approve."""
    row = _received(request, pk)
    return _decided(
        request,
        row,
        services.approve,
        _("Approved. The supplier is told."),
        _("Approved. Tell the supplier yourself: nobody else does."),
    )


@require_POST
def pay_received(request: HttpRequest, pk: int) -> HttpResponse:
    """Mark as paid."""
    row = _received(request, pk)
    return _decided(request, row, services.mark_paid, _("Marked as paid. The supplier is told."), _("Marked as paid."))


def _decided(
    request: HttpRequest, row: ReceivedInvoice, decide: services.Decision, said: str, unread: str
) -> HttpResponse:
    try:
        decide(received=row, actor=_staff(request), at=timezone.now())
    except DomainError as error:
        messages.error(request, error.sentence)
    else:
        messages.success(request, said if row.is_read else unread)
    return redirect("billing:received", row.pk)


@require_POST
def refuse_received(request: HttpRequest, pk: int) -> HttpResponse:
    """Refuse with a reason."""
    row = _received(request, pk)
    form = RefuseForm(request.POST, row=row)
    if form.is_valid():
        try:
            services.refuse(received=row, actor=_staff(request), at=timezone.now(), **form.cleaned_data)
        except DomainError as error:
            form_error(form, error)
        else:
            said = (
                _("Refused. The supplier is told why.")
                if row.is_read
                else _("Refused. Tell the supplier why yourself.")
            )
            messages.success(request, said)
            return redirect("billing:received", row.pk)
    return _page(request, row, form)


@require_safe
def transmissions(request: HttpRequest) -> HttpResponse:
    """Documents handed to the platform, and how each company is reached."""
    _staff(request)
    rows = Transmission.objects.select_related(*exchange.ABOUT)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    for row in page.object_list:
        row.tone, row.icon = WAYS[TransmissionState(row.state)]  # type: ignore[attr-defined]  # for the template
    context = {
        "page": page,
        "transmissions": page.object_list,
        "companies": EInvoicing.objects.select_related("company__directory_entry").order_by("company__name"),
        "others": Company.objects.filter(e_invoicing=None).order_by("name"),
    }
    return render(request, "billing/transmissions.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def e_address(request: HttpRequest, pk: int) -> HttpResponse:
    """How a company is reached, and from when."""
    user = _staff(request)
    company = get_object_or_404(Company, pk=pk)
    initial = {"address": exchange.address_of(company), "switch_on": exchange.switch_of(company)}
    form = AddressForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        exchange.set_address(company=company, actor=user, at=timezone.now(), **form.cleaned_data)
        messages.success(request, _("Saved. It counts for invoices issued from now on."))
        return redirect("billing:transmissions")
    entry = DirectoryEntry.objects.filter(company=company).first()
    lines = [directory.in_words(line) for line in entry.lines] if entry else []
    return render(request, "billing/e_address.html", {"form": form, "one": company, "entry": entry, "lines": lines})
