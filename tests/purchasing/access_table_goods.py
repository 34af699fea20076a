"""Who may open which address of deliveries, hand-overs, claims and savings. Rows come from `access_table_back` too."""

from datetime import timedelta

from django.utils import timezone

from companies import documents
from purchasing import labels, links
from purchasing.models import (
    Claim,
    ClaimEvidence,
    Commitment,
    CostShare,
    HandOver,
    Pool,
    PurchaseOrder,
    ReceiptPhoto,
    SupplierInvoice,
)
from purchasing.services import claims
from tests.access import EVERYBODY, Visit
from tests.purchasing.access_table_back import READERS, A, P, company, of, token
from tests.purchasing.back import hours


def prepare(w):
    """A photo of the delivery and a signature of the own company."""
    drawing = documents.store(kind="x", name="x.svg", content=b"<svg/>", media_type="image/svg+xml", at=hours(900))
    HandOver.objects.filter(pk=w.own_hand_over.pk).update(signature=drawing)
    w.photo = ReceiptPhoto.objects.create(
        receipt=w.receipt,
        document=documents.store(kind="x", name="x.jpg", content=b"x", media_type="image/jpeg", at=hours(900)),
        taken_by=w.users["staff"],
        at=hours(900),
    )

    paper = documents.store(kind="supplier_invoice", name="f.pdf", content=b"%PDF-", at=hours(900))
    SupplierInvoice.objects.filter(pk=w.supplier_invoice.pk).update(document=paper)
    at = hours(940)
    orders = {"order": w.goods_order, "opened_by": w.users["staff"], "opened_at": at, "due_at": at}
    w.claim = Claim.objects.create(number="RC-1", kind="other", text="x", **orders)
    w.claim_token = links.new_token(claims.SALT)
    w.own_claim = Claim.objects.create(
        number="RC-2",
        kind="other",
        text="x",
        company=w.company,
        token_hash=links.digest(w.claim_token),
        token_expires_at=timezone.now() + timedelta(days=9),
        **orders,
    )
    evidence = documents.store(kind="x", name="x.jpg", content=b"x", media_type="image/jpeg", at=hours(900))
    w.evidence = ClaimEvidence.objects.create(claim=w.own_claim, document=evidence, at=at)
    # The own company takes part in the order, so that it may claim.
    Commitment.objects.create(
        pool_line=w.goods_order.lines.get().pool_line,
        company=w.company,
        state="locked",
        quantity=1,
        granted=0,
        committed_at=at,
    )

    _own_share(w, at)


def _own_share(w, at):
    """A settled pool in which the own company pays something, for its proof sheet."""
    w.shared_pool = Pool.objects.create(
        title="Réglé", lead=w.users["staff"], state="settling", created_by=w.users["staff"], created_at=at
    )
    order = PurchaseOrder.objects.create(
        pool=w.shared_pool,
        supplier=w.goods_order.supplier,
        number="BC-X",
        state="received",
        created_by=w.users["staff"],
        created_at=at,
        sent_at=at,
    )
    invoice = SupplierInvoice.objects.create(
        order=order,
        supplier=order.supplier,
        number="F-X",
        state="shared",
        issued_on=at.date(),
        net_cents=0,
        vat_cents=0,
        gross_cents=0,
        recorded_by=w.users["staff"],
        recorded_at=at,
    )
    CostShare.objects.create(
        invoice=invoice, kind="fee", company=w.company, rule="fee_0", net_cents=0, vat_bp=2000, vat_cents=0
    )


def own_part(w):
    return {"company": w.company.pk, "pk": w.own_hand_over.pk}


def own_claim(w):
    return {"company": w.company.pk, "pk": w.own_claim.pk}


def claim_new(w):
    return {"company": w.company.pk, "order": w.goods_order.pk}


VISITS = [
    Visit(P + "company_claims", READERS, company),
    Visit(P + "company_claim_new", {"buyer"}, claim_new),
    Visit(P + "company_claim", READERS, own_claim),
    Visit(P + "company_claim", {"buyer"}, own_claim, "post"),
    Visit(P + "claim_new", {"staff"}, of("goods_order")),
    Visit(P + "claim_list", {"buyer", "staff", "foreign"}),
    Visit(P + "claim", {"staff"}, of("claim")),
    Visit(P + "claim_act", {"staff"}, lambda w: {"pk": w.claim.pk, "action": "remind"}, "post"),
    Visit(P + "claim_evidence", READERS, lambda w: {"pk": w.own_claim.pk, "photo": w.evidence.pk}),
    Visit(P + "supplier_claim", EVERYBODY, lambda w: {"token": w.claim_token}),
    Visit(P + "supplier_claim_evidence", EVERYBODY, lambda w: {"token": w.claim_token, "photo": w.evidence.pk}),
    Visit(P + "proof_pdf", READERS, lambda w: {"company": w.company.pk, "pk": w.shared_pool.pk}),
    Visit(P + "supplier_invoice_file", {"staff"}, of("supplier_invoice")),
    Visit(P + "company_savings", READERS, company),
    Visit(P + "company_savings_csv", READERS, company),
    Visit(P + "staff_savings", {"staff"}),
    Visit(P + "staff_savings_csv", {"staff"}),
    Visit(A + "claim_step", {"staff"}, lambda w: {"pk": w.claim.pk, "action": "remind"}, "post"),
    Visit(A + "supplier_claim", EVERYBODY, lambda w: {"token": w.claim_token}),
    Visit(A + "supplier_claim", EVERYBODY, lambda w: {"token": w.claim_token}, "post"),
    Visit(A + "company_savings", READERS, company),
    Visit(A + "company_claims", READERS, company),
    Visit(A + "company_claims", {"buyer"}, company, "post"),
    Visit(A + "company_claim", READERS, own_claim),
    Visit(A + "claims", {"buyer", "staff", "foreign"}),
    Visit(A + "claims", {"buyer", "staff", "foreign"}, method="post"),
    Visit(A + "claim_decide", {"staff"}, of("claim"), "post"),
    Visit(P + "receipt_photo_add", {"staff"}, of("receipt"), "post"),
    Visit(P + "receipt_photo", {"staff"}, lambda w: {"pk": w.receipt.pk, "photo": w.photo.pk}),
    Visit(P + "tell_carrier", {"staff"}, of("receipt"), "post"),
    Visit(P + "expect_rest", {"staff"}, of("goods_order"), "post"),
    Visit(P + "order_labels", {"staff"}, of("goods_order")),
    Visit(P + "supplier_order_labels", EVERYBODY, token),
    Visit(
        P + "hand_over_scan", {"staff"}, lambda w: {"code": labels.code_for(w.goods_order.pk, w.hand_over.company_id)}
    ),
    Visit(P + "hand_over_page", {"staff"}, of("hand_over")),
    Visit(A + "proof", READERS, lambda w: {"company": w.company.pk, "pk": w.shared_pool.pk}),
    Visit(A + "proof_pdf", READERS, lambda w: {"company": w.company.pk, "pk": w.shared_pool.pk}),
    Visit(P + "hand_over_paper", READERS, of("own_hand_over")),
    Visit(P + "claim_paper", READERS, of("own_claim")),
    Visit(P + "supplier_claim_paper", EVERYBODY, lambda w: {"token": w.claim_token}),
    Visit(A + "hand_over_pdf", READERS, own_part),
    Visit(A + "company_claim_pdf", READERS, own_claim),
    Visit(P + "hand_over_signature", READERS, of("own_hand_over")),
    Visit(A + "hand_overs", READERS, company),
    Visit(A + "hand_over_answer", READERS, own_part),
    Visit(A + "hand_over_answer", {"buyer"}, own_part, "post"),
    Visit(A + "hand_over_give", {"staff"}, of("hand_over"), "post"),
    Visit(A + "receipt_hand_overs", {"staff"}, of("receipt")),
    Visit(A + "receipt_photos", {"staff"}, of("receipt"), "post"),
]
