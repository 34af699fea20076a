"""Every sentence the till and the card say from their scripts, in the reader's language."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext


def till_texts() -> dict[str, Any]:
    """Texts of till.js; words in braces are filled in by the script."""
    return {
        "paired": _("This till is linked to {shop}. Show a card."),
        "accepted_word": pgettext("till", "Accepted"),
        "accepted": _("The customer pays {pay}. Discount: {off}."),
        "accepted_gift": _("Give the customer: {gift}."),
        "remaining": _("Uses left: {count}."),
        "last_use": _("That was the last use for this period."),
        "next": _("Next customer"),
        "go_on": _("Continue"),
        "refused_word": pgettext("till", "Refused"),
        "refused": _("This card cannot be used. The customer can ask their company."),
        "foreign_word": _("Not an ERB card"),
        "foreign": _("This code is not an ERB card. Nothing was opened or sent."),
        "already_paired": _("This is a link code, and this till is already linked. Show a card."),
        "not_pairing_word": _("Not a link code"),
        "not_pairing": _("First link this till with the code from the merchant space, under “Tills”."),
        "short_word": _("Check the code"),
        "short": _(
            "A short code has ten characters, without I, L, O or U. Compare it with the card and type it again."
        ),
        "no_offer_word": _("No offer now"),
        "no_offer": _("The card is valid, but none of your offers can be used at this moment."),
        "network_word": _("No network"),
        "network": _(
            "The server cannot be reached, so no card can be checked and nothing was recorded. Try again in a moment."
        ),
        "unanswered_word": _("No answer"),
        "unanswered": _(
            "The network did not answer. Try again: the sale is counted once only. "
            "If you give up, look at “Today” later to see whether it was counted."
        ),
        "abandon": _("Give up"),
        "revoked_word": _("Till cut off"),
        "revoked": _("This till is not linked any more. Ask the owner for a new link code."),
        "undone_word": pgettext("till", "Undone"),
        "undone": _("The sale is undone; the customer may use the offer again."),
        "voided": _("undone"),
        "loading": _("One moment…"),
        "today_empty": _("No card yet today."),
        "today_total": _("{count} accepted today, {off} of discounts."),
        "gift": _("Gift"),
        "uses_left": _("uses left: {count}"),
        "from": _("from {amount}"),
        "not_now": _("not at this moment"),
        "enter_amount": _("Enter the price"),
        "choose_offer": _("Choose the offer"),
        "amount_unclear": _("Write the price like 12,50."),
        "below_minimum": _("This offer starts at {amount}."),
        "off": _("Discount: {off}"),
        "confirm": _("Confirm: {pay} to pay"),
        "confirm_gift": _("Give: {gift}"),
        "limit_reached": _("This offer was already used here on {time} ({shop}). It cannot be used again for now."),
        "words": {
            "limit_reached": _("Already used"),
            "stock_used_up": _("All gone"),
            "card_expired": pgettext("till", "Expired"),
            "card_replaced": _("Replaced card"),
            "wrong_slot": _("Old code"),
            "code_seen_elsewhere": _("Already shown"),
            "code_malformed": _("Check the code"),
            "code_forged": _("Not an ERB card"),
            "unknown_key": _("Update needed"),
            "offer_closed": _("Not now"),
            "offer_changed": _("Offer changed"),
            "below_minimum": _("Not enough"),
            "amount_invalid": _("Check the price"),
            "too_many_attempts": _("Too fast"),
            "void_too_late": _("Too late"),
            "already_voided": _("Already undone"),
            "pairing_refused": _("Code refused"),
        },
        "camera": {
            "starting": _("The camera is starting…"),
            "hint": _("No code read yet. Hold the card 20 cm away, flat and in the light."),
            "denied": _("The camera is not allowed. Allow it in the browser's address bar, or type the short code."),
            "missing": _("No camera found. Type the short code or use a USB scanner."),
            "insecure": _("The camera needs a secure address (https). Type the short code or use a USB scanner."),
            "lost": _("The camera has stopped. Start it again, or type the short code."),
        },
        "banner": {
            "offline": _("No network: this till cannot check cards. It goes on by itself when the network is back."),
            "clock": _("The clock of this device is wrong by more than five minutes. Please set it."),
        },
    }


def card_texts() -> dict[str, Any]:
    """Texts of card.js."""
    return {
        "offline": _("Without network your card works until {day}."),
        "offline_over": _("This phone has had no network for a week. Connect once to renew your card."),
        "blocked": _("Your card cannot be shown. Ask your company, or report it lost to get a new one."),
        "clock": _("The clock of this phone is wrong. Set it to automatic, or the till will refuse the code."),
        "code": _("Code of your card, renewed every 30 seconds"),
    }
