"""Under which key and in which period uses are counted. Pure, but for the secret behind the holder key."""

from __future__ import annotations

import hashlib
import hmac
from datetime import date

from benefit_card import keyring

PERSON, STOCK = "person", "stock"


def holder_key(person_id: int) -> str:
    """A keyed hash of a person: counts survive an erased person without naming them."""
    return hmac.digest(keyring.secret("holders"), str(person_id).encode(), hashlib.sha256)[:16].hex()


def person_key(holder: str, offer_id: int) -> str:
    return f"{holder}:{offer_id}"


def period_of(period: str, day: date) -> str:
    """The calendar period of a day in Paris.

    >>> [period_of(name, date(2026, 12, 31)) for name in ("ever", "day", "week", "month", "year")]
    ['ever', '2026-12-31', '2026-W53', '2026-12', '2026']
    """
    match period:
        case "day":
            return day.isoformat()
        case "week":
            year, week, _weekday = day.isocalendar()
            return f"{year}-W{week:02}"
        case "month":
            return f"{day:%Y-%m}"
        case "year":
            return f"{day:%Y}"
    return "ever"
