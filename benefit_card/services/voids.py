"""Undoing a sale: a second row, and the uses given back. A redemption itself is never edited."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import connection, transaction

from benefit_card import quota, refusals
from benefit_card.credential import PARIS
from benefit_card.models import Redemption, Standing, Undone
from companies import audit
from companies.models import User
from merchants.models import Till

VOID_WITHIN = timedelta(minutes=15)


@contextmanager
def _locked(*, client_id: uuid.UUID, merchant_id: int) -> Iterator[Redemption]:
    with transaction.atomic(durable=True):
        row = (
            Redemption.objects.select_for_update(of=("self",))
            .select_related("offer_version", "card")
            .filter(client_id=client_id, merchant_id=merchant_id)
            .first()
        )
        if row is None:
            raise refusals.RedemptionUnknown
        yield row


def void(
    *, till: Till, client_id: uuid.UUID, at: datetime, actor: User | None = None, correction: bool = False
) -> Redemption:
    """Undo a sale of this merchant within 15 minutes: a second row, and the uses given back. Of two at once, one wins.

    A `correction`, decided by the association's staff, may come later; it stands on the next statement.
    """
    with _locked(client_id=client_id, merchant_id=till.shop.merchant_id) as row:
        if row.voids_id is not None:
            raise refusals.VoidOfVoid
        if Undone.objects.filter(pk=row.pk).exists():
            raise refusals.AlreadyVoided
        if not correction and at - row.at > VOID_WITHIN:
            raise refusals.TooLateToVoid
        undone = Redemption.objects.create(
            client_id=uuid.uuid5(client_id, "void"), card_id=row.card_id, person_id=row.person_id,
            merchant_id=row.merchant_id, till=till, offer_id=row.offer_id, offer_version_id=row.offer_version_id,
            shown=row.shown, gross_cents=row.gross_cents, discount_cents=row.discount_cents, period=row.period,
            voids=row, at=at,
        )  # fmt: skip
        if row.standing == Standing.OK:
            _give_back(row)
        label = "" if actor else f"till {till.pk}"
        audit.record("redemption.voided", target=row, at=at, actor=actor, actor_label=label)
    return undone


_BACK = """
UPDATE benefit_card_quota SET used = used - 1,
  days = days[:array_position(days, %(day)s) - 1] || days[array_position(days, %(day)s) + 1:],
  offers = offers[:array_position(offers, %(token)s) - 1] || offers[array_position(offers, %(token)s) + 1:]
WHERE scope = %(scope)s AND key = %(key)s AND period = %(period)s AND used > 0
  AND (days IS NULL OR %(day)s = ANY(days)) AND (offers IS NULL OR %(token)s = ANY(offers))
"""


def _give_back(row: Redemption) -> None:
    """Take one use off every counter it moved, in the order in which they are locked everywhere."""
    terms, day = row.offer_version, row.at.astimezone(PARIS).date()
    token = quota.token(row.offer_id, kind=terms.kind, combine=terms.combine)
    moved = quota.counters(
        terms, offer_id=row.offer_id, merchant_id=row.merchant_id, holder=row.card.holder_key if row.card else "",
        day=day, part=row.stock_part, visits=True,
    )  # fmt: skip
    with connection.cursor() as cursor:
        for scope, key, period, _cap in moved:
            name = row.period if scope == quota.PERSON else period
            cursor.execute(_BACK, {"scope": scope, "key": key, "period": name, "day": day, "token": token})
