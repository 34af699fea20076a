"""A company's accounts for its accountant's software: mandates, dues, credit notes."""

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.generics import ListAPIView, RetrieveAPIView

from companies.access import companies_of, is_staff, require
from companies.api import ApiView
from companies.billing import access
from companies.billing.api_fields import Euros
from companies.billing.models import CreditNote, CreditNoteLine, DuesLine, Invoice, Mandate, MandateState
from companies.models import Role


class AccountsView(ApiView):
    """Rows of companies whose accountant or administrator asks; all for the staff."""

    scope = "invoices"

    def asked(self) -> bool:
        """Whether rows are wanted at all; refuses people who see no company's invoices."""
        if getattr(self, "swagger_fake_view", False):
            return False
        require(access.sees_any_invoice(self.request.user))
        return True


class MandateSerializer(serializers.ModelSerializer[Mandate]):
    iban = serializers.CharField(source="iban_hint", read_only=True, help_text="Country and last four characters.")

    class Meta:
        model = Mandate
        fields = ["id", "company", "state", "reference", "creditor_name", "creditor_ics", "holder", "iban"]
        fields += ["notice_days", "signed_at", "last_used_at", "ended_at", "end_reason"]


class MandateDetailSerializer(MandateSerializer):
    class Meta(MandateSerializer.Meta):
        fields = [*MandateSerializer.Meta.fields, "text_version", "language", "text"]


class MandateFilter(filters.FilterSet):
    state = filters.MultipleChoiceFilter(choices=MandateState.choices)

    class Meta:
        model = Mandate
        fields = ["company", "state", "reference"]


class _Mandates(AccountsView):
    queryset = Mandate.objects.none()

    def get_queryset(self) -> QuerySet[Mandate]:
        return self.own(Mandate.objects.visible_to(self.request.user)) if self.asked() else self.queryset


class MandateList(_Mandates, ListAPIView[Mandate]):
    """SEPA direct debit mandates, newest first. Filters: company, state (several), reference."""

    serializer_class = MandateSerializer
    filterset_class = MandateFilter


class MandateDetail(_Mandates, RetrieveAPIView[Mandate]):
    """One mandate with the words that were signed."""

    serializer_class = MandateDetailSerializer


class DuesSerializer(serializers.ModelSerializer[DuesLine]):
    year = serializers.IntegerField(source="run.year")
    state = serializers.CharField(source="run.state", help_text="draft | issuing | issued | undone")
    full_year = Euros(source="full_cents", help_text="Net dues of a whole year.")
    net = Euros(source="cents", help_text="Net dues of the months of membership.")
    invoice_number = serializers.CharField(source="invoice.number", default=None)

    class Meta:
        model = DuesLine
        fields = ["id", "year", "state", "company", "headcount", "months", "full_year", "net", "included"]
        fields += ["invoice", "invoice_number"]


class DuesFilter(filters.FilterSet):
    year = filters.NumberFilter(field_name="run__year")

    class Meta:
        model = DuesLine
        fields = ["company", "year"]


class DuesList(AccountsView, ListAPIView[DuesLine]):
    """Yearly dues and how they were calculated, newest first: a company's own once invoiced; drafts too for the staff.
    Filters: company, year."""

    queryset = DuesLine.objects.none()
    serializer_class = DuesSerializer
    filterset_class = DuesFilter

    def get_queryset(self) -> QuerySet[DuesLine]:
        if not self.asked():
            return self.queryset
        rows = DuesLine.objects.select_related("run", "invoice")
        if not is_staff(self.request.user):
            owners = companies_of(self.request.user, Role.ACCOUNTANT, Role.ADMIN)
            rows = rows.filter(company__in=owners, invoice__isnull=False)
        return self.own(rows)


class CreditedSerializer(serializers.ModelSerializer[CreditNoteLine]):
    position = serializers.IntegerField(source="line.position")
    description = serializers.CharField(source="line.description")
    vat_bp = serializers.IntegerField(source="line.vat_bp")
    net = Euros(source="net_cents")
    vat = Euros(source="vat_cents")

    class Meta:
        model = CreditNoteLine
        fields = ["position", "description", "vat_bp", "net", "vat"]


class CreditNoteSerializer(serializers.ModelSerializer[CreditNote]):
    company = serializers.IntegerField(source="invoice.company_id")
    invoice_number = serializers.CharField(source="invoice.number")
    net = Euros(source="net_cents")
    vat = Euros(source="vat_cents")
    gross = Euros(source="gross_cents")
    lines = CreditedSerializer(many=True)

    class Meta:
        model = CreditNote
        fields = ["id", "number", "company", "invoice", "invoice_number", "issued_on", "reason", "net", "vat", "gross"]
        fields += ["lines"]


class CreditNoteFilter(filters.FilterSet):
    company = filters.NumberFilter(field_name="invoice__company")
    issued_from = filters.DateFilter(field_name="issued_on", lookup_expr="gte")
    issued_until = filters.DateFilter(field_name="issued_on", lookup_expr="lte")

    class Meta:
        model = CreditNote
        fields = ["company", "invoice", "number"]


class CreditNoteList(AccountsView, ListAPIView[CreditNote]):
    """Credit notes with what they take back, newest first. Filters: company, invoice, number, issued_from, issued_until."""

    queryset = CreditNote.objects.none()
    serializer_class: Any = CreditNoteSerializer
    filterset_class = CreditNoteFilter

    def get_queryset(self) -> QuerySet[CreditNote]:
        if not self.asked():
            return self.queryset
        seen = self.own(Invoice.objects.visible_to(self.request.user))
        rows = CreditNote.objects.filter(invoice__in=seen).select_related("invoice")
        return rows.prefetch_related("lines__line")
