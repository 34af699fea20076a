"""Looks for what may be misuse, and carries out what people decide about it. A machine raises, a person judges."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from benefit_card import refusals
from benefit_card.models import SIGNAL_MOVES, Card, Redemption, Signal, SignalKind, SignalState
from benefit_card.months import PER_MONTH
from benefit_card.services import cards, voids
from companies import audit
from companies.access import is_staff, require
from companies.errors import DomainError
from companies.models import User
from companies.states import move

APART = timedelta(minutes=3)
LOOK_BACK = timedelta(days=2)  # each look covers more than a day, so that a night without one loses nothing
TYPED_DAYS, TYPED_SALES = timedelta(days=30), 20
CONFLICT_DAYS, CONFLICTS = timedelta(days=90), 2
CONTEST_WITHIN = timedelta(days=90)
MEASURES = {
    SignalKind.PARALLEL: ("online_only", "block"),
    SignalKind.ELSEWHERE: ("online_only", "block"),
    SignalKind.CONFLICTS: ("online_only", "block"),
    SignalKind.TYPED: ("noted",),
    SignalKind.CONTESTED: ("void", "noted"),
}


class ContestTooLate(DomainError):
    """A sale of long ago."""

    code = "contest_too_late"
    message = _("A use can be contested for 90 days. Please write to ERB.")


class ContestEmpty(DomainError):
    """Nothing said."""

    code = "contest_empty"
    message = _("Say in a few words what is wrong.")
    status = 400


class DecisionIncomplete(DomainError):
    """A decision needs a measure that fits and a reason."""

    code = "decision_incomplete"
    message = _("Choose what to do and say why.")
    status = 400


def look(*, at: datetime) -> int:
    """Raise what looks wrong now: two shops within three minutes, merchants without phone codes, repeated conflicts."""
    found = [*_two_shops(at), *_without_phone(at), *_conflicts(at)]
    known = set(Signal.objects.filter(key__in=[row.key for row in found]).values_list("key", flat=True))
    new = [row for row in found if row.key not in known]
    Signal.objects.bulk_create(new, ignore_conflicts=True)
    return len(new)


def _rows(sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def _two_shops(at: datetime) -> Iterable[Signal]:
    sql = """
    SELECT b.id, b.card_id, a.merchant_id, b.merchant_id, EXTRACT(EPOCH FROM b.at - a.at)::int
    FROM benefit_card_redemption b JOIN LATERAL (
      SELECT a.merchant_id, a.at FROM benefit_card_redemption a
      WHERE a.person_id = b.person_id AND a.card_id = b.card_id AND a.merchant_id <> b.merchant_id AND a.voids_id IS NULL
        AND a.at >= %(from)s AND a.at <= b.at AND a.at >= b.at - %(apart)s AND a.id <> b.id ORDER BY a.at DESC LIMIT 1) a ON true
    WHERE b.at >= %(since)s AND b.voids_id IS NULL AND b.card_id IS NOT NULL"""
    for sale, card, first, second, seconds in _rows(
        sql, {"apart": APART, "since": at - LOOK_BACK, "from": at - LOOK_BACK - APART}
    ):
        facts = {"merchants": [first, second], "seconds": seconds}
        yield Signal(
            kind=SignalKind.ELSEWHERE,
            key=f"elsewhere:{sale}",
            card_id=card,
            redemption_id=sale,
            facts=facts,
            raised_at=at,
        )


def _without_phone(at: datetime) -> Iterable[Signal]:
    sql = """
    SELECT merchant_id, count(*), count(*) FILTER (WHERE shown = 'typed') FROM benefit_card_redemption
    WHERE at >= %(since)s AND voids_id IS NULL GROUP BY merchant_id
    HAVING count(*) >= %(least)s AND count(*) FILTER (WHERE shown = 'phone') = 0"""
    for merchant, sales, typed in _rows(sql, {"since": at - TYPED_DAYS, "least": TYPED_SALES}):
        yield Signal(
            kind=SignalKind.TYPED, key=f"typed:{merchant}:{timezone.localtime(at):%Y-%m}", merchant_id=merchant,
            facts={"sales": sales, "typed": typed}, raised_at=at,
        )  # fmt: skip


def _conflicts(at: datetime) -> Iterable[Signal]:
    # The last is the one that came last, which need not be one of the last month: `%` takes the month off its number.
    sql = """
    SELECT card_id, count(*), (array_agg(id ORDER BY id %% %(month)s DESC))[1] FROM benefit_card_redemption
    WHERE at >= %(since)s AND standing = 'conflict' AND voids_id IS NULL AND card_id IS NOT NULL
    GROUP BY card_id HAVING count(*) >= %(least)s"""
    for card, count, last in _rows(sql, {"since": at - CONFLICT_DAYS, "least": CONFLICTS, "month": PER_MONTH}):
        yield Signal(
            kind=SignalKind.CONFLICTS, key=f"conflicts:{card}:{last}", card_id=card, redemption_id=last,
            facts={"conflicts": count}, raised_at=at,
        )  # fmt: skip


@transaction.atomic(durable=True)
def contest(*, actor: User, client_id: Any, words: str, at: datetime) -> Signal:
    """The holder says that a use was not theirs. Saying it twice keeps the first."""
    row = Redemption.objects.visible_to(actor).filter(client_id=client_id, voids__isnull=True).first()
    if row is None:
        raise refusals.RedemptionUnknown
    words = " ".join(words.split())[:400]
    if not words:
        raise ContestEmpty(field="words")
    if at - row.at > CONTEST_WITHIN:
        raise ContestTooLate
    signal, new = Signal.objects.get_or_create(
        key=f"contested:{row.pk}",
        defaults={
            "kind": SignalKind.CONTESTED,
            "card_id": row.card_id,
            "merchant_id": row.merchant_id,
            "redemption": row,
            "words": words,
            "raised_at": at,
        },
    )
    if new:
        audit.record("signal.contested", target=signal, at=at, actor=actor)
    return signal


def decide(*, actor: User, signal: Signal, measure: str, reason: str, at: datetime) -> None:
    """Carry out a measure, or dismiss. Of two people at once one decides; a measure done before is not done twice."""
    require(is_staff(actor))
    reason = " ".join(reason.split())[:400]
    kind = SignalKind(signal.kind)
    if not reason or (measure != "dismiss" and measure not in MEASURES[kind]):
        raise DecisionIncomplete(field="reason")
    if measure == "void" and signal.redemption is not None:
        sale = Redemption.objects.select_related("till__shop").get(pk=signal.redemption.pk)
        with suppress(refusals.AlreadyVoided):
            voids.void(till=sale.till, client_id=sale.client_id, at=at, actor=actor, correction=True)
    if measure == "block" and signal.card is not None:
        with suppress(cards.CardReplaced):
            cards.block(actor=actor, card=signal.card, reason="other", at=at)
    with transaction.atomic(durable=True):
        to = SignalState.DISMISSED if measure == "dismiss" else SignalState.UPHELD
        Signal.objects.filter(pk=signal.pk, state=SignalState.OPEN).update(reason=reason)
        move(
            signal, to, table=SIGNAL_MOVES, at=at, actor=actor, reason=reason, data={"measure": measure},
            decided_at=at, decided_by=actor,
        )  # fmt: skip
        if signal.card_id and measure == "online_only":
            Card.objects.filter(pk=signal.card_id, online_only_at=None).update(online_only_at=at)
        if signal.card_id and measure == "dismiss" and kind == SignalKind.CONFLICTS:
            Card.objects.filter(pk=signal.card_id).update(online_only_at=None)
        from benefit_card.tasks import publish_revocations

        publish_revocations.delay_on_commit()
