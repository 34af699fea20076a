"""Commitments and cost shares of a company over REST."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from companies.access import require
from companies.api import ApiView
from companies.models import Company, Site, User
from companies.pagination import Pages
from purchasing import access
from purchasing.api.fields import Cents, UnitPrice
from purchasing.authority import authorities
from purchasing.models import Acknowledgement, Commitment, CommitmentProof, CostShare, Pool, PoolLine
from purchasing.services import agreement, changes, progress
from purchasing.services import commitment as service
from purchasing.services import lock as locking
from purchasing.services import standing as standings


class CommitmentIn(serializers.Serializer[Any]):
    """`draft` keeps the word without making it firm. `cost_centre` is asked of companies that keep budgets."""

    quantity = serializers.IntegerField(min_value=1, max_value=1_000_000_000)
    tolerance = serializers.IntegerField(min_value=0, max_value=1_000_000_000, default=0)
    tier_tolerance = serializers.BooleanField(default=False)
    price_cap = UnitPrice(required=False, allow_null=True, default=None)
    min_useful = serializers.IntegerField(min_value=0, max_value=1_000_000_000, default=0)
    site = serializers.IntegerField(required=False, allow_null=True, default=None)
    cost_centre = serializers.CharField(max_length=40, required=False, allow_blank=True, default="")
    draft = serializers.BooleanField(default=False)


class CommitmentOut(serializers.ModelSerializer[Commitment]):
    line = serializers.IntegerField(source="pool_line_id", read_only=True)
    pool = serializers.IntegerField(source="pool_line.pool_id", read_only=True)
    tier_tolerance = serializers.BooleanField(source="tolerance_tier", read_only=True)
    price_cap = UnitPrice(source="price_cap_e4", allow_null=True, read_only=True)

    class Meta:
        model = Commitment
        fields = ["id", "pool", "line", "state", "quantity", "tolerance", "tier_tolerance", "price_cap", "min_useful",
                  "site", "cost_centre", "version", "committed_at", "granted", "drop_reason"]  # fmt: skip


class _Company(ApiView):
    scope = "commitments"
    serializer_class: Any = CommitmentOut
    pagination_class = Pages

    @property
    def actor(self) -> User:
        return self.request.user  # type: ignore[return-value]  # nobody comes here without signing in

    def company(self) -> Company:
        """The company of the address, else 404; the token's own company only."""
        company = get_object_or_404(self.own(Company.objects.visible_to(self.actor), "pk"), pk=self.kwargs["company"])
        require(access.can_see_requests(self.actor, company))
        return company

    def get_queryset(self) -> Any:
        return Commitment.objects.visible_to(self.actor).select_related("pool_line")


OfCompany = _Company  # routes of other modules that belong to a company


class CommitmentList(_Company):
    """The company's commitments, newest first; `?pool=` and `?state=` narrow them."""

    def get(self, request: Request, company: int) -> Response:
        rows = self.get_queryset().filter(company=self.company())
        if pool := request.query_params.get("pool", ""):
            rows = rows.filter(pool_line__pool_id=int(pool) if pool.isdecimal() and len(pool) < 19 else 0)
        if state := request.query_params.get("state"):
            rows = rows.filter(state=state)
        return self.get_paginated_response(CommitmentOut(self.paginate_queryset(rows), many=True).data)


class CommitmentDetail(_Company):
    """The company's word on one pool line: read it with the line's progress, say it (PUT), take it back (DELETE)."""

    def line(self) -> PoolLine:
        lines = PoolLine.objects.filter(pool__in=Pool.objects.visible_to(self.actor)).select_related("pool")
        row: PoolLine = get_object_or_404(lines, pk=self.kwargs["line"])
        return row

    def get(self, request: Request, company: int, line: int) -> Response:
        row, target = self.company(), self.line()
        standing = standings.read(target.pool)
        found = standing.line(target.pk)
        mine = self.get_queryset().filter(company=row, pool_line=target).first()
        view = progress.view_for(standing, found, row) if found else None
        steps = [
            {
                "kind": step.kind,
                "reached": step.progress.reached,
                "threshold": step.progress.threshold,
                "from_percent": step.progress.from_percent,
                "to_percent": step.progress.to_percent,
                "unit_price": UnitPrice().to_representation(step.unit_price_e4) if step.unit_price_e4 else None,
            }
            for step in (view.steps if view else ())
        ]
        price = view.price_e4 if view else None
        return Response(
            {
                "commitment": CommitmentOut(mine).data if mine else None,
                "unit_price": UnitPrice().to_representation(price) if price else None,
                "progress": steps,
                "deadline": standings.deadline_of(target.pool),
            }
        )

    def put(self, request: Request, company: int, line: int) -> Response:
        row, target = self.company(), self.line()
        require(access.can_request(self.actor, row))
        form = CommitmentIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        site = get_object_or_404(Site, pk=data["site"], company=row) if data["site"] else None
        word = word_of(data, site)
        said = service.commit(
            actor=self.actor, company=row, line=target, word=word, at=timezone.now(), draft=data["draft"]
        )
        return Response(CommitmentOut(said).data)

    def delete(self, request: Request, company: int, line: int) -> Response:
        row = self.company()
        require(access.can_request(self.actor, row))
        said = service.withdraw(actor=self.actor, company=row, line=self.line(), at=timezone.now())
        return Response(CommitmentOut(said).data)


class CommitmentLineIn(CommitmentIn):
    line = serializers.IntegerField()
    draft = None  # type: ignore[assignment]  # said once for all lines


class CommitmentsIn(serializers.Serializer[Any]):
    lines = CommitmentLineIn(many=True, allow_empty=False)
    draft = serializers.BooleanField(default=False)


class ConsentIn(serializers.Serializer[Any]):
    accepted = serializers.BooleanField()


class PoolCommitments(_Company):
    """The company's words on several lines of a pool, all or none: `{"draft": false, "lines": [{"line", "quantity", …}]}`."""

    serializer_class = CommitmentsIn

    @extend_schema(responses=CommitmentOut(many=True))
    def put(self, request: Request, company: int, pk: int) -> Response:
        row = self.company()
        require(access.can_request(self.actor, row))
        pool = get_object_or_404(Pool.objects.visible_to(self.actor), pk=pk)
        form = CommitmentsIn(data=request.data)
        form.is_valid(raise_exception=True)
        sites = {site.pk: site for site in row.sites.all()}
        words = {}
        for data in form.validated_data["lines"]:
            if data["site"] and data["site"] not in sites:
                raise serializers.ValidationError({"lines": f"unknown site {data['site']}"})
            words[data["line"]] = word_of(data, sites.get(data["site"]))
        draft = form.validated_data["draft"]
        said = service.commit_all(actor=self.actor, company=row, pool=pool, words=words, at=timezone.now(), draft=draft)
        return Response(CommitmentOut(said, many=True).data)


def word_of(data: dict[str, Any], site: Site | None) -> service.Word:
    return service.Word(
        data["quantity"],
        data["tolerance"],
        data["tier_tolerance"],
        data["price_cap"],
        data["min_useful"],
        site,
        data["cost_centre"],
    )


class ProofOut(serializers.ModelSerializer[CommitmentProof]):
    """What was confirmed, word for word; `sha256` is of the canonical JSON of `content`."""

    class Meta:
        model = CommitmentProof
        fields = ["id", "pool", "at", "sha256", "content"]


class ProofList(_Company):
    """The company's proofs of commitment, newest first; `?pool=` narrows them."""

    serializer_class = ProofOut

    def get(self, request: Request, company: int) -> Response:
        rows = CommitmentProof.objects.visible_to(self.actor).filter(company=self.company())
        if pool := request.query_params.get("pool", ""):
            rows = rows.filter(pool_id=int(pool) if pool.isdecimal() and len(pool) < 19 else 0)
        return self.get_paginated_response(ProofOut(self.paginate_queryset(rows), many=True).data)


class ConsentAnswer(_Company):
    """Agree to what the supplier changed, or leave: `{"accepted": true}` with the number of the acknowledgement."""

    serializer_class = ConsentIn

    def post(self, request: Request, company: int, answer: int) -> Response:
        row = self.company()
        require(access.can_request(self.actor, row))
        rows = Acknowledgement.objects.filter(consents__commitment__company=row).distinct()
        target = get_object_or_404(rows, pk=answer)
        form = ConsentIn(data=request.data)
        form.is_valid(raise_exception=True)
        accepted = form.validated_data["accepted"]
        changes.answer_change(actor=self.actor, company=row, answer=target, accepted=accepted, at=timezone.now())
        return Response({"accepted": accepted})


class CommitmentDecide(_Company):
    """An approver's answer to the company's waiting commitments of a pool: `{"verdict": "approve"|"refuse", "reason"}`."""

    class Input(serializers.Serializer[Any]):
        verdict = serializers.ChoiceField(choices=["approve", "refuse"])
        reason = serializers.CharField(required=False, allow_blank=True, default="")

    def post(self, request: Request, company: int, pk: int) -> Response:
        row = self.company()
        require(bool(authorities(self.actor, row, at=timezone.now())))  # a level may ask for any of these roles
        pool = get_object_or_404(Pool.objects.visible_to(self.actor), pk=pk)
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        at = timezone.now()
        if form.validated_data["verdict"] == "approve":
            rows = agreement.approve(actor=self.actor, company=row, pool=pool, at=at)
        else:
            reason = form.validated_data["reason"]
            rows = agreement.refuse(actor=self.actor, company=row, pool=pool, reason=reason, at=at)
        return Response(CommitmentOut(rows, many=True).data)


class ShareOut(serializers.ModelSerializer[CostShare]):
    pool = serializers.IntegerField(source="invoice.order.pool_id", read_only=True)
    order = serializers.IntegerField(source="invoice.order_id", read_only=True)
    supplier_invoice = serializers.CharField(source="invoice.number", read_only=True)
    text = serializers.SerializerMethodField()
    net = Cents(source="net_cents", read_only=True)
    vat = Cents(source="vat_cents", read_only=True)

    class Meta:
        model = CostShare
        fields = ["id", "pool", "order", "supplier_invoice", "commitment", "kind", "text", "quantity", "weight", "rule", "rank", "net",
                  "vat_bp", "vat"]  # fmt: skip

    def get_text(self, share: CostShare) -> str:
        return share.line.text if share.line else str(share.get_kind_display())


class ShareList(_Company):
    """The company's cost shares with the rule and rank behind each cent; `?pool=` and `?order=` narrow them."""

    serializer_class = ShareOut

    def get(self, request: Request, company: int) -> Response:
        rows = CostShare.objects.visible_to(self.actor).filter(company=self.company())
        if pool := request.query_params.get("pool", ""):
            rows = rows.filter(invoice__order__pool_id=int(pool) if pool.isdecimal() and len(pool) < 19 else 0)
        if order := request.query_params.get("order", ""):
            rows = rows.filter(invoice__order_id=int(order) if order.isdecimal() and len(order) < 19 else 0)
        page = self.paginate_queryset(rows.select_related("invoice__order", "line"))
        return self.get_paginated_response(ShareOut(page, many=True).data)


class PoolLock(ApiView):
    """Apply the pool's rules after its deadline. Asked twice it answers twice the same."""

    scope = "pools"

    @extend_schema(request=None, responses={200: dict[str, Any]})
    def post(self, request: Request, pk: int) -> Response:
        user: User = request.user  # type: ignore[assignment]  # nobody comes here without signing in
        pool = get_object_or_404(Pool.objects.led_by(user), pk=pk)
        pool = locking.lock(pool=pool, at=timezone.now(), actor=user)
        lines = [
            {"id": line.pk, "state": line.state, "ordered": line.order_quantity} for line in pool.lines.order_by("pk")
        ]
        return Response({"id": pool.pk, "state": pool.state, "closes_at": pool.closes_at, "lines": lines})
