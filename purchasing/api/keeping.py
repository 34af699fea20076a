"""What a company's program keeps beside its requests: budgets per cost centre, and needs that come back."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from companies.access import require
from companies.api import ApiView
from companies.models import Company, User
from companies.pagination import Pages
from purchasing import access
from purchasing.api.fields import Cents
from purchasing.models import Budget, PurchaseRequest, RecurringNeed
from purchasing.services import budget as budgets
from purchasing.services import recurring


class BudgetOut(serializers.Serializer[Any]):
    """A budget with what counts against it: approved needs that wait, firm words, and of these what was billed."""

    id = serializers.IntegerField(source="budget.pk")
    year = serializers.IntegerField(source="budget.year")
    cost_centre = serializers.CharField(source="budget.cost_centre")
    name = serializers.CharField(source="budget.name")
    amount = Cents(source="budget.amount_cents")
    reserved = Cents(source="reserved_cents")
    committed = Cents(source="committed_cents")
    spent = Cents(source="spent_cents")
    left = Cents(source="free_cents")


class BudgetIn(serializers.Serializer[Any]):
    year = serializers.IntegerField(min_value=2000, max_value=2100)
    cost_centre = serializers.CharField(max_length=40)
    name = serializers.CharField(max_length=80, required=False, allow_blank=True, default="")
    amount = Cents()


class _Own(ApiView):
    scope = "requests"
    pagination_class = Pages

    @property
    def actor(self) -> User:
        return self.request.user  # type: ignore[return-value]  # nobody else passes the authentication

    def company(self) -> Company:
        rows = self.own(Company.objects.visible_to(self.actor), "pk")
        row: Company = get_object_or_404(rows, pk=self.kwargs["company"])
        require(access.can_see_requests(self.actor, row))
        return row


class BudgetList(_Own):
    """The company's budgets of a year (`?year=`, this one by default); POST sets or changes one."""

    serializer_class = BudgetOut

    def get(self, request: Request, company: int) -> Response:
        row = self.company()
        require(access.can_see_budgets(self.actor, row))
        return Response(BudgetOut(budgets.uses(row, self._year(request)), many=True).data)

    def _year(self, request: Request) -> int:
        asked = request.query_params.get("year", "")
        return int(asked) if asked.isdecimal() and len(asked) == 4 else timezone.localdate().year

    def post(self, request: Request, company: int) -> Response:
        row = self.company()
        require(access.can_keep_budgets(self.actor, row))
        form = BudgetIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        saved = budgets.save(
            actor=self.actor,
            company=row,
            year=data["year"],
            cost_centre=data["cost_centre"],
            amount_cents=data["amount"],
            name=data["name"],
            at=timezone.now(),
        )
        use = next(use for use in budgets.uses(row, saved.year) if use.budget.pk == saved.pk)
        return Response(BudgetOut(use).data, status=201)


class BudgetDetail(_Own):
    """DELETE takes a budget away; requests of its cost centre are stopped while others of the year remain."""

    serializer_class = BudgetOut

    def delete(self, request: Request, company: int, pk: int) -> Response:
        row = self.company()
        require(access.can_keep_budgets(self.actor, row))
        budgets.remove(actor=self.actor, budget=get_object_or_404(Budget, pk=pk, company=row), at=timezone.now())
        return Response(status=204)


class RecurringOut(serializers.ModelSerializer[RecurringNeed]):
    """`pattern` is the request whose lines come back; `next_on` the day of the next one."""

    class Meta:
        model = RecurringNeed
        fields = ["id", "pattern", "every", "starts_on", "ends_on", "next_on", "lead_days", "submit", "ended_at"]


class RecurringIn(serializers.Serializer[Any]):
    pattern = serializers.IntegerField(min_value=1)
    every = serializers.ChoiceField(choices=RecurringNeed.Every.choices)
    starts_on = serializers.DateField()
    ends_on = serializers.DateField(required=False, allow_null=True, default=None)
    lead_days = serializers.IntegerField(min_value=1, max_value=365, default=30)
    submit = serializers.BooleanField(default=False)


class RecurringList(_Own):
    """The company's needs that come back; POST lets a request come back every month or quarter."""

    serializer_class = RecurringOut

    def get(self, request: Request, company: int) -> Response:
        rows = RecurringNeed.objects.filter(company=self.company())
        return self.get_paginated_response(RecurringOut(self.paginate_queryset(rows), many=True).data)

    def post(self, request: Request, company: int) -> Response:
        row = self.company()
        require(access.can_request(self.actor, row))
        form = RecurringIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = dict(form.validated_data)
        pattern = get_object_or_404(PurchaseRequest.objects.filter(company=row), pk=data.pop("pattern"))
        made = recurring.start(actor=self.actor, pattern=pattern, at=timezone.now(), **data)
        return Response(RecurringOut(made).data, status=201)


class RecurringDetail(_Own):
    """DELETE ends it; what was written stays."""

    serializer_class = RecurringOut

    def delete(self, request: Request, company: int, pk: int) -> Response:
        row = self.company()
        require(access.can_request(self.actor, row))
        found = get_object_or_404(RecurringNeed, pk=pk, company=row)
        recurring.end(actor=self.actor, recurring=found, at=timezone.now())
        return Response(status=204)
