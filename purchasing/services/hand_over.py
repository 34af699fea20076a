"""Goods leave with the company's people: by button, by scan of a label or signed on the screen; then confirmed or contested."""

import json
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from companies import documents
from companies.access import has_role, require
from companies.errors import DomainError, Invalid
from companies.models import Role, User
from companies.states import move
from purchasing import access
from purchasing.models import HandOver, HandOverLine
from purchasing.rules import signature
from purchasing.rules.errors import RuleError
from purchasing.rules.signature import Strokes
from purchasing.services import goods_release, parcels
from purchasing.services.delivery import ReasonMissing
from purchasing.services.pool import locked
from purchasing.states import HAND_OVER, RECEIPT, HandOverState, ReceiptState


class NothingThere(DomainError):
    code = "nothing_to_hand_over"
    message = _("Nothing of this delivery is there for this company.")


class NameMissing(Invalid):
    code = "signature_name_missing"
    message = _("Write the name of the person who signs.")
    field = "signed_by"


class SignatureWrong(Invalid):
    code = "signature_invalid"
    message = _("Sign in the box, with a finger or a mouse.")
    field = "signature"


def strokes_of(text: str) -> Strokes | None:
    """The strokes of a form's hidden field; None when nothing was drawn."""
    if not text.strip():
        return None
    try:
        return signature.read(json.loads(text))
    except (ValueError, RecursionError) as error:  # RuleError is a ValueError
        raise SignatureWrong from error


def _drawing(strokes: Strokes | None) -> str | None:
    try:
        return None if strokes is None else signature.drawing(strokes)
    except RuleError as error:
        raise SignatureWrong from error


@transaction.atomic(durable=True)
def hand_over(
    *,
    actor: User,
    row: HandOver,
    at: datetime,
    method: str = HandOver.Method.BUTTON,
    signed_by: str = "",
    strokes: Strokes | None = None,
) -> HandOver:
    """The company's part leaves with its people. A second scan changes nothing: the first proof stays.

    Raises GoodsHeld while the risk rule keeps the part back (`goods_release`).

    With `strokes` the collecting person signed on the screen; the drawing is kept as a file of ours.
    """
    require(access.can_run_pool(actor, row.receipt.order.pool))
    drawing = _drawing(strokes)
    name = signed_by.strip()[:120]
    if drawing and not name:
        raise NameMissing
    locked(row.receipt.order.pool)  # a correction changes what is there
    row = _locked(row)
    if row.state != HandOverState.READY:
        return row
    items = parcels.items_of(row)
    if not items:
        raise NothingThere
    goods_release.require_free(row, items)
    kept = None
    if drawing:
        method = HandOver.Method.SIGNATURE
        kept = documents.store(
            kind="hand_over_signature",
            name=f"remise-{row.receipt.order.number}-{row.pk}.svg",
            content=drawing.encode(),
            media_type="image/svg+xml",
            company=row.company,
            at=at,
        )
    move(
        row,
        HandOverState.HANDED_OVER,
        table=HAND_OVER,
        at=at,
        actor=actor,
        company=row.company,
        data={"method": str(method)},
        handed_at=at,
        handed_by=actor,
        method=method,
        signed_by=name,
        signature=kept,
    )
    HandOverLine.objects.bulk_create(
        HandOverLine(hand_over=row, commitment=item.commitment, quantity=item.quantity) for item in items
    )
    receipt = row.receipt
    if receipt.state == ReceiptState.ALLOCATED and not receipt.hand_overs.filter(state=HandOverState.READY).exists():
        move(receipt, ReceiptState.HANDED_OVER, table=RECEIPT, at=at, actor=actor)
    return row


@transaction.atomic(durable=True)
def answer(*, actor: User, row: HandOver, confirmed: bool, note: str = "", at: datetime) -> HandOver:
    """The company confirms what it collected, or says what is wrong."""
    require(has_role(actor, row.company, Role.BUYER))
    row = _locked(row)
    if confirmed and row.state == HandOverState.CONFIRMED:
        return row
    if not confirmed and not note.strip():
        raise ReasonMissing
    move(
        row,
        HandOverState.CONFIRMED if confirmed else HandOverState.CONTESTED,
        table=HAND_OVER,
        at=at,
        actor=actor,
        company=row.company,
        reason=note.strip(),
        note=note.strip(),
        answered_at=at,
        answered_by=actor,
    )
    return row


@transaction.atomic(durable=True)
def resolve(*, actor: User, row: HandOver, note: str, at: datetime) -> HandOver:
    """Whoever runs the pool says how a contested hand-over ended."""
    require(access.can_run_pool(actor, row.receipt.order.pool))
    if not note.strip():
        raise ReasonMissing
    row = _locked(row)
    move(row, HandOverState.RESOLVED, table=HAND_OVER, at=at, actor=actor, company=row.company, reason=note.strip())
    return row


def _locked(row: HandOver) -> HandOver:
    return (
        HandOver.objects.select_for_update(of=("self",))
        .select_related("company", "receipt__order__pool")
        .get(pk=row.pk)
    )
