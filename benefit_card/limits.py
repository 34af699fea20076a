"""The limits of the card's doors; the counters are `companies.limits`."""

from datetime import timedelta

from companies.limits import Limit, TooMany, check, count, failures, forget, spend

__all__ = ["Limit", "TooMany", "check", "count", "failures", "forget", "spend"]

SCANS_PER_TILL = ("scan", 60, timedelta(minutes=1))
SCANS_PER_CARD = ("card", 5, timedelta(minutes=1))
TYPED_PER_TILL = ("typed", 10, timedelta(minutes=1))
WRONG_CODES_PER_TILL = ("wrong", 30, timedelta(hours=1))
SYNCS_PER_TILL = ("sync", 60, timedelta(minutes=1))
WRONG_PINS = ("pin", 5, timedelta(minutes=15))
# A whole office sits behind one address: what goes well has room, guesses have not.
WRONG_ACTIVATIONS_PER_ADDRESS = ("activate-wrong", 10, timedelta(hours=1))
ACTIVATIONS_PER_ADDRESS = ("activate", 300, timedelta(hours=1))
LINKS_PER_LETTER = ("activate-letter", 5, timedelta(hours=1))
WRONG_TEXTS_PER_ADDRESS = ("text-wrong", 10, timedelta(hours=1))
TEXTS_PER_ADDRESS = ("text-address", 100, timedelta(hours=1))  # each costs money
TEXTS_PER_NUMBER = ("text-number", 3, timedelta(hours=1))
TEXTS_PER_CARD = ("text-card", 5, timedelta(days=1))
QUEUE_FILES_PER_ACCOUNT = ("queue-file", 10, timedelta(hours=1))
EXPORTS_PER_ACCOUNT = ("export", 10, timedelta(hours=1))
PEOPLE_OPENED_PER_ACCOUNT = ("opened", 10, timedelta(hours=1))
