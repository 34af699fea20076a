"""Reviews of suppliers: by companies that received the order, once each, with the supplier's right of reply."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import is_staff, require
from companies.errors import DomainError, Invalid
from companies.models import Company, User
from companies.states import move
from purchasing import access, links, mails_reviews
from purchasing.models import HandOver, PurchaseOrder, SupplierReview
from purchasing.models.review import CRITERIA
from purchasing.services.surplus import ReasonMissing
from purchasing.states import HandOverState
from purchasing.states_exchange import REVIEW, ReviewState

SALT = "purchasing.review"
EDIT_DAYS = 30  # so long the words may be changed, and only until the supplier replies
REPLY_DAYS = 90
GOT = (HandOverState.HANDED_OVER, HandOverState.CONFIRMED, HandOverState.CONTESTED, HandOverState.RESOLVED)


class NotReceived(DomainError):
    code = "review_not_verified"
    message = _("Only a company that received goods of this order reviews its supplier.")


class ScoresWrong(Invalid):
    code = "review_scores_invalid"
    message = _("Give each question one to five points.")


class NoLongerEditable(DomainError):
    code = "review_not_editable"
    message = _("The supplier has replied, or %(days)s days have passed: this review stays as it is.")


class ReplyMissing(Invalid):
    code = "review_reply_missing"
    message = _("Write your reply.")
    field = "reply"


class AlreadyReplied(DomainError):
    code = "review_replied"
    message = _("Your reply is published already. Write to ERB if it has to change.")


class ComplaintMissing(Invalid):
    code = "review_complaint_missing"
    message = _("Say what is untrue or out of place in this review.")
    field = "complaint"


def received_orders(company: Company) -> QuerySet[PurchaseOrder]:
    """Orders of which the company has goods in its hands, latest first: those it may review."""
    got = HandOver.objects.filter(company=company, state__in=GOT)
    return PurchaseOrder.objects.filter(receipts__hand_overs__in=got).select_related("supplier", "pool").distinct()


def to_review(company: Company, *, since: datetime) -> QuerySet[PurchaseOrder]:
    """Received orders of late that the company has not reviewed."""
    rows = received_orders(company).filter(receipts__arrived_at__gte=since)
    return rows.exclude(reviews__company=company).order_by("-pk")


@transaction.atomic(durable=True)
def write(
    *, actor: User, company: Company, order: PurchaseOrder, scores: Mapping[str, int], text: str = "", at: datetime
) -> SupplierReview:
    """Publish the company's review of an order, or change it while that is possible. The supplier is asked for a reply.

    Raises NotReceived, ScoresWrong, NoLongerEditable.
    """
    require(access.can_request(actor, company))
    PurchaseOrder.objects.select_for_update(of=("self",), no_key=True).get(pk=order.pk)
    if not received_orders(company).filter(pk=order.pk).exists():
        raise NotReceived
    if set(scores) != set(CRITERIA) or not all(1 <= score <= 5 for score in scores.values()):
        raise ScoresWrong
    said = {**scores, "text": text.strip()[:4_000]}
    row = SupplierReview.objects.select_for_update(of=("self",)).filter(order=order, company=company).first()
    if row is None:
        return _publish(actor, company, order, said, at=at)
    before = {name: getattr(row, name) for name in said}
    if before == said:
        return row
    if not is_editable(row, at=at):
        raise NoLongerEditable(days=EDIT_DAYS)
    SupplierReview.objects.filter(pk=row.pk).update(**said, edited_at=at)
    audit.record("supplierreview.changed", target=row, at=at, actor=actor, company=company, data=before)
    row.refresh_from_db()
    return row


def _publish(
    actor: User, company: Company, order: PurchaseOrder, said: Mapping[str, object], *, at: datetime
) -> SupplierReview:
    token = links.new_token(SALT)
    row = SupplierReview.objects.create(
        supplier=order.supplier, order=order, company=company, author=actor, published_at=at,
        token_hash=links.digest(token), token_expires_at=at + timedelta(days=REPLY_DAYS), **said,
    )  # fmt: skip
    audit.record("supplierreview.published", target=row, at=at, actor=actor, company=company)
    mails_reviews.published(row, token, at=at)
    return row


def is_editable(row: SupplierReview, *, at: datetime) -> bool:
    """Until the supplier replies, for thirty days, and never while the association hides it."""
    young = at < row.published_at + timedelta(days=EDIT_DAYS)
    return young and row.replied_at is None and row.state == ReviewState.PUBLISHED


def by_token(token: str, *, at: datetime) -> SupplierReview | None:
    """The review behind a supplier's link, while it is valid."""
    if not links.is_ours(token, SALT):
        return None
    rows = SupplierReview.objects.select_related("supplier", "order__pool", "company")
    return rows.filter(token_hash=links.digest(token), token_expires_at__gt=at).first()


def _locked(review: SupplierReview) -> SupplierReview:
    rows = SupplierReview.objects.select_for_update(of=("self",)).select_related("supplier", "company", "author")
    return rows.get(pk=review.pk)


@transaction.atomic(durable=True)
def reply(*, review: SupplierReview, text: str, at: datetime) -> SupplierReview:
    """The supplier replies, once; from then on both stand as they are. The company is told."""
    text, row = text.strip()[:4_000], _locked(review)
    if not text:
        raise ReplyMissing
    if row.replied_at is not None:
        if row.reply == text:
            return row
        raise AlreadyReplied
    SupplierReview.objects.filter(pk=row.pk).update(reply=text, replied_at=at)
    row.reply, row.replied_at = text, at
    label = row.supplier.name[:120]
    audit.record("supplierreview.replied", target=row, at=at, actor=None, actor_label=label, company=row.company)
    mails_reviews.replied(row, at=at)
    return row


@transaction.atomic(durable=True)
def complain(*, review: SupplierReview, text: str, at: datetime) -> SupplierReview:
    """The supplier tells the association what is untrue or out of place; somebody there decides."""
    text, row = text.strip()[:500], _locked(review)
    if not text:
        raise ComplaintMissing
    if row.complained_at is None:
        SupplierReview.objects.filter(pk=row.pk).update(complaint=text, complained_at=at)
        row.complaint, row.complained_at = text, at
        audit.record("supplierreview.complaint", target=row, at=at, actor=None, actor_label=row.supplier.name[:120])
    return row


@transaction.atomic(durable=True)
def moderate(*, actor: User, review: SupplierReview, hide: bool, reason: str, at: datetime) -> SupplierReview:
    """Hide a review or show it again, with a reason that its company reads. A complaint is settled by it."""
    require(is_staff(actor))
    why = reason.strip()[:200]
    if not why:
        raise ReasonMissing(field="reason")
    row, to = _locked(review), ReviewState.HIDDEN if hide else ReviewState.PUBLISHED
    if row.state == to:  # kept as it is: only the complaint is settled
        SupplierReview.objects.filter(pk=row.pk).update(settled_at=at)
        audit.record("supplierreview.kept", target=row, at=at, actor=actor, company=row.company, reason=why)
        return row
    move(row, to, table=REVIEW, at=at, actor=actor, company=row.company, reason=why, moderation=why, settled_at=at)
    mails_reviews.moderated(row, at=at)
    return row


@transaction.atomic(durable=True)
def moderate_reply(*, actor: User, review: SupplierReview, hide: bool, reason: str, at: datetime) -> SupplierReview:
    """Hide a supplier's reply or show it again."""
    require(is_staff(actor))
    why = reason.strip()[:200]
    if not why:
        raise ReasonMissing(field="reason")
    row = _locked(review)
    SupplierReview.objects.filter(pk=row.pk).update(reply_hidden_at=at if hide else None, reply_moderation=why)
    action = "supplierreview.reply_hidden" if hide else "supplierreview.reply_shown"
    audit.record(action, target=row, at=at, actor=actor, company=row.company, reason=why)
    row.refresh_from_db()
    return row
