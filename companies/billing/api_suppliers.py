"""Commissions of suppliers for other programs of the association: what was earned, where it was invoiced, invoicing it now."""

from typing import Any, cast

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from companies.access import is_staff, require
from companies.billing import supplier_invoicing
from companies.billing.api_accounts import AccountsView
from companies.billing.api_fields import Euros
from companies.billing.models import Customer, SupplierFee
from companies.models import User


class FeeSerializer(serializers.ModelSerializer[SupplierFee]):
    supplier = serializers.CharField(source="customer.siren", help_text="SIREN")
    net = Euros(source="net_cents")
    vat = Euros(source="vat_cents")
    gross = Euros(source="gross_cents")
    invoice = serializers.IntegerField(source="invoice_line.invoice_id", default=None)
    credit_note = serializers.IntegerField(source="credit_note_id", default=None)

    class Meta:
        model = SupplierFee
        fields = ["id", "supplier", "key", "label", "earned_at", "kept", "corrects", "net", "vat", "gross", "vat_bp"]
        fields += ["invoice", "credit_note"]


class FeeFilter(filters.FilterSet):
    supplier = filters.CharFilter(field_name="customer__siren")
    open = filters.BooleanFilter(method="only_open", label="not invoiced yet")

    class Meta:
        model = SupplierFee
        fields = ["kept"]

    def only_open(self, rows: QuerySet[SupplierFee], _name: str, value: bool) -> QuerySet[SupplierFee]:
        waits = {"invoice_line": None, "credit_note": None, "set_off_at": None}
        return rows.filter(**waits) if value else rows.exclude(**waits)


class FeeList(AccountsView, ListAPIView[SupplierFee]):
    """Commissions of suppliers, newest first; the association's staff only. Filters: supplier (SIREN), open, kept."""

    queryset = SupplierFee.objects.none()
    serializer_class = FeeSerializer
    filterset_class = FeeFilter

    def get_queryset(self) -> QuerySet[SupplierFee]:
        if not self.asked():
            return self.queryset
        require(is_staff(self.request.user))
        return SupplierFee.objects.select_related("customer", "invoice_line").order_by("-pk")


class IssuedSerializer(serializers.Serializer[Any]):
    documents = serializers.ListField(child=serializers.CharField(), help_text="Numbers of what was issued.")


class FeesInvoice(AccountsView):
    """Invoice a supplier its commissions now, also of this month."""

    queryset = Customer.objects.none()
    serializer_class = IssuedSerializer

    @extend_schema(request=None, responses={201: IssuedSerializer})
    def post(self, request: Request, siren: str) -> Response:
        """One invoice of what was earned, and a credit note for each part given back; none when nothing waits."""
        require(is_staff(request.user))
        row = get_object_or_404(Customer, siren=siren)
        made = supplier_invoicing.invoice_now(customer=row, actor=cast(User, request.user), at=timezone.now())
        return Response({"documents": [document.number for document in made]}, status=201)
