"""API of the room, under /api/v1/."""

from django.urls import path

from companies.billing import api, api_accounts, api_books, api_deposits, api_suppliers

app_name = "billing_api"
urlpatterns = [
    path("invoices/", api.InvoiceList.as_view(), name="invoices"),
    path("invoices/<int:pk>/", api.InvoiceDetail.as_view(), name="invoice"),
    path("invoices/<int:pk>/pay/", api.InvoicePay.as_view(), name="invoice_pay"),
    path("credit-notes/", api_accounts.CreditNoteList.as_view(), name="credit_notes"),
    path("mandates/", api_accounts.MandateList.as_view(), name="mandates"),
    path("mandates/<int:pk>/", api_accounts.MandateDetail.as_view(), name="mandate"),
    path("dues/", api_accounts.DuesList.as_view(), name="dues"),
    path("deposits/", api_deposits.DepositList.as_view(), name="deposits"),
    path("deposits/<int:pk>/", api_deposits.DepositDetail.as_view(), name="deposit"),
    path("deposits/<int:pk>/movements/", api_deposits.MovementList.as_view(), name="deposit_movements"),
    path("deposits/<int:pk>/use/", api_deposits.DepositUse.as_view(), name="deposit_use"),
    path("invoices/<int:pk>/keep/", api_deposits.InvoiceKeep.as_view(), name="invoice_keep"),
    path("deposit-refunds/", api_deposits.RefundList.as_view(), name="deposit_refunds"),
    path("deposit-refunds/<int:pk>/", api_deposits.RefundDetail.as_view(), name="deposit_refund"),
    path("deposit-refunds/<int:pk>/cancel/", api_deposits.RefundCancel.as_view(), name="deposit_refund_cancel"),
    path("bank-statements/", api_books.BankStatements.as_view(), name="bank_statements"),
    path("bank-lines/", api_books.BankLineList.as_view(), name="bank_lines"),
    path("bank-lines/<int:pk>/match/", api_books.BankLineMatch.as_view(), name="bank_line_match"),
    path("bank-lines/<int:pk>/undo/", api_books.BankLineUndo.as_view(), name="bank_line_undo"),
    path("self-billed-invoices/", api_books.SelfBilledList.as_view(), name="self_billed"),
    path("supplier-commissions/", api_suppliers.FeeList.as_view(), name="supplier_fees"),
    path(
        "supplier-commissions/<str:siren>/invoice/", api_suppliers.FeesInvoice.as_view(), name="supplier_fees_invoice"
    ),
    path("e-reports/", api_books.EReportList.as_view(), name="ereports"),
    path("received-invoices/", api_books.ReceivedList.as_view(), name="received_list"),
    path("received-invoices/<int:pk>/", api_books.ReceivedDetail.as_view(), name="received"),
    path("received-invoices/<int:pk>/file/", api_books.ReceivedFile.as_view(), name="received_file"),
    path("received-invoices/<int:pk>/approve/", api_books.ReceivedApprove.as_view(), name="received_approve"),
    path("received-invoices/<int:pk>/refuse/", api_books.ReceivedRefuse.as_view(), name="received_refuse"),
    path("received-invoices/<int:pk>/paid/", api_books.ReceivedPaid.as_view(), name="received_paid"),
]
