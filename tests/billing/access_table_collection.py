"""Who may open what of collecting: mandates, links, desks, statements, instalments, dues."""

from datetime import UTC, date, datetime

from companies.billing import deposits, ledger, links
from companies.billing.models import (
    AccountKind,
    Dispute,
    DisputeAnswer,
    DuesRun,
    Instalment,
    InstalmentPlan,
    Mandate,
    SuspensionProposal,
    WriteOff,
)
from companies.documents import store
from tests.access import EVERYBODY, Visit
from tests.factories.billing import AT, invoice, payment

SEES = {"accountant", "admin", "staff"}


def prepare(w):
    """A mandate in force, an invoice with a plan, a proposal, a debt to give up, a dues run."""
    w.owed = invoice(w.company)
    w.plan = InstalmentPlan.objects.create(invoice=w.owed, proposed_at=AT)
    Instalment.objects.create(plan=w.plan, position=1, due_on=date(2026, 5, 1), amount_cents=w.owed.balance_cents)
    w.proposal = SuspensionProposal.objects.create(
        company=w.foreign_company, invoice=invoice(w.company), proposed_at=AT
    )
    w.write_off = WriteOff.objects.create(
        invoice=w.owed, amount_cents=1, reason="x", asked_by=w.users["staff"], asked_at=AT
    )
    paper = store(kind="dispute_evidence", name="x.pdf", content=b"%PDF", at=AT)
    w.payer_claim = Dispute.objects.create(
        payment=payment(w.owed, "succeeded"), dispute_id="du_table", cents=1, status="lost", opened_at=AT
    )
    DisputeAnswer.objects.create(dispute=w.payer_claim, text="x", document=paper, written_at=AT)
    w.dues_run = DuesRun.objects.create(year=2026, due_on=date(2026, 5, 1), created_at=AT)
    sides = [ledger.Side(AccountKind.BANK, 9), ledger.Side(AccountKind.DEPOSITS, -9, company=w.company)]
    ledger.post(key="table-kept", kind="bank", at=AT, sides=sides)
    w.deposit_refund = deposits.ask(
        company=w.company,
        cents=1,
        reason="x",
        key="table",
        actor=w.users["staff"],
        at=AT,
        iban="FR1420041010050500013M02606",
    )
    w.mandate = Mandate.objects.create(
        company=w.company,
        state="active",
        reference="ERB-TABLE",
        creditor_name="ERB",
        creditor_ics="FR72ZZZ123456",
        holder="T",
        iban_country="FR",
        iban_last4="2606",
        notice_days=2,
        text_version="t",
        text="…",
        language="fr",
        signed_at=datetime(2026, 3, 3, 9, tzinfo=UTC),
        method_id="pm_table",
        stripe_id="mandate_table",
        setup_id="seti_table",
    )


def _company(w):
    return {"company": w.company.pk}


def _token(w):
    return {"token": links.path(w.invoice).split("/")[-2]}


VISITS = [
    Visit("billing:mandate", SEES, _company),
    Visit("billing:mandate", {"accountant"}, _company, method="post"),
    Visit("billing:mandate_revoke", {"accountant", "staff"}, lambda w: _company(w) | {"pk": w.mandate.pk}, "post"),
    Visit("billing:mandate_pdf", SEES, lambda w: _company(w) | {"pk": w.mandate.pk}),
    Visit("billing:deposit", SEES, _company),
    Visit("billing:deposit", {"accountant", "staff"}, _company, method="post"),
    Visit("billing:deposit_back", {"accountant", "staff"}, _company),
    Visit("billing:deposit_back", {"accountant", "staff"}, _company, method="post"),
    Visit("billing:deposit_back_pdf", SEES, lambda w: _company(w) | {"pk": w.deposit_refund.pk}),
    Visit(
        "billing:deposit_back_cancel",
        {"accountant", "staff"},
        lambda w: _company(w) | {"pk": w.deposit_refund.pk},
        "post",
    ),
    Visit("billing:keep_overpaid", {"accountant", "staff"}, lambda w: _company(w) | {"pk": w.owed.pk}, "post"),
    Visit("billing:desk", SEES, _company),
    Visit("billing:open_items", SEES, _company),
    Visit("billing:statement", SEES, _company),
    Visit("billing:statement_pdf", SEES, _company),
    Visit("billing:statement_csv", SEES, _company),
    Visit("billing:plan", SEES, lambda w: _company(w) | {"pk": w.owed.pk}),
    Visit("billing:plan", {"accountant"}, lambda w: _company(w) | {"pk": w.owed.pk}, "post"),
    Visit("billing:collection", {"staff"}),
    Visit("billing:collection_export", {"staff"}),
    Visit("billing:collection_settings", {"staff"}),
    Visit("billing:claim", {"staff"}, lambda w: {"pk": w.payer_claim.pk}),
    Visit("billing:claim_give_in", {"staff"}, lambda w: {"pk": w.payer_claim.pk}, "post"),
    Visit("billing:claim_evidence", {"staff"}, lambda w: {"pk": w.payer_claim.pk}),
    Visit("billing:decide_proposal", {"staff"}, lambda w: {"pk": w.proposal.pk}, "post"),
    Visit("billing:decide_write_off", {"staff"}, lambda w: {"pk": w.write_off.pk}, "post"),
    Visit("billing:write_off", {"staff"}, lambda w: {"invoice": w.owed.pk}),
    Visit("billing:credit", {"staff"}, lambda w: {"invoice": w.owed.pk}),
    Visit("billing:propose_plan", {"staff"}, lambda w: {"invoice": w.owed.pk}),
    Visit("billing:dues", {"staff"}),
    Visit("billing:dues_run", {"staff"}, lambda w: {"pk": w.dues_run.pk}),
    Visit("billing_api:mandates", SEES | {"foreign"}),
    Visit("billing_api:mandate", SEES, lambda w: {"pk": w.mandate.pk}),
    Visit("billing_api:dues", SEES | {"foreign"}),
    Visit("billing_api:credit_notes", SEES | {"foreign"}),
    Visit("billing_api:deposits", SEES | {"foreign"}),
    Visit("billing_api:deposit", SEES, lambda w: {"pk": w.company.pk}),
    Visit("billing_api:deposit_movements", SEES, lambda w: {"pk": w.company.pk}),
    Visit("billing_api:deposit_use", {"accountant", "staff"}, lambda w: {"pk": w.company.pk}, "post"),
    Visit("billing_api:invoice_keep", {"accountant", "staff"}, lambda w: {"pk": w.owed.pk}, "post"),
    Visit("billing_api:deposit_refunds", SEES | {"foreign"}),
    Visit("billing_api:deposit_refunds", SEES | {"foreign"}, method="post"),  # an empty body is refused in words
    Visit("billing_api:deposit_refund", SEES, lambda w: {"pk": w.deposit_refund.pk}),
    Visit("billing_api:deposit_refund_cancel", {"accountant", "staff"}, lambda w: {"pk": w.deposit_refund.pk}, "post"),
    Visit("billing:pay_by_link", EVERYBODY, _token),
    Visit("billing:link_pdf", EVERYBODY, _token),
]
