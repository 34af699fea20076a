"""REST: the staff register for a company's HR program. Scope `hr`; errors as problem details."""

from typing import Any, cast

import django_filters
from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from companies.access import can_manage_people, companies_of, require
from companies.api import ApiView
from companies.models import Company, Employment, Role, Site, User
from companies.services import employees as service


class EmployeeOut(serializers.ModelSerializer[Employment]):
    """One employee of a company."""

    first_name = serializers.CharField(source="person.first_name")
    last_name = serializers.CharField(source="person.last_name")

    class Meta:
        model = Employment
        fields = ["id", "company", "first_name", "last_name", "reference", "email", "site", "starts_on", "ends_on"]


class EmployeeChange(serializers.Serializer[Any]):
    """What may be changed; what is missing stays."""

    first_name = serializers.CharField(max_length=80)
    last_name = serializers.CharField(max_length=80)
    reference = serializers.CharField(max_length=40, required=False, allow_blank=True)
    email = serializers.EmailField(required=False, allow_blank=True)
    site = serializers.PrimaryKeyRelatedField(queryset=Site.objects.all(), required=False, allow_null=True)
    starts_on = serializers.DateField()
    ends_on = serializers.DateField(required=False, allow_null=True)


class EmployeeIn(EmployeeChange):
    """A new employee."""

    company = serializers.IntegerField(min_value=1, max_value=2**63 - 1)


class EndIn(serializers.Serializer[Any]):
    """The last day, included."""

    ends_on = serializers.DateField()


class EmployeeFilter(django_filters.FilterSet):
    reference = django_filters.CharFilter()
    email = django_filters.CharFilter(lookup_expr="iexact")
    on = django_filters.DateFilter(method="at_work", label=_("At work on this day"))

    class Meta:
        model = Employment
        fields = ["company", "site", "reference", "email"]

    def at_work(self, rows: "QuerySet[Employment]", name: str, value: Any) -> "QuerySet[Employment]":
        return rows.filter(Q(ends_on__isnull=True) | Q(ends_on__gte=value), starts_on__lte=value)


class _People(ApiView):
    scope = "hr"
    serializer_class = EmployeeOut
    queryset = Employment.objects.none()

    def rows(self) -> "QuerySet[Employment]":
        """Employees of the companies whose register the caller keeps; the staff keeps none."""
        user = cast(User, self.request.user)
        rows = Employment.objects.visible_to(user).filter(person__erased_at=None)
        rows = rows.filter(company__in=companies_of(user, Role.HR, Role.ADMIN).values("pk"))
        return cast("QuerySet[Employment]", self.own(rows.select_related("person", "company", "site")))

    def company(self, pk: int) -> Company:
        user = cast(User, self.request.user)
        found: Company = get_object_or_404(self.own(Company.objects.visible_to(user), "pk"), pk=pk)
        require(can_manage_people(user, found))
        return found


class EmployeeList(_People):
    """Employees, newest first; filters: company, site, reference, email, on."""

    filterset_class = EmployeeFilter

    @extend_schema(operation_id="employees_list", responses=EmployeeOut(many=True))
    def get(self, request: Request) -> Response:
        """List the employees."""
        page = self.paginate_queryset(self.filter_queryset(self.rows()))
        return self.get_paginated_response(EmployeeOut(page, many=True).data)

    @extend_schema(operation_id="employees_create", request=EmployeeIn, responses={201: EmployeeOut})
    def post(self, request: Request) -> Response:
        """Add an employee."""
        data = EmployeeIn(data=request.data)
        data.is_valid(raise_exception=True)
        values = dict(data.validated_data)
        company = self.company(values.pop("company"))
        row = service.add(company=company, actor=cast(User, request.user), at=timezone.now(), **values)
        return Response(EmployeeOut(row).data, status=status.HTTP_201_CREATED)


class EmployeeDetail(_People):
    """One employee."""

    @extend_schema(operation_id="employees_read", responses=EmployeeOut)
    def get(self, request: Request, pk: int) -> Response:
        """Read one employee."""
        return Response(EmployeeOut(get_object_or_404(self.rows(), pk=pk)).data)

    @extend_schema(operation_id="employees_update", request=EmployeeChange(partial=True), responses=EmployeeOut)
    def patch(self, request: Request, pk: int) -> Response:
        """Change some fields of an employee."""
        data = EmployeeChange(data=request.data, partial=True)
        data.is_valid(raise_exception=True)
        row = get_object_or_404(self.rows(), pk=pk)
        row = service.change(employment=row, actor=cast(User, request.user), at=timezone.now(), **data.validated_data)
        return Response(EmployeeOut(row).data)


class EmployeeEnd(_People):
    """The end of an employment."""

    @extend_schema(operation_id="employees_end", request=EndIn, responses=EmployeeOut)
    def post(self, request: Request, pk: int) -> Response:
        """Give an employee a last day."""
        row = get_object_or_404(self.rows(), pk=pk)
        data = EndIn(data=request.data)
        data.is_valid(raise_exception=True)
        row = service.end(employment=row, actor=cast(User, request.user), at=timezone.now(), **data.validated_data)
        return Response(EmployeeOut(row).data)
