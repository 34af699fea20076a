"""REST: working groups and meetings, for calendars and intranets. Scope `meetings`; a token acts for the person who made it."""

from typing import Any, cast

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from companies import documents
from companies.access import is_staff, require
from companies.api import ApiView
from companies.models import Attendance, Meeting, MeetingDecision, MeetingDocument, User, WorkingGroup
from companies.pagination import Pages
from companies.services import meetings as service


class GroupOut(serializers.ModelSerializer[WorkingGroup]):
    member = serializers.SerializerMethodField()

    class Meta:
        model = WorkingGroup
        fields = ["id", "name", "purpose", "member"]

    def get_member(self, row: WorkingGroup) -> bool:
        return row.pk in self.context["mine"]


class DecisionOut(serializers.ModelSerializer[MeetingDecision]):
    owner = serializers.CharField(source="owner.full_name", default="", read_only=True)

    class Meta:
        model = MeetingDecision
        fields = ["id", "text", "owner", "due_on", "done_at"]


class MeetingOut(serializers.ModelSerializer[Meeting]):
    """`answer` is the caller's own; null when not invited. The minutes are told once they are published."""

    group = serializers.IntegerField(source="group_id", read_only=True)
    group_name = serializers.CharField(source="group.name", read_only=True)
    agenda = serializers.SerializerMethodField()
    answer = serializers.SerializerMethodField()
    coming = serializers.SerializerMethodField()
    minutes = serializers.SerializerMethodField()
    decisions = DecisionOut(many=True, read_only=True)

    class Meta:
        model = Meeting
        fields = ["id", "uid", "sequence", "group", "group_name", "title", "starts_at", "ends_at", "place", "state",
                  "agenda", "answer", "coming", "minutes", "decisions"]  # fmt: skip

    def get_agenda(self, row: Meeting) -> list[str]:
        return [item.title for item in row.agenda.all()]

    def get_answer(self, row: Meeting) -> str | None:
        mine = next((a for a in row.attendances.all() if a.user_id == self.context["user"].pk), None)
        return str(mine.answer) if mine else None

    def get_coming(self, row: Meeting) -> int:
        return sum(a.answer == Attendance.Answer.YES for a in row.attendances.all())

    def get_minutes(self, row: Meeting) -> str:
        return row.minutes if row.state == "minuted" else ""


class MeetingIn(serializers.Serializer[Any]):
    """`agenda` one point per line, planned minutes in brackets: `Wood pellets (20)`."""

    title = serializers.CharField(max_length=160)
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    place = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    agenda = serializers.CharField(max_length=10_000)

    def draft(self) -> service.Draft:
        return service.Draft(**self.validated_data)


class MeetingActIn(serializers.Serializer[Any]):
    """`reason` for a cancellation."""

    reason = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class _Meetings(ApiView):
    scope = "meetings"
    pagination_class = Pages
    serializer_class: Any = MeetingOut
    queryset = Meeting.objects.none()  # for the schema; each view asks for its own

    @property
    def actor(self) -> User:
        """The caller; who has no role in a member company finds nothing here, as on the pages."""
        user = cast(User, self.request.user)
        inside = user.group_memberships.filter(left_at__isnull=True)
        if not (is_staff(user) or service.may_join(user) or inside.exists()):
            raise Http404
        return user

    def rows(self) -> Any:
        rows = Meeting.objects.visible_to(self.actor).select_related("group")
        return rows.prefetch_related("agenda", "attendances", "decisions__owner")

    def group(self) -> WorkingGroup:
        self.actor  # noqa: B018  # who may not come here gets 404 before the group is looked up
        return get_object_or_404(WorkingGroup, pk=self.kwargs["pk"])

    def told(self, pk: int, status: int = 200) -> Response:
        return Response(MeetingOut(self.rows().get(pk=pk), context={"user": self.actor}).data, status=status)


class GroupList(_Meetings):
    """Working groups, by name."""

    serializer_class: Any = GroupOut

    @extend_schema(operation_id="groups_list", responses=GroupOut(many=True))
    def get(self, request: Request) -> Response:
        mine = set(self.actor.group_memberships.filter(left_at__isnull=True).values_list("group", flat=True))
        page = self.paginate_queryset(WorkingGroup.objects.order_by("name", "pk"))
        return self.get_paginated_response(GroupOut(page, many=True, context={"mine": mine}).data)


class GroupMembership(_Meetings):
    """Join a group (PUT) or leave it (DELETE)."""

    @extend_schema(request=None, responses={204: None})
    def put(self, request: Request, pk: int) -> Response:
        service.join(actor=self.actor, group=self.group(), at=timezone.now())
        return Response(status=204)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        service.leave(actor=self.actor, group=self.group(), at=timezone.now())
        return Response(status=204)


class GroupMeetings(_Meetings):
    """POST prepares a meeting of a group, by its chairs and the association's staff."""

    serializer_class: Any = MeetingIn

    @extend_schema(request=MeetingIn, responses={201: MeetingOut})
    def post(self, request: Request, pk: int) -> Response:
        group = self.group()
        require(service.runs(self.actor, group))
        form = MeetingIn(data=request.data)
        form.is_valid(raise_exception=True)
        made = service.call(actor=self.actor, group=group, draft=form.draft(), at=timezone.now())
        return self.told(made.pk, 201)


class MeetingList(_Meetings):
    """Meetings of the caller's groups, latest first; `?state=` and `?group=` narrow them."""

    @extend_schema(operation_id="meetings_list", responses=MeetingOut(many=True))
    def get(self, request: Request) -> Response:
        rows = self.rows().order_by("-starts_at", "-pk")
        if state := request.query_params.get("state", ""):
            rows = rows.filter(state=state)
        if group := request.query_params.get("group", ""):
            rows = rows.filter(group=int(group) if group.isdecimal() and len(group) < 19 else 0)
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(MeetingOut(page, many=True, context={"user": self.actor}).data)


class MeetingDetail(_Meetings):
    """One meeting; PUT changes it, and who was invited is told."""

    @extend_schema(responses=MeetingOut)
    def get(self, request: Request, pk: int) -> Response:
        return self.told(get_object_or_404(self.rows(), pk=pk).pk)

    @extend_schema(request=MeetingIn, responses=MeetingOut)
    def put(self, request: Request, pk: int) -> Response:
        row = get_object_or_404(self.rows(), pk=pk)
        require(service.runs(self.actor, row.group))
        form = MeetingIn(data=request.data)
        form.is_valid(raise_exception=True)
        service.call(actor=self.actor, group=row.group, draft=form.draft(), meeting=row, at=timezone.now())
        return self.told(row.pk)


class MeetingAct(_Meetings):
    """`come` or `stay-away` answers for oneself; `invite`, `cancel` and `publish` (the minutes) are the chairs'."""

    serializer_class: Any = MeetingActIn

    @extend_schema(request=MeetingActIn, responses=MeetingOut)
    def post(self, request: Request, pk: int, action: str) -> Response:
        row, at = get_object_or_404(self.rows(), pk=pk), timezone.now()
        form = MeetingActIn(data=request.data)
        form.is_valid(raise_exception=True)
        if action in ("come", "stay-away"):
            service.answer(actor=self.actor, meeting=row, comes=action == "come", at=at)
        elif action == "invite":
            service.invite(actor=self.actor, meeting=row, at=at)
        elif action == "publish":
            service.publish(actor=self.actor, meeting=row, at=at)
        else:
            service.cancel(actor=self.actor, meeting=row, reason=form.validated_data["reason"], at=at)
        return self.told(row.pk)


class MinutesIn(serializers.Serializer[Any]):
    """`present` are the numbers of who came, as `people` says."""

    minutes = serializers.CharField(max_length=20_000, allow_blank=True)
    present = serializers.ListField(child=serializers.IntegerField(min_value=1), required=False, default=list)


class MinutesOut(serializers.Serializer[Any]):
    minutes = serializers.CharField()
    people = serializers.ListField(child=serializers.DictField())


class MeetingMinutes(_Meetings):
    """The minutes as far as they are written and who came, for the chairs; PUT keeps both. `publish` ends it."""

    serializer_class: Any = MinutesOut

    def body(self, row: Meeting) -> dict[str, Any]:
        people = row.attendances.select_related("user").order_by("pk")
        told = [{"id": a.user_id, "name": str(a.user), "answer": a.answer, "present": a.present} for a in people]
        return {"minutes": row.minutes, "people": told}

    def mine(self, pk: int) -> Meeting:
        row: Meeting = get_object_or_404(self.rows(), pk=pk)
        require(service.runs(self.actor, row.group))
        return row

    @extend_schema(responses=MinutesOut)
    def get(self, request: Request, pk: int) -> Response:
        return Response(self.body(self.mine(pk)))

    @extend_schema(request=MinutesIn, responses=MinutesOut)
    def put(self, request: Request, pk: int) -> Response:
        row, form = self.mine(pk), MinutesIn(data=request.data)
        form.is_valid(raise_exception=True)
        row = service.note(actor=self.actor, meeting=row, at=timezone.now(), **form.validated_data)
        return Response(self.body(row))


class DecisionIn(serializers.Serializer[Any]):
    """`owner` is the number of who does it, a member of the group; `due_on` needs one."""

    text = serializers.CharField(max_length=500)
    owner = serializers.IntegerField(min_value=1, required=False, allow_null=True, default=None)
    due_on = serializers.DateField(required=False, allow_null=True, default=None)


class MeetingDecisions(_Meetings):
    """What was decided; the chairs add one with POST, the same words once."""

    pagination_class = None  # type: ignore[assignment]  # a handful
    serializer_class: Any = DecisionOut

    @extend_schema(operation_id="meeting_decisions_list", responses=DecisionOut(many=True))
    def get(self, request: Request, pk: int) -> Response:
        row = get_object_or_404(self.rows(), pk=pk)
        return Response(DecisionOut(row.decisions.all(), many=True).data)

    @extend_schema(request=DecisionIn, responses={201: DecisionOut})
    def post(self, request: Request, pk: int) -> Response:
        row = get_object_or_404(self.rows(), pk=pk)
        require(service.runs(self.actor, row.group))
        form = DecisionIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = dict(form.validated_data)
        if data["owner"] is not None:
            data["owner"] = get_object_or_404(User, pk=data["owner"], group_memberships__group=row.group)
        made = service.decide(actor=self.actor, meeting=row, at=timezone.now(), **data)
        return Response(DecisionOut(made).data, status=201)


class MeetingDecisionDone(_Meetings):
    """Who was to do it, or who runs the group, says that it is done."""

    serializer_class: Any = DecisionOut

    @extend_schema(request=None, responses=DecisionOut)
    def post(self, request: Request, pk: int, decision: int) -> Response:
        row = get_object_or_404(self.rows(), pk=pk)
        found = get_object_or_404(MeetingDecision.objects.select_related("meeting__group"), pk=decision, meeting=row)
        service.finish_task(actor=self.actor, decision=found, at=timezone.now())
        found.refresh_from_db()
        return Response(DecisionOut(found).data)


class MeetingFileOut(serializers.ModelSerializer[MeetingDocument]):
    name = serializers.CharField(source="document.name", read_only=True)
    media_type = serializers.CharField(source="document.media_type", read_only=True)
    sha256 = serializers.CharField(source="document.sha256", read_only=True)

    class Meta:
        model = MeetingDocument
        fields = ["id", "name", "media_type", "sha256"]


class MeetingFileIn(serializers.Serializer[Any]):
    """A PDF, an image or an office file of at most 10 MB."""

    file = serializers.FileField(max_length=200)


class MeetingFiles(_Meetings):
    """Files of a meeting; the chairs add one with POST. The same file again is the same row."""

    pagination_class = None  # type: ignore[assignment]  # a handful
    serializer_class: Any = MeetingFileOut
    parser_classes = [MultiPartParser]

    @extend_schema(operation_id="meeting_files_list", responses=MeetingFileOut(many=True))
    def get(self, request: Request, pk: int) -> Response:
        row = get_object_or_404(self.rows(), pk=pk)
        return Response(MeetingFileOut(row.files.select_related("document"), many=True).data)

    @extend_schema(request=MeetingFileIn, responses={201: MeetingFileOut})
    def post(self, request: Request, pk: int) -> Response:
        row = get_object_or_404(self.rows(), pk=pk)
        require(service.runs(self.actor, row.group))
        form = MeetingFileIn(data=request.data)
        form.is_valid(raise_exception=True)
        sent = form.validated_data["file"]
        content, kind = sent.read(service.MOST_BYTES + 1), sent.content_type or ""
        at = timezone.now()
        made = service.add_file(actor=self.actor, meeting=row, name=sent.name, media_type=kind, content=content, at=at)
        return Response(MeetingFileOut(made).data, status=201)


class MeetingFileContent(_Meetings):
    """One file; `minutes` are the published minutes as PDF."""

    serializer_class: Any = MeetingFileOut

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: int, file: str) -> HttpResponse:
        row = get_object_or_404(self.rows().select_related("minutes_document"), pk=pk)
        if file == "minutes":
            if row.minutes_document is None:
                raise Http404
            return documents.download(row.minutes_document, inline=False)
        kept = get_object_or_404(MeetingDocument.objects.select_related("document"), pk=int(file), meeting=row)
        return documents.download(kept.document, inline=False)
