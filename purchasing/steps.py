"""Where a pool stands, as the few steps people talk about."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from purchasing.models import Pool
from purchasing.states import PoolState

ORDER = [
    (PoolState.DRAFT, PoolState.GATHERING),
    (PoolState.TENDERING,),
    (PoolState.OFFER_READY,),
    (PoolState.COMMITTING, PoolState.COMPLETING, PoolState.EXTENDED),
    (PoolState.LOCKED, PoolState.ORDERED),
    (PoolState.RECEIVING,),
    (PoolState.SETTLING,),
]


def steps_of(pool: Pool) -> list[dict[str, Any]]:
    """Steps for `<c-stepper>`; none for a pool that was given up."""
    if pool.state in (PoolState.FAILED, PoolState.CANCELLED):
        return []
    labels = [_("Needs"), _("Quotes"), _("Award"), _("Commitments"), pgettext("step", "Purchase order"), _("Delivery")]
    labels.append(pgettext("step", "Settlement"))
    here = next((n for n, states in enumerate(ORDER) if pool.state in states), len(ORDER))
    return [
        {"label": label, "state": "done" if n < here else "current" if n == here else "todo"}
        for n, label in enumerate(labels)
    ]
