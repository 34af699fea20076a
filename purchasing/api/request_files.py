"""What goes with a request over REST: files, a copy, and whether others ask for the same."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from companies.access import require
from companies.documents import download
from purchasing import access, likeness
from purchasing.api.keeping import _Own
from purchasing.api.requests import RequestOut
from purchasing.models import PurchaseRequest, RequestFile, RequestLine, Unit
from purchasing.services import request as requests
from purchasing.services import request_file as service


class RequestFileOut(serializers.ModelSerializer[RequestFile]):
    name = serializers.CharField(source="document.name", read_only=True)
    media_type = serializers.CharField(source="document.media_type", read_only=True)
    sha256 = serializers.CharField(source="document.sha256", read_only=True)

    class Meta:
        model = RequestFile
        fields = ["id", "line", "name", "media_type", "sha256", "added_at"]


class RequestFileIn(serializers.Serializer[Any]):
    """A PDF, PNG or JPEG of at most 5 MB, beside the request or one of its lines."""

    file = serializers.FileField(max_length=200)
    line = serializers.IntegerField(min_value=1, required=False, allow_null=True, default=None)


class AskedOut(serializers.Serializer[Any]):
    companies = serializers.IntegerField()
    pools = serializers.ListField(child=serializers.IntegerField())


class _Beside(_Own):
    pagination_class = None  # type: ignore[assignment]  # a request holds ten files at most
    queryset = RequestFile.objects.none()  # for the schema

    def purchase(self) -> PurchaseRequest:
        rows = PurchaseRequest.objects.visible_to(self.actor).select_related("company")
        return get_object_or_404(rows, pk=self.kwargs["pk"], company=self.company())


class RequestFiles(_Beside):
    """The files of a request; POST adds one while nothing is decided. The same file again is the same row."""

    serializer_class = RequestFileOut
    parser_classes = [MultiPartParser]

    @extend_schema(operation_id="request_files_list", responses=RequestFileOut(many=True))
    def get(self, request: Request, company: int, pk: int) -> Response:
        rows = self.purchase().files.select_related("document")
        return Response(RequestFileOut(rows, many=True).data)

    @extend_schema(request=RequestFileIn, responses={201: RequestFileOut})
    def post(self, request: Request, company: int, pk: int) -> Response:
        row = self.purchase()
        require(access.can_request(self.actor, row.company))
        form = RequestFileIn(data=request.data)
        form.is_valid(raise_exception=True)
        sent, number = form.validated_data["file"], form.validated_data["line"]
        line = get_object_or_404(RequestLine, pk=number, request=row) if number else None
        content = sent.read(service.MAX_FILE + 1)
        at = timezone.now()
        made = service.add(actor=self.actor, request=row, name=sent.name, content=content, line=line, at=at)
        return Response(RequestFileOut(made).data, status=201)


class RequestFileContent(_Beside):
    """The file itself."""

    serializer_class = RequestFileOut

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(self, request: Request, company: int, pk: int, file: int) -> HttpResponse:
        rows = RequestFile.objects.select_related("document")
        return download(get_object_or_404(rows, pk=file, request=self.purchase()).document, inline=False)


class RequestCopy(_Beside):
    """A new draft with the lines of an earlier request."""

    serializer_class = RequestOut

    @extend_schema(request=None, responses={201: RequestOut})
    def post(self, request: Request, company: int, pk: int) -> Response:
        made = requests.copy(actor=self.actor, request=self.purchase(), at=timezone.now())
        shown = PurchaseRequest.objects.select_related("company", "requester").get(pk=made.pk)
        return Response(RequestOut(shown).data, status=201)


class AskedFor(_Own):
    """How many other companies ask for the same, and open pools for it: never who, never how much."""

    serializer_class = AskedOut

    @extend_schema(parameters=[OpenApiParameter("text", required=True), OpenApiParameter("unit")], responses=AskedOut)
    def get(self, request: Request, company: int) -> Response:
        row = self.company()
        require(access.can_request(self.actor, row))
        text = request.query_params.get("text", "")[:200]
        unit = request.query_params.get("unit", Unit.PIECE)
        found = likeness.asked_for(text, unit=unit, company=row) if unit in Unit.values else likeness.NOBODY
        return Response({"companies": found.companies, "pools": [pool.pk for pool in found.pools]})
