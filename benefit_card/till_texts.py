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
        "amount_unclear": _("Write the price like 12.50."),
        "below_minimum": _("This offer starts at {amount}."),
        "off": _("Discount: {off}"),
        "confirm": _("Confirm: {pay} to pay"),
        "confirm_gift": _("Give: {gift}"),
        "limit_reached": _("This offer was already used here on {time} ({shop}). It cannot be used again for now."),
        "limit_again": _("From {day} on it can be used again."),
        "words": {
            "limit_reached": _("Already used"),
            "stock_used_up": _("All gone"),
            "not_eligible": _("Not for this card"),
            "not_first_visit": _("Not a first visit"),
            "not_combinable": _("Not combinable"),
            "card_expired": pgettext("till", "Expired"),
            "card_replaced": _("Replaced card"),
            "merchant_suspended": pgettext("till", "Stopped"),
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
            "cashier_required": _("Who works?"),
            "ask": _("Network needed"),
            "typed": _("Network needed"),
            "unready": _("No network"),
            "clock": pgettext("till", "Clock"),
            "full": _("Connect the till"),
            "stale_list": _("Old list"),
        },
        "camera": {
            "starting": _("The camera is starting…"),
            "hint": _("No code read yet. Hold the card 20 cm away, flat and in the light."),
            "denied": _("The camera is not allowed. Allow it in the browser's address bar, or type the short code."),
            "missing": _("No camera found. Type the short code or use a USB scanner."),
            "insecure": _("The camera needs a secure address (https). Type the short code or use a USB scanner."),
            "lost": _("The camera has stopped. Start it again, or type the short code."),
        },
        "demo_word": pgettext("till", "DEMO"),
        "demo": _("This was an exercise: nothing was counted."),
        "offline": _offline_texts(),
        "cashier": {
            "nobody": _("Who works?"),
            "first": _("This shop wants to know who works before a card is scanned."),
            "choose": _("Choose your name."),
            "network": _("The PIN can only be checked with network. Try again in a moment."),
        },
        "training": {"begin": _("Begin a training"), "end": _("End the training")},
        "banner": {
            "offline_none": _(
                "No network: this till cannot check cards. It goes on by itself when the network is back."
            ),
            "offline_green": _("No network: the till goes on alone and sends its sales later."),
            "offline_amber": _("No network, and yesterday’s list of cards: offers with limited uses have to wait."),
            "offline_red": _(
                "No network, and a list of cards older than three days: only cards on a phone are accepted."
            ),
            "waiting": _("{count} sales wait to be sent for more than an hour. Please connect the till."),
            "full": _("Too many sales wait, or for too long: connect the till, or save them as a file for ERB."),
            "broken": _("The new list of cards could not be checked. The till keeps the one before."),
            "clock": _("The clock of this device is wrong by more than five minutes. Please set it."),
        },
    }


def _offline_texts() -> dict[str, Any]:
    """What the till says when it works alone; the first part are reasons, by code."""
    return {
        "unready": _("No network, and this till has never been ready without. Connect it once."),
        "clock": _("The clock of this till is wrong. Without network it can accept nothing: set it to automatic."),
        "full": _("Too many sales wait on this till, or for too long. Connect it before the next one."),
        "typed": _("A typed code needs the network. Scan the square instead."),
        "ask": _("This card cannot be used without network. Try again when the network is back."),
        "stale_list": _("The list of cards on this till is older than three days: only cards on a phone are accepted."),
        "expired": _("This card has expired. Please ask the holder for the new one."),
        "wrong_slot": _("This code is too old or too early. Please open the card on the phone again, then scan."),
        "unknown_key": _("This code is signed with a key that is not known here. Connect the till, then scan again."),
        "forged": _("This code was not made by ERB. Do not accept it."),
        "malformed": _("This is not a card code. Scan it again."),
        "offer_online": _("needs the network"),
        "offer_phone": _("without network only for cards on a phone"),
        "offer_old_list": _("waits for today’s list of cards"),
        "offer_closed": _("not at this moment"),
        "unchecked": {
            "uses": _("uses are counted later"),
            "holder": _("whom it is for is checked later"),
            "first_visit": _("the first visit is checked later"),
            "combine": _("other offers of today are checked later"),
        },
        "holder": _("Valid card"),
        "recorded": _("No network: recorded on this till, sent later."),
        "revoked": _(
            "This till is not linked any more. {count} sales still wait on it: save them as a file for ERB, or link it again."
        ),
        "chip_none": _("Needs network"),
        "chip_green": _("Ready without network"),
        "chip_amber": _("Yesterday’s list"),
        "chip_red": _("Old list"),
        "chip_clock": _("Clock wrong"),
        "chip_waiting": _("{count} to send"),
        "state_none": _("This till cannot work without network yet. Leave it open with network for a moment."),
        "state_green": _("This till can go on without network: cards on paper and on phones, as each offer allows."),
        "state_amber": _("The list of cards is of yesterday: without network, offers with limited uses have to wait."),
        "state_red": _(
            "The list of cards is older than three days: without network only cards on a phone are accepted."
        ),
        "list": _("List of cards of {time} ({age})."),
        "minutes": _("less than an hour old"),
        "hours": _("{count} h old"),
        "waiting": _("{count} sales wait, the oldest since {since}."),
        "none_waiting": _("Everything is sent."),
        "sent": _("Everything was sent."),
        "not_sent": _("Still no network. The till tries again by itself."),
        "stuck": _("The server did not take them. Save them as a file and send it to ERB."),
        "exported": _("The file is in your downloads. The sales stay here until they are sent."),
        "verdicts": {
            "waiting": _("waits"),
            "accepted": _("counted"),
            "conflict": _("Honoured: the card had been used elsewhere or blocked meanwhile. You lose nothing."),
            "late": _("more than seven days late: ERB looks at it."),
            "refused": _("Not honoured."),
            "undone": _("undone"),
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
