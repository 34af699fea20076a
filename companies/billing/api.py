"""Invoices for other programs: read them, and begin to pay them."""

from typing import Any, cast

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from companies import money
from companies.access import require
from companies.api import ApiView
from companies.billing import access, payments
from companies.billing.api_fields import Euros
from companies.billing.models import DocumentType, Invoice, InvoiceLine, InvoiceState, InvoiceVat
from companies.models import User


class LineSerializer(serializers.ModelSerializer[InvoiceLine]):
    net = Euros(source="net_cents")
    unit_price = serializers.SerializerMethodField()

    class Meta:
        model = InvoiceLine
        fields = ["position", "kind", "description", "quantity", "unit", "unit_price", "net", "vat_bp"]

    def get_unit_price(self, line: InvoiceLine) -> str | None:
        return None if line.unit_price_e4 is None else money.unit_price(line.unit_price_e4)


class VatSerializer(serializers.ModelSerializer[InvoiceVat]):
    base = Euros(source="base_cents")
    vat = Euros(source="vat_cents")

    class Meta:
        model = InvoiceVat
        fields = ["vat_bp", "base", "vat"]


class InvoiceSerializer(serializers.ModelSerializer[Invoice]):
    net = Euros(source="net_cents")
    vat = Euros(source="vat_cents")
    gross = Euros(source="gross_cents")
    prepaid = Euros(source="prepaid_cents", help_text="Paid on advance invoices that this one deducts.")
    kept = Euros(source="kept_cents", help_text="Of a commission: kept back by Stripe before it was invoiced.")
    balance = Euros(source="balance_cents")
    supplier = serializers.SerializerMethodField(
        help_text="SIREN of the supplier that owes it, for the association's commission; empty when a company does."
    )
    in_the_name_of = serializers.SerializerMethodField(
        help_text="SIREN of the supplier whose invoice it is, written under its mandate and owed to it; empty for the association's own."
    )

    class Meta:
        model = Invoice
        fields = [
            "id",
            "number",
            "type_code",
            "corrects",
            "company",
            "supplier",
            "state",
            "legal_model",
            "issued_on",
            "supply_on",
            "due_on",
            "order_reference",
            "net",
            "vat",
            "gross",
            "prepaid",
            "kept",
            "balance",
            "in_the_name_of",
        ]

    def get_supplier(self, invoice: Invoice) -> str:
        return "" if invoice.customer_id is None else str(invoice.buyer["siren"])

    def get_in_the_name_of(self, invoice: Invoice) -> str:
        return str(invoice.seller["siren"]) if invoice.is_suppliers else ""


class InvoiceDetailSerializer(InvoiceSerializer):
    lines = LineSerializer(many=True)
    vat_rows = VatSerializer(many=True)

    class Meta(InvoiceSerializer.Meta):
        fields = [*InvoiceSerializer.Meta.fields, "nature", "seller", "buyer", "notes", "lines", "vat_rows"]


class InvoiceFilter(filters.FilterSet):
    state = filters.MultipleChoiceFilter(choices=InvoiceState.choices)
    type_code = filters.MultipleChoiceFilter(choices=DocumentType.choices)
    due_before = filters.DateFilter(field_name="due_on", lookup_expr="lt")
    issued_from = filters.DateFilter(field_name="issued_on", lookup_expr="gte")
    issued_until = filters.DateFilter(field_name="issued_on", lookup_expr="lte")
    supplier = filters.CharFilter(field_name="customer__siren")

    class Meta:
        model = Invoice
        fields = ["company", "number", "state", "order_reference"]


class _Invoices(ApiView):
    scope = "invoices"
    queryset = Invoice.objects.none()

    def get_queryset(self) -> QuerySet[Invoice]:
        """Invoices of companies whose accountant or administrator asks; a token sees its own company only."""
        if getattr(self, "swagger_fake_view", False):
            return Invoice.objects.none()
        require(access.sees_any_invoice(self.request.user))
        return self.own(Invoice.objects.visible_to(self.request.user))


class InvoiceList(_Invoices, ListAPIView[Invoice]):
    """Invoices, newest first.

    Filters: company, supplier (SIREN), number, order_reference, state and type_code (several), due_before, issued_from, issued_until.
    """

    serializer_class = InvoiceSerializer
    filterset_class = InvoiceFilter


class InvoiceDetail(_Invoices, RetrieveAPIView[Invoice]):
    """One invoice with its lines and its VAT per rate."""

    serializer_class = InvoiceDetailSerializer

    def get_queryset(self) -> QuerySet[Invoice]:
        return super().get_queryset().prefetch_related("lines", "vat_rows")


class PaymentPage(serializers.Serializer[Any]):
    url = serializers.URLField(help_text="Where a person pays by card or SEPA direct debit.")


class InvoicePay(_Invoices):
    """Open a payment page for what is still owed. The webhook, not this call, marks the invoice paid."""

    serializer_class = PaymentPage

    def post(self, request: Request, pk: int) -> Response:
        invoice = get_object_or_404(self.get_queryset(), pk=pk)
        page = payments.start(invoice=invoice, actor=cast(User, request.user), at=timezone.now())
        return Response({"url": page.url}, status=201)
