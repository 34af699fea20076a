"""Pages of the room, and the door for Stripe's events."""

from django.urls import include, path

from companies.billing import webhooks
from companies.billing.views import company, documents, staff

app_name = "billing"
urlpatterns = [
    path("webhooks/stripe/", webhooks.stripe, name="stripe_webhook"),
    path("company/<int:company>/invoices/", company.invoice_list, name="invoice_list"),
    path("company/<int:company>/invoices/<int:pk>/", company.invoice, name="invoice"),
    path("company/<int:company>/invoices/<int:pk>/pdf/", company.pdf, name="pdf"),
    path("company/<int:company>/invoices/<int:pk>/pay/", company.pay, name="pay"),
    path(
        "company/<int:company>/invoices/<int:pk>/credit-notes/<int:note>/",
        company.credit_note_pdf,
        name="credit_note_pdf",
    ),
    path(
        "company/<int:company>/invoices/<int:pk>/payments/<int:payment>/", company.payment_result, name="payment_result"
    ),
    path(
        "company/<int:company>/invoices/<int:pk>/payments/<int:payment>/state/",
        company.payment_state,
        name="payment_state",
    ),
    path("", include("companies.billing.urls_books")),
    path("", include("companies.billing.urls_collection")),
    path("erb/invoices/advances/", documents.advance_list, name="advances"),
    path("erb/invoices/advances/new/", documents.advance_new, name="advance_new"),
    path("erb/invoices/<int:invoice>/correct/", documents.correct, name="correct"),
    path("erb/invoices/", staff.invoices, name="staff_invoices"),
    path("erb/payments/", staff.staff_payments, name="staff_payments"),
    path("erb/payments/<int:payment>/refund/", staff.refund, name="staff_refund"),
]
