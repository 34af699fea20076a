"""Offers between members over REST, so that a stock program offers what is too much and reserves what is missing."""

from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from companies.access import has_role, require
from companies.models import Company, Role
from purchasing import access, ratings
from purchasing.api.commitments import OfCompany
from purchasing.api.fields import Cents, UnitPrice
from purchasing.models import Article, ExchangeOffer, Reservation, Supplier, Unit, VatRate
from purchasing.services import surplus


class OfferOut(serializers.ModelSerializer[ExchangeOffer]):
    """`left` may be reserved now. `quantity` is told to the company that offers only."""

    seller = serializers.CharField(source="company.name", read_only=True)
    unit_price = UnitPrice(source="unit_price_e4", read_only=True)
    left = serializers.IntegerField(read_only=True)
    quantity = serializers.SerializerMethodField()

    class Meta:
        model = ExchangeOffer
        fields = ["id", "seller", "article", "text", "unit", "description", "left", "quantity", "lot", "unit_price",
                  "vat_bp", "best_before", "expires_at", "state"]  # fmt: skip

    def get_quantity(self, row: ExchangeOffer) -> int | None:
        return row.quantity if row.company_id == self.context["company"].pk else None


class SurplusIn(serializers.Serializer[Any]):
    """`article` or `text`; `unit_price` before VAT, "0" for a gift."""

    article: Any = serializers.PrimaryKeyRelatedField(
        queryset=Article.objects.filter(active=True), required=False, allow_null=True, default=None
    )
    text = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    description = serializers.CharField(max_length=2_000, required=False, allow_blank=True, default="")
    unit = serializers.ChoiceField(choices=Unit.choices, default=Unit.PIECE)
    quantity = serializers.IntegerField(min_value=1, max_value=1_000_000_000)
    lot = serializers.IntegerField(min_value=1, max_value=1_000_000_000, default=1)
    unit_price = UnitPrice()
    vat_bp = serializers.ChoiceField(choices=VatRate.choices, default=VatRate.STANDARD)
    best_before = serializers.DateField(required=False, allow_null=True, default=None)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)

    def draft(self) -> surplus.Draft:
        data = dict(self.validated_data)
        return surplus.Draft(unit_price_e4=data.pop("unit_price"), **data)


class ReservationOut(serializers.ModelSerializer[Reservation]):
    """`seller` invoices `buyer` `net` + `vat` directly."""

    seller = serializers.CharField(source="offer.company.name", read_only=True)
    buyer = serializers.CharField(source="company.name", read_only=True)
    text = serializers.CharField(source="offer.text", read_only=True)
    unit_price = UnitPrice(source="unit_price_e4", read_only=True)
    net = Cents(source="net_cents", read_only=True)
    vat = Cents(source="vat_cents", read_only=True)
    gross = Cents(source="gross_cents", read_only=True)

    class Meta:
        model = Reservation
        fields = ["id", "offer", "client_id", "seller", "buyer", "text", "quantity", "unit_price", "net", "vat_bp",
                  "vat", "gross", "state", "reserved_at", "expires_at", "given_at", "received_at", "note"]  # fmt: skip


class ReserveIn(serializers.Serializer[Any]):
    """The same `client_id` again is the same reservation."""

    client_id = serializers.UUIDField()
    quantity = serializers.IntegerField(min_value=1, max_value=1_000_000_000)


class ReservationActIn(serializers.Serializer[Any]):
    note = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class RatingOut(serializers.Serializer[Any]):
    supplier = serializers.IntegerField()
    name = serializers.CharField()
    reviews = serializers.IntegerField()
    companies = serializers.IntegerField()
    overall = serializers.CharField(allow_null=True)
    quality = serializers.CharField(allow_null=True)
    delivery = serializers.CharField(allow_null=True)
    service = serializers.CharField(allow_null=True)
    value = serializers.CharField(allow_null=True)


class _Exchange(OfCompany):
    scope = "exchange"

    def offers(self, company: Company) -> Any:
        return ExchangeOffer.objects.visible_in(company).select_related("company")

    def reservations(self, company: Company) -> Any:
        return Reservation.objects.of(company).select_related("offer__company", "company")


class OfferList(_Exchange):
    """What is on offer, newest first; `?mine=1` gives the company's own offers, `?article=` those of an article."""

    serializer_class: Any = SurplusIn

    def get(self, request: Request, company: int) -> Response:
        row = self.company()
        rows = self.offers(row)
        rows = rows.filter(company=row) if request.query_params.get("mine") else rows
        article = request.query_params.get("article", "")
        if article:
            rows = rows.filter(article=int(article) if article.isdecimal() and len(article) < 19 else 0)
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(OfferOut(page, many=True, context={"company": row}).data)

    def post(self, request: Request, company: int) -> Response:
        row = self.company()
        require(access.can_request(self.actor, row))
        form = SurplusIn(data=request.data)
        form.is_valid(raise_exception=True)
        made = surplus.offer(actor=self.actor, company=row, draft=form.draft(), at=timezone.now())
        return Response(OfferOut(made, context={"company": row}).data, status=201)


class OfferDetail(_Exchange):
    """One offer; DELETE takes the company's own off, what is reserved stays reserved."""

    serializer_class: Any = OfferOut

    def get(self, request: Request, company: int, pk: int) -> Response:
        row = self.company()
        return Response(OfferOut(get_object_or_404(self.offers(row), pk=pk), context={"company": row}).data)

    def delete(self, request: Request, company: int, pk: int) -> Response:
        row = self.company()
        require(has_role(self.actor, row, Role.BUYER))
        found = get_object_or_404(ExchangeOffer.objects.filter(company=row).select_related("company"), pk=pk)
        surplus.withdraw(actor=self.actor, offer=found, at=timezone.now())
        return Response(status=204)


class Reserve(_Exchange):
    """Reserve units of an offer, exactly once."""

    serializer_class: Any = ReserveIn

    def post(self, request: Request, company: int, pk: int) -> Response:
        row = self.company()
        require(access.can_request(self.actor, row))
        found = get_object_or_404(self.offers(row), pk=pk)
        form = ReserveIn(data=request.data)
        form.is_valid(raise_exception=True)
        kept = surplus.reserve(actor=self.actor, company=row, offer=found, at=timezone.now(), **form.validated_data)
        return Response(ReservationOut(kept).data, status=201)


class RatingList(_Exchange):
    """Suppliers with the members' ratings, by name. Averages from 1.0 to 5.0, null while fewer than three companies rated."""

    serializer_class: Any = RatingOut

    def get(self, request: Request, company: int) -> Response:
        self.company()
        page = self.paginate_queryset(Supplier.objects.filter(active=True)) or []
        found = ratings.of_suppliers([row.pk for row in page])
        rows = [
            {
                "supplier": row.pk,
                "name": row.name,
                "reviews": found[row.pk].reviews,
                "companies": found[row.pk].companies,
                "overall": _mark(found[row.pk].overall),
                **{name: _mark(mark) for name, mark in found[row.pk].marks.items()},
            }
            for row in page
        ]
        return self.get_paginated_response(RatingOut(rows, many=True).data)


def _mark(tenths: int | None) -> str | None:
    return None if tenths is None else f"{tenths // 10}.{tenths % 10}"


class ReservationList(_Exchange):
    """The company's reservations and those on its offers, newest first; `?state=` narrows them."""

    serializer_class: Any = ReservationOut

    def get(self, request: Request, company: int) -> Response:
        rows = self.reservations(self.company())
        if state := request.query_params.get("state", ""):
            rows = rows.filter(state=state)
        return self.get_paginated_response(ReservationOut(self.paginate_queryset(rows), many=True).data)


class ReservationAct(_Exchange):
    """`confirm` the hand-over, `deny` what the other side confirmed or `cancel`; the last two with a `note`."""

    serializer_class: Any = ReservationActIn

    def post(self, request: Request, company: int, pk: int, action: str) -> Response:
        row, at = self.company(), timezone.now()
        require(has_role(self.actor, row, Role.BUYER))
        kept = get_object_or_404(self.reservations(row), pk=pk)
        form = ReservationActIn(data=request.data)
        form.is_valid(raise_exception=True)
        note = form.validated_data["note"]
        if action == "confirm":
            kept = surplus.confirm(actor=self.actor, company=row, reservation=kept, at=at)
        elif action == "deny":
            kept = surplus.deny(actor=self.actor, company=row, reservation=kept, note=note, at=at)
        elif action == "cancel":
            kept = surplus.cancel(actor=self.actor, reservation=kept, note=note, at=at)
        else:
            raise Http404
        return Response(ReservationOut(kept).data)
