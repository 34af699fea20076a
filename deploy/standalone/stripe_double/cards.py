"""Test cards and test IBANs and how each behaves (https://docs.stripe.com/testing)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """`decline` is a Stripe decline code; `authenticate` asks for 3-D Secure; `dispute` is claimed back once paid."""

    number: str
    brand: str = "visa"
    decline: str = ""
    authenticate: bool = False
    dispute: bool = False
    refund_fails: bool = False


@dataclass(frozen=True)
class Debit:
    """What becomes of a SEPA debit: `succeeded`, `failed` or `disputed` (succeeded first)."""

    iban: str
    outcome: str = "succeeded"
    slow: bool = False


CARDS = {
    card.number: card
    for card in (
        Card("4242424242424242"),
        Card("4000056655665556"),
        Card("4000002500000003"),  # issued in France
        Card("5555555555554444", "mastercard"),
        Card("378282246310005", "amex"),
        Card("4000000000000002", decline="generic_decline"),
        Card("4000000000009995", decline="insufficient_funds"),
        Card("4000000000009987", decline="lost_card"),
        Card("4000000000000069", decline="expired_card"),
        Card("4000000000000127", decline="incorrect_cvc"),
        Card("4000000000000119", decline="processing_error"),
        Card("4000000000003220", authenticate=True),
        Card("4000002760003184", authenticate=True),
        Card("4000000000000259", dispute=True),
        Card("4000000000005126", refund_fails=True),
    )
}
TOKENS = {
    "visa": "4242424242424242",
    "visa_debit": "4000056655665556",
    "fr": "4000002500000003",
    "mastercard": "5555555555554444",
    "amex": "378282246310005",
    "chargeDeclined": "4000000000000002",
    "visa_chargeDeclined": "4000000000000002",
    "chargeDeclinedInsufficientFunds": "4000000000009995",
    "visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "chargeDeclinedLostCard": "4000000000009987",
    "chargeDeclinedExpiredCard": "4000000000000069",
    "chargeDeclinedIncorrectCvc": "4000000000000127",
    "chargeDeclinedProcessingError": "4000000000000119",
    "threeDSecure2Required": "4000000000003220",
    "authenticationRequired": "4000002760003184",
    "createDispute": "4000000000000259",
    "refundFail": "4000000000005126",
}
# Codes that Stripe reports in `code` themselves; every other decline is `card_declined` with a `decline_code`.
OWN_CODES = {"expired_card", "incorrect_cvc", "processing_error"}
MESSAGES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "lost_card": "Your card was declined.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
}
DEBITS = {
    debit.iban: debit
    for debit in (
        Debit("FR1420041010050500013M02606"),
        Debit("FR3020041010050500013M02609", slow=True),
        Debit("FR8420041010050500013M02607", "failed"),
        Debit("FR7920041010050500013M02600", "failed", slow=True),
        Debit("FR5720041010050500013M02608", "disputed"),
        Debit("DE89370400440532013000"),
        Debit("DE08370400440532013003", slow=True),
        Debit("DE62370400440532013001", "failed"),
        Debit("DE78370400440532013004", "failed", slow=True),
        Debit("DE35370400440532013002", "disputed"),
    )
}
# Countries of the Single Euro Payments Area: every one of them must be accepted (Reg. 260/2012 art. 9).
SEPA_COUNTRIES = {
    "AD",
    "AL",
    "AT",
    "BE",
    "BG",
    "CH",
    "CY",
    "CZ",
    "DE",
    "DK",
    "EE",
    "ES",
    "FI",
    "FR",
    "GB",
    "GI",
    "GR",
    "HR",
    "HU",
    "IE",
    "IS",
    "IT",
    "LI",
    "LT",
    "LU",
    "LV",
    "MC",
    "MD",
    "ME",
    "MK",
    "MT",
    "NL",
    "NO",
    "PL",
    "PT",
    "RO",
    "RS",
    "SE",
    "SI",
    "SK",
    "SM",
    "VA",
}


def clean(text: str) -> str:
    return "".join(text.split()).upper()


def iban_is_valid(iban: str) -> bool:
    """ISO 13616: moved four, letters as numbers, remainder 1 modulo 97; only SEPA countries.

    >>> iban_is_valid("FR1420041010050500013M02606"), iban_is_valid("FR1520041010050500013M02606")
    (True, False)
    """
    if not (15 <= len(iban) <= 34 and iban.isalnum() and iban.isascii() and iban[:2] in SEPA_COUNTRIES):
        return False
    return int("".join(str(int(char, 36)) for char in iban[4:] + iban[:4])) % 97 == 1


def card_of(number: str) -> Card | None:
    return CARDS.get("".join(char for char in number if char.isdigit()))


def debit_of(iban: str) -> Debit:
    """A known test IBAN behaves as documented; any other valid one is simply paid."""
    return DEBITS.get(iban, Debit(iban))
