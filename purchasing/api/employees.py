"""Employee pools over REST for the employee's app: what is open, one's word, its cost, and the card's page.

Only a signed-in person: a company's token may not speak for its people. Amounts are decimal strings in euros.
"""

from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from companies.access import require
from companies.api import ApiView
from companies.models import ApiToken, Person
from companies.pagination import Pages
from purchasing import employee_pages as pages
from purchasing.api.fields import Cents
from purchasing.models import EmployeePool, EmployeePurchase
from purchasing.services import employee_goods as goods
from purchasing.services import employee_purchase as service
from purchasing.states_employees import PurchaseState


class EmployeePoolOut(serializers.ModelSerializer[EmployeePool]):
    """`freight` is the supplier's for the whole order, VAT included; from `free_freight_from` of goods on there is none."""

    freight = Cents(source="freight_cents", read_only=True)
    free_freight_from = Cents(source="franco_cents", read_only=True, allow_null=True)

    class Meta:
        model = EmployeePool
        fields = ["id", "title", "description", "state", "closes_at", "expected_on", "freight", "free_freight_from",
                  "freight_split", "pack_rest"]  # fmt: skip


class TierOut(serializers.Serializer[Any]):
    from_quantity = serializers.IntegerField()
    unit_price = Cents(source="cents")


class EmployeeArticleOut(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="article.pk")
    name = serializers.CharField(source="article.name")
    description = serializers.CharField(source="article.description")
    at_most = serializers.IntegerField(source="article.most_per_person", allow_null=True)
    pack = serializers.IntegerField(source="article.pack")
    taken = serializers.IntegerField(source="together")
    unit_price = Cents(source="price_cents")
    tiers = TierOut(many=True)


class EmployeeLineOut(serializers.Serializer[Any]):
    article = serializers.IntegerField(source="article_id")
    quantity = serializers.IntegerField()
    more = serializers.IntegerField(source="tolerance")
    ordered = serializers.IntegerField()
    waiting = serializers.IntegerField(source="ready")
    handed = serializers.IntegerField()


class PurchaseOut(serializers.ModelSerializer[EmployeePurchase]):
    """`own` is what the card pays: at most before the lock, exactly after it; `freight` likewise, before the company's
    part. `code` is shown at the pick-up."""

    own = Cents(source="own_cents", read_only=True)
    freight = serializers.SerializerMethodField()
    company_adds = serializers.SerializerMethodField()
    payment = serializers.CharField(source="payment.state", default="", read_only=True)
    lines = EmployeeLineOut(many=True, read_only=True)
    code = serializers.SerializerMethodField()

    class Meta:
        model = EmployeePurchase
        fields = ["id", "state", "own", "freight", "company_adds", "payment", "lines", "code"]

    def get_company_adds(self, row: EmployeePurchase) -> str:
        part = row.reserved_cents if row.subsidy_cents is None else row.subsidy_cents
        return str(Cents().to_representation(part))

    def get_freight(self, row: EmployeePurchase) -> str:
        cents = row.freight_most_cents if row.price_cents is None else row.freight_cents
        return str(Cents().to_representation(cents))

    def get_code(self, row: EmployeePurchase) -> str:
        return goods.code_for(row) if row.state == PurchaseState.LOCKED else ""


class DetailOut(serializers.Serializer[Any]):
    pool = EmployeePoolOut()
    articles = EmployeeArticleOut(many=True)
    purchase = PurchaseOut(allow_null=True)


class WantedIn(serializers.Serializer[Any]):
    """Units by article id, for instance `{"quantities": {"12": 2}}`; `more` are taken only if a pack needs them."""

    quantities = serializers.DictField(child=serializers.IntegerField(min_value=0, max_value=10_000), allow_empty=False)
    more = serializers.DictField(child=serializers.IntegerField(min_value=0, max_value=10_000), required=False)

    def units(self, name: str) -> dict[int, int]:
        given = self.validated_data.get(name, {})
        return {int(pk): units for pk, units in given.items() if str(pk).isdecimal() and len(str(pk)) < 18}


class CommittedOut(serializers.Serializer[Any]):
    """`payment_url` is the page on which the card is reserved; empty when there is nothing to reserve now."""

    purchase = PurchaseOut()
    payment_url = serializers.CharField(allow_blank=True)


class _Mine(ApiView):
    pagination_class = Pages
    serializer_class: Any = EmployeePoolOut
    queryset = EmployeePool.objects.none()  # for the schema; each view asks for its own

    def person(self) -> Person:
        require(not isinstance(self.request.auth, ApiToken))
        person = getattr(self.request.user, "person", None)
        if person is None:
            raise Http404
        return person

    def pool(self, pk: int) -> EmployeePool:
        return get_object_or_404(EmployeePool.objects.open_to(self.person(), timezone.now()), pk=pk)


class MyPools(_Mine):
    """Pools open to the signed-in employee, and those they have joined; newest first."""

    @extend_schema(operation_id="me_employee_pools_list", responses=EmployeePoolOut(many=True))
    def get(self, request: Request) -> Response:
        rows = EmployeePool.objects.open_to(self.person(), timezone.now()).order_by("-pk")
        return self.get_paginated_response(EmployeePoolOut(self.paginate_queryset(rows), many=True).data)


class MyPool(_Mine):
    """One pool with its articles, where their totals stand, and one's own purchase."""

    @extend_schema(responses=DetailOut)
    def get(self, request: Request, pk: int) -> Response:
        pool = self.pool(pk)
        found = {"pool": pool, "articles": pages.offers(pool), "purchase": pages.mine(self.person(), pool)}
        return Response(DetailOut(found).data)


class MyCommitment(_Mine):
    """Commit to a pool or change one's word (POST), or leave it (DELETE), until it closes."""

    serializer_class = WantedIn

    @extend_schema(request=WantedIn, responses={201: CommittedOut})
    def post(self, request: Request, pk: int) -> Response:
        pool, person, at = self.pool(pk), self.person(), timezone.now()
        form = WantedIn(data=request.data)
        form.is_valid(raise_exception=True)
        actor: Any = request.user
        wanted, more = form.units("quantities"), form.units("more")
        row = service.commit(actor=actor, person=person, pool=pool, wanted=wanted, more=more, at=at)
        url = ""
        if service.payable(row, at):
            payment = service.pay(actor=actor, row=row, at=at)
            url = payment.url if payment.state == "open" else ""
        row = EmployeePurchase.objects.select_related("payment").get(pk=row.pk)
        return Response(CommittedOut({"purchase": row, "payment_url": url}).data, status=201)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        actor: Any = request.user
        service.withdraw(actor=actor, person=self.person(), pool=self.pool(pk), at=timezone.now())
        return Response(status=204)
