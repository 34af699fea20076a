"""Structured creditor references (ISO 11649) made from document numbers: what a payer quotes and a bank statement returns."""

import re

_ALLOWED = re.compile(r"[^A-Z0-9]")


def _value(text: str) -> int:
    return int("".join(str(int(letter, 36)) for letter in text))


def creditor_reference(number: str) -> str:
    """The RF reference of a document number; ISO 11649, check digits as of ISO 7064 mod 97-10.

    >>> creditor_reference("ERB-2026-00012")
    'RF13ERB202600012'
    >>> creditor_reference("539007547034")
    'RF18539007547034'
    """
    body = _ALLOWED.sub("", number.upper())[:21]
    return f"RF{98 - _value(body + 'RF00') % 97:02d}{body}"


def is_reference(text: str) -> bool:
    """Whether a text is an RF reference whose check digits are right.

    >>> is_reference("RF18 5390 0754 7034"), is_reference("RF19 5390 0754 7034")
    (True, False)
    """
    found = text.replace(" ", "").upper()
    if not re.fullmatch(r"RF\d\d[A-Z0-9]{1,21}", found):
        return False
    return _value(found[4:] + found[:4]) % 97 == 1


def spaced(reference: str) -> str:
    """A reference in groups of four, as people read it aloud.

    >>> spaced("RF18539007547034")
    'RF18 5390 0754 7034'
    """
    return " ".join(reference[start : start + 4] for start in range(0, len(reference), 4))


def find_all(text: str) -> list[str]:
    """Every right RF reference that may stand in a bank's free text, spaces inside or not, the longest first.

    Words may follow without a sign between, so several lengths can have right check digits: the caller keeps the one it knows.

    >>> find_all("VIR TANNERIE RF18 5390 0754 7034 MERCI")
    ['RF18539007547034']
    """
    found: list[str] = []
    for match in re.finditer(r"RF\s?\d\s?\d", text.upper()):
        tail = _ALLOWED.sub("", text.upper()[match.start() : match.start() + 40])[:25]
        found += [tail[:length] for length in range(len(tail), 8, -1) if is_reference(tail[:length])]
    return list(dict.fromkeys(found))


def numbers_in(text: str) -> list[str]:
    """Document numbers of ours named in a text: by RF reference, or written out with or without dashes.

    >>> numbers_in("FACT ERB-2026-00012 ET RF13 ERB2 0260 0012")
    ['ERB-2026-00012']
    """
    compact = [reference[4:] for reference in find_all(text)]
    compact += re.findall(r"(?<![A-Z0-9])(?:ERB|AV)[ -]?20\d\d[ -]?\d{5,6}(?!\d)", text.upper())
    found = []
    for word in compact:
        match = re.fullmatch(r"([A-Z]+)(20\d\d)(\d{5,6})", _ALLOWED.sub("", word))
        if match:
            found.append("-".join(match.groups()))
    return list(dict.fromkeys(found))
