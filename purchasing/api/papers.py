"""Papers of a company over REST, by its token: proofs of commitment, proof sheet, hand-overs, claims. Same files as on the pages."""

from typing import Any, cast

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from companies.documents import download
from companies.models import User
from purchasing import goods_papers, proof, proof_document
from purchasing.api.commitments import OfCompany
from purchasing.api.fields import Cents
from purchasing.api.order_steps import PDF
from purchasing.models import Claim, CommitmentProof, HandOver, Pool
from purchasing.proof import Document


class ProofStepOut(serializers.Serializer[Any]):
    """One share: what was split (`to_share`), by which rule, by which weight `of` the sum of all; null where it would tell of others."""

    line = serializers.CharField(source="source")
    rule = serializers.CharField()
    to_share = Cents(source="total_cents")
    weight = serializers.IntegerField(source="share.weight")
    of = serializers.IntegerField(source="weights", allow_null=True)
    rank = serializers.IntegerField(source="share.rank")
    net = Cents(source="share.net_cents")
    vat_bp = serializers.IntegerField(source="share.vat_bp")
    vat = Cents(source="share.vat_cents")


class ProofSheetOut(serializers.Serializer[Any]):
    invoice = serializers.CharField(source="invoice.number")
    supplier = serializers.CharField(source="invoice.supplier.name")
    net = Cents(source="net_cents")
    vat = Cents(source="vat_cents")
    gross = Cents(source="gross_cents")
    steps = ProofStepOut(many=True)


def pdf(content: bytes, name: str) -> HttpResponse:
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="{name}.pdf"'
    response["Cache-Control"] = "private, no-store"
    return response


class Papers(OfCompany):
    scope = "orders"
    serializer_class: Any = ProofSheetOut


class ProofSheet(Papers):
    """Each of the company's cents of a pool, with all that is needed to compute it again."""

    def sheet(self, pk: int) -> tuple[Pool, list[Document]]:
        pool = get_object_or_404(Pool.objects.visible_to(cast(User, self.request.user)), pk=pk)
        return pool, proof.of(pool, self.company())

    @extend_schema(responses=ProofSheetOut(many=True))
    def get(self, request: Request, company: int, pk: int) -> Response | HttpResponse:
        return Response(ProofSheetOut(self.sheet(pk)[1], many=True).data)


class ProofPaper(ProofSheet):
    @extend_schema(responses=PDF)
    def get(self, request: Request, company: int, pk: int) -> HttpResponse:
        pool, found = self.sheet(pk)
        if not found:
            raise Http404
        return pdf(proof_document.pdf(pool, self.company(), found, at=timezone.now()), f"preuve-{pool.pk}")


class CommitmentPaper(Papers):
    """The PDF of what was confirmed; 404 for the seconds until it is printed."""

    @extend_schema(responses=PDF)
    def get(self, request: Request, company: int, pk: int) -> HttpResponse:
        rows = CommitmentProof.objects.select_related("document").filter(document__isnull=False)
        found = get_object_or_404(rows, pk=pk, company=self.company())
        assert found.document is not None
        return download(found.document)


class HandOverPaper(Papers):
    """Who gave what to whom, with the signature if one was drawn."""

    @extend_schema(responses=PDF)
    def get(self, request: Request, company: int, pk: int) -> HttpResponse:
        rows = HandOver.objects.select_related(
            "receipt__order__pool", "receipt__order__supplier", "company", "signature"
        )
        row = get_object_or_404(rows, pk=pk, company=self.company())
        return pdf(goods_papers.hand_over(row, at=timezone.now()), f"remise-{row.pk}")


class ClaimPaper(Papers):
    """A claim of the company with its evidence, answers and credit."""

    @extend_schema(responses=PDF)
    def get(self, request: Request, company: int, pk: int) -> HttpResponse:
        own = self.company()
        row = get_object_or_404(Claim.objects.select_related("order__supplier", "company"), pk=pk, company=own)
        return pdf(goods_papers.claim(row, company=own, credits_shown=False, at=timezone.now()), row.number)
