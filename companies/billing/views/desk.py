"""The accountant's desk of a company: what is due and on its way, statements, instalments."""

from datetime import date, timedelta

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from companies.access import require
from companies.billing import access, allocation, buyers, desk, instalments, mandates, selectors, statements
from companies.billing.models import Invoice, InvoiceState, PlanState
from companies.billing.models.invoice import GROUPS, PAYABLE
from companies.billing.views.company import company_invoice, owned_company
from companies.billing.views.mandates import address_of
from companies.errors import DomainError
from companies.models import User


@require_safe
def company_desk(request: HttpRequest, company: int) -> HttpResponse:
    """What is due, announced, in collection, failed and disputed."""
    owner = owned_company(request, company)
    rows = Invoice.objects.visible_to(request.user).filter(company=owner)
    today = timezone.localdate()
    needing = rows.filter(state__in=GROUPS["failed"]) | rows.filter(state__in=PAYABLE, due_on__lt=today)
    context = {
        "company": owner,
        "figures": desk.figures(rows, today=today),
        "to_suppliers": desk.owed_to_suppliers(rows),
        "needing": selectors.decorate(needing.prefetch_related("reminders").order_by("due_on", "pk")[:50], today=today),
        "collecting": selectors.decorate(rows.filter(state=InvoiceState.COLLECTING)[:50], today=today),
        "announced": desk.announced(rows)[:50],
        "disputes": desk.disputes(rows)[:20],
        "plans": rows.filter(plans__state=PlanState.PROPOSED).distinct(),
        "mandate": mandates.in_force(owner),
        "signs": access.can_pay(request.user, owner),
        "kept": allocation.kept_for(owner),
    }
    return render(request, "billing/desk.html", context)


@require_safe
def open_items(request: HttpRequest, company: int) -> HttpResponse:
    """The company's open invoices as CSV."""
    owner = owned_company(request, company)
    rows = Invoice.objects.visible_to(request.user).filter(company=owner, balance_cents__gt=0)
    return _csv(
        desk.due_list_csv(
            rows.select_related("company").prefetch_related("reminders").order_by("due_on", "pk"),
            today=timezone.localdate(),
        ),
        f"{owner.siren}-{timezone.localdate()}.csv",
    )


def _csv(text: str, name: str) -> HttpResponse:
    """A file for a spreadsheet, with the mark by which it knows UTF-8."""
    answer = HttpResponse("\ufeff" + text, content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


class PeriodForm(forms.Form):
    """From which day to which."""

    first = forms.DateField(
        label=gettext_lazy("From"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    last = forms.DateField(label=gettext_lazy("To"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))

    def clean(self) -> dict[str, date]:
        data = super().clean() or {}
        if data.get("first") and data.get("last") and data["last"] < data["first"]:
            self.add_error("last", _("The last day comes before the first."))
        return data


@require_safe
def statement(request: HttpRequest, company: int, form: str = "page") -> HttpResponse:
    """A statement of account as a page, a PDF or CSV; this year when no days are given."""
    owner = owned_company(request, company)
    today = timezone.localdate()
    usual = {"first": today.replace(month=1, day=1), "last": today}
    asked = PeriodForm(request.GET if "first" in request.GET else usual)
    days = asked.cleaned_data if asked.is_valid() else usual
    found = statements.of(owner, first=days["first"], last=days["last"])
    name = f"{owner.siren}-{found.first}-{found.last}"
    if form == "csv":
        return _csv(statements.as_csv(found), f"{name}.csv")
    if form == "pdf":
        language = translation.get_language() or "fr"
        content = statements.as_pdf(found, language=language, at=timezone.now())
        answer = HttpResponse(content, content_type="application/pdf")
        answer.headers["Content-Disposition"] = f'inline; filename="{name}.pdf"'
        answer.headers["Cache-Control"] = "private, no-store"
        return answer
    context = {"company": owner, "found": found, "form": asked, "before": found.first - timedelta(days=1)}
    return render(request, "billing/statement.html", context)


@require_http_methods(["GET", "POST"])
def plan(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """Instalments the association proposes for one invoice: the accountant agrees, or declines."""
    row = company_invoice(request, company, pk)
    found = row.plans.exclude(state=PlanState.CANCELLED).select_related("agreed_by").first()
    if found is None:
        return redirect("billing:invoice", company, pk)
    if request.method == "POST":
        require(access.can_pay(request.user, row.company))
        assert isinstance(request.user, User)
        try:
            if "decline" in request.POST:
                instalments.cancel(plan=found, actor=request.user, at=timezone.now())
                messages.info(request, _("You declined. The invoice is due as before."))
                return redirect("billing:invoice", company, pk)
            instalments.agree(
                plan=found,
                actor=request.user,
                ip=address_of(request),
                user_agent=request.headers.get("User-Agent", ""),
                at=timezone.now(),
            )
        except DomainError as error:
            messages.error(request, error.sentence)
        else:
            messages.success(request, _("Agreed. Each part is announced by e-mail before it is debited."))
        return redirect("billing:plan", company, pk)
    context = {
        "company": row.company,
        "invoice": row,
        "plan": found,
        "parts": found.instalments.all(),
        "mandate": mandates.in_force(buyers.member(row)),
        "signs": access.can_pay(request.user, row.company),
    }
    return render(request, "billing/plan.html", context)
