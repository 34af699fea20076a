"""Base 45 of RFC 9285, in the one spelling it allows: what `decode` accepts, `encode` writes back letter by letter.

Pure: no Django, no clock.
"""

from __future__ import annotations

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_VALUE = {letter: value for value, letter in enumerate(ALPHABET)}


class Base45Refused(ValueError):
    """The text is not base 45, or not its only spelling."""


def encode(data: bytes) -> str:
    """Write bytes as base 45: two bytes in three letters, a last single byte in two.

    >>> encode(b"AB")
    'BB8'
    """
    letters: list[str] = []
    for start in range(0, len(data) - 1, 2):
        high, low = divmod(data[start] * 256 + data[start + 1], 45 * 45)
        middle, first = divmod(low, 45)
        letters += (ALPHABET[first], ALPHABET[middle], ALPHABET[high])
    if len(data) % 2:
        high, low = divmod(data[-1], 45)
        letters += (ALPHABET[low], ALPHABET[high])
    return "".join(letters)


def decode(text: str) -> bytes:
    """Read base 45 back; raise `Base45Refused` for a foreign letter, a left-over letter or a value that does not fit.

    >>> decode("BB8")
    b'AB'
    """
    if len(text) % 3 == 1:
        raise Base45Refused("left-over letter")
    try:
        values = [_VALUE[letter] for letter in text]
    except KeyError as error:
        raise Base45Refused("foreign letter") from error
    data = bytearray()
    for start in range(0, len(values) - 2, 3):
        number = values[start] + values[start + 1] * 45 + values[start + 2] * 2025
        if number > 0xFFFF:
            raise Base45Refused("three letters above 65,535")
        data += number.to_bytes(2, "big")
    if len(values) % 3 == 2:
        number = values[-2] + values[-1] * 45
        if number > 0xFF:
            raise Base45Refused("two letters above 255")
        data.append(number)
    return bytes(data)
