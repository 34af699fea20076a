"""The association's accounts for its accountant's software: bank lines, received invoices; files in, decisions out.

Only staff, or a token with the scope `accounts` that somebody of the staff made.
"""

from typing import Any, cast

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from companies.access import is_staff
from companies.api import ApiView
from companies.billing.api_fields import Amount, Euros
from companies.billing.bank import importing, matching
from companies.billing.models import (
    BankLine,
    BankMatch,
    EReport,
    LineState,
    ReceivedInvoice,
    ReceivedLine,
    ReceivedState,
    SelfBilled,
    Status,
)
from companies.billing.received import services
from companies.documents import download
from companies.models import User

MOST_BYTES = 20 * 1024 * 1024


class _Accounts(ApiView):
    scope = "accounts"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """For everybody but the staff these addresses do not exist."""
        super().initial(request, *args, **kwargs)
        if not is_staff(request.user):
            raise Http404

    @property
    def actor(self) -> User:
        return cast(User, self.request.user)


class FileSerializer(serializers.Serializer[Any]):
    file = serializers.FileField(help_text="At most 20 MB.")

    def validate_file(self, file: Any) -> Any:
        if file.size > MOST_BYTES:
            raise serializers.ValidationError("The file is larger than 20 MB.")
        return file


# Bank -----------------------------------------------------------------------------------------------------------------
class MatchSerializer(serializers.ModelSerializer[BankMatch]):
    class Meta:
        model = BankMatch
        fields = ["rule", "company", "matched_at"]


class BankLineSerializer(serializers.ModelSerializer[BankLine]):
    amount = Euros(source="cents", help_text="Below zero for money that left.")
    match = serializers.SerializerMethodField()

    class Meta:
        model = BankLine
        fields = ["id", "statement", "booked_on", "value_on", "amount", "name", "iban", "text", "reference"]
        fields += ["bank_id", "state", "match"]

    @extend_schema(responses=MatchSerializer)
    def get_match(self, line: BankLine) -> dict[str, Any] | None:
        """What it was used for; none while it waits."""
        found = next((row for row in line.matches.all() if row.undone_at is None), None)
        return dict(MatchSerializer(found).data) if found else None


class BankLineFilter(filters.FilterSet):
    state = filters.MultipleChoiceFilter(choices=LineState.choices)
    booked_from = filters.DateFilter(field_name="booked_on", lookup_expr="gte")
    booked_until = filters.DateFilter(field_name="booked_on", lookup_expr="lte")

    class Meta:
        model = BankLine
        fields = ["state", "statement", "reference"]


class _BankLines(_Accounts):
    serializer_class: Any = BankLineSerializer

    def get_queryset(self) -> QuerySet[BankLine]:
        return BankLine.objects.prefetch_related("matches")

    def line(self, pk: int) -> BankLine:
        return get_object_or_404(self.get_queryset(), pk=pk)

    def shown(self, pk: int) -> Response:
        return Response(BankLineSerializer(self.line(pk)).data)


class BankLineList(_BankLines, ListAPIView[BankLine]):
    """Movements of the association's account, newest first. Filters: state (several), booked_from, booked_until,
    statement, reference."""

    filterset_class = BankLineFilter


class ImportedSerializer(serializers.Serializer[Any]):
    statement = serializers.IntegerField(source="statement.pk")
    new = serializers.IntegerField(help_text="Lines that were not in an earlier file.")
    known = serializers.IntegerField()
    matched = serializers.IntegerField(help_text="Matched by themselves, because there was no doubt.")


class BankStatements(_Accounts):
    """Take in a statement (CAMT.053 or CSV): whole or not at all, the same file or line once."""

    serializer_class = FileSerializer
    parser_classes = [MultiPartParser]

    @extend_schema(responses={201: ImportedSerializer})
    def post(self, request: Request) -> Response:
        given = FileSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        file = given.validated_data["file"]
        done = importing.take(content=file.read(), name=str(file.name), actor=self.actor, at=timezone.now())
        return Response(ImportedSerializer(done).data, status=201)


class PartSerializer(serializers.Serializer[Any]):
    invoice = serializers.IntegerField()
    amount = Amount()


class PartsSerializer(serializers.Serializer[Any]):
    parts = PartSerializer(many=True, allow_empty=False)

    def validate_parts(self, parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len({part["invoice"] for part in parts}) < len(parts):
            raise serializers.ValidationError("Name each invoice once.")
        return parts


class BankLineMatch(_BankLines):
    """Use a line for invoices; what is left is kept for the company. A line is matched once."""

    serializer_class = PartsSerializer

    @extend_schema(responses=BankLineSerializer)
    def post(self, request: Request, pk: int) -> Response:
        line = self.line(pk)
        given = PartsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        parts = {part["invoice"]: part["amount"] for part in given.validated_data["parts"]}
        matching.match_invoices(line=line, parts=parts, actor=self.actor, at=timezone.now())
        return self.shown(pk)


class ReasonSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=200)


class BankLineUndo(_BankLines):
    """Take a match back: its posting is reversed, the line waits again."""

    serializer_class = ReasonSerializer

    @extend_schema(responses=BankLineSerializer)
    def post(self, request: Request, pk: int) -> Response:
        line = self.line(pk)
        given = ReasonSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        matching.undo(line=line, actor=self.actor, at=timezone.now(), reason=given.validated_data["reason"])
        return self.shown(pk)


# Received invoices ----------------------------------------------------------------------------------------------------
class ReceivedSerializer(serializers.ModelSerializer[ReceivedInvoice]):
    net = Euros(source="net_cents", allow_null=True)
    vat = Euros(source="vat_cents", allow_null=True)
    gross = Euros(source="gross_cents", allow_null=True)

    class Meta:
        model = ReceivedInvoice
        fields = ["id", "number", "type_code", "format", "source", "state", "seller_name", "seller_siren"]
        fields += ["seller_vat_no", "issued_on", "due_on", "order_reference", "net", "vat", "gross", "problems"]
        fields += ["refusal", "received_at"]


class ReceivedLineSerializer(serializers.ModelSerializer[ReceivedLine]):
    net = Euros(source="net_cents")

    class Meta:
        model = ReceivedLine
        fields = ["position", "text", "article", "quantity", "unit", "net", "vat_bp"]


class StatusSerializer(serializers.ModelSerializer[Status]):
    class Meta:
        model = Status
        fields = ["code", "reason_code", "reason", "at", "incoming"]


class ReceivedDetailSerializer(ReceivedSerializer):
    lines = ReceivedLineSerializer(many=True)
    statuses = StatusSerializer(many=True)

    class Meta(ReceivedSerializer.Meta):
        fields = [*ReceivedSerializer.Meta.fields, "lines", "statuses"]


class SelfBilledSerializer(serializers.ModelSerializer[SelfBilled]):
    net = Euros(source="net_cents")
    vat = Euros(source="vat_cents")
    gross = Euros(source="gross_cents")
    seller_siren = serializers.CharField(source="mandate.siren")
    corrects = serializers.CharField(source="corrects.number", default=None, help_text="The invoice a 261 corrects.")

    class Meta:
        model = SelfBilled
        fields = ["id", "number", "type_code", "seller_siren", "corrects", "issued_on", "supply_on", "due_on"]
        fields += ["order_reference", "net", "vat", "gross"]


class SelfBilledList(_Accounts, ListAPIView[SelfBilled]):
    """Invoices (389) and credit notes (261) written in the name of sellers, newest first. Filters: number, type_code."""

    serializer_class = SelfBilledSerializer
    filterset_fields = ["number", "type_code"]

    def get_queryset(self) -> QuerySet[SelfBilled]:
        return SelfBilled.objects.visible_to(self.request.user).select_related("mandate", "corrects")


class EReportSerializer(serializers.ModelSerializer[EReport]):
    net = Euros(source="net_cents")
    vat = Euros(source="vat_cents")

    class Meta:
        model = EReport
        fields = ["id", "reference", "kind", "period_start", "period_end", "send_by", "revision", "state", "net", "vat"]
        fields += ["sent_at", "error", "content"]


class EReportList(_Accounts, ListAPIView[EReport]):
    """E-reports of sales to private persons and abroad and of their payments, the newest period first. Filters: kind, state."""

    serializer_class = EReportSerializer
    filterset_fields = ["kind", "state"]
    queryset = EReport.objects.all()


class ReceivedFilter(filters.FilterSet):
    state = filters.MultipleChoiceFilter(choices=ReceivedState.choices)
    issued_from = filters.DateFilter(field_name="issued_on", lookup_expr="gte")
    issued_until = filters.DateFilter(field_name="issued_on", lookup_expr="lte")

    class Meta:
        model = ReceivedInvoice
        fields = ["state", "number", "seller_siren", "order_reference"]


class _Received(_Accounts):
    serializer_class: Any = ReceivedSerializer

    def get_queryset(self) -> QuerySet[ReceivedInvoice]:
        return ReceivedInvoice.objects.visible_to(self.request.user)

    def row(self, pk: int) -> ReceivedInvoice:
        return get_object_or_404(self.get_queryset(), pk=pk)


class ReceivedList(_Received, ListAPIView[ReceivedInvoice]):
    """Suppliers' invoices, newest first. Filters: state (several), number, seller_siren, order_reference, issued_from,
    issued_until."""

    filterset_class = ReceivedFilter
    parser_classes = [MultiPartParser]

    @extend_schema(request=FileSerializer, responses={201: ReceivedSerializer})
    def post(self, request: Request) -> Response:
        """Take in an invoice (Factur-X, UBL, CII or a plain PDF), once by file and by supplier and number."""
        given = FileSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        file = given.validated_data["file"]
        row = services.upload(content=file.read(), name=str(file.name), actor=self.actor, at=timezone.now())
        return Response(ReceivedSerializer(row).data, status=201)


class ReceivedDetail(_Received, RetrieveAPIView[ReceivedInvoice]):
    """One received invoice with its lines and the statuses of its life cycle."""

    serializer_class = ReceivedDetailSerializer

    def get_queryset(self) -> QuerySet[ReceivedInvoice]:
        return super().get_queryset().prefetch_related("lines", "statuses")


class ReceivedFile(_Received):
    """The file as it came."""

    @extend_schema(responses={200: OpenApiResponse(OpenApiTypes.BINARY)})
    def get(self, request: Request, pk: int) -> HttpResponse:
        return download(self.row(pk).document, inline=False)


class RefusalSerializer(serializers.Serializer[Any]):
    code = serializers.ChoiceField(choices=sorted(services.REASONS), help_text="Reason of status 210 (XP Z12-012).")
    reason = serializers.CharField(max_length=240, help_text="The supplier reads it.")


class NothingSerializer(serializers.Serializer[Any]):
    """No field is asked."""


class ReceivedApprove(_Received):
    """The invoice is right, or accepted with its difference; the supplier is told (205)."""

    serializer_class = NothingSerializer

    @extend_schema(responses=ReceivedSerializer)
    def post(self, request: Request, pk: int) -> Response:
        row = services.approve(received=self.row(pk), actor=self.actor, at=timezone.now())
        return Response(ReceivedSerializer(row).data)


class ReceivedRefuse(_Received):
    """The supplier must correct it; the reason goes back to it (210)."""

    serializer_class = RefusalSerializer

    @extend_schema(responses=ReceivedSerializer)
    def post(self, request: Request, pk: int) -> Response:
        row = self.row(pk)
        given = RefusalSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        done = services.refuse(
            received=row, actor=self.actor, at=timezone.now(), why=data["code"], reason=data["reason"]
        )
        return Response(ReceivedSerializer(done).data)


class ReceivedPaid(_Received):
    """The supplier's money has left (211)."""

    serializer_class = NothingSerializer

    @extend_schema(responses=ReceivedSerializer)
    def post(self, request: Request, pk: int) -> Response:
        row = services.mark_paid(received=self.row(pk), actor=self.actor, at=timezone.now())
        return Response(ReceivedSerializer(row).data)
