"""The bank, for the association's staff: import a statement, work through what could not be matched."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from companies import audit
from companies.access import is_staff
from companies.billing import deposits, safe_xml
from companies.billing.bank import importing, matching, reading
from companies.billing.models import AccountKind, BankLine, BankStatement, Customer, DepositRefund, Invoice, LineState
from companies.billing.models.invoice import PAYABLE
from companies.documents import download
from companies.errors import DomainError
from companies.forms import CHOOSE, form_error
from companies.models import Company, User
from companies.money import euros, parse_cents, typed

PER_PAGE = 40
MOST_INVOICES = 40
TABS = {
    "open": gettext_lazy("To be matched"),
    "matched": gettext_lazy("Matched"),
    "aside": gettext_lazy("Set aside"),
    "": gettext_lazy("All lines"),
}
TONES = {
    LineState.OPEN: ("warning", "circle-dashed"),
    LineState.MATCHED: ("success", "circle-check"),
    LineState.ASIDE: ("muted", "archive"),
}
RULES = {
    "reference": gettext_lazy("reference named by the payer"),
    "iban_amount": gettext_lazy("account and amount of one invoice"),
    "iban_all": gettext_lazy("account and sum of all open invoices"),
    "oldest_first": gettext_lazy("account known, the oldest invoice first"),
    "manual": gettext_lazy("matched by hand"),
}


def _staff(request: HttpRequest) -> User:
    if not is_staff(request.user):
        raise Http404
    assert isinstance(request.user, User)
    return request.user


class StatementForm(forms.Form):
    file = forms.FileField(label=gettext_lazy("Statement"), max_length=160)


class ReasonForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200)


class AccountForm(forms.Form):
    """Where a line goes that is no invoice's money."""

    account = forms.ChoiceField(
        label=gettext_lazy("Account"),
        choices=[
            *((kind.value, kind.label) for kind in matching.ACCOUNTS),
            ("deposits", gettext_lazy("Kept for a company")),
        ],
    )
    company = forms.ModelChoiceField(
        label=gettext_lazy("Company"),
        queryset=Company.objects.order_by("name"),
        required=False,
        empty_label=CHOOSE,
        help_text=gettext_lazy("Only for money kept for a company."),
    )


def _decorated(rows: Any) -> list[BankLine]:
    found = list(rows)
    for row in found:
        row.tone, row.icon = TONES[LineState(row.state)]
    return found


@require_http_methods(["GET", "HEAD", "POST"])
def bank(request: HttpRequest) -> HttpResponse:
    """The lines, those to be matched first; a statement file is imported here."""
    user = _staff(request)
    form = StatementForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            content = safe_xml.uploaded(upload, limit=reading.MOST_BYTES)
            made = importing.take(content=content, name=upload.name, actor=user, at=timezone.now())
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(request, _said(made))
            return redirect("billing:bank")
    group = request.GET.get("state", "open")
    counts = BankLine.objects.aggregate(
        all=Count("pk"), **{state.value: Count("pk", filter=Q(state=state)) for state in LineState}
    )
    open_sums = BankLine.objects.filter(state=LineState.OPEN).aggregate(
        came=Sum("cents", filter=Q(cents__gt=0)), went=Sum("cents", filter=Q(cents__lt=0))
    )
    rows = BankLine.objects.filter(state=group) if group in LineState.values else BankLine.objects.all()
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "lines": _decorated(page.object_list),
        "group": group,
        "tabs": [
            {"key": key, "label": label, "count": counts[key or "all"], "current": key == group}
            for key, label in TABS.items()
        ],
        "sums": open_sums,
        "statements": BankStatement.objects.select_related("imported_by", "document")[:6],
    }
    return render(request, "billing/bank.html", context)


def _said(made: importing.Imported) -> str:
    words = [
        ngettext("%(n)s new line.", "%(n)s new lines.", made.new) % {"n": made.new},
        ngettext("%(n)s was matched by itself.", "%(n)s were matched by themselves.", made.matched)
        % {"n": made.matched},
    ]
    if made.known:
        words.append(
            ngettext("%(n)s was known from an earlier file.", "%(n)s were known from an earlier file.", made.known)
            % {"n": made.known}
        )
    return " ".join(words)


@require_safe
def statement_file(request: HttpRequest, pk: int) -> HttpResponse:
    """The file as the bank gave it."""
    _staff(request)
    return download(get_object_or_404(BankStatement.objects.select_related("document"), pk=pk).document, inline=False)


def _line(pk: int) -> BankLine:
    return _decorated([get_object_or_404(BankLine.objects.select_related("statement"), pk=pk)])[0]


def _parts(request: HttpRequest) -> dict[int, int]:
    """Invoice → cents of the fields `part-<id>` that were filled in."""
    found = {}
    for name, value in request.POST.items():
        if name.startswith("part-") and name[5:].isdecimal() and len(name) < 24 and str(value).strip():
            found[int(name[5:])] = parse_cents(str(value))
    return {pk: cents for pk, cents in found.items() if cents}


@require_http_methods(["GET", "HEAD", "POST"])
def bank_line(request: HttpRequest, pk: int) -> HttpResponse:
    """One line: what the rules propose, open invoices of a company to choose from, other accounts."""
    user = _staff(request)
    line = _line(pk)
    error = ""
    if request.method == "POST":
        try:
            matching.match_invoices(line=line, parts=_parts(request), actor=user, at=timezone.now())
        except DomainError as refusal:
            error = refusal.sentence
        else:
            messages.success(request, _("The line is matched and the invoices are up to date."))
            return redirect("billing:bank")
    return render(request, "billing/bank_line.html", _line_context(request, line, error))


def _line_context(request: HttpRequest, line: BankLine, error: str) -> dict[str, Any]:
    is_open = line.state == LineState.OPEN
    found = matching.suggestion(line) if is_open and line.cents > 0 else None
    chosen = request.GET.get("company", "")
    customer = None
    if chosen[:1] == "s" and chosen[1:].isdecimal() and len(chosen) < 19:
        company, customer = None, Customer.objects.filter(pk=int(chosen[1:])).first()
    elif chosen.isdecimal() and len(chosen) < 19:
        company = Company.objects.filter(pk=int(chosen)).first()
    else:
        company = found.company if found else Company.objects.filter(name__iexact=line.name).first()
    parts = {row.pk: cents for row, cents in found.invoices} if found and company == found.company else {}
    if company and not parts and is_open:
        parts = {row.pk: cents for row, cents in matching.oldest_first(line, company)}
    elif customer and is_open:
        parts = {row.pk: cents for row, cents in matching.oldest_first(line, customer)}
    invoices: list[Invoice] = []
    if is_open and line.cents > 0 and (company or customer or found):
        wanted = Q(company=company) if company else Q(customer=customer) if customer else Q(pk__in=parts)
        wanted |= Q(pk__in=parts)
        rows = Invoice.objects.own().filter(wanted, state__in=PAYABLE, balance_cents__gt=0).select_related("company")
        invoices = list(rows.order_by("due_on", "pk")[:MOST_INVOICES])
    for row in invoices:
        written = request.POST.get(f"part-{row.pk}")
        proposed = typed(euros(parts[row.pk])) if row.pk in parts else ""
        row.part = written if written is not None else proposed  # type: ignore[attr-defined]  # for the template
    return {
        "line": line,
        "error": error,
        "suggestion": found,
        "rule": RULES[found.proposal.rule] if found else "",
        "company": company,
        "customer": customer,
        "customers": Customer.objects.filter(invoices__balance_cents__gt=0).distinct() if is_open else [],
        "companies": Company.objects.filter(invoices__balance_cents__gt=0).distinct().order_by("name")
        if is_open
        else [],
        "invoices": invoices,
        "going": deposits.shown_by(line),
        "account_form": AccountForm(),
        "reason_form": ReasonForm(),
        "match": line.matches.select_related("transaction", "matched_by", "company").filter(undone_at=None).first(),
        "rules": RULES,
        "history": audit.history(line),
    }


@require_POST
def book_line(request: HttpRequest, pk: int) -> HttpResponse:
    """Book a line on an account, or keep it for a company."""
    user = _staff(request)
    line, form = _line(pk), AccountForm(request.POST)
    if form.is_valid():
        kind = AccountKind(form.cleaned_data["account"])
        company = form.cleaned_data["company"] if kind == AccountKind.DEPOSITS else None
        try:
            matching.match_account(line=line, kind=kind, company=company, actor=user, at=timezone.now())
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(request, _("The line is booked."))
            return redirect("billing:bank")
    return render(request, "billing/bank_line.html", _line_context(request, line, "") | {"account_form": form})


@require_POST
def match_refund(request: HttpRequest, pk: int, refund: int) -> HttpResponse:
    """Say that a line is the transfer by which a deposit went back."""
    user = _staff(request)
    line, found = _line(pk), get_object_or_404(DepositRefund, pk=refund)
    try:
        matching.match_refund(line=line, refund=found, actor=user, at=timezone.now())
    except DomainError as error:
        messages.error(request, error.sentence)
        return redirect("billing:bank_line", pk)
    messages.success(request, _("The line is matched. The company sees that its money has left."))
    return redirect("billing:bank")


@require_POST
def undo_line(request: HttpRequest, pk: int) -> HttpResponse:
    """Undo a match by reversal."""
    user = _staff(request)
    line, form = _line(pk), ReasonForm(request.POST)
    if form.is_valid():
        try:
            matching.undo(line=line, actor=user, at=timezone.now(), reason=form.cleaned_data["reason"])
        except DomainError as error:
            messages.error(request, error.sentence)
        else:
            messages.success(request, _("Undone: the posting is reversed and the line waits again."))
    else:
        messages.error(request, _("Say why, in a few words. It stays in the books."))
    return redirect("billing:bank_line", pk)


@require_POST
def aside_line(request: HttpRequest, pk: int) -> HttpResponse:
    """Set a line aside with a reason, or take it up again."""
    user = _staff(request)
    line, form = _line(pk), ReasonForm(request.POST)
    try:
        if line.state == LineState.ASIDE:
            matching.take_up(line=line, actor=user, at=timezone.now())
        elif form.is_valid():
            matching.set_aside(line=line, actor=user, at=timezone.now(), reason=form.cleaned_data["reason"])
        else:
            messages.error(request, _("Say why, in a few words. It stays in the books."))
            return redirect("billing:bank_line", pk)
    except DomainError as error:
        messages.error(request, error.sentence)
    return redirect("billing:bank")
