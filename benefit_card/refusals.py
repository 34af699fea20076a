"""Refusals at the till: a stable code, a sentence for the person at the counter, and nothing about the employer."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from companies.errors import DomainError


class TillRefusal(DomainError):
    """A refusal that programs read: `public` is shown beside the code."""

    status = 409

    def __init__(self, **public: Any) -> None:
        super().__init__()
        self.public = {"verdict": self.code, **public}


class CardRefused(TillRefusal):
    """One answer for unknown, blocked, ended, suspended: a till learns nothing about people."""

    code = "card_refused"
    message = _("This card cannot be used. Please ask the holder to contact ERB.")
    status = 404


class CardReplaced(TillRefusal):
    """The holder has a newer card."""

    code = "card_replaced"
    message = _("This card was replaced. Please ask for the new one.")


class CodeMalformed(TillRefusal):
    """Not one of our codes, or mistyped."""

    code = "code_malformed"
    message = _("This is not a card code. Scan it again, or type the ten characters under the square.")
    status = 400


class CodeForged(TillRefusal):
    """The signature does not match."""

    code = "code_forged"
    message = _("This code was not made by ERB. Do not accept it.")


class KeyUnknown(TillRefusal):
    """Signed by a key that is not known, or no longer."""

    code = "unknown_key"
    message = _("This code is signed with a key that is not known here. Update the application, then scan again.")


class CardExpired(TillRefusal):
    """The last day printed on the card is over."""

    code = "card_expired"
    message = _("This card has expired. Please ask the holder for the new one.")


class WrongSlot(TillRefusal):
    """A phone code of another half minute: a screenshot, or a wrong clock."""

    code = "wrong_slot"
    message = _("This code is too old or too early. Please open the card on the phone again, then scan.")


class SeenElsewhere(TillRefusal):
    """The same phone code was shown at another merchant a moment ago."""

    code = "code_seen_elsewhere"
    message = _("This code was already shown somewhere else a moment ago. Please wait for the next one, then scan.")


class OfferUnknown(TillRefusal):
    """No such offer at this merchant now."""

    code = "offer_unknown"
    message = _("This offer is not running here. Choose another one.")
    status = 404


class OfferChanged(TillRefusal):
    """The offer was edited too long ago for the version that was scanned to count."""

    code = "offer_changed"
    message = _("This offer has changed since the scan. Scan the card again to see it.")


class OfferClosed(TillRefusal):
    """Outside the offer's days or hours."""

    code = "offer_closed"
    message = _("This offer does not run at this time.")


class BelowMinimum(TillRefusal):
    """The price is below the minimum purchase."""

    code = "below_minimum"
    message = _("The price is below the minimum purchase of this offer.")


class AmountRequired(TillRefusal):
    """Nothing to take a discount from."""

    code = "amount_invalid"
    message = _("Type the price before discount, between 0.01 and 10,000 euros.")
    status = 400


class LimitReached(TillRefusal):
    """The holder has used this offer as often as it allows."""

    code = "limit_reached"
    message = _("This offer was already used as often as it allows.")


class StockUsedUp(TillRefusal):
    """All uses of the offer are gone."""

    code = "stock_used_up"
    message = _("This offer is used up.")


class NotEligible(TillRefusal):
    """The offer is for other holders. Nothing tells which employer or contract it asks for."""

    code = "not_eligible"
    message = _("This offer is not meant for this card. Choose another one.")


class NotTheFirstVisit(TillRefusal):
    """The offer is for people who come for the first time, and this holder was here before today."""

    code = "not_first_visit"
    message = _("This offer is for a first visit, and this card was used here before.")


class NotCombinable(TillRefusal):
    """Another offer was used here today, and the two exclude each other."""

    code = "not_combinable"
    message = _("Another offer was used here today, and the two cannot be combined.")


class TillBusy(DomainError):
    """So many sales of one stock at once that none of the tries found its part. Nothing is written; the till sends again."""

    code = "till_busy"
    message = _("Too many sales at the same moment. Send this one again.")
    status = 503


class ClientIdReused(TillRefusal):
    """The same client_id came with another body, or from another till."""

    code = "client_id_reused"
    message = _("This sale was already sent with other values. Start a new sale.")


class RedemptionUnknown(TillRefusal):
    """No such redemption at this merchant."""

    code = "redemption_unknown"
    message = _("This sale is not known at this merchant.")
    status = 404


class AlreadyVoided(TillRefusal):
    """It was undone before."""

    code = "already_voided"
    message = _("This sale was already undone.")


class VoidOfVoid(TillRefusal):
    """An undoing cannot be undone."""

    code = "void_of_void"
    message = _("An undone sale cannot be undone again. Scan the card again.")


class TooLateToVoid(TillRefusal):
    """The quarter of an hour is over."""

    code = "void_too_late"
    message = _("A sale can be undone for 15 minutes. Please ask ERB to correct it.")


class OfflinePolicy(TillRefusal):
    """The offer, or the way the card was shown, needs the network."""

    code = "offline_policy"
    message = _("This offer could not be given without network in this way.")


class StaleList(TillRefusal):
    """The till's list of blocked cards was too old for this offer."""

    code = "stale_list"
    message = _("The list of blocked cards on this till was too old for this offer.")


class ClockWrong(TillRefusal):
    """The device wrote a time that cannot be."""

    code = "clock_wrong"
    message = _("The clock of this till is wrong. Set it to automatic.")


class SignatureInvalid(TillRefusal):
    """The entry was not signed by this device."""

    code = "signature_invalid"
    message = _("This entry was not signed by this till. Export it and send the file to ERB.")


class EntryMalformed(TillRefusal):
    """Fields are missing or cannot be read."""

    code = "entry_malformed"
    message = _("This entry cannot be read. Export it and send the file to ERB.")


class TooLate(TillRefusal):
    """More than seven days between sale and arrival: a person decides."""

    code = "too_late"
    message = _("This sale arrived more than seven days late. ERB looks at it and writes to you.")


class SoldAfterRevocation(TillRefusal):
    """A sale dated after its till was cut off, which only a file can bring."""

    code = "till_was_revoked"
    message = _("This till was already cut off at that time.")


class DeviceKeyMissing(TillRefusal):
    """The device never registered a key, so nothing it wrote without network can be checked."""

    code = "device_key_missing"
    message = _("This till has not registered its key yet. Open it once with network.")


class DeviceKeyKnown(TillRefusal):
    """The till has another key already."""

    code = "device_key_known"
    message = _("This till is linked to another device. Cut it off and link it again.")


class DeviceKeyInvalid(TillRefusal):
    """Not a P-256 point."""

    code = "device_key_invalid"
    message = _("This is not the key of a till.")
    status = 400


class CashierRequired(TillRefusal):
    """The shop has cashiers, and nobody said who works."""

    code = "cashier_required"
    message = _("Say who works at this till, then scan again.")
    status = 403


class PinWrong(TillRefusal):
    """One answer for a wrong PIN and an unknown cashier."""

    code = "pin_wrong"
    message = _("This PIN is not right. After five wrong ones the till waits a quarter of an hour.")
    status = 403


def sentence_of(code: str) -> str:
    """A refusal's sentence in the reader's language; empty for a code that is none."""
    return next((kind().sentence for kind in TillRefusal.__subclasses__() if kind.code == code), "")
