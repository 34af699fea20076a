"""Specimen cards: signed like any other, for training and for showing, and nobody's.

The first places of the revocation list are never given to a card. A code of such a place is a specimen: there is no row
of a person or a card behind it, so that nothing can count it, in statements, quotas or dashboards.
"""

from datetime import datetime
from functools import lru_cache

from django.conf import settings
from django.core.cache import cache
from django.utils.translation import gettext as _

from benefit_card import sheets, short_code, signing
from benefit_card.services.keys import last_day, specimen_key

PLACES, ON_PAPER = 16, 10


def is_specimen(status_index: int | None) -> bool:
    return status_index is not None and status_index < PLACES


def code(*, at: datetime, place: int = 0) -> str:
    """The text of a specimen's printed QR."""
    kid, until = specimen_key(at=at), last_day(at=at)
    name = f"benefit_card.specimen:{kid}:{place}:{until}"
    text: str | None = cache.get(name)
    if text is None:
        (text,) = signing.ask("prints", cards=[(kid, place, until.isoformat(), 0)])
        cache.set(name, text, 86_400)
    return text


def typed(place: int = 0) -> str:
    """The code under a specimen's square, in groups."""
    from benefit_card.services.cards import typed_code

    return short_code.grouped(typed_code(place))


def sheet(*, at: datetime) -> bytes:
    """Ten specimens on paper, to practise with at a till and to show: an A4 page like that of real cards."""
    labels = sheets.Labels(
        title=_("Specimen cards"),
        card=_("Specimen"),
        code=_("Code to type"),
        found=_("For practice: the till shows DEMO, and nothing is counted."),
    )
    valid = _("Valid until %(day)s") % {"day": f"{last_day(at=at):%d/%m/%Y}"}
    faces = [
        sheets.Face(text=code(at=at, place=place), name=_("Specimen"), code=typed(place), valid=valid)
        for place in range(ON_PAPER)
    ]
    return sheets.render(faces, labels=labels)


def is_typed(short_hash: str | None) -> bool:
    """Whether the code that was typed stands under a specimen."""
    return short_hash is not None and short_hash in _hashes(str(settings.CARD_KEY_DIR))


@lru_cache(maxsize=4)
def _hashes(_keys: str) -> frozenset[str]:
    from benefit_card.services.cards import hash_code, typed_code

    return frozenset(hash_code(typed_code(place)) for place in range(PLACES))
