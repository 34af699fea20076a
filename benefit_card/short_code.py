"""The typed code of a card: nine random Crockford characters and one that catches every single typing error.

The last character is a checksum over GF(32): any one wrong character and any two swapped characters are noticed, which
a plain sum over 32 symbols cannot do. Pure: no Django, no clock, no randomness that is not passed in.
"""

from __future__ import annotations

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I, L, O, U
LENGTH = 10
BITS = 45
_VALUE = {letter: value for value, letter in enumerate(ALPHABET)} | {"O": 0, "I": 1, "L": 1}
_SEPARATORS = {ord(" "): None, ord("-"): None, 0xA0: None, 0x202F: None}


class ShortCodeRefused(ValueError):
    """The text is not a short code, or a character was mistyped."""


def _double(value: int) -> int:
    """Multiply by x in GF(32) with the primitive polynomial x⁵ + x² + 1."""
    value <<= 1
    return value ^ 0b100101 if value & 0b100000 else value


def _check(values: list[int]) -> int:
    total = 0
    for value in values:  # Horner: position i is weighted with xⁱ, and the powers of x all differ
        total = _double(total ^ value)
    return total


def from_number(number: int) -> str:
    """Write a number below 2⁴⁵ as a short code without its groups.

    >>> from_number(123456789)
    '0003NQK8N1'
    """
    if not 0 <= number < 1 << BITS:
        raise ValueError("a short code carries 45 bits")
    values = [number >> shift & 31 for shift in range(BITS - 5, -1, -5)]
    return "".join(ALPHABET[value] for value in [*values, _check(values)])


def read(text: str) -> str:
    """Return the code as it is stored, whatever the case, spaces or look-alike letters it was typed with.

    Raises `ShortCodeRefused`.

    >>> read("ooo 3nq k8n l")
    '0003NQK8N1'
    """
    letters = text.strip().upper().translate(_SEPARATORS)
    values = [_VALUE.get(letter, -1) for letter in letters]
    if len(values) != LENGTH or -1 in values or _check(values[:-1]) != values[-1]:
        raise ShortCodeRefused("not a short code")
    return "".join(ALPHABET[value] for value in values)


def grouped(code: str) -> str:
    """Spread a code for reading aloud.

    >>> grouped("0003NQK8N1")
    '000 3NQ K8N 1'
    """
    return " ".join((code[:3], code[3:6], code[6:9], code[9:]))
