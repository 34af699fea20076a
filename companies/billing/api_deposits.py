"""Money kept on account, for an accountant's software: how much there is, what was sent back, and asking for it."""

import logging
from typing import Any, cast

from django.db.models import F, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from companies import money
from companies.access import companies_of, is_staff, require
from companies.billing import access, allocation, buyers, deposits, payments
from companies.billing.api_accounts import AccountsView
from companies.billing.api_books import NothingSerializer
from companies.billing.api_fields import Amount, Euros
from companies.billing.models import AccountKind, DepositRefund, DepositRefundState, Invoice, LedgerEntry, Payment
from companies.models import Company, Role, User

log = logging.getLogger(__name__)
MOST_PARTS = 200


class DepositSerializer(serializers.ModelSerializer[Company]):
    company = serializers.IntegerField(source="pk")
    kept = Euros(source="kept_cents", help_text="Paid in advance or too much, and used for no invoice yet.")
    on_its_way_back = Euros(source="going_cents", help_text="Asked back, and not seen to have left.")

    class Meta:
        model = Company
        fields = ["company", "name", "kept", "on_its_way_back"]


class MeansSerializer(serializers.Serializer[Any]):
    payment = serializers.IntegerField(source="payment.pk")
    means = serializers.CharField(source="payment.method_hint")
    most = Euros(source="cents", help_text="How much can go back the way it came.")


class DepositDetailSerializer(DepositSerializer):
    seen = serializers.SerializerMethodField(help_text="Names the last movement: send it when you use what is kept.")
    means = serializers.SerializerMethodField(help_text="Payments whose money is kept.")
    ibans = serializers.SerializerMethodField(help_text="Accounts that transfers came from, the newest first.")

    class Meta(DepositSerializer.Meta):
        fields = [*DepositSerializer.Meta.fields, "seen", "means", "ibans"]

    def get_seen(self, company: Company) -> int:
        return allocation.last_entry(company)

    @extend_schema(responses=MeansSerializer(many=True))
    def get_means(self, company: Company) -> list[dict[str, Any]]:
        return [dict(row) for row in MeansSerializer(deposits.means_of(company), many=True).data]

    def get_ibans(self, company: Company) -> list[str]:
        return deposits.known_ibans(company)


def _sum(kind: AccountKind) -> Coalesce:
    entries = LedgerEntry.objects.filter(account__company=OuterRef("pk"), account__kind=kind)
    sums = entries.order_by().values("account__company").annotate(sum=Sum("cents")).values("sum")
    return Coalesce(Subquery(sums), Value(0))


def _with_sums(companies: QuerySet[Company]) -> QuerySet[Company]:
    rows = companies.annotate(owed=_sum(AccountKind.DEPOSITS), waiting=_sum(AccountKind.REFUNDS))
    return rows.annotate(kept_cents=Value(0) - F("owed"), going_cents=Value(0) - F("waiting"))


class _Kept(AccountsView):
    scope = "deposits"

    def owners(self) -> QuerySet[Company]:
        """Companies whose money the caller may look at."""
        user = self.request.user
        rows = Company.objects.all() if is_staff(user) else companies_of(user, Role.ACCOUNTANT, Role.ADMIN)
        return self.own(rows, "pk")


class _Deposits(_Kept):
    queryset = Company.objects.none()

    def get_queryset(self) -> QuerySet[Company]:
        if not self.asked():
            return self.queryset
        return _with_sums(self.owners())


class DepositList(_Deposits, ListAPIView[Company]):
    """What is kept for each company, and what of it is on its way back."""

    serializer_class = DepositSerializer


class DepositDetail(_Deposits, RetrieveAPIView[Company]):
    """What is kept for a company, with the means and accounts it may go back to."""

    serializer_class = DepositDetailSerializer


class MovementSerializer(serializers.ModelSerializer[LedgerEntry]):
    at = serializers.DateTimeField(source="transaction.at")
    kind = serializers.CharField(source="transaction.kind", help_text="transfer | kept | deposit_refund | reversal …")
    amount = serializers.SerializerMethodField(help_text="Above zero: kept. Below: used or sent back.")
    reason = serializers.CharField(source="transaction.reason")
    invoices = serializers.SerializerMethodField(help_text="Invoices the same movement touched.")

    class Meta:
        model = LedgerEntry
        fields = ["id", "at", "kind", "amount", "reason", "invoices"]

    def get_amount(self, entry: LedgerEntry) -> str:
        return money.euros(-entry.cents)

    def get_invoices(self, entry: LedgerEntry) -> list[int]:
        return sorted({one.invoice_id for one in entry.transaction.entries.all() if one.invoice_id})


class MovementList(_Kept, ListAPIView[LedgerEntry]):
    """What was kept for a company, used and sent back, the newest first."""

    serializer_class = MovementSerializer
    queryset = LedgerEntry.objects.none()

    def get_queryset(self) -> QuerySet[LedgerEntry]:
        if not self.asked():
            return self.queryset
        owner = get_object_or_404(self.owners(), pk=self.kwargs["pk"])
        rows = LedgerEntry.objects.filter(account__kind=AccountKind.DEPOSITS, account__company=owner)
        return rows.select_related("transaction").prefetch_related("transaction__entries").order_by("-pk")


class UsePartSerializer(serializers.Serializer[Any]):
    invoice = serializers.IntegerField(min_value=1)
    amount = Amount()


class UseSerializer(serializers.Serializer[Any]):
    seen = serializers.IntegerField(min_value=0, help_text="As you read it: what changed since is refused (409).")
    parts = UsePartSerializer(many=True, allow_empty=False)

    def validate_parts(self, given: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len({one["invoice"] for one in given}) != len(given):
            raise serializers.ValidationError("Name each invoice once.")
        if len(given) > MOST_PARTS:
            raise serializers.ValidationError("Too many parts at once.")
        return given


class DepositUse(_Deposits):
    """Use what is kept for a company on its invoices."""

    serializer_class = UseSerializer

    @extend_schema(request=UseSerializer, responses=DepositDetailSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Each part is at most what its invoice still owes; all of them, or none. Sent twice with one `seen`, used once."""
        rows = self.get_queryset()
        company = get_object_or_404(rows, pk=pk)
        require(access.can_pay(request.user, company) or access.can_collect(request.user))
        given = UseSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        parts = {one["invoice"]: one["amount"] for one in given.validated_data["parts"]}
        allocation.spend(
            company=company,
            parts=parts,
            actor=cast(User, request.user),
            at=timezone.now(),
            seen=given.validated_data["seen"],
        )
        return Response(DepositDetailSerializer(rows.get(pk=pk)).data)


class InvoiceKeep(_Kept):
    """Keep what was paid too much on an invoice."""

    serializer_class = NothingSerializer

    @extend_schema(responses=DepositDetailSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """The money goes to what is kept for the company, to be used or sent back."""
        self.asked()
        invoice = get_object_or_404(Invoice.objects.select_related("company"), pk=pk, company__in=self.owners())
        deposits.keep(invoice=invoice, actor=cast(User, request.user), at=timezone.now())
        rows = _with_sums(Company.objects.filter(pk=buyers.member(invoice).pk))
        return Response(DepositDetailSerializer(rows.get()).data)


class RefundSerializer(serializers.ModelSerializer[DepositRefund]):
    reference = serializers.CharField(help_text="What the transfer says.")
    amount = Euros(source="cents")
    payment = serializers.IntegerField(source="refund.payment_id", default=None)

    class Meta:
        model = DepositRefund
        fields = ["id", "reference", "company", "state", "amount", "reason", "payment", "iban"]
        fields += ["asked_at", "ended_at"]


class AskSerializer(serializers.Serializer[Any]):
    company = serializers.IntegerField(min_value=1)
    amount = Amount()
    reason = serializers.CharField(max_length=240)
    key = serializers.CharField(max_length=40, help_text="Drawn by you: the same key sends the money once, for ever.")
    payment = serializers.IntegerField(required=False, help_text="To the means of this payment, or …")
    iban = serializers.CharField(required=False, max_length=42, help_text="… by transfer to this account.")

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if ("payment" in given) == ("iban" in given):
            raise serializers.ValidationError("Give either payment or iban.")
        return given


class RefundFilter(filters.FilterSet):
    state = filters.MultipleChoiceFilter(choices=DepositRefundState.choices)

    class Meta:
        model = DepositRefund
        fields = ["company", "state"]


class _Refunds(_Kept):
    serializer_class: Any = RefundSerializer
    queryset = DepositRefund.objects.none()

    def get_queryset(self) -> QuerySet[DepositRefund]:
        if not self.asked():
            return self.queryset
        return DepositRefund.objects.filter(company__in=self.owners()).select_related("refund")

    @property
    def actor(self) -> User:
        return cast(User, self.request.user)


class RefundList(_Refunds, ListAPIView[DepositRefund]):
    """Sums sent back or on their way, newest first. Filters: company, state (several)."""

    filterset_class = RefundFilter

    @extend_schema(request=AskSerializer, responses={201: RefundSerializer})
    def post(self, request: Request) -> Response:
        """Ask for kept money back, to the means it was paid with or by transfer; once per key."""
        self.asked()
        given = AskSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        company = get_object_or_404(self.owners(), pk=data["company"])
        paid = Payment.objects.filter(invoice__company=company)
        payment = get_object_or_404(paid, pk=data["payment"]) if "payment" in data else None
        row = deposits.ask(
            company=company,
            cents=data["amount"],
            reason=data["reason"],
            key=data["key"],
            actor=self.actor,
            at=timezone.now(),
            payment=payment,
            iban=data.get("iban", ""),
        )
        if row.refund is not None and not row.refund.refund_id and row.state == DepositRefundState.ASKED:
            try:
                payments.send_refund(row.refund, at=timezone.now())
            except payments.PaymentServiceDown:
                log.warning("deposit refund %s waits for the payment service", row.pk)
        row.refresh_from_db()
        return Response(RefundSerializer(row).data, status=201)


class RefundDetail(_Refunds, RetrieveAPIView[DepositRefund]):
    """One sum sent back, and where it stands."""


class RefundCancel(_Refunds):
    """Give up a transfer that was not made yet: the sum is kept again."""

    serializer_class = NothingSerializer

    @extend_schema(responses=RefundSerializer)
    def post(self, request: Request, pk: int) -> Response:
        row = get_object_or_404(self.get_queryset(), pk=pk)
        deposits.cancel(row=row, actor=self.actor, at=timezone.now())
        row.refresh_from_db()
        return Response(RefundSerializer(row).data)
