"""Articles with their prices, suppliers and price lists over REST."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from companies.access import require
from companies.api import ApiView
from companies.employees.table import MAX_BYTES
from companies.pagination import Pages
from purchasing import access
from purchasing.api.fields import Cents, UnitPrice
from purchasing.models import Article, Price, PriceList, PriceListRow, Supplier
from purchasing.services import catalogue as keeping
from purchasing.services import price_list as lists


class PriceOut(serializers.ModelSerializer[Price]):
    """What a supplier asks for one unit; `ended_on` is null for the price of today."""

    price = UnitPrice(source="price_e4", read_only=True)

    class Meta:
        model = Price
        fields = ["id", "supplier", "article", "reference", "pack", "price", "valid_from", "ended_on", "change_bp"]


class SupplierOut(serializers.ModelSerializer[Supplier]):
    minimum = Cents(source="minimum_cents", read_only=True)
    franco = Cents(source="franco_cents", read_only=True, allow_null=True)

    class Meta:
        model = Supplier
        fields = ["id", "name", "siren", "category", "city", "minimum", "franco", "lead_days", "local", "active"]


class PriceListOut(serializers.ModelSerializer[PriceList]):
    """`counts` says how many lines are new, changed, unchanged, gone and wrong."""

    class Meta:
        model = PriceList
        fields = [
            "id",
            "supplier",
            "name",
            "full",
            "valid_from",
            "state",
            "trouble",
            "counts",
            "created_at",
            "applied_at",
        ]


class PriceListRowOut(serializers.ModelSerializer[PriceListRow]):
    price = UnitPrice(source="price_e4", read_only=True, allow_null=True)
    was = UnitPrice(source="was_e4", read_only=True, allow_null=True)

    class Meta:
        model = PriceListRow
        fields = ["line", "kind", "reference", "name", "article", "unit", "pack", "price", "was", "problems"]


class ArticlePrices(ApiView):
    """An article's prices, newest first, of all suppliers; `?current=1` only those of today."""

    scope = "requests"
    serializer_class = PriceOut
    pagination_class = Pages

    def get(self, request: Request, pk: int) -> Response:
        require(access.can_read_catalogue(request.user))  # type: ignore[arg-type]  # nobody comes here without signing in
        article = get_object_or_404(Article, pk=pk)
        rows = Price.objects.filter(article=article).order_by("-valid_from", "-pk")
        if request.query_params.get("current"):
            rows = rows.filter(ended_on__isnull=True)
        return self.get_paginated_response(PriceOut(self.paginate_queryset(rows), many=True).data)


class SupplierIn(serializers.ModelSerializer[Supplier]):
    """A supplier with the contact that receives requests for quotes and orders."""

    minimum = Cents(source="minimum_cents", required=False)
    franco = Cents(source="franco_cents", required=False, allow_null=True)
    contact_name = serializers.CharField(max_length=120)
    contact_email = serializers.EmailField()
    contact_phone = serializers.CharField(max_length=30, required=False, allow_blank=True, default="")

    class Meta:
        model = Supplier
        fields = ["name", "category", "street", "postcode", "city", "siren", "minimum", "franco", "lead_days", "local",
                  "active", "notes", "contact_name", "contact_email", "contact_phone"]  # fmt: skip


def _saved(request: Request, supplier: Supplier | None = None) -> Response:
    """Create or change a supplier from a request's body, for staff."""
    require(access.can_keep_catalogue(request.user))  # type: ignore[arg-type]  # nobody comes here without signing in
    form = SupplierIn(supplier, data=request.data)
    form.is_valid(raise_exception=True)
    data = form.validated_data
    row = keeping.save_supplier(
        actor=request.user,  # type: ignore[arg-type]  # nobody comes here without signing in
        values={name: value for name, value in data.items() if not name.startswith("contact_")},
        contact={name: data[f"contact_{name}"] for name in ("name", "email", "phone")},
        supplier=supplier,
        at=timezone.now(),
    )
    return Response(SupplierOut(row).data, status=200 if supplier else 201)


class SupplierList(ApiView):
    """Active suppliers; `?q=` and `?category=` filter. The association's staff add one with POST."""

    scope = "requests"
    serializer_class = SupplierOut
    pagination_class = Pages

    def get(self, request: Request) -> Response:
        require(access.can_read_catalogue(request.user))  # type: ignore[arg-type]  # nobody comes here without signing in
        rows = Supplier.objects.filter(active=True).order_by("name", "pk")
        if words := request.query_params.get("q"):
            rows = rows.filter(name__icontains=words)
        if category := request.query_params.get("category"):
            rows = rows.filter(category=category)
        return self.get_paginated_response(SupplierOut(self.paginate_queryset(rows), many=True).data)

    def post(self, request: Request) -> Response:
        return _saved(request)


class SupplierDetail(ApiView):
    """One supplier; the association's staff change it with PUT."""

    scope = "requests"
    serializer_class = SupplierOut

    def get(self, request: Request, pk: int) -> Response:
        require(access.can_read_catalogue(request.user))  # type: ignore[arg-type]  # nobody comes here without signing in
        return Response(SupplierOut(get_object_or_404(Supplier, pk=pk)).data)

    def put(self, request: Request, pk: int) -> Response:
        require(access.can_keep_catalogue(request.user))  # type: ignore[arg-type]  # nobody comes here without signing in
        return _saved(request, get_object_or_404(Supplier, pk=pk))


class _Lists(ApiView):
    scope = "requests"
    serializer_class = PriceListOut
    pagination_class = Pages

    def supplier(self) -> Supplier:
        require(access.can_keep_catalogue(self.request.user))  # type: ignore[arg-type]  # nobody comes here without signing in
        return get_object_or_404(Supplier, pk=self.kwargs["pk"])

    def rows(self) -> QuerySet[PriceList]:
        return PriceList.objects.filter(supplier=self.supplier()).defer("content").order_by("-created_at", "-pk")

    def one(self) -> PriceList:
        return get_object_or_404(self.rows(), pk=self.kwargs["number"])


class SupplierPriceLists(_Lists):
    """A supplier's price lists; POST a CSV or spreadsheet as `file` to have it compared (nothing changes yet)."""

    parser_classes = [MultiPartParser]

    class Input(serializers.Serializer[Any]):
        file = serializers.FileField()
        valid_from = serializers.DateField()
        full = serializers.BooleanField(default=False)

    def get(self, request: Request, pk: int) -> Response:
        return self.get_paginated_response(PriceListOut(self.paginate_queryset(self.rows()), many=True).data)

    def post(self, request: Request, pk: int) -> Response:
        supplier = self.supplier()
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        found = lists.upload(
            actor=request.user,  # type: ignore[arg-type]  # nobody comes here without signing in
            supplier=supplier,
            name=data["file"].name,
            content=data["file"].read(MAX_BYTES + 1),
            full=data["full"],
            valid_from=data["valid_from"],
            at=timezone.now(),
        )
        return Response(PriceListOut(found).data, status=202)


class SupplierPriceList(_Lists):
    """One list with what each line does; `?kind=error` and the like filter."""

    serializer_class = PriceListRowOut  # type: ignore[assignment]  # narrower than the generic view's

    def get(self, request: Request, pk: int, number: int) -> Response:
        rows = self.one().rows.order_by("position")
        if kind := request.query_params.get("kind"):
            rows = rows.filter(kind=kind)
        return self.get_paginated_response(PriceListRowOut(self.paginate_queryset(rows), many=True).data)


class SupplierPriceListApply(_Lists):
    """Apply a compared list, whole or not at all; the work goes on in a job."""

    def post(self, request: Request, pk: int, number: int) -> Response:
        found = lists.start_applying(actor=request.user, found=self.one(), at=timezone.now())  # type: ignore[arg-type]  # nobody comes here without signing in
        return Response(PriceListOut(found).data, status=202)


class SupplierPriceListCancel(_Lists):
    """Give a compared list up; its file is forgotten."""

    def post(self, request: Request, pk: int, number: int) -> Response:
        lists.cancel(actor=request.user, found=self.one(), at=timezone.now())  # type: ignore[arg-type]  # nobody comes here without signing in
        return Response(PriceListOut(self.one()).data)
