"""The computed award over REST: start one, read it while it runs and after, stop it."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from purchasing import access, award_case, selectors
from purchasing.api.fields import Cents
from purchasing.api.requests import reason_of
from purchasing.api.tenders import _Tenders, award_body
from purchasing.award_case import Options
from purchasing.models import AwardStudy, Pool
from purchasing.services import award_study as service


class StudyIn(serializers.Serializer[Any]):
    exclude = serializers.ListField(child=serializers.IntegerField(), required=False, default=list)
    max_suppliers = serializers.IntegerField(min_value=1, max_value=1000, required=False, allow_null=True, default=None)
    local_percent = serializers.IntegerField(min_value=0, max_value=award_case.MOST_PERCENT, default=0)
    local_postcode = serializers.RegexField(r"^[0-9]{0,5}$", required=False, allow_blank=True, default="")
    seconds = serializers.IntegerField(min_value=1, max_value=max(service.SECONDS), default=60)


class _Studies(_Tenders):
    serializer_class = StudyIn  # type: ignore[assignment]  # narrower than the generic view's

    def study(self, pk: int) -> AwardStudy:
        rows = AwardStudy.objects.visible_to(self.actor).select_related("tender__pool")
        return get_object_or_404(rows, pk=pk, tender__pool=self.led())


class StudyList(_Studies):
    """`{"exclude": [supplier ids], "max_suppliers", "local_percent", "local_postcode", "seconds"}`, all optional."""

    def get(self, request: Request, pk: int) -> Response:
        tender = self.tender()
        rows = AwardStudy.objects.visible_to(self.actor).filter(tender=tender).order_by("pk")
        return Response([study_body(row) for row in rows])

    def post(self, request: Request, pk: int) -> Response:
        tender = self.tender()
        form = StudyIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = dict(form.validated_data)
        seconds = data.pop("seconds")
        options = Options(**{**data, "exclude": tuple(data["exclude"])})
        made = service.start(actor=self.actor, tender=tender, options=options, seconds=seconds, at=timezone.now())
        return Response(study_body(made), status=202)


class StudyDetail(_Studies):
    """State, cost, bound and gap; once there is an award, who wins which line, and whether ordering together pays.

    `together` is computed from the needs at the award, not from commitments: it may be different afterwards.
    """

    def get(self, request: Request, pk: int, study: int) -> Response:
        row = self.study(study)
        body = study_body(row, whole=True)
        body["together"] = together_body(row, row.tender.pool, members=access.sees_members(self.actor))
        return Response(body)


class StudyCancel(_Studies):
    """Stop it; the best award found is kept."""

    def post(self, request: Request, pk: int, study: int) -> Response:
        row = service.cancel(actor=self.actor, study=self.study(study), at=timezone.now())
        return Response(study_body(row), status=202)


class StudyAccept(_Studies):
    """Award the computed combination, with an optional `reason`; 202 when a second person must confirm."""

    def post(self, request: Request, pk: int, study: int) -> Response:
        row, reason = self.study(study), reason_of(request)
        award = service.accept(actor=self.actor, study=row, reason=reason, at=timezone.now())
        return Response(award_body(award), status=201 if award.state == "confirmed" else 202)


def together_body(study: AwardStudy, pool: Pool, *, members: bool) -> dict[str, Any] | None:
    """Where all together would pay more than everybody alone; companies by name to staff only, nothing of few (I13)."""
    found = study.result.get("together")
    if not found or not selectors.may_see_total(selectors.companies_in(pool), staff=members):
        return None
    money = Cents()
    body: dict[str, Any] = {
        "excess": money.to_representation(found["excess_cents"]),
        "total": money.to_representation(found["total_cents"]),
        "proven": found["proven"],
        "companies_over": len(found["over"]),
    }
    if members:
        body |= {
            "order_together": found["together"],
            "order_alone": found["alone"],
            "over": {pk: money.to_representation(more) for pk, more in found["over"].items()},
        }
    return body


def study_body(study: AwardStudy, *, whole: bool = False) -> dict[str, Any]:
    money = Cents()

    def amount(cents: int | None) -> str | None:
        return None if cents is None else money.to_representation(cents)

    body: dict[str, Any] = {
        "id": study.pk,
        "state": study.state,
        "options": study.options,
        "seconds": study.seconds,
        "cost": amount(study.cost_cents),
        "judged_cost": amount(study.judged_cents),
        "bound": amount(study.bound_cents),
        "gap": None if study.gap_bp is None else study.gap_bp / 10_000,
        "created_at": study.created_at,
        "started_at": study.started_at,
        "finished_at": study.finished_at,
    }
    if whole and study.has_award:
        quotes = [int(row["id"]) for row in study.instance["suppliers"]]
        lines = [int(row["id"]) for row in study.instance["products"]]
        products = [offer["product"] for row in study.instance["suppliers"] for offer in row["offers"]]
        body["award"] = [
            {
                "line": lines[products[row["offer"]]],
                "quote_line": study.offers[row["offer"]],
                "quantity": row["units"],
                "goods": amount(row["goods_cents"]),
            }
            for row in study.result["lines"]
        ]
        body["quotes"] = [
            {
                "quote": quotes[row["supplier"]],
                "goods": amount(row["goods_cents"]),
                "freight": amount(row["freight_cents"]),
            }
            for row in study.result["suppliers"]
        ]
        body["proof"] = study.proof
    return body
