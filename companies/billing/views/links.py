"""Paying one invoice by its signed link: no account, and nothing else of the company is shown."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from companies.billing import links, payments, printing, third_party
from companies.billing.models import DebitState, PaymentState
from companies.billing.references import creditor_reference, spaced
from companies.billing.tasks import refresh_payment
from companies.documents import download


@login_not_required  # the signed link is the permission
@never_cache
@require_http_methods(["GET", "POST"])
def pay_by_link(request: HttpRequest, token: str) -> HttpResponse:
    """One invoice: what it comes to, what is owed, and the button that pays it."""
    try:
        invoice = links.invoice_of(token)
    except links.LinkEnded as error:
        return render(request, "billing/link_ended.html", {"sentence": error.sentence}, status=error.status)
    last = invoice.payments.exclude(state=PaymentState.CREATED).first()
    problem = ""
    if request.method == "POST":
        try:
            return redirect(payments.start_by_link(invoice=invoice, at=timezone.now()).url)
        except (
            payments.NotPayable,
            payments.PaymentUnderWay,
            payments.PaymentServiceDown,
            third_party.SuppliersMoney,
        ) as refusal:
            problem = refusal.sentence
            invoice.refresh_from_db()
    elif last is not None and last.state == PaymentState.OPEN and last.created_by_id is None:
        refresh_payment.delay(payment_id=last.pk)
    context = {
        "invoice": invoice,
        "token": token,
        "payment": last,
        "problem": problem,
        "reference": spaced(creditor_reference(invoice.number)),
        "debit": invoice.debits.filter(state=DebitState.PLANNED).select_related("mandate").first(),
        "under_way": last is not None and last.state == PaymentState.PROCESSING,
        "collectable": third_party.is_collectable(invoice),
        "by_card_only": invoice.balance_cents > payments.SEPA_LIMIT_CENTS,
    }
    return render(request, "billing/link.html", context)


@login_not_required
@require_safe
def link_pdf(request: HttpRequest, token: str) -> HttpResponse:
    """The file of the invoice of a link."""
    try:
        invoice = links.invoice_of(token)
    except links.LinkEnded as error:
        return render(request, "billing/link_ended.html", {"sentence": error.sentence}, status=error.status)
    return download(printing.invoice_file(invoice, at=timezone.now()))
