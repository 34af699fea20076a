"""Who may open the books, the bank and received invoices: the association's staff."""

from datetime import date

from companies.billing import customer_links, supplier_fees, supplier_invoicing, supplier_links
from companies.billing.models import BankStatement, ClosedMonth, Contest, EReport, LedgerTransaction, ReceivedInvoice
from companies.documents import store
from tests.access import EVERYBODY, Visit
from tests.factories.billing import AT, SUPPLIER, billing_mandate, in_name, mandate, self_billed

STAFF = {"staff"}


def prepare(w):
    """A month closed long ago."""
    document = store(kind="fec", name="x.txt", content=b"x", media_type="text/plain", at=AT)
    ClosedMonth.objects.create(
        month=date(2020, 1, 1),
        closed_at=AT,
        closed_by=w.users["staff"],
        transactions=0,
        debit_cents=0,
        document=document,
    )
    file = store(kind="bank_statement", name="x.xml", content=b"x", media_type="application/xml", at=AT)
    w.bank_statement = BankStatement.objects.create(document=file, sha256="x", format="csv", imported_at=AT)
    day = date(2026, 3, 3)
    w.bank_line = w.bank_statement.lines.create(position=1, key="x", booked_on=day, value_on=day, cents=100)
    paper = store(kind="received_invoice", name="x.pdf", content=b"%PDF", media_type="application/pdf", at=AT)
    file = store(kind="ereport", name="x.xml", content=b"<Report/>", media_type="application/xml", at=AT)
    w.ereport = EReport.objects.create(
        kind="sales", period_start=date(2026, 1, 1), period_end=date(2026, 1, 10), send_by=date(2026, 1, 20),
        content={"invoices": [], "days": []}, digest="x", net_cents=0, vat_cents=0, document=file, created_at=AT,
    )  # fmt: skip
    w.self_billing_mandate = mandate(w.company, actor=w.users["staff"])
    w.self_billed = self_billed(w.self_billing_mandate, actor=w.users["staff"])
    w.billing_mandate = billing_mandate(actor=w.users["staff"])
    w.in_name = in_name(w.billing_mandate, w.company)
    w.contest = Contest.objects.create(invoice=w.in_name, reason="Prix faux", made_at=AT)
    w.fee_customer = supplier_fees.write(
        party=SUPPLIER, key="f", kept=False, net_cents=100, vat_cents=20, vat_bp=2_000, label="Commission", at=AT
    ).customer
    (w.fee_invoice,) = supplier_invoicing.invoice_now(customer=w.fee_customer, actor=w.users["staff"], at=AT)
    w.received = ReceivedInvoice.objects.create(
        document=paper, sha256="r", format="pdf", source="upload", number="F-1", received_at=AT
    )


def _mandate(w):
    return {"pk": w.self_billing_mandate.pk}


def _link(w):
    return {"token": supplier_links.token(w.billing_mandate)}


def _own_link(w):
    return {"token": customer_links.token(w.fee_customer)}


def _customer(w):
    return {"pk": w.fee_customer.pk}


def _received(w):
    return {"pk": w.received.pk}


def _month(w):
    return {"year": 2026, "month": 3}


def _line(w):
    return {"pk": w.bank_line.pk}


VISITS = [
    Visit("billing:books", STAFF),
    Visit("billing:close_month", STAFF, _month, method="post"),
    Visit("billing:month_file", STAFF, lambda w: {"year": 2020, "month": 1}),
    Visit("billing:invoices_file", STAFF, _month),
    Visit("billing:fec", STAFF, lambda w: {"year": 2026}),
    Visit("billing:balance_file", STAFF),
    Visit("billing:entries", STAFF),
    Visit("billing:entry_new", STAFF),
    Visit("billing:bank", STAFF),
    Visit("billing:statement_file", STAFF, lambda w: {"pk": w.bank_statement.pk}),
    Visit("billing:bank_line", STAFF, _line),
    Visit("billing:book_line", STAFF, _line, method="post"),
    Visit("billing:match_refund", STAFF, lambda w: _line(w) | {"refund": w.deposit_refund.pk}, method="post"),
    Visit("billing:undo_line", STAFF, _line, method="post"),
    Visit("billing:aside_line", STAFF, _line, method="post"),
    Visit("billing:inbox", STAFF),
    Visit("billing:received", STAFF, _received),
    Visit("billing:received_file", STAFF, _received),
    Visit("billing:approve_received", STAFF, _received, method="post"),
    Visit("billing:refuse_received", STAFF, _received, method="post"),
    Visit("billing:pay_received", STAFF, _received, method="post"),
    Visit("billing:transmissions", STAFF),
    Visit("billing:e_address", STAFF, lambda w: {"pk": w.company.pk}),
    Visit("billing:ereports", STAFF),
    Visit("billing:ereport", STAFF, lambda w: {"pk": w.ereport.pk}),
    Visit("billing:ereport_file", STAFF, lambda w: {"pk": w.ereport.pk}),
    Visit("billing:ereport_correct", STAFF, lambda w: {"pk": w.ereport.pk}, method="post"),
    Visit("billing:directory", STAFF),
    Visit("billing:directory_look_up", STAFF, lambda w: {"pk": w.company.pk}, method="post"),
    Visit("billing_api:ereports", STAFF),
    Visit("billing:self_billing", STAFF),
    Visit("billing:self_billing_mandate_new", STAFF),
    Visit("billing:self_billing_mandate", STAFF, _mandate),
    Visit("billing:self_billing_paper", STAFF, _mandate),
    Visit("billing:self_billing_revoke", {"staff", "accountant", "admin"}, _mandate, method="post"),
    Visit("billing:self_billed", STAFF, lambda w: {"pk": w.self_billed.pk}),
    Visit("billing:self_billed_pdf", {"staff", "accountant", "admin"}, lambda w: {"pk": w.self_billed.pk}),
    Visit("billing:company_self_billing", {"staff", "accountant", "admin"}, lambda w: {"company": w.company.pk}),
    Visit("billing:in_name_month", STAFF, lambda w: {"pk": w.billing_mandate.pk, "year": 2026, "month": 3}),
    Visit("billing:told_paid", STAFF, lambda w: {"invoice": w.in_name.pk}, method="post"),
    Visit("billing:contest_answer", STAFF, lambda w: {"pk": w.contest.pk}, method="post"),
    Visit("billing:in_your_name", EVERYBODY, _link),  # the signed link is the permission
    Visit("billing:connect_invite", STAFF, lambda w: {"pk": w.billing_mandate.pk}, method="post"),
    Visit("billing:in_your_name_connect", EVERYBODY, _link, method="post"),
    Visit("billing:in_your_name_revoke", EVERYBODY, _link, method="post"),
    Visit("billing:in_your_name_month", EVERYBODY, lambda w: _link(w) | {"year": 2026, "month": 3}),
    Visit("billing:in_your_name_document", EVERYBODY, lambda w: _link(w) | {"kind": "invoice", "pk": w.in_name.pk}),
    Visit("billing:in_your_name_pdf", EVERYBODY, lambda w: _link(w) | {"kind": "invoice", "pk": w.in_name.pk}),
    Visit("billing:customers", STAFF),
    Visit("billing:customer", STAFF, _customer),
    Visit("billing:customer_invoice_now", STAFF, _customer, method="post"),
    Visit("billing:customer_statement", STAFF, lambda w: _customer(w) | {"form": "csv"}),
    Visit("billing:supplier_invoice", STAFF, lambda w: {"pk": w.fee_invoice.pk}),
    Visit("billing:supplier_document", STAFF, lambda w: {"kind": "invoice", "pk": w.fee_invoice.pk}),
    Visit("billing:customer_home", EVERYBODY, _own_link),  # the signed link is the permission
    Visit("billing:customer_own_statement", EVERYBODY, lambda w: _own_link(w) | {"form": "csv"}),
    Visit("billing:customer_pdf", EVERYBODY, lambda w: _own_link(w) | {"kind": "invoice", "pk": w.fee_invoice.pk}),
    Visit("billing_api:supplier_fees", STAFF),
    Visit("billing_api:supplier_fees_invoice", STAFF, lambda w: {"siren": w.fee_customer.siren}, method="post"),
    Visit("billing_api:self_billed", STAFF),
    Visit("billing_api:bank_statements", STAFF, method="post"),
    Visit("billing_api:bank_lines", STAFF),
    Visit("billing_api:bank_line_match", STAFF, _line, method="post"),
    Visit("billing_api:bank_line_undo", STAFF, _line, method="post"),
    Visit("billing_api:received_list", STAFF),
    Visit("billing_api:received_list", STAFF, method="post"),
    Visit("billing_api:received", STAFF, _received),
    Visit("billing_api:received_file", STAFF, _received),
    Visit("billing_api:received_approve", STAFF, _received, method="post"),
    Visit("billing_api:received_refuse", STAFF, _received, method="post"),
    Visit("billing_api:received_paid", STAFF, _received, method="post"),
    Visit("billing:entry", STAFF, lambda w: {"pk": LedgerTransaction.objects.first().pk}),
]
