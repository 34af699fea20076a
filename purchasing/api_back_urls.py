"""REST routes from commitment to settlement, appended to the room's."""

from django.urls import path, re_path

from purchasing.api import (
    claims,
    commitments,
    company_orders,
    hand_overs,
    order_steps,
    orders,
    savings,
    settlement,
    supplier_links,
)

MINE = "companies/<int:company>/"

urlpatterns = [
    path(f"{MINE}commitments/", commitments.CommitmentList.as_view(), name="commitments"),
    path(f"{MINE}commitments/<int:line>/", commitments.CommitmentDetail.as_view(), name="commitment"),
    path(f"{MINE}pools/<int:pk>/commitments/", commitments.PoolCommitments.as_view(), name="pool_commitments"),
    path(f"{MINE}proofs/", commitments.ProofList.as_view(), name="commitment_proofs"),
    path(f"{MINE}changes/<int:answer>/", commitments.ConsentAnswer.as_view(), name="commitment_change"),
    path(f"{MINE}pools/<int:pk>/decide/", commitments.CommitmentDecide.as_view(), name="commitment_decide"),
    path(f"{MINE}shares/", commitments.ShareList.as_view(), name="shares"),
    path(f"{MINE}orders/", company_orders.CompanyOrders.as_view(), name="company_orders"),
    path(f"{MINE}orders/<int:pk>/", company_orders.CompanyOrder.as_view(), name="company_order"),
    path(f"{MINE}hand-overs/", hand_overs.CompanyHandOverList.as_view(), name="hand_overs"),
    path(f"{MINE}hand-overs/<int:pk>/", hand_overs.HandOverAnswer.as_view(), name="hand_over_answer"),
    path("hand-overs/<int:pk>/give/", hand_overs.Give.as_view(), name="hand_over_give"),
    path("receipts/<int:pk>/hand-overs/", hand_overs.ReceiptHandOverList.as_view(), name="receipt_hand_overs"),
    path("receipts/<int:pk>/photos/", hand_overs.ReceiptPhotos.as_view(), name="receipt_photos"),
    path(f"{MINE}claims/", claims.CompanyClaimList.as_view(), name="company_claims"),
    path(f"{MINE}claims/<int:pk>/", claims.CompanyClaim.as_view(), name="company_claim"),
    path("claims/", claims.ClaimList.as_view(), name="claims"),
    path("claims/<int:pk>/decide/", claims.ClaimDecide.as_view(), name="claim_decide"),
    path(f"{MINE}savings/", savings.CompanySavings.as_view(), name="company_savings"),
    path("pools/<int:pk>/lock/", commitments.PoolLock.as_view(), name="pool_lock"),
    path("pools/<int:pk>/orders/", orders.PoolOrders.as_view(), name="pool_orders"),
    path("orders/", orders.OrderList.as_view(), name="orders"),
    path("orders/<int:pk>/", orders.OrderDetail.as_view(), name="order"),
    path("orders/<int:pk>/send/", orders.OrderSend.as_view(), name="order_send"),
    path("orders/<int:pk>/pdf/", order_steps.OrderPaper.as_view(), name="order_pdf"),
    path("orders/<int:pk>/labels/", order_steps.OrderLabels.as_view(), name="order_labels"),
    re_path(
        r"^orders/(?P<pk>[0-9]{1,18})/(?P<action>cancel|conclude|expect-rest|close-short|billing-over)/$",
        order_steps.OrderStep.as_view(),
        name="order_step",
    ),
    path("orders/<int:pk>/arrivals/", order_steps.OrderArrived.as_view(), name="order_arrived"),
    path("receipts/<int:pk>/carrier/", order_steps.ReceiptCarrier.as_view(), name="receipt_carrier"),
    path("hand-overs/<int:pk>/resolve/", order_steps.HandOverResolve.as_view(), name="hand_over_resolve"),
    re_path(
        r"^claims/(?P<pk>[0-9]{1,18})/(?P<action>answer|remind|photos)/$",
        order_steps.ClaimStep.as_view(),
        name="claim_step",
    ),
    path("supplier-orders/<str:token>/", supplier_links.OrderByLink.as_view(), name="supplier_order"),
    path("supplier-orders/<str:token>/ship/", supplier_links.ShipByLink.as_view(), name="supplier_order_ship"),
    path("supplier-orders/<str:token>/pdf/", supplier_links.PaperByLink.as_view(), name="supplier_order_pdf"),
    path("supplier-orders/<str:token>/labels/", supplier_links.LabelsByLink.as_view(), name="supplier_order_labels"),
    path("supplier-claims/<str:token>/", supplier_links.ClaimByLink.as_view(), name="supplier_claim"),
    path("orders/<int:pk>/acknowledge/", settlement.OrderAcknowledge.as_view(), name="order_acknowledge"),
    path("orders/<int:pk>/receipts/", orders.Receipts.as_view(), name="receipts"),
    path("orders/<int:pk>/invoices/", orders.SupplierInvoices.as_view(), name="supplier_invoices"),
    re_path(
        r"^supplier-invoices/(?P<pk>[0-9]{1,18})/(?P<action>accept|refuse|share|issue)/$",
        settlement.SupplierInvoiceAct.as_view(),
        name="supplier_invoice_act",
    ),
]
