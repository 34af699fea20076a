"""When two companies mean the same thing in different words. Pure text, no database."""

import re
import unicodedata
from collections.abc import Iterable
from difflib import SequenceMatcher

# Words that say nothing about what is bought, in French and in English.
_EMPTY = (
    {"de", "du", "des", "la", "le", "les", "un", "une", "et", "a", "au", "aux", "en", "pour", "par", "avec", "sans"}
    | {"sur", "type", "ref"}
    | {"the", "of", "for", "with", "and", "in"}
)
_ALIKE = 0.82


def normalise(text: str) -> str:
    """Return the words of a need without accents, case, plural and order, so that like lines compare equal.

    >>> normalise("Gants nitrile, taille M") == normalise("gant NITRILE taille m")
    True
    >>> normalise("Papier A4 80 g") == normalise("Papier A3 80 g")
    False
    """
    plain = unicodedata.normalize("NFKD", text.lower().replace("œ", "oe"))
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    plain = re.sub(r"\b[a-z]['’]", " ", plain)
    # "80g" and "80 g" are the same; "a4" stays one word.
    plain = re.sub(r"(\d)(?=(?:g|kg|ml|cl|l|mm|cm|m|w|v)\b)", r"\1 ", plain)
    words = (_singular(word) for word in re.findall(r"[a-z]+\d*|\d+(?:[.,]\d+)?", plain))
    return " ".join(sorted({word for word in words if word not in _EMPTY}))[:200]


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word[-1] in "sx" else word


def alike(one: str, other: str) -> bool:
    """Whether two normalised needs are probably the same. Numbers must agree: a size is never a detail.

    >>> alike(normalise("Gants nitrile noirs taille M"), normalise("Gants nitrile noir T. M"))
    True
    >>> alike(normalise("Carton 400x300"), normalise("Carton 600x400"))
    False
    """
    if one == other:
        return True
    first, second = set(one.split()), set(other.split())
    if _measures(first) != _measures(second) or not first & second:
        return False
    shared = len(first & second) / min(len(first), len(second))
    return shared >= _ALIKE or SequenceMatcher(None, one, other).ratio() >= _ALIKE


def _measures(words: Iterable[str]) -> set[str]:
    return {word for word in words if any(c.isdigit() for c in word) or word in {"s", "m", "l", "xl", "xxl"}}
