"""A supplier's file over REST, for staff: qualification documents with expiry, closed days, people. And price rises."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from companies.access import require
from companies.api import ApiView
from companies.documents import download
from companies.models import User
from purchasing import access, prices
from purchasing.api.catalogue import PriceOut
from purchasing.api.keeping import _Own
from purchasing.models import Price, Supplier, SupplierClosure, SupplierContact, SupplierDocument
from purchasing.services import supplier as service


class SupplierDocumentOut(serializers.ModelSerializer[SupplierDocument]):
    """`replaced_at` is set once a newer one of the same kind took its place."""

    name = serializers.CharField(source="document.name", read_only=True)
    sha256 = serializers.CharField(source="document.sha256", read_only=True)

    class Meta:
        model = SupplierDocument
        fields = ["id", "kind", "name", "sha256", "expires_on", "added_at", "replaced_at"]


class SupplierDocumentIn(serializers.Serializer[Any]):
    """A PDF of at most 8 MB."""

    file = serializers.FileField(max_length=200)
    kind = serializers.ChoiceField(choices=SupplierDocument.Kind.choices)
    expires_on = serializers.DateField(required=False, allow_null=True, default=None)


class ClosureOut(serializers.ModelSerializer[SupplierClosure]):
    class Meta:
        model = SupplierClosure
        fields = ["id", "starts_on", "ends_on", "reason"]


class ContactOut(serializers.ModelSerializer[SupplierContact]):
    email = serializers.EmailField()

    class Meta:
        model = SupplierContact
        fields = ["id", "name", "email", "phone", "receives_tenders"]


class _File(ApiView):
    scope = "requests"
    queryset = Supplier.objects.none()  # for the schema

    @property
    def actor(self) -> User:
        return self.request.user  # type: ignore[return-value]  # nobody else passes the authentication

    def supplier(self) -> Supplier:
        require(access.can_keep_catalogue(self.actor))
        return get_object_or_404(Supplier, pk=self.kwargs["pk"])


class SupplierDocuments(_File):
    """A supplier's documents; POST adds one, in place of the one of its kind. The same file again is the same row."""

    serializer_class = SupplierDocumentOut
    parser_classes = [MultiPartParser]

    @extend_schema(operation_id="supplier_documents_list", responses=SupplierDocumentOut(many=True))
    def get(self, request: Request, pk: int) -> Response:
        return Response(SupplierDocumentOut(self.supplier().documents.select_related("document"), many=True).data)

    @extend_schema(request=SupplierDocumentIn, responses={201: SupplierDocumentOut})
    def post(self, request: Request, pk: int) -> Response:
        row, form = self.supplier(), SupplierDocumentIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = dict(form.validated_data)
        sent = data.pop("file")
        content = sent.read(service.MAX_DOCUMENT + 1)
        at = timezone.now()
        made = service.add_document(actor=self.actor, supplier=row, name=sent.name, content=content, at=at, **data)
        return Response(SupplierDocumentOut(made).data, status=201)


class SupplierDocumentContent(_File):
    """The file itself."""

    serializer_class = SupplierDocumentOut

    @extend_schema(responses={(200, "application/pdf"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: int, document: int) -> HttpResponse:
        rows = SupplierDocument.objects.select_related("document")
        return download(get_object_or_404(rows, pk=document, supplier=self.supplier()).document, inline=False)


class SupplierClosures(_File):
    """Days on which a supplier neither prepares nor delivers; POST notes more, the same days once."""

    serializer_class = ClosureOut

    @extend_schema(operation_id="supplier_closures_list", responses=ClosureOut(many=True))
    def get(self, request: Request, pk: int) -> Response:
        return Response(ClosureOut(self.supplier().closures.all(), many=True).data)

    @extend_schema(request=ClosureOut, responses={201: ClosureOut})
    def post(self, request: Request, pk: int) -> Response:
        row, form = self.supplier(), ClosureOut(data=request.data)
        form.is_valid(raise_exception=True)
        made = service.close(actor=self.actor, supplier=row, at=timezone.now(), **form.validated_data)
        return Response(ClosureOut(made).data, status=201)


class SupplierClosureDetail(_File):
    """DELETE takes closed days away."""

    serializer_class = ClosureOut

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int, closure: int) -> Response:
        found = get_object_or_404(SupplierClosure, pk=closure, supplier=self.supplier())
        service.reopen(actor=self.actor, closure=found, at=timezone.now())
        return Response(status=204)


class SupplierContacts(_File):
    """People at a supplier; POST adds one, the same address again changes that person."""

    serializer_class = ContactOut

    @extend_schema(operation_id="supplier_contacts_list", responses=ContactOut(many=True))
    def get(self, request: Request, pk: int) -> Response:
        return Response(ContactOut(self.supplier().contacts.order_by("pk"), many=True).data)

    @extend_schema(request=ContactOut, responses={201: ContactOut})
    def post(self, request: Request, pk: int) -> Response:
        row, form = self.supplier(), ContactOut(data=request.data)
        form.is_valid(raise_exception=True)
        made = service.add_contact(actor=self.actor, supplier=row, values=form.validated_data, at=timezone.now())
        return Response(ContactOut(made).data, status=201)


class SupplierContactDetail(_File):
    """DELETE removes a person, never the last who receives requests for quotes."""

    serializer_class = ContactOut

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int, contact: int) -> Response:
        found = get_object_or_404(SupplierContact, pk=contact, supplier=self.supplier())
        service.remove_contact(actor=self.actor, contact=found, at=timezone.now())
        return Response(status=204)


class RiseOut(PriceOut):
    """A price that rose; `change_bp` is against the one before, in hundredths of a percent."""

    article_name = serializers.CharField(source="article.name", read_only=True)
    supplier_name = serializers.CharField(source="supplier.name", read_only=True)

    class Meta(PriceOut.Meta):
        fields = [*PriceOut.Meta.fields, "article_name", "supplier_name"]


class PriceRises(_Own):
    """Recent price rises of what the company asked for or bought in the last year, the steepest first."""

    serializer_class = RiseOut
    queryset = Price.objects.none()  # for the schema

    @extend_schema(operation_id="price_rises_list", responses=RiseOut(many=True))
    def get(self, request: Request, company: int) -> Response:
        page = self.paginate_queryset(prices.rises_for(self.company(), timezone.now()))
        return self.get_paginated_response(RiseOut(page, many=True).data)
