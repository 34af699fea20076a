"""Money arithmetic. Amounts are integer cents, unit prices integer ten-thousandths of a euro (`e4`), rates basis points.

Every rounding of the product happens here: half up, away from zero for negative amounts (decision 0003).
"""

import re
from collections.abc import Sequence
from decimal import Decimal

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from companies.errors import Invalid

MAX_CENTS = 10_000_000_000  # 100 million euros: more is a typing mistake
MAX_QUANTITY = 1_000_000_000


class AmountRefused(Invalid):
    """What was typed is not an amount we accept."""

    code = "amount_invalid"
    message = _("“%(given)s” is not an amount. Write it in figures, for example 12,50.")


class QuantityRefused(Invalid):
    """What was typed is not a quantity we accept."""

    code = "quantity_invalid"
    message = _("“%(given)s” is not a quantity. Write a whole number, for example 12.")


def divide(numerator: int, denominator: int) -> int:
    """Divide integers, rounding half away from zero.

    >>> divide(25, 10), divide(-25, 10), divide(24, 10)
    (3, -3, 2)
    """
    sign = -1 if (numerator < 0) != (denominator < 0) else 1
    numerator, denominator = abs(numerator), abs(denominator)
    return sign * ((2 * numerator + denominator) // (2 * denominator))


def line_total(quantity: int, unit_price_e4: int) -> int:
    """Cents of a quantity at a unit price, rounded once.

    >>> line_total(36, 34_917)
    12570
    """
    return divide(quantity * unit_price_e4, 100)


def percent_of(cents: int, bp: int) -> int:
    """A rate in basis points applied to an amount, rounded once.

    >>> percent_of(1999, 1500)
    300
    """
    return divide(cents * bp, 10_000)


def vat(net_cents: int, vat_bp: int) -> int:
    """VAT on a net amount.

    >>> vat(4449, 2000)
    890
    """
    return percent_of(net_cents, vat_bp)


def share(total: int, weights: Sequence[int]) -> list[int]:
    """Split whole units by weight so that the parts sum to the total (largest remainder, ties to the earliest).

    With no weight at all the split is equal. A negative total is split as its positive and negated.

    >>> share(12_570, [11, 7, 14, 4])
    [3841, 2444, 4888, 1397]
    >>> share(5_000, [1, 1, 1])
    [1667, 1667, 1666]
    """
    if not weights:
        return []
    if total < 0:
        return [-part for part in share(-total, weights)]
    whole = sum(weights)
    if whole == 0:
        weights, whole = [1] * len(weights), len(weights)
    parts = [total * weight // whole for weight in weights]
    rest = total - sum(parts)
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
    for i in by_remainder[:rest]:
        parts[i] += 1
    return parts


_SPACES = str.maketrans("", "", " \u00a0\u202f\u2009€")


def _decimal(text: str, places: int) -> Decimal:
    given = str(text).strip()
    plain = given.translate(_SPACES)
    if "," in plain and "." in plain:  # 1.234,56 or 1,234.56: the last mark is the decimal one
        plain = plain.replace("." if plain.rindex(",") > plain.rindex(".") else ",", "")
    plain = plain.replace(",", ".")
    if not re.fullmatch(rf"[0-9]{{1,12}}(\.[0-9]{{0,{places}}})?", plain):
        raise AmountRefused(given=given[:40])
    return Decimal(plain)


def parse_cents(text: str) -> int:
    """Cents from what a person typed: `12,50`, `12.5`, `1 234,56 €`. Refuses signs, exponents and a third decimal.

    >>> parse_cents("1 234,56")
    123456
    """
    cents = int(_decimal(text, 2) * 100)
    if cents > MAX_CENTS:
        raise AmountRefused(_("“%(given)s” is more than we accept. Check the amount."), given=str(text)[:40])
    return cents


def parse_unit_price(text: str) -> int:
    """Ten-thousandths of a euro from what a person typed, up to four decimals.

    >>> parse_unit_price("3,4917")
    34917
    """
    price = int(_decimal(text, 4) * 10_000)
    if price > MAX_CENTS * 100:
        raise AmountRefused(_("“%(given)s” is more than we accept. Check the amount."), given=str(text)[:40])
    return price


def parse_quantity(text: str) -> int:
    """A whole number of smallest units from what a person typed.

    >>> parse_quantity("1 200")
    1200
    """
    given = str(text).strip()
    plain = given.translate(_SPACES)
    if not re.fullmatch(r"[0-9]{1,10}", plain) or int(plain) > MAX_QUANTITY:
        raise QuantityRefused(given=given[:40])
    return int(plain)


def euros(cents: int) -> str:
    """The decimal string of JSON and of editable fields.

    >>> euros(-1205)
    '-12.05'
    """
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def typed(number: str) -> str:
    """`12.50` as the reader types it: with a comma in French.

    >>> typed("12.50")
    '12,50'
    """
    return number.replace(".", ",") if (get_language() or "fr").startswith("fr") else number


def unit_price(e4: int) -> str:
    """The decimal string of a unit price, four decimals.

    >>> unit_price(34_917)
    '3.4917'
    """
    return f"{e4 // 10_000}.{e4 % 10_000:04d}"
