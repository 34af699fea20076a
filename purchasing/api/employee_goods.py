"""Employee pools over REST for a company's programs: what is open to its people, goods counted at work, parcels collected.

Who chose what is in none of these answers but one: what waits for the person whose code was shown, when it is shown.
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
from companies.models import Company, User
from companies.pagination import Pages
from purchasing import employee_access as access
from purchasing import employee_pages as pages
from purchasing.api.employees import EmployeeArticleOut, EmployeePoolOut
from purchasing.models import EmployeeArrival, EmployeePickUp, EmployeePool, EmployeePurchase
from purchasing.services import employee_goods as goods


class ParcelOut(serializers.Serializer[Any]):
    """Whose parcel waits; what is inside is told for the code only."""

    person = serializers.CharField()


class CompanyEmployeePoolOut(serializers.Serializer[Any]):
    """`to_count` are units still expected at the company by article; `next_number` is the number of the next count."""

    pool = EmployeePoolOut()
    articles = EmployeeArticleOut(many=True)
    to_count = serializers.DictField(child=serializers.IntegerField())
    next_number = serializers.IntegerField()
    waiting = ParcelOut(many=True)


class ArrivalOut(serializers.ModelSerializer[EmployeeArrival]):
    class Meta:
        model = EmployeeArrival
        fields = ["number", "article", "quantity", "at"]


class ArrivalIn(serializers.Serializer[Any]):
    """Units by article id; the same `number` again counts nothing."""

    number = serializers.IntegerField(min_value=1, max_value=30_000)
    counts = serializers.DictField(child=serializers.IntegerField(min_value=0, max_value=1_000_000), allow_empty=False)

    def units(self) -> dict[int, int]:
        given = self.validated_data["counts"]
        return {int(pk): n for pk, n in given.items() if str(pk).isdecimal() and len(str(pk)) < 18}


class CountedOut(serializers.Serializer[Any]):
    """`counted` is false when this number had been entered before."""

    counted = serializers.BooleanField()
    to_count = serializers.DictField(child=serializers.IntegerField())


class CodeIn(serializers.Serializer[Any]):
    code = serializers.CharField(max_length=60)


class PickUpIn(CodeIn):
    """`refused` are units by line id that the person does not take, with a `reason`."""

    refused = serializers.DictField(
        child=serializers.IntegerField(min_value=0, max_value=1_000_000), required=False, default=dict
    )
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")

    def units(self) -> dict[int, int]:
        given = self.validated_data["refused"]
        return {int(pk): n for pk, n in given.items() if str(pk).isdecimal() and len(str(pk)) < 18}


class ParcelLineOut(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="pk")
    article = serializers.CharField(source="article.name")
    waiting = serializers.IntegerField(source="ready")
    handed = serializers.IntegerField()


class LookOut(serializers.Serializer[Any]):
    person = serializers.CharField()
    pool = serializers.IntegerField(source="pool_id")
    lines = ParcelLineOut(many=True)


class PickedUpOut(LookOut):
    """`units` left now; 0 when the parcel had been handed over before."""

    units = serializers.IntegerField()


class _AtWork(ApiView):
    scope = "employee-pools"
    pagination_class = Pages
    serializer_class: Any = CompanyEmployeePoolOut
    queryset = EmployeePool.objects.none()  # for the schema; each view asks for its own

    @property
    def actor(self) -> User:
        return self.request.user  # type: ignore[return-value]  # nobody comes here without signing in

    def company(self) -> Company:
        """The company of the address, for those who count and hand out there; the token's own company only."""
        row = get_object_or_404(self.own(Company.objects.visible_to(self.actor), "pk"), pk=self.kwargs["company"])
        require(access.can_count(self.actor, row))
        return row

    def pools(self, company: Company) -> Any:
        return EmployeePool.objects.visible_in(company, self.actor).select_related("company")

    def parcel(self, company: Company, code: str) -> EmployeePurchase:
        row = goods.read_code(code)
        if row is None or row.company_id != company.pk:
            raise Http404
        return row


def _open(pool: EmployeePool, company: Company) -> dict[str, int]:
    return {str(pk): units for pk, units in goods.to_come(pool, company).items() if units}


class CompanyEmployeePools(_AtWork):
    """Pools open to the company's people, newest first; `?state=` narrows them."""

    @extend_schema(operation_id="company_employee_pools_list", responses=EmployeePoolOut(many=True))
    def get(self, request: Request, company: int) -> Response:
        rows = self.pools(self.company())
        if state := request.query_params.get("state", ""):
            rows = rows.filter(state=state)
        return self.get_paginated_response(EmployeePoolOut(self.paginate_queryset(rows), many=True).data)


class CompanyEmployeePool(_AtWork):
    """One pool: its articles, what is still to be counted at the company, whose parcel waits."""

    @extend_schema(responses=CompanyEmployeePoolOut)
    def get(self, request: Request, company: int, pk: int) -> Response:
        row = self.company()
        pool = get_object_or_404(self.pools(row), pk=pk)
        found = {
            "pool": pool,
            "articles": pages.offers(pool),
            "to_count": _open(pool, row),
            "next_number": goods.next_number(pool, row),
            "waiting": [{"person": str(p.person)} for p in pages.to_collect(pool, row)] if pool.ordered_at else [],
        }
        return Response(CompanyEmployeePoolOut(found).data)


class Arrivals(_AtWork):
    """What was counted at the company (GET); count what arrived (POST), which tells whoever has something waiting."""

    serializer_class: Any = ArrivalIn

    @extend_schema(responses=ArrivalOut(many=True))
    def get(self, request: Request, company: int, pk: int) -> Response:
        row = self.company()
        pool = get_object_or_404(self.pools(row), pk=pk)
        rows = EmployeeArrival.objects.filter(article__pool=pool, company=row).order_by("pk")
        return self.get_paginated_response(ArrivalOut(self.paginate_queryset(rows), many=True).data)

    @extend_schema(request=ArrivalIn, responses={201: CountedOut})
    def post(self, request: Request, company: int, pk: int) -> Response:
        row = self.company()
        pool = get_object_or_404(self.pools(row), pk=pk)
        form = ArrivalIn(data=request.data)
        form.is_valid(raise_exception=True)
        new = goods.arrive(
            actor=self.actor,
            pool=pool,
            company=row,
            counts=form.units(),
            number=form.validated_data["number"],
            at=timezone.now(),
        )
        return Response(CountedOut({"counted": new, "to_count": _open(pool, row)}).data, status=201)


class PickUpLook(_AtWork):
    """What waits for the person whose code is shown; nothing changes."""

    serializer_class: Any = CodeIn

    @extend_schema(request=CodeIn, responses=LookOut)
    def post(self, request: Request, company: int) -> Response:
        row = self.company()
        form = CodeIn(data=request.data)
        form.is_valid(raise_exception=True)
        return Response(LookOut(_parcel(self.parcel(row, form.validated_data["code"]))).data)


class PickUps(_AtWork):
    """Hand over what waits for the person whose code is shown, once."""

    serializer_class: Any = PickUpIn

    @extend_schema(request=PickUpIn, responses={201: PickedUpOut})
    def post(self, request: Request, company: int) -> Response:
        row = self.company()
        form = PickUpIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        parcel = self.parcel(row, data["code"])
        units = goods.hand_over(
            actor=self.actor,
            purchase=parcel,
            refused=form.units(),
            reason=data["reason"],
            method=EmployeePickUp.Method.SCAN,
            at=timezone.now(),
        )
        return Response(PickedUpOut({**_parcel(parcel), "units": units}).data, status=201)


def _parcel(row: EmployeePurchase) -> dict[str, Any]:
    lines = list(row.lines.select_related("article").order_by("pk"))
    return {"person": str(row.person), "pool_id": row.pool_id, "lines": lines}
