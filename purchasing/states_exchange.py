"""The states of the buyers' exchange and their tables of allowed transitions; see `purchasing.states`."""

from django.db.models import TextChoices
from django.utils.translation import pgettext_lazy

from purchasing.states import Table


class OfferState(TextChoices):
    OPEN = "open", pgettext_lazy("exchange", "On offer")
    CLOSED = "closed", pgettext_lazy("exchange", "Taken off")
    EXPIRED = "expired", pgettext_lazy("exchange", "Ended")
    HIDDEN = "hidden", pgettext_lazy("exchange", "Hidden by ERB")


# expired → open: the member prolongs it. hidden → open: the association takes its decision back.
OFFER: Table = {
    "open": frozenset({"closed", "expired", "hidden"}),
    "expired": frozenset({"open", "closed", "hidden"}),
    "hidden": frozenset({"open"}),
    "closed": frozenset(),
}


class ReservationState(TextChoices):
    RESERVED = "reserved", pgettext_lazy("exchange", "Reserved")
    GIVEN = "given", pgettext_lazy("exchange", "Handed over, to be confirmed")
    RECEIVED = "received", pgettext_lazy("exchange", "Collected, to be confirmed")
    DONE = "done", pgettext_lazy("exchange", "Confirmed by both")
    CANCELLED = "cancelled", pgettext_lazy("exchange", "Cancelled")
    EXPIRED = "expired", pgettext_lazy("exchange", "Not collected in time")


# Each side says it once; what the other side denies goes back to reserved. Only what nobody has collected can end.
RESERVATION: Table = {
    "reserved": frozenset({"given", "received", "cancelled", "expired"}),
    "given": frozenset({"done", "reserved"}),
    "received": frozenset({"done", "reserved"}),
    "done": frozenset(),
    "cancelled": frozenset(),
    "expired": frozenset(),
}
HOLDING = ("reserved", "given", "received", "done")  # these units are no longer on offer


class QuestionState(TextChoices):
    OPEN = "open", pgettext_lazy("exchange", "Waiting for an answer")
    SOLVED = "solved", pgettext_lazy("exchange", "Answered")
    CLOSED = "closed", pgettext_lazy("exchange", "Closed by who asked")
    HIDDEN = "hidden", pgettext_lazy("exchange", "Hidden by ERB")


# solved → open: who asked takes another look. hidden → open: the association takes its decision back.
QUESTION: Table = {
    "open": frozenset({"solved", "closed", "hidden"}),
    "solved": frozenset({"open", "hidden"}),
    "closed": frozenset({"open", "hidden"}),
    "hidden": frozenset({"open"}),
}


class ReviewState(TextChoices):
    PUBLISHED = "published", pgettext_lazy("review", "Published")
    HIDDEN = "hidden", pgettext_lazy("review", "Hidden by ERB")


REVIEW: Table = {"published": frozenset({"hidden"}), "hidden": frozenset({"published"})}
