"""The way of the goods: commitments, locking, orders, deliveries, settlement. Appended to the room's addresses."""

from django.urls import path

from purchasing.views import claim, commitment, delivery, hand_over, lock, order, settlement

POOL = "pools/<int:pk>/"
MINE = "company/<int:company>/pools/<int:pk>/"

urlpatterns = [
    path(f"{MINE}commit/", commitment.commit, name="commit"),
    path(f"{MINE}commit/<int:line>/withdraw/", commitment.withdraw, name="commit_withdraw"),
    path(f"{MINE}commit/decide/", commitment.decide, name="commit_decide"),
    path(f"{MINE}commit/proofs/<int:proof>/", commitment.proof_pdf, name="commitment_proof"),
    path(f"{MINE}change/<int:answer>/", commitment.answer_change, name="commit_change"),
    path(f"{MINE}proof/", settlement.proof, name="proof"),
    path(f"{MINE}proof.csv", settlement.proof_csv, name="proof_csv"),
    path("company/<int:company>/deliveries/", delivery.delivery_list, name="delivery_list"),
    path("company/<int:company>/deliveries/<int:pk>/", delivery.answer, name="delivery_answer"),
    path(f"{POOL}goods/", lock.goods, name="goods"),
    path(f"{POOL}lock/", lock.lock, name="lock"),
    path(f"{POOL}orders/", order.prepare, name="order_prepare"),
    path("orders/<int:pk>/", order.order, name="order"),
    path("orders/<int:pk>/send/", order.send, name="order_send"),
    path("orders/<int:pk>/pdf/", order.pdf, name="order_pdf"),
    path("orders/<int:pk>/acknowledge/", order.acknowledge, name="order_acknowledge"),
    path("orders/<int:pk>/conclude/", order.conclude, name="order_conclude"),
    path("orders/<int:pk>/cancel/", order.cancel, name="order_cancel"),
    path("orders/<int:pk>/receive/", delivery.receive, name="receive"),
    path("orders/<int:pk>/close-short/", delivery.close_short, name="close_short"),
    path("receipts/<int:pk>/", delivery.receipt, name="receipt"),
    path("receipts/<int:pk>/correct/", delivery.correct, name="receipt_correct"),
    path("receipts/<int:pk>/photos/", delivery.photo_add, name="receipt_photo_add"),
    path("receipts/<int:pk>/photos/<int:photo>/", delivery.photo, name="receipt_photo"),
    path("receipts/<int:pk>/carrier/", delivery.tell_carrier, name="tell_carrier"),
    path("orders/<int:pk>/rest/", delivery.expect_rest, name="expect_rest"),
    path("orders/<int:pk>/labels/", hand_over.order_labels, name="order_labels"),
    path("h/<str:code>/", hand_over.scan, name="hand_over_scan"),
    path("hand-overs/<int:pk>/", hand_over.hand_over_page, name="hand_over_page"),
    path("hand-overs/<int:pk>/signature/", hand_over.signature, name="hand_over_signature"),
    path("hand-overs/<int:pk>/<slug:action>/", hand_over.hand_over, name="hand_over"),
    path("company/<int:company>/claims/", claim.company_claims, name="company_claims"),
    path("company/<int:company>/claims/new/<int:order>/", claim.company_claim_new, name="company_claim_new"),
    path("company/<int:company>/claims/<int:pk>/", claim.company_claim, name="company_claim"),
    path("orders/<int:pk>/claims/new/", claim.claim_new, name="claim_new"),
    path("claims/", claim.claim_list, name="claim_list"),
    path("claims/<int:pk>/", claim.claim, name="claim"),
    path("claims/<int:pk>/photos/<int:photo>/", claim.evidence, name="claim_evidence"),
    path("claims/<int:pk>/<slug:action>/", claim.claim_act, name="claim_act"),
    path("q/claim/<str:token>/", claim.supplier_claim, name="supplier_claim"),
    path("q/claim/<str:token>/photos/<int:photo>/", claim.supplier_evidence, name="supplier_claim_evidence"),
    path("orders/<int:pk>/invoice/", settlement.record, name="supplier_invoice_new"),
    path("supplier-invoices/<int:pk>/", settlement.supplier_invoice, name="supplier_invoice"),
    path("supplier-invoices/<int:pk>/<slug:action>/", settlement.act, name="supplier_invoice_act"),
    path("q/order/<str:token>/", order.supplier_order, name="supplier_order"),
    path("q/order/<str:token>/labels/", hand_over.supplier_labels, name="supplier_order_labels"),
    path("q/order/<str:token>/pdf/", order.supplier_pdf, name="supplier_order_pdf"),
]
