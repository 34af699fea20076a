"""Questions between buyers over REST: read, ask, answer, say which answer helped."""

from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from companies.access import require
from purchasing import access, talk
from purchasing.api.exchange import _Exchange
from purchasing.models import Article, BuyerAnswer, BuyerQuestion, Pool, Supplier
from purchasing.services import buyer_question as service
from purchasing.states_exchange import QuestionState

SUBJECTS = ("supplier", "article", "pool")
NARROW = [OpenApiParameter(name, int) for name in SUBJECTS] + [
    OpenApiParameter("open", bool, description="1: only those that wait for an answer"),
    OpenApiParameter("q", str, description="words in question and answers, by French stems"),
]


class BuyerAnswerOut(serializers.ModelSerializer[BuyerAnswer]):
    """`company` is null when the association answers."""

    company = serializers.CharField(source="company.name", allow_null=True, default=None, read_only=True)
    author = serializers.CharField(source="author.full_name", read_only=True)
    helped = serializers.SerializerMethodField()

    class Meta:
        model = BuyerAnswer
        fields = ["id", "company", "author", "text", "at", "helped"]

    def get_helped(self, row: BuyerAnswer) -> bool:
        return row.pk == self.context["accepted"]


class BuyerQuestionOut(serializers.ModelSerializer[BuyerQuestion]):
    """About exactly one of `supplier`, `article`, `pool`; `answers` counts those that are shown."""

    company = serializers.CharField(source="company.name", read_only=True)
    author = serializers.CharField(source="author.full_name", read_only=True)
    answers = serializers.IntegerField(source="answer_count", read_only=True)

    class Meta:
        model = BuyerQuestion
        fields = ["id", "title", "text", "state", "company", "author", *SUBJECTS, "answers", "asked_at", "active_at"]


class BuyerQuestionDetailOut(serializers.Serializer[Any]):
    question = BuyerQuestionOut()
    answers = BuyerAnswerOut(many=True)


class BuyerQuestionIn(serializers.Serializer[Any]):
    """The same person asking the same words about the same thing gets the first question back."""

    supplier: Any = serializers.PrimaryKeyRelatedField(queryset=Supplier.objects.filter(active=True), required=False)
    article: Any = serializers.PrimaryKeyRelatedField(queryset=Article.objects.filter(active=True), required=False)
    pool = serializers.IntegerField(required=False, min_value=1)
    title = serializers.CharField(max_length=160)
    text = serializers.CharField(max_length=4_000, required=False, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if sum(name in attrs for name in SUBJECTS) != 1:
            raise serializers.ValidationError({"supplier": "Give exactly one of supplier, article and pool."})
        return attrs


class BuyerAnswerIn(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=4_000)


class BuyerQuestionActIn(serializers.Serializer[Any]):
    """`answer` is needed to `accept` one."""

    answer = serializers.IntegerField(required=False, min_value=1)


class _Talk(_Exchange):
    def found(self, pk: int) -> BuyerQuestion:
        return get_object_or_404(talk.questions(self.actor), pk=pk)

    def told(self, pk: int, status: int = 200) -> Response:
        """One question with its answers, as it stands now."""
        row = self.found(pk)
        found = {"question": row, "answers": talk.answers_of(row, self.actor)}
        return Response(BuyerQuestionDetailOut(found, context={"accepted": row.accepted_id}).data, status=status)


class BuyerQuestionList(_Talk):
    """Questions of all buyers, those that move first; POST asks one."""

    serializer_class: Any = BuyerQuestionIn

    @extend_schema(parameters=NARROW, responses=BuyerQuestionOut(many=True))
    def get(self, request: Request, company: int) -> Response:
        self.company()
        rows, given = talk.questions(self.actor), request.query_params
        for name in SUBJECTS:
            if number := given.get(name, ""):
                rows = rows.filter(**{name: int(number) if number.isdecimal() and len(number) < 19 else 0})
        if given.get("open"):
            rows = rows.filter(state=QuestionState.OPEN)
        rows = talk.searched(rows, given.get("q", "").strip()[:100])
        return self.get_paginated_response(BuyerQuestionOut(self.paginate_queryset(rows), many=True).data)

    @extend_schema(request=BuyerQuestionIn, responses={201: BuyerQuestionDetailOut})
    def post(self, request: Request, company: int) -> Response:
        row = self.company()
        require(access.can_request(self.actor, row))
        form = BuyerQuestionIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        about = data.get("supplier") or data.get("article")
        if about is None:
            about = get_object_or_404(Pool.objects.visible_to(self.actor), pk=data["pool"])
        made = service.ask(
            actor=self.actor, company=row, about=about, title=data["title"], text=data["text"], at=timezone.now()
        )
        return self.told(made.pk, 201)


class BuyerQuestionDetail(_Talk):
    """One question with its answers, the one that helped first."""

    serializer_class: Any = BuyerQuestionDetailOut

    @extend_schema(responses=BuyerQuestionDetailOut)
    def get(self, request: Request, company: int, pk: int) -> Response:
        self.company()
        return self.told(pk)


class BuyerQuestionAnswers(_Talk):
    """Answer for the company; the same words again are the same answer."""

    serializer_class: Any = BuyerAnswerIn

    @extend_schema(request=BuyerAnswerIn, responses={201: BuyerQuestionDetailOut})
    def post(self, request: Request, company: int, pk: int) -> Response:
        row = self.company()
        require(access.can_request(self.actor, row))
        found = self.found(pk)
        form = BuyerAnswerIn(data=request.data)
        form.is_valid(raise_exception=True)
        text = form.validated_data["text"]
        service.answer(actor=self.actor, company=row, question=found, text=text, at=timezone.now())
        return self.told(pk, 201)


class BuyerQuestionAct(_Talk):
    """`accept` the answer that helped, `close` one's question or `open` it again."""

    serializer_class: Any = BuyerQuestionActIn

    @extend_schema(request=BuyerQuestionActIn, responses=BuyerQuestionDetailOut)
    def post(self, request: Request, company: int, pk: int, action: str) -> Response:
        row, at = self.company(), timezone.now()
        require(access.can_request(self.actor, row))
        found = self.found(pk)
        form = BuyerQuestionActIn(data=request.data)
        form.is_valid(raise_exception=True)
        if action == "accept":
            rows = found.answers.select_related("question")
            answer = get_object_or_404(rows, pk=form.validated_data.get("answer", 0))
            service.accept(actor=self.actor, answer=answer, at=at)
        elif action in ("close", "open"):
            to = QuestionState.CLOSED if action == "close" else QuestionState.OPEN
            service.turn(actor=self.actor, question=found, to=to, at=at)
        else:
            raise Http404
        return self.told(pk)
