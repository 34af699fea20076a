"""Who may open what of the billing room."""

from companies.billing import credit_notes
from tests.access import EVERYBODY, Visit
from tests.factories.billing import AT, invoice, payment


def prepare(w):
    """An invoice settled by a credit note (so that paying it is refused in words), and a payment that failed."""
    w.invoice = invoice(w.company)
    w.payment = payment(w.invoice, "failed")
    line = w.invoice.lines.get()
    w.credit_note = credit_notes.issue(
        invoice=w.invoice, nets={line.pk: line.net_cents}, reason="Casse", key="table", actor=None, at=AT
    )


def _company(w):
    return {"company": w.company.pk}


def _invoice(w):
    return _company(w) | {"pk": w.invoice.pk}


def _payment(w):
    return _invoice(w) | {"payment": w.payment.pk}


SEES = {"accountant", "admin", "staff"}
VISITS = [
    Visit("billing:stripe_webhook", EVERYBODY, method="post"),  # its signature is the login: 400 without one
    Visit("billing:invoice_list", SEES, _company),
    Visit("billing:invoice", SEES, _invoice),
    Visit("billing:pdf", SEES, _invoice),
    Visit("billing:credit_note_pdf", SEES, lambda w: _invoice(w) | {"note": w.credit_note.pk}),
    Visit("billing:pay", {"accountant"}, _invoice, method="post"),
    Visit("billing:payment_result", SEES, _payment),
    Visit("billing:payment_state", SEES, _payment),
    Visit("billing:staff_invoices", {"staff"}),
    Visit("billing:advances", {"staff"}),
    Visit("billing:advance_new", {"staff"}),
    Visit("billing:correct", {"staff"}, lambda w: {"invoice": w.invoice.pk}),
    Visit("billing:staff_payments", {"staff"}),
    Visit("billing:staff_refund", {"staff"}, lambda w: {"payment": w.payment.pk}),
    Visit("billing_api:invoices", SEES | {"foreign"}),
    Visit("billing_api:invoice", SEES, lambda w: {"pk": w.invoice.pk}),
    Visit("billing_api:invoice_pay", {"accountant"}, lambda w: {"pk": w.invoice.pk}, "post"),
]
