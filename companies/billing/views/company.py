"""The accountant's pages: the list, one invoice, its file, paying, and what became of the payment."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from companies.access import require
from companies.billing import access, allocation, buyers, in_name, links, payments, printing, selectors, third_party
from companies.billing.models import Contest, DebitState, Invoice, Payment, PaymentState, PlanState
from companies.billing.references import creditor_reference, spaced
from companies.billing.tasks import refresh_payment
from companies.billing.views.einvoice import transmission_of
from companies.billing.views.in_name import PaidForm
from companies.documents import download
from companies.models import Company, User

PER_PAGE = 30


def owned_company(request: HttpRequest, pk: int) -> Company:
    """The company, 404 for strangers to it, 403 for people without the role."""
    company = get_object_or_404(Company.objects.visible_to(request.user), pk=pk)
    require(access.can_see_invoices(request.user, company))
    return company


def company_invoice(request: HttpRequest, company: int, pk: int) -> Invoice:
    owner = owned_company(request, company)
    rows = Invoice.objects.visible_to(request.user).select_related("company", "document", "corrects")
    return get_object_or_404(rows, company=owner, pk=pk)


@require_safe
def invoice_list(request: HttpRequest, company: int) -> HttpResponse:
    """Invoices of a company, newest first, by tab."""
    owner = owned_company(request, company)
    rows = Invoice.objects.visible_to(request.user).filter(company=owner)
    group = request.GET.get("state", "")
    today = timezone.localdate()
    page = Paginator(rows.in_group(group), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "company": owner,
        "tabs": selectors.tabs(rows, group),
        "figures": selectors.figures(rows, today=today),
        "page": page,
        "invoices": selectors.decorate(page, today=today),
        "group": group,
    }
    return render(request, "billing/invoice_list.html", context)


@require_safe
def invoice(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """One invoice: lines, VAT, payments, history, and the button that pays it."""
    row = company_invoice(request, company, pk)
    owner = buyers.member(row)
    selectors.decorate([row], today=timezone.localdate())
    attempts = selectors.decorate_payments(row.payments.select_related("created_by"))
    context = {
        "company": owner,
        "invoice": row,
        "lines": row.lines.all(),
        "vat_rows": row.vat_rows.all(),
        "credit_notes": row.credit_notes.all(),
        "payments": [attempt for attempt in attempts if attempt.state != PaymentState.CREATED],
        "history": selectors.timeline(row),
        "can_pay": access.can_pay(request.user, owner) and row.is_payable and third_party.is_collectable(row),
        "transmission": transmission_of(row),
        "deductions": row.deductions.select_related("advance") if row.prepaid_cents else [],
        "deducted_on": Invoice.objects.filter(deductions__advance=row).first() if row.is_advance else None,
        "replaced_by": Invoice.objects.filter(corrects=row).first(),
        "reference": spaced(creditor_reference(row.number)),
        "debit": row.debits.filter(state=DebitState.PLANNED).select_related("mandate").first(),
        "plan": row.plans.filter(state__in=[PlanState.PROPOSED, PlanState.AGREED]).first(),
        "reminders": row.reminders.all(),
        "collects": access.can_collect(request.user),
        "pay_link": links.path(row),
        "by_card_only": row.balance_cents > payments.SEPA_LIMIT_CENTS,
        "kept": allocation.kept_for(owner),
        "keeps": access.can_pay(request.user, owner) or access.can_collect(request.user),
    }
    return render(request, "billing/invoice.html", context | (_in_a_name(row) if row.is_suppliers else {}))


def _in_a_name(row: Invoice) -> dict[str, Any]:
    """What is more to say of an invoice that is a supplier's."""
    owed = row.balance_cents
    return {
        "collectable": third_party.is_collectable(row),
        "paid_form": PaidForm(initial={"cents": owed, "seen": owed}),
        "told": in_name.is_told_paid(row),
        "contests": Contest.objects.filter(Q(invoice=row) | Q(credit_note__invoice=row)),
        "kept": 0,
    }


@require_safe
def pdf(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """The file of an invoice, made now if nobody needed it before."""
    row = company_invoice(request, company, pk)
    return download(printing.invoice_file(row, at=timezone.now()))


@require_safe
def credit_note_pdf(request: HttpRequest, company: int, pk: int, note: int) -> HttpResponse:
    """The file of a credit note of an invoice."""
    row = company_invoice(request, company, pk)
    found = get_object_or_404(row.credit_notes.select_related("invoice__company", "document"), pk=note)
    return download(printing.file_of(found, at=timezone.now()))


@require_POST
def pay(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """Send the accountant to Stripe's page."""
    row = company_invoice(request, company, pk)
    assert isinstance(request.user, User)
    return redirect(payments.start(invoice=row, actor=request.user, at=timezone.now()).url)


def _payment(request: HttpRequest, company: int, pk: int, payment: int) -> Payment:
    row = company_invoice(request, company, pk)
    found = get_object_or_404(row.payments, pk=payment)
    found.invoice = row
    selectors.decorate_payments([found])
    return found


@require_safe
def payment_result(request: HttpRequest, company: int, pk: int, payment: int) -> HttpResponse:
    """Where Stripe sends the payer back. It decides nothing: it asks a worker to ask Stripe, and shows what we know."""
    found = _payment(request, company, pk, payment)
    if found.is_under_way:
        refresh_payment.delay(payment_id=found.pk)
    context = {"company": found.invoice.company, "invoice": found.invoice, "payment": found}
    return render(request, "billing/payment_result.html", context)


@require_safe
def payment_state(request: HttpRequest, company: int, pk: int, payment: int) -> HttpResponse:
    """The part of the result page that renews itself while the payment is under way."""
    found = _payment(request, company, pk, payment)
    context = {"company": found.invoice.company, "invoice": found.invoice, "payment": found}
    return render(request, "billing/payment_state.html", context)
