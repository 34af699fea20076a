"""Addresses of the books, the bank and received invoices, all for the association's staff."""

from django.urls import path

from companies.billing.views import bank, books, einvoice, self_billing

urlpatterns = [
    path("erb/books/", books.books_home, name="books"),
    path("erb/books/<int:year>/<int:month>/close/", books.close_month, name="close_month"),
    path("erb/books/<int:year>/<int:month>/fec/", books.month_file, name="month_file"),
    path("erb/books/<int:year>/<int:month>/invoices/", books.invoices_file, name="invoices_file"),
    path("erb/books/<int:year>/fec/", books.fec_file, name="fec"),
    path("erb/books/balance/", books.balance_file, name="balance_file"),
    path("erb/books/entries/", books.entries, name="entries"),
    path("erb/books/entries/new/", books.new_entry, name="entry_new"),
    path("erb/books/entries/<int:pk>/", books.entry, name="entry"),
    path("erb/bank/", bank.bank, name="bank"),
    path("erb/bank/statements/<int:pk>/", bank.statement_file, name="statement_file"),
    path("erb/bank/<int:pk>/", bank.bank_line, name="bank_line"),
    path("erb/bank/<int:pk>/book/", bank.book_line, name="book_line"),
    path("erb/bank/<int:pk>/refund/<int:refund>/", bank.match_refund, name="match_refund"),
    path("erb/bank/<int:pk>/undo/", bank.undo_line, name="undo_line"),
    path("erb/bank/<int:pk>/aside/", bank.aside_line, name="aside_line"),
    path("erb/received/", einvoice.inbox, name="inbox"),
    path("erb/received/<int:pk>/", einvoice.received, name="received"),
    path("erb/received/<int:pk>/file/", einvoice.received_file, name="received_file"),
    path("erb/received/<int:pk>/approve/", einvoice.approve_received, name="approve_received"),
    path("erb/received/<int:pk>/refuse/", einvoice.refuse_received, name="refuse_received"),
    path("erb/received/<int:pk>/paid/", einvoice.pay_received, name="pay_received"),
    path("erb/received/platform/", einvoice.transmissions, name="transmissions"),
    path("erb/received/platform/<int:pk>/", einvoice.e_address, name="e_address"),
    path("erb/self-billing/", self_billing.home, name="self_billing"),
    path("erb/self-billing/mandates/new/", self_billing.mandate_new, name="self_billing_mandate_new"),
    path("erb/self-billing/mandates/<int:pk>/", self_billing.mandate, name="self_billing_mandate"),
    path("erb/self-billing/mandates/<int:pk>/paper/", self_billing.mandate_paper, name="self_billing_paper"),
    path("erb/self-billing/<int:pk>/", self_billing.document, name="self_billed"),
    path("self-billing/mandates/<int:pk>/revoke/", self_billing.mandate_revoke, name="self_billing_revoke"),
    path("self-billing/<int:pk>/pdf/", self_billing.document_pdf, name="self_billed_pdf"),
    path("company/<int:company>/accounts/self-billing/", self_billing.of_company, name="company_self_billing"),
]
