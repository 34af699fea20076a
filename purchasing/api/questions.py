"""Questions and answers of a tender, and what may be done about one invited supplier, over REST."""

from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from purchasing.api.requests import reason_of
from purchasing.api.tenders import QuoteByLink, _Tenders
from purchasing.models import TenderInvitation, TenderQuestion
from purchasing.services import question as service
from purchasing.services import tender as tenders


class QuestionOut(serializers.ModelSerializer[TenderQuestion]):
    question = serializers.CharField(source="__str__", read_only=True)

    class Meta:
        model = TenderQuestion
        fields = ["id", "question", "asked_at", "answer", "answered_at"]


class QuestionIn(serializers.Serializer[Any]):
    question = serializers.CharField(max_length=2000)


class TenderAnswerIn(serializers.Serializer[Any]):
    answer = serializers.CharField()
    wording = serializers.CharField(required=False, allow_blank=True, default="")


class QuestionsByLink(QuoteByLink):
    """A supplier reads what was answered to all and asks; the link is the login."""

    serializer_class = QuestionIn  # type: ignore[assignment]  # narrower than the generic view's
    http_method_names = ["get", "post", "head", "options"]

    def get(self, request: Request, token: str) -> Response:
        rows = TenderQuestion.objects.readable_by(self.invitation(token))
        return Response(QuestionOut(rows, many=True).data)

    def post(self, request: Request, token: str) -> Response:
        invitation = self.invitation(token)
        form = QuestionIn(data=request.data)
        form.is_valid(raise_exception=True)
        row = service.ask(invitation=invitation, text=form.validated_data["question"], at=timezone.now())
        return Response(QuestionOut(row).data, status=201)


class QuestionList(_Tenders):
    """The questions of the running tender."""

    serializer_class = QuestionOut  # type: ignore[assignment]  # narrower than the generic view's

    def get(self, request: Request, pk: int) -> Response:
        return Response(QuestionOut(self.tender().questions.all(), many=True).data)


class QuestionAnswer(_Tenders):
    """Answer a question for all invited suppliers: `{"answer", "wording"}`."""

    serializer_class = TenderAnswerIn  # type: ignore[assignment]  # narrower than the generic view's

    def post(self, request: Request, pk: int, question: int) -> Response:
        row = get_object_or_404(
            TenderQuestion.objects.select_related("tender__pool"), pk=question, tender__pool=self.led()
        )
        form = TenderAnswerIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        at = timezone.now()
        row = service.answer(actor=self.actor, question=row, text=data["answer"], wording=data["wording"], at=at)
        return Response(QuestionOut(row).data)


class InvitationAct(_Tenders):
    """`accept-late`, `shortlist`, `negotiate`, `resend`, `revoke` or, before it is sent, `remove` one supplier."""

    def post(self, request: Request, pk: int, invitation: int, action: str) -> Response:
        rows = TenderInvitation.objects.select_related("tender__pool")
        row = get_object_or_404(rows, pk=invitation, tender__pool=self.led())
        reason, at, actor = reason_of(request), timezone.now(), self.actor
        if action == "accept-late":
            row = tenders.accept_late(actor=actor, invitation=row, reason=reason, at=at)
        elif action == "negotiate":
            row = tenders.negotiate(actor=actor, invitation=row, message=reason, at=at)
        elif action == "shortlist":
            row = tenders.shortlist(actor=actor, invitation=row, at=at)
        elif action == "resend":
            row = tenders.resend(actor=actor, invitation=row, at=at)
        elif action == "remove":
            tenders.uninvite(actor=actor, invitation=row, at=at)
            return Response(status=204)
        elif action == "revoke":
            row = tenders.revoke(actor=actor, invitation=row, reason=reason, at=at)
        else:
            raise Http404
        row.refresh_from_db()
        return Response({"id": row.pk, "state": row.state})
