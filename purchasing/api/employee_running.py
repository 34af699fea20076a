"""Employee pools over REST for who runs them: written, opened, ordered, answered for the supplier, closed; and the subsidy.

The association's staff run every pool, a company's people of human resources the pools of their company; a token those of
its own company. Amounts are decimal strings in euros with VAT, as employees read them.
"""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from companies.access import require
from companies.api import ApiView
from companies.models import ApiToken, Company, User
from companies.pagination import Pages
from purchasing import employee_access as access
from purchasing import employee_pages as pages
from purchasing.api.employee_goods import CompanyEmployeePool, CompanyEmployeePools
from purchasing.api.employees import EmployeeArticleOut, EmployeePoolOut
from purchasing.api.fields import Cents
from purchasing.models import EmployeeArticle, EmployeePool, EmployeePoolPlace, Supplier, VatRate
from purchasing.services import employee_goods as goods
from purchasing.services import employee_lock, employee_money
from purchasing.services import employee_pool as service


class FrameIn(serializers.Serializer[Any]):
    """What a pool is about. `audience` and `companies` are the association's; a company's pool is for its own people."""

    title = serializers.CharField(max_length=90)
    description = serializers.CharField(max_length=2_000, required=False, allow_blank=True, default="")
    closes_at = serializers.DateTimeField()
    expected_on = serializers.DateField(required=False, allow_null=True, default=None)
    supplier: Any = serializers.PrimaryKeyRelatedField(
        queryset=Supplier.objects.filter(active=True), required=False, allow_null=True, default=None
    )
    audience = serializers.ChoiceField(choices=EmployeePool.Audience.choices, default=EmployeePool.Audience.ALL)
    companies: Any = serializers.PrimaryKeyRelatedField(
        queryset=Company.objects.members(), many=True, required=False, default=list
    )
    pack_rest = serializers.ChoiceField(choices=EmployeePool.Rest.choices, default=EmployeePool.Rest.OPENER)
    freight = Cents(required=False, default=0)
    free_freight_from = Cents(required=False, allow_null=True, default=None)
    freight_split = serializers.ChoiceField(choices=EmployeePool.Freight.choices, default=EmployeePool.Freight.VALUE)

    def frame(self) -> service.Frame:
        data = dict(self.validated_data)
        return service.Frame(freight_cents=data.pop("freight"), franco_cents=data.pop("free_freight_from"), **data)


class StepIn(serializers.Serializer[Any]):
    """From so many units of all together, each costs so much; the lowest quantity is the minimum."""

    from_quantity = serializers.IntegerField(min_value=1, max_value=1_000_000)
    unit_price = Cents()


class EmployeeArticleIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120)
    description = serializers.CharField(max_length=1_000, required=False, allow_blank=True, default="")
    vat_bp = serializers.ChoiceField(choices=VatRate.choices, default=VatRate.STANDARD)
    at_most = serializers.IntegerField(min_value=1, max_value=10_000, required=False, allow_null=True, default=None)
    pack = serializers.IntegerField(min_value=1, max_value=100_000, default=1)
    tiers = StepIn(many=True, allow_empty=False)

    def offered(self) -> service.Offered:
        data = self.validated_data
        return service.Offered(
            name=data["name"],
            tiers=[(row["from_quantity"], row["unit_price"]) for row in data["tiers"]],
            vat_bp=data["vat_bp"],
            description=data["description"],
            most_per_person=data["at_most"],
            pack=data["pack"],
        )


class RunOut(serializers.Serializer[Any]):
    """A pool as its runner sees it: never who chose what."""

    pool = EmployeePoolOut()
    company = serializers.IntegerField(source="pool.company_id", allow_null=True)
    supplier = serializers.IntegerField(source="pool.supplier_id", allow_null=True)
    order_number = serializers.CharField(source="pool.order_number")
    articles = EmployeeArticleOut(many=True)


class ActIn(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class SubsidyIn(serializers.Serializer[Any]):
    """`percent_bp` of the price or an `amount` for each person, within the two bounds; `where` its people collect."""

    kind = serializers.ChoiceField(choices=EmployeePoolPlace.Kind.choices)
    percent_bp = serializers.IntegerField(min_value=0, max_value=10_000, default=0)
    amount = Cents(required=False, default=0)
    most_per_person = Cents(required=False, allow_null=True, default=None)
    most_in_all = Cents(required=False, allow_null=True, default=None)
    where = serializers.CharField(max_length=160, required=False, allow_blank=True, default="")

    def subsidy(self) -> service.Subsidy:
        data = self.validated_data
        return service.Subsidy(
            data["kind"],
            data["percent_bp"],
            data["amount"],
            data["most_per_person"],
            data["most_in_all"],
            data["where"],
        )


class SubsidyOut(serializers.ModelSerializer[EmployeePoolPlace]):
    amount = Cents(source="amount_cents", read_only=True)
    most_per_person = Cents(source="person_cap_cents", read_only=True, allow_null=True)
    most_in_all = Cents(source="total_cap_cents", read_only=True, allow_null=True)

    class Meta:
        model = EmployeePoolPlace
        fields = ["kind", "percent_bp", "amount", "most_per_person", "most_in_all", "where"]


class Run(ApiView):
    """Base of the runner's routes."""

    scope = "employee-pools"
    pagination_class = Pages
    serializer_class: Any = RunOut
    queryset = EmployeePool.objects.none()  # for the schema; each view asks for its own

    @property
    def actor(self) -> User:
        return self.request.user  # type: ignore[return-value]  # nobody comes here without signing in

    def pools(self) -> Any:
        rows = self.own(EmployeePool.objects.visible_to(self.actor))
        return rows.select_related("company", "supplier")

    def pool(self) -> EmployeePool:
        """A pool the caller runs: 404 for those who do not see it, 403 for those who only subsidise it."""
        row: EmployeePool = get_object_or_404(self.pools(), pk=self.kwargs["pk"])
        require(access.can_run(self.actor, row))
        return row

    def shown(self, row: EmployeePool, status: int = 200) -> Response:
        fresh = EmployeePool.objects.get(pk=row.pk)
        return Response(RunOut({"pool": fresh, "articles": pages.offers(fresh)}).data, status=status)

    def checked(self, form: type[serializers.Serializer[Any]]) -> Any:
        given = form(data=self.request.data)
        given.is_valid(raise_exception=True)
        return given


class EmployeePools(Run):
    """Pools the caller runs, newest first (`?state=`); the association's staff write a new one with POST."""

    @extend_schema(operation_id="employee_pools_list", responses=EmployeePoolOut(many=True))
    def get(self, request: Request) -> Response:
        rows = self.pools().order_by("-created_at", "-pk")
        if not access.can_open(self.actor, None):
            rows = rows.filter(company__isnull=False)
            require(rows.exists() or bool(self.actor.memberships.filter(role__in=["hr", "admin"]).exists()))
        if state := request.query_params.get("state", ""):
            rows = rows.filter(state=state)
        return self.get_paginated_response(EmployeePoolOut(self.paginate_queryset(rows), many=True).data)

    @extend_schema(request=FrameIn, responses={201: RunOut})
    def post(self, request: Request) -> Response:
        require(access.can_open(self.actor, None) and not isinstance(request.auth, ApiToken))
        frame = self.checked(FrameIn).frame()
        return self.shown(service.save(actor=self.actor, frame=frame, at=timezone.now()), 201)


class OwnEmployeePools(CompanyEmployeePools):
    """Pools open to the company's people, newest first (`?state=`); POST writes one of the company's own, as a draft."""

    @extend_schema(request=FrameIn, responses={201: RunOut})
    def post(self, request: Request, company: int) -> Response:
        row = self.company()
        require(access.can_open(self.actor, row))
        form = FrameIn(data=request.data)
        form.is_valid(raise_exception=True)
        made = service.save(actor=self.actor, company=row, frame=form.frame(), at=timezone.now())
        return Response(RunOut({"pool": made, "articles": []}).data, status=201)


class EmployeePoolRun(Run):
    """One pool with its articles and where their totals stand; PUT changes a draft as a whole."""

    @extend_schema(responses=RunOut)
    def get(self, request: Request, pk: int) -> Response:
        return self.shown(self.pool())

    @extend_schema(request=FrameIn, responses=RunOut)
    def put(self, request: Request, pk: int) -> Response:
        pool = self.pool()
        frame = self.checked(FrameIn).frame()
        return self.shown(service.save(actor=self.actor, pool=pool, frame=frame, at=timezone.now()))


class EmployeeArticles(Run):
    """Add an article to a draft."""

    serializer_class: Any = EmployeeArticleIn

    @extend_schema(request=EmployeeArticleIn, responses={201: RunOut})
    def post(self, request: Request, pk: int) -> Response:
        pool = self.pool()
        offered = self.checked(EmployeeArticleIn).offered()
        service.offer(actor=self.actor, pool=pool, offered=offered, at=timezone.now())
        return self.shown(pool, 201)


class EmployeeArticleOne(Run):
    """PUT changes an article of a draft, DELETE takes it out."""

    serializer_class: Any = EmployeeArticleIn

    def article(self) -> EmployeeArticle:
        return get_object_or_404(
            EmployeeArticle.objects.select_related("pool"), pk=self.kwargs["article"], pool=self.pool()
        )

    @extend_schema(request=EmployeeArticleIn, responses=RunOut)
    def put(self, request: Request, pk: int, article: int) -> Response:
        row = self.article()
        offered = self.checked(EmployeeArticleIn).offered()
        service.offer(actor=self.actor, pool=row.pool, offered=offered, article=row, at=timezone.now())
        return self.shown(row.pool)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: int, article: int) -> Response:
        service.remove(actor=self.actor, article=self.article(), at=timezone.now())
        return Response(status=204)


class EmployeePoolAct(Run):
    """`open` a draft, `send-order` for what was locked, `cancel` it with a `reason`, `close` it when all is collected."""

    serializer_class: Any = ActIn

    @extend_schema(request=ActIn, responses=RunOut)
    def post(self, request: Request, pk: int, action: str) -> Response:
        pool, at = self.pool(), timezone.now()
        reason = self.checked(ActIn).validated_data["reason"]
        if action == "open":
            service.publish(actor=self.actor, pool=pool, at=at)
        elif action == "send-order":
            goods.order(actor=self.actor, pool=pool, at=at)
        elif action == "cancel":
            employee_lock.cancel(actor=self.actor, pool=pool, reason=reason, at=at)
        else:
            employee_money.close(actor=self.actor, pool=pool, at=at)
        return self.shown(pool)


class CompanySubsidy(CompanyEmployeePool):
    """What the company adds for its people (GET), said or changed while nobody has joined (PUT)."""

    serializer_class: Any = SubsidyIn

    @extend_schema(operation_id="company_employee_pool_subsidy", responses=SubsidyOut)
    def get(self, request: Request, company: int, pk: int) -> Response:
        row = self.company()
        place = get_object_or_404(self.pools(row), pk=pk).places.filter(company=row).first()
        return Response(SubsidyOut(place or EmployeePoolPlace()).data)

    @extend_schema(request=SubsidyIn, responses=SubsidyOut)
    def put(self, request: Request, company: int, pk: int) -> Response:
        row = self.company()
        require(access.can_subsidise(self.actor, row))
        pool = get_object_or_404(self.pools(row), pk=pk)
        form = SubsidyIn(data=request.data)
        form.is_valid(raise_exception=True)
        place = service.subsidise(actor=self.actor, pool=pool, company=row, subsidy=form.subsidy(), at=timezone.now())
        return Response(SubsidyOut(place).data)
