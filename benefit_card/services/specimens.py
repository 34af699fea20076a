"""Specimen cards: signed like any other, for training and for showing, and nobody's.

The first places of the revocation list are never given to a card. A code of such a place is a specimen: there is no row
of a person or a card behind it, so that nothing can count it, in statements, quotas or dashboards.
"""

from datetime import datetime
from functools import lru_cache

from django.conf import settings

from benefit_card import credential, keyring, short_code
from benefit_card.services.keys import last_day, specimen_key

PLACES = 16


def is_specimen(status_index: int | None) -> bool:
    return status_index is not None and status_index < PLACES


def code(*, at: datetime, place: int = 0) -> str:
    """The text of a specimen's printed QR."""
    kid = specimen_key(at=at)
    token = credential.print_token(
        key=keyring.private_key(use="print", kid=kid), kid=kid, index=place, expires_on=last_day(at=at), generation=0
    )
    return credential.to_text(token)


def typed(place: int = 0) -> str:
    """The code under a specimen's square, in groups."""
    from benefit_card.services.cards import typed_code

    return short_code.grouped(typed_code(place))


def is_typed(short_hash: str | None) -> bool:
    """Whether the code that was typed stands under a specimen."""
    return short_hash is not None and short_hash in _hashes(str(settings.CARD_KEY_DIR))


@lru_cache(maxsize=4)
def _hashes(_keys: str) -> frozenset[str]:
    from benefit_card.services.cards import hash_code, typed_code

    return frozenset(hash_code(typed_code(place)) for place in range(PLACES))
