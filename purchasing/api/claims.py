"""Claims over REST: a company's own, and those of the pools the caller runs."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from companies.access import has_role, require
from companies.models import Role
from purchasing import access
from purchasing.api.commitments import OfCompany
from purchasing.api.fields import Cents
from purchasing.api.orders import Orders
from purchasing.models import Claim, ClaimAnswer, ClaimCredit, ClaimLine, Commitment, Pool, PurchaseOrder
from purchasing.services import claims as service
from purchasing.services import decide_claim
from purchasing.states import CommitmentState


class ClaimLineOut(serializers.ModelSerializer[ClaimLine]):
    line = serializers.IntegerField(source="order_line_id", read_only=True)

    class Meta:
        model = ClaimLine
        fields = ["line", "quantity"]


class ClaimAnswerOut(serializers.ModelSerializer[ClaimAnswer]):
    offered = Cents(source="offered_cents", read_only=True)

    class Meta:
        model = ClaimAnswer
        fields = ["verdict", "offered", "text", "at"]


class ClaimCreditOut(serializers.ModelSerializer[ClaimCredit]):
    net = Cents(source="net_cents", read_only=True)
    costs = Cents(source="costs_cents", read_only=True)
    credit_notes: Any = serializers.SlugRelatedField(source="notes", slug_field="number", many=True, read_only=True)

    class Meta:
        model = ClaimCredit
        fields = ["company", "net", "costs", "credit_notes"]


class ClaimOut(serializers.ModelSerializer[Claim]):
    asked = Cents(source="asked_cents", read_only=True)
    credit = Cents(source="credit_net_cents", read_only=True)
    lines = ClaimLineOut(many=True, read_only=True)
    answers = ClaimAnswerOut(many=True, read_only=True)
    credits = serializers.SerializerMethodField()

    class Meta:
        model = Claim
        fields = ["id", "number", "order", "company", "kind", "state", "text", "asked", "due_at", "opened_at", "lines",
                  "answers", "outcome", "credit", "reason", "credits"]  # fmt: skip

    def get_credits(self, claim: Claim) -> list[dict[str, Any]]:
        """The parts: all for staff, the own for a company, none for a lead buyer (I13)."""
        company = self.context.get("company")
        if company is None and not self.context.get("staff"):
            return []
        rows = claim.credits.all() if company is None else claim.credits.filter(company=company)
        return list(ClaimCreditOut(rows, many=True).data)


class UnitsIn(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    quantity = serializers.IntegerField(min_value=1, max_value=1_000_000_000)


class ClaimIn(serializers.Serializer[Any]):
    """A claim about `order`: what is wrong, in words, with how many units of which lines."""

    order = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=Claim.Kind.choices)
    text = serializers.CharField(max_length=2_000)
    asked = Cents(required=False, allow_null=True, default=None)
    lines = UnitsIn(many=True, required=False, default=list)

    def word(self) -> service.Word:
        data = self.validated_data
        return service.Word(
            data["kind"], data["text"], {row["line"]: row["quantity"] for row in data["lines"]}, data["asked"]
        )


class CompanyClaimList(OfCompany):
    """The company's claims; POST opens one and asks the supplier. The same words again are the same claim."""

    scope = "orders"
    serializer_class: Any = ClaimIn

    def get(self, request: Request, company: int) -> Response:
        row = self.company()
        rows = Claim.objects.filter(company=row).prefetch_related("lines", "answers")
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(ClaimOut(page, many=True, context={"company": row}).data)

    def post(self, request: Request, company: int) -> Response:
        row = self.company()
        require(has_role(self.actor, row, Role.BUYER))
        form = ClaimIn(data=request.data)
        form.is_valid(raise_exception=True)
        mine = Commitment.objects.filter(company=row, state=CommitmentState.LOCKED)
        orders = PurchaseOrder.objects.filter(pk__in=mine.values("pool_line__order_lines__order"))
        order = get_object_or_404(orders.select_related("pool"), pk=form.validated_data["order"])
        claim = service.open_claim(actor=self.actor, order=order, word=form.word(), company=row, at=timezone.now())
        return Response(ClaimOut(claim, context={"company": row}).data, status=201)


class CompanyClaim(OfCompany):
    """One claim of the company."""

    scope = "orders"
    serializer_class: Any = ClaimOut

    def get(self, request: Request, company: int, pk: int) -> Response:
        row = self.company()
        claim = get_object_or_404(Claim.objects.filter(company=row), pk=pk)
        return Response(ClaimOut(claim, context={"company": row}).data)


class ClaimList(Orders):
    """Claims of the pools the caller runs, newest first; `?state=` narrows them. POST opens one for all companies."""

    serializer_class = ClaimIn

    def get(self, request: Request) -> Response:
        require(access.can_open_pools(self.actor))
        rows = Claim.objects.filter(order__pool__in=Pool.objects.led_by(self.actor)).prefetch_related(
            "lines", "answers"
        )
        if state := request.query_params.get("state", ""):
            rows = rows.filter(state=state)
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(ClaimOut(page, many=True, context=_who(self)).data)

    def post(self, request: Request) -> Response:
        require(access.can_open_pools(self.actor))
        form = ClaimIn(data=request.data)
        form.is_valid(raise_exception=True)
        order = get_object_or_404(self.get_queryset(), pk=form.validated_data["order"])
        require(access.can_run_pool(self.actor, order.pool))
        claim = service.open_claim(actor=self.actor, order=order, word=form.word(), at=timezone.now())
        return Response(ClaimOut(claim, context=_who(self)).data, status=201)


class ClaimEndIn(serializers.Serializer[Any]):
    outcome = serializers.ChoiceField(choices=[*Claim.Outcome.values, "reject"])
    credit = Cents(required=False, allow_null=True, default=None)
    with_costs = serializers.BooleanField(required=False, default=False)
    reason = serializers.CharField(max_length=200)


class ClaimDecide(Orders):
    """End a claim, once: `credit` of goods is shared like them and makes credit notes; `reject` ends it without.

    `with_costs` adds their freight and fee in the same proportion.
    """

    serializer_class = ClaimEndIn

    def post(self, request: Request, pk: int) -> Response:
        rows = Claim.objects.filter(order__pool__in=Pool.objects.led_by(self.actor)).select_related("order__pool")
        claim = get_object_or_404(rows, pk=pk)
        require(access.can_run_pool(self.actor, claim.order.pool))
        form = ClaimEndIn(data=request.data)
        form.is_valid(raise_exception=True)
        data, at = form.validated_data, timezone.now()
        if data["outcome"] == "reject":
            claim = decide_claim.reject(actor=self.actor, claim=claim, reason=data["reason"], at=at)
        else:
            claim = decide_claim.resolve(
                actor=self.actor,
                claim=claim,
                outcome=data["outcome"],
                reason=data["reason"],
                credit_cents=data["credit"],
                with_costs=data["with_costs"],
                at=at,
            )
        return Response(ClaimOut(claim, context=_who(self)).data)


def _who(view: Orders) -> dict[str, Any]:
    return {"staff": access.sees_members(view.actor)}
