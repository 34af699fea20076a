"""Who may open which address from commitment to settlement."""

from datetime import date, timedelta

from django.utils import timezone

from companies.models import Role
from purchasing import links
from purchasing.models import Acknowledgement, CommitmentProof, Consent, PurchaseOrder
from purchasing.services import delivery, order, proof_of_commitment, settlement
from tests.access import EVERYBODY, Visit
from tests.factories.companies import member
from tests.purchasing.back import CLOSES, Delivered, hours, world

P, A = "purchasing:", "purchasing_api:"
READERS = {"buyer", "approver", "accountant", "admin", "staff"}
SEE_POOLS = READERS | {"foreign"}


def prepare(w):
    """A pool that takes commitments, and one whose goods are billed; the own company takes part in both."""
    now = timezone.now()
    open_ = world(closes_at=now + timedelta(days=3))
    open_.companies["A"], open_.buyers["A"] = w.company, member(w.company, Role.BUYER)
    open_.need("A", 10)
    open_.commit("A", 10, at=now)
    w.open_pool, w.open_line = open_.pool, open_.line
    w.commitment_proof = CommitmentProof.objects.get(company=w.company)
    proof_of_commitment.write(proof_id=w.commitment_proof.pk, at=now)
    done = Delivered(paper=True, title="Cartons")
    w.goods_pool, w.goods_order = done.w.pool, done.order
    w.receipt = done.receive(36)
    w.own_hand_over = delivery.HandOver.objects.create(receipt=w.receipt, company=w.company)
    w.hand_over = w.receipt.hand_overs.exclude(company=w.company).first()
    line = done.order.lines.get()
    draft = settlement.InvoiceIn("F-1", date(2026, 4, 10), [settlement.LineIn("goods", 12_570, 2000, line.pk)])
    w.supplier_invoice = settlement.record(actor=done.w.staff, order=done.order, draft=draft, at=hours(950))
    w.order_token = links.new_token(order.ORDER_SALT)
    PurchaseOrder.objects.filter(pk=done.order.pk).update(
        token_hash=links.digest(w.order_token), token_expires_at=max(CLOSES, now) + timedelta(days=9)
    )
    w.answer = Acknowledgement.objects.create(order=done.order, kind="changed", at=hours(800))
    commitment = open_.line.commitments.get()
    Consent.objects.create(acknowledgement=w.answer, commitment=commitment)


def mine(w):
    return {"company": w.company.pk, "pk": w.open_pool.pk}


def company(w):
    return {"company": w.company.pk}


def of(name):
    return lambda w: {"pk": getattr(w, name).pk}


def own_line(w):
    return {"company": w.company.pk, "line": w.open_line.pk}


def action(name, act):
    return lambda w: {"pk": getattr(w, name).pk, "action": act}


def token(w):
    return {"token": w.order_token}


VISITS = [
    Visit(P + "commit", READERS, mine),
    Visit(P + "commit", {"buyer"}, mine, "post"),
    Visit(P + "commit_preview", {"buyer"}, mine, "post"),
    Visit(P + "commit_withdraw", {"buyer"}, lambda w: {**mine(w), "line": w.open_line.pk}, "post"),
    Visit(P + "commit_decide", {"approver"}, mine, "post"),
    Visit(
        P + "commit_change",
        {"buyer"},
        lambda w: {"company": w.company.pk, "pk": w.goods_pool.pk, "answer": w.answer.pk},
        "post",
    ),
    Visit(P + "commitment_proof", READERS, lambda w: {**mine(w), "proof": w.commitment_proof.pk}),
    Visit(P + "proof", READERS, mine),
    Visit(P + "proof_csv", READERS, mine),
    Visit(P + "delivery_list", READERS, company),
    Visit(P + "delivery_answer", {"buyer"}, lambda w: {"company": w.company.pk, "pk": w.own_hand_over.pk}, "post"),
    Visit(P + "goods", {"staff"}, of("open_pool")),
    Visit(P + "lock", {"staff"}, of("open_pool"), "post"),
    Visit(P + "order_prepare", {"staff"}, of("goods_pool"), "post"),
    Visit(P + "order", {"staff"}, of("goods_order")),
    Visit(P + "order_send", {"staff"}, of("goods_order"), "post"),
    Visit(P + "order_pdf", {"staff"}, of("goods_order")),
    Visit(P + "order_arrived", {"staff"}, of("goods_order"), "post"),
    Visit(P + "order_acknowledge", {"staff"}, of("goods_order")),
    Visit(P + "order_conclude", {"staff"}, of("goods_order"), "post"),
    Visit(P + "order_cancel", {"staff"}, of("goods_order"), "post"),
    Visit(P + "order_billing_over", {"staff"}, of("goods_order"), "post"),
    Visit(P + "receive", {"staff"}, of("goods_order")),
    Visit(P + "receive", {"staff"}, of("goods_order"), "post"),
    Visit(P + "delivery_refuse", {"staff"}, of("goods_order")),
    Visit(P + "delivery_refuse", {"staff"}, of("goods_order"), "post"),
    Visit(P + "close_short", {"staff"}, of("goods_order"), "post"),
    Visit(P + "receipt", {"staff"}, of("receipt")),
    Visit(P + "receipt_correct", {"staff"}, of("receipt")),
    Visit(P + "hand_over", {"staff"}, action("hand_over", "give"), "post"),
    Visit(P + "hand_over", {"staff"}, action("hand_over", "release"), "post"),
    Visit(P + "supplier_invoice_new", {"staff"}, of("goods_order")),
    Visit(P + "supplier_invoice", {"staff"}, of("supplier_invoice")),
    Visit(P + "supplier_invoice_act", {"staff"}, action("supplier_invoice", "accept"), "post"),
    Visit(P + "supplier_order", EVERYBODY, token),
    Visit(P + "supplier_order_pdf", EVERYBODY, token),
    Visit(A + "commitments", READERS, company),
    Visit(A + "commitment", READERS, own_line),
    Visit(A + "commitment", {"buyer"}, own_line, "put"),
    Visit(A + "commitment", {"buyer"}, own_line, "delete"),
    Visit(A + "commitment_decide", {"approver", "accountant", "admin"}, mine, "post"),
    Visit(A + "pool_commitments", {"buyer"}, mine, "put"),
    Visit(A + "commitment_proofs", READERS, company),
    Visit(A + "commitment_proof_pdf", READERS, lambda w: company(w) | {"pk": w.commitment_proof.pk}),
    Visit(A + "commitment_change", {"buyer"}, lambda w: {"company": w.company.pk, "answer": w.answer.pk}, "post"),
    Visit(A + "shares", READERS, company),
    Visit(A + "company_orders", READERS, company),
    Visit(A + "company_order", READERS, lambda w: company(w) | {"pk": w.goods_order.pk}),
    Visit(A + "pool_lock", {"staff"}, of("open_pool"), "post"),
    Visit(A + "pool_orders", {"staff"}, of("goods_pool"), "post"),
    Visit(A + "orders", {"buyer", "staff", "foreign"}),
    Visit(A + "order", {"staff"}, of("goods_order")),
    Visit(A + "order_send", {"staff"}, of("goods_order"), "post"),
    Visit(A + "receipts", {"staff"}, of("goods_order")),
    Visit(A + "receipts", {"staff"}, of("goods_order"), "post"),
    Visit(A + "supplier_invoices", {"staff"}, of("goods_order")),
    Visit(A + "supplier_invoices", {"staff"}, of("goods_order"), "post"),
    Visit(A + "order_acknowledge", {"staff"}, of("goods_order"), "post"),
    Visit(A + "order_step", {"staff"}, action("goods_order", "conclude"), "post"),
    Visit(A + "order_pdf", {"staff"}, of("goods_order")),
    Visit(A + "order_labels", {"staff"}, of("goods_order")),
    Visit(A + "order_arrived", {"staff"}, of("goods_order"), "post"),
    Visit(A + "order_refused", {"staff"}, of("goods_order"), "post"),
    Visit(A + "receipt_carrier", {"staff"}, of("receipt"), "post"),
    Visit(A + "hand_over_release", {"staff"}, of("hand_over"), "post"),
    Visit(A + "hand_over_resolve", {"staff"}, of("hand_over"), "post"),
    Visit(A + "supplier_order", EVERYBODY, token),
    Visit(A + "supplier_order", EVERYBODY, token, "post"),
    Visit(A + "supplier_order_ship", EVERYBODY, token, "post"),
    Visit(A + "supplier_order_pdf", EVERYBODY, token),
    Visit(A + "supplier_order_labels", EVERYBODY, token),
    Visit(A + "supplier_invoice_act", {"staff"}, action("supplier_invoice", "accept"), "post"),
]
