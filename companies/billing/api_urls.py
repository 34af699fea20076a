"""API of the room, under /api/v1/."""

from django.urls import path

from companies.billing import api

app_name = "billing_api"
urlpatterns = [
    path("invoices/", api.InvoiceList.as_view(), name="invoices"),
    path("invoices/<int:pk>/", api.InvoiceDetail.as_view(), name="invoice"),
    path("invoices/<int:pk>/pay/", api.InvoicePay.as_view(), name="invoice_pay"),
]
