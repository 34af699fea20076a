"""The words of a need in one order, for the index that finds like ones; `rules.matching` compares them."""

import re
import unicodedata

# Words that say nothing about what is bought, in French and in English.
_EMPTY = (
    {"de", "du", "des", "la", "le", "les", "un", "une", "et", "a", "au", "aux", "en", "pour", "par", "avec", "sans"}
    | {"sur", "type", "ref"}
    | {"the", "of", "for", "with", "and", "in"}
)


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
