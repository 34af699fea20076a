"""A hot stock is counted in parts, so that sales of one moment do not all wait for one row.

The caps of the parts add up to the stock. They change under a lock of all parts, in sorted order, in a transaction of its
own: a sale holds at most one part, and that one last, so the two never wait for each other in a circle.
"""

from django.db import connection, transaction

from benefit_card import quota
from benefit_card.quota import PARTS, STOCK


class Unbalanced(Exception):
    """The part that was tried has nothing left, or the parts do not belong to this stock: balance them, and try again."""

    def __init__(self, offer_id: int, stock: int) -> None:
        super().__init__(offer_id)
        self.offer_id, self.stock = offer_id, stock


@transaction.atomic(durable=True)
def balance(*, offer_id: int, stock: int) -> None:
    """Give the parts of a stock what is left of it. Doing it twice changes nothing."""
    names = sorted(quota.part_name(part) for part in range(PARTS))
    key = str(offer_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO benefit_card_quota (scope, key, period, used) SELECT %s, %s, unnest(%s::text[]), 0 "
            "ON CONFLICT DO NOTHING",
            [STOCK, key, names],
        )
        cursor.execute(
            "SELECT period, used, cap, total FROM benefit_card_quota WHERE scope = %s AND key = %s ORDER BY period FOR UPDATE",
            [STOCK, key],
        )
        rows = cursor.fetchall()
        wanted = quota.caps([used for _period, used, _cap, _total in rows], stock)
        for (period, _used, cap, total), new in zip(rows, wanted, strict=True):
            if (cap, total) != (new, stock):
                cursor.execute(
                    "UPDATE benefit_card_quota SET cap = %s, total = %s WHERE scope = %s AND key = %s AND period = %s",
                    [new, stock, STOCK, key, period],
                )
