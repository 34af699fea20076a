"""The books, for the association's staff: months, balances, entries, files."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from companies.access import is_staff
from companies.billing import books, chart, exports, fec
from companies.billing.models import AccountKind, BooksCheck, ClosedMonth, LedgerTransaction
from companies.documents import download
from companies.errors import DomainError
from companies.forms import MoneyField, form_error
from companies.models import User

PER_PAGE = 50


def _staff(request: HttpRequest) -> User:
    if not is_staff(request.user):
        raise Http404
    assert isinstance(request.user, User)
    return request.user


class EntryForm(forms.Form):
    """A manual entry between two accounts of the association."""

    choices = [(kind.value, kind.label) for kind in books.BOTH_SIDES]
    debit = forms.ChoiceField(label=gettext_lazy("Debit"), choices=choices)
    credit = forms.ChoiceField(label=gettext_lazy("Credit"), choices=choices)
    cents = MoneyField(label=gettext_lazy("Amount in euros"), min_value=1)
    reason = forms.CharField(label=gettext_lazy("What for"), max_length=200)
    key = forms.CharField(widget=forms.HiddenInput, max_length=40)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("debit") and data.get("debit") == data.get("credit"):
            self.add_error("credit", gettext_lazy("Choose two different accounts."))
        return data


class ReverseForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200)


@require_safe
def books_home(request: HttpRequest) -> HttpResponse:
    """Months with their state, the trial balance, the last check, and the files."""
    _staff(request)
    today = timezone.localdate()
    months = books.months()
    context = {
        "months": months,
        "next": next((row for row in months if row["month"] == books.to_close()), None),
        "this_month": today.replace(day=1),
        "years": sorted({row["month"].year for row in months}, reverse=True),
        "balances": exports.balances(today),
        "check": BooksCheck.objects.first(),
        "today": today,
    }
    return render(request, "billing/books.html", context)


@require_POST
def close_month(request: HttpRequest, year: int, month: int) -> HttpResponse:
    """Close a month for good."""
    user = _staff(request)
    if not 1 <= month <= 12 or not 2000 <= year <= 9000:
        raise Http404
    try:
        books.close_month(month=date(year, month, 1), actor=user, at=timezone.now())
    except DomainError as error:
        messages.error(request, error.sentence)
    else:
        messages.success(request, _("The month is closed. Nothing can be posted into it any more."))
    return redirect("billing:books")


@require_safe
def month_file(request: HttpRequest, year: int, month: int) -> HttpResponse:
    """The entries of a closed month, as they were kept on the day it was closed."""
    _staff(request)
    row = get_object_or_404(ClosedMonth.objects.select_related("document"), month__year=year, month__month=month)
    return download(row.document, inline=False)


def _attachment(lines: Any, name: str, media_type: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines, content_type=media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


@require_safe
def fec_file(request: HttpRequest, year: int) -> StreamingHttpResponse:
    """The FEC of a civil year; of the running year, until yesterday."""
    _staff(request)
    if not 2000 <= year <= 9000:
        raise Http404
    until = min(date(year, 12, 31), max(timezone.localdate() - timedelta(days=1), date(year, 1, 1)))
    return _attachment(fec.lines(date(year, 1, 1), until), fec.file_name(until), "text/plain; charset=utf-8")


@require_safe
def balance_file(request: HttpRequest) -> StreamingHttpResponse:
    """The trial balance of today."""
    _staff(request)
    today = timezone.localdate()
    return _attachment(exports.balance_csv(today), f"balance-{today}.csv", "text/csv; charset=utf-8")


@require_safe
def invoices_file(request: HttpRequest, year: int, month: int) -> StreamingHttpResponse:
    """The invoices of a month, one line per rate of VAT."""
    _staff(request)
    if not 1 <= month <= 12 or not 2000 <= year <= 9000:
        raise Http404
    since = date(year, month, 1)
    until = books.next_month(since) - timedelta(days=1)
    return _attachment(exports.invoices_csv(since, until), f"invoices-{since:%Y-%m}.csv", "text/csv; charset=utf-8")


@require_safe
def entries(request: HttpRequest) -> HttpResponse:
    """Every transaction of the ledger, newest first, searched by its piece."""
    _staff(request)
    text = request.GET.get("q", "").strip()[:80]
    rows = LedgerTransaction.objects.order_by("-pk").prefetch_related("entries__account__company")
    if text:
        rows = rows.filter(reason__icontains=text)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    found = [
        {"row": row, "journal": chart.JOURNALS[chart.journal(row.kind)], "sides": _sides(row)}
        for row in page.object_list
    ]
    return render(request, "billing/entries.html", {"page": page, "entries": found, "text": text})


def _sides(row: LedgerTransaction) -> list[dict[str, Any]]:
    return [
        {"account": chart.named(entry.account), "debit": max(entry.cents, 0), "credit": max(-entry.cents, 0)}
        for entry in row.entries.all()
    ]


@require_http_methods(["GET", "HEAD", "POST"])
def entry(request: HttpRequest, pk: int) -> HttpResponse:
    """One transaction with its sides; a manual one can be reversed with a reason."""
    user = _staff(request)
    row = get_object_or_404(
        LedgerTransaction.objects.select_related("reverses").prefetch_related("entries__account__company"), pk=pk
    )
    back = LedgerTransaction.objects.filter(reverses=row).first()
    form = ReverseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = books.reverse(original=row, actor=user, at=timezone.now(), reason=form.cleaned_data["reason"])
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(request, _("Reversed. Both entries stay in the books."))
            return redirect("billing:entry", made.pk)
    context = {
        "row": row,
        "sides": _sides(row),
        "journal": chart.JOURNALS[chart.journal(row.kind)],
        "back": back,
        "can_reverse": row.key.startswith(books.REVERSIBLE) and back is None,
        "form": form,
    }
    return render(request, "billing/entry.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new_entry(request: HttpRequest) -> HttpResponse:
    """Write a manual entry, once however often the button is pressed."""
    user = _staff(request)
    at = timezone.now()
    form = EntryForm(request.POST or None, initial={"key": f"{user.pk}-{at:%Y%m%d%H%M%S%f}"})
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        data |= {"debit": AccountKind(data["debit"]), "credit": AccountKind(data["credit"])}
        try:
            books.enter(**data, at=at, actor=user)
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(request, _("The entry stands in the books."))
            return redirect("billing:entries")
    return render(request, "billing/entry_new.html", {"form": form})
