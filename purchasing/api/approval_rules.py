"""Who must approve above which amount, and who stands in for whom, over REST: an HR or ERP program keeps absences."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from companies.models import User
from purchasing.api.fields import Cents
from purchasing.api.keeping import _Own
from purchasing.models import ApprovalLevel, Delegation
from purchasing.services import delegation as service


class LevelOut(serializers.ModelSerializer[ApprovalLevel]):
    """Above so much before VAT so many people agree; `kind` is a role one of them holds, or blank."""

    above = Cents(source="above_cents")

    class Meta:
        model = ApprovalLevel
        fields = ["id", "above", "approvers", "kind"]


class LevelIn(serializers.Serializer[Any]):
    above = Cents()
    approvers = serializers.IntegerField(min_value=1, max_value=9, default=1)
    kind = serializers.ChoiceField(choices=ApprovalLevel.Kind.choices, required=False, allow_blank=True, default="")


class StandInOut(serializers.ModelSerializer[Delegation]):
    absent = serializers.EmailField(source="absent.email", read_only=True)
    stand_in = serializers.EmailField(source="stand_in.email", read_only=True)

    class Meta:
        model = Delegation
        fields = ["id", "absent", "stand_in", "starts_on", "ends_on", "reason", "created_at", "revoked_at"]


class StandInIn(serializers.Serializer[Any]):
    """Both by the address they sign in with."""

    absent = serializers.EmailField()
    stand_in = serializers.EmailField()
    starts_on = serializers.DateField()
    ends_on = serializers.DateField()
    reason = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")


class ApprovalLevels(_Own):
    """The company's approval levels; its administrators add one with POST."""

    serializer_class = LevelOut
    pagination_class = None  # type: ignore[assignment]  # a handful
    queryset = ApprovalLevel.objects.none()  # for the schema

    @extend_schema(operation_id="approval_levels_list", responses=LevelOut(many=True))
    def get(self, request: Request, company: int) -> Response:
        return Response(LevelOut(self.company().approval_levels.order_by("above_cents"), many=True).data)

    @extend_schema(request=LevelIn, responses={201: LevelOut})
    def post(self, request: Request, company: int) -> Response:
        row, form = self.company(), LevelIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = dict(form.validated_data)
        above = data.pop("above")
        made = service.add_level(actor=self.actor, company=row, above_cents=above, at=timezone.now(), **data)
        return Response(LevelOut(made).data, status=201)


class ApprovalLevelDetail(_Own):
    """DELETE takes a level away, by an administrator."""

    serializer_class = LevelOut

    @extend_schema(responses={204: None})
    def delete(self, request: Request, company: int, pk: int) -> Response:
        level = get_object_or_404(ApprovalLevel, pk=pk, company=self.company())
        service.remove_level(actor=self.actor, level=level, at=timezone.now())
        return Response(status=204)


class StandIns(_Own):
    """Who stands in for whom, latest first; POST hands an approver's authority over for some days."""

    serializer_class = StandInOut
    queryset = Delegation.objects.none()  # for the schema

    @extend_schema(operation_id="stand_ins_list", responses=StandInOut(many=True))
    def get(self, request: Request, company: int) -> Response:
        rows = Delegation.objects.filter(company=self.company()).select_related("absent", "stand_in")
        page = self.paginate_queryset(rows.order_by("-starts_on", "-pk"))
        return self.get_paginated_response(StandInOut(page, many=True).data)

    @extend_schema(request=StandInIn, responses={201: StandInOut})
    def post(self, request: Request, company: int) -> Response:
        row, form = self.company(), StandInIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = dict(form.validated_data)
        people = User.objects.filter(memberships__company=row).distinct()
        for name in ("absent", "stand_in"):
            found = people.filter(email=data[name].lower()).first()
            if found is None:
                raise service.NotHere(field=name)
            data[name] = found
        made = service.delegate(actor=self.actor, company=row, at=timezone.now(), **data)
        return Response(StandInOut(made).data, status=201)


class StandInDetail(_Own):
    """DELETE ends it before its last day."""

    serializer_class = StandInOut

    @extend_schema(responses={204: None})
    def delete(self, request: Request, company: int, pk: int) -> Response:
        found = get_object_or_404(Delegation.objects.select_related("company", "absent"), pk=pk, company=self.company())
        service.end(actor=self.actor, delegation=found, at=timezone.now())
        return Response(status=204)
