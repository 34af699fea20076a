"""When two people mean the same thing in different words: needs read into words and measures, compared, and grouped.

Pure text, French first. A size, a dimension or a reference is never a detail: needs that differ in one are different needs,
however alike their words. A word may be misspelt, in the plural, abbreviated, or in another order.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache

from purchasing.rules.matching_words import (
    COLOURS,
    EMPTY,
    LOOSE_WORDS,
    MATERIALS,
    SAID_ELSEWHERE,
    SAYINGS,
    SCALE,
    SIZES,
)

SAME = 0.62  # share of common words from which two needs with agreeing measures are the same

CONTRADICTED = 0.7  # what remains of the likeness when each says something the other does not

_NUMBER = r"\d+(?:\.\d+)?"
_SIDE = rf"({_NUMBER})\s?(mm|cm|m)?"
_DIMENSION = re.compile(rf"\b(m)?\s?({_NUMBER}\s?(?:mm|cm|m)?(?:\s?x\s?{_NUMBER}\s?(?:mm|cm|m)?)+)\b")
_MEASURE = re.compile(rf"\b({_NUMBER})\s?({'|'.join(sorted(SCALE, key=len, reverse=True))})\b")
_PACK = re.compile(
    r"\b(?:boite|lot|paquet|carton|sachet|sac|ramette|par|pack|rouleau) (?:de )?(\d{1,5})\b(?!\s?(?:x|mm|cm|g|kg|l|ml|cl)\b)"
)
_COUNT = re.compile(r"\bx ?(\d{2,5})\b|\b(\d{2,5}) (?:feuilles?|sacs?|lingettes?|paires?|doses?|formats?)\b")
_SIZE = re.compile(r"\b(?:taille|tailles|pointure|pt|t)\.? ?(xs|s|m|l|xl|xxl|xxxl|2xl|3xl|\d{1,2}(?:[/-]\d{1,2})?)\b")
_CODE = re.compile(r"\b(?=[a-z]*\d)(?=\d*[a-z])[a-z0-9]{2,}(?:[.-][a-z0-9]+)*\b|\b\d+(?:\.\d+)?\b")


@dataclass(frozen=True, slots=True)
class Need:
    """A need as it is compared: its head word, all its words, and what was measured, by kind."""

    words: frozenset[str]
    head: str
    measures: tuple[tuple[str, frozenset[str]], ...]

    def measure(self, kind: str) -> frozenset[str]:
        return next((values for name, values in self.measures if name == kind), frozenset())


def fold(text: str) -> str:
    """Lower case, no accents, signs of multiplication as x, decimals with a point, elisions opened.

    >>> fold("Vis tête H M8×40, l’inox n° 4")
    'vis tete h m8x40 inox n 4'
    """
    plain = text.lower().replace("œ", "oe").replace("×", "x").replace("*", "x").replace("µ", "u").replace("ø", " d")
    plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    plain = re.sub(r"(\d),(?=\d)", r"\1.", plain)
    plain = re.sub(r"\bn(?:o|°|º)?\.? ?(?=\d)", "n ", plain)
    plain = re.sub(r"(\d)\s?(?:''|\"|”|″)", r"\1 pouces", plain)
    plain = re.sub(r"\b[a-z]{1,2}['’]", " ", plain)
    return " ".join(re.sub(r"[^a-z0-9./\- ]", " ", plain).split())


@lru_cache(maxsize=50_000)
def read(text: str) -> Need:
    """What a line of free text asks for."""
    left = f" {fold(text)} "
    found: dict[str, set[str]] = {}

    def take(pattern: re.Pattern[str], keep: Callable[[re.Match[str]], None]) -> None:
        nonlocal left

        def away(match: re.Match[str]) -> str:
            keep(match)
            return " "

        left = pattern.sub(away, left)

    def dimension(match: re.Match[str]) -> None:
        sides = re.findall(_SIDE, match[2])
        last = sides[-1][1]
        scaled = [_times(number, SCALE[unit or last or "mm"][1]) for number, unit in sides]
        if match[1]:
            found.setdefault("dimension", set()).add("m" + "x".join(map(str, scaled)))
        else:
            found.setdefault("dimension", set()).add("x".join(map(str, sorted(scaled))))
        found.setdefault("sides", set()).add("x".join(sorted(number for number, _unit in sides)))

    def measure(match: re.Match[str]) -> None:
        kind, factor = SCALE[match[2]]
        found.setdefault(kind, set()).add(str(_times(match[1], factor)))
        found.setdefault("number", set()).add(match[1])

    def one(kind: str) -> Callable[[re.Match[str]], None]:
        def keep(match: re.Match[str]) -> None:
            value = next(part for part in match.groups() if part).replace("/", "-")
            found.setdefault(kind, set()).add(SIZES.get(value, value))

        return keep

    for pattern, said in _sayings():
        left = pattern.sub(f" {said} ", left)
    left = f" {' '.join(left.split())} "
    take(_DIMENSION, dimension)
    take(_SIZE, one("size"))
    take(_PACK, one("pack"))
    take(_COUNT, one("pack"))
    take(_MEASURE, measure)
    letters: list[str] = []
    take(_CODE, lambda match: _code(match[0], found, letters))
    words = _words(left, found) + [stem(word) for word in letters if word not in EMPTY]
    head = next((word for word in words if word not in LOOSE_WORDS), words[0] if words else "")
    return Need(frozenset(words), head, tuple((kind, frozenset(v)) for kind, v in sorted(found.items())))


def _code(text: str, found: dict[str, set[str]], letters: list[str]) -> None:
    """A reference such as CF259A, HV46 or 12.9: letters before the figures are a word, one or two after belong to them."""
    for before, figures, after in re.findall(r"([a-z]*)[.-]?(\d+(?:\.\d+)?)([a-z]*)", text):
        tail = after if len(after) <= 2 else ""
        found.setdefault("code", set()).add(figures + tail)
        letters += [word for word in (before, "" if tail else after) if len(word) > 1]


def _times(number: str, factor: int) -> int:
    """A decimal number times a factor, in integers: nothing here is a float."""
    whole, _point, rest = number.partition(".")
    rest = rest[:6]
    return (int(whole + rest) * factor) // 10 ** len(rest)


@cache
def _sayings() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(pattern), said.replace(r"\1", r"\g<1>")) for pattern, said in SAYINGS)


def _words(left: str, found: dict[str, set[str]]) -> list[str]:
    words = []
    for word in re.findall(r"[a-z]+", left):
        if word in SIZES and len(word) <= 4 and "size" not in found and (len(word) > 1 or word in "sml"):
            found.setdefault("size", set()).add(SIZES[word])
        elif (singular := word.rstrip("s") if len(word) > 4 else word) in COLOURS or word in COLOURS:
            found.setdefault("colour", set()).add(COLOURS.get(word) or COLOURS[singular])
        elif word in MATERIALS:
            found.setdefault("material", set()).add(word)
        elif word not in EMPTY and len(word) > 1:
            words.append(stem(word))
    return words


def stem(word: str) -> str:
    """A French word without plural, feminine and the commonest endings; enough to compare, not to read.

    >>> stem("poudrés"[:-2] + "es"), stem("nitriles"), stem("emballages"), stem("chevaux")
    ('poudr', 'nitril', 'emballag', 'cheval')
    """
    if len(word) > 5 and word.endswith("aux"):
        return word[:-3] + "al"
    if len(word) > 3 and word[-1] in "sx":
        word = word[:-1]
    if len(word) > 4 and word.endswith("ee"):
        return word[:-2]
    if len(word) > 3 and word[-1] == "e":
        word = word[:-1]
    return word


def agree(one: Need, other: Need) -> bool:
    """Whether nothing measured contradicts: sizes, dimensions and references equal; other measures equal when both say them."""
    if one.measure("size") != other.measure("size"):
        return False
    if one.measure("dimension") != other.measure("dimension") and one.measure("sides") != other.measure("sides"):
        return False
    if one.measure("code") - other.measure("number") != other.measure("code") - one.measure("number"):
        return False  # a figure without its unit is the same figure with it
    kinds = {name for name, _values in one.measures} & {name for name, _values in other.measures} - SAID_ELSEWHERE
    return all(one.measure(kind) == other.measure(kind) for kind in kinds)


def likeness(one: Need, other: Need) -> float:
    """How alike two needs are, from 0 to 1; 0 when a measure or the thing itself differs.

    A word that only one of them has is a detail the other left out; when each has a word the other lacks, they contradict
    each other ("initial" and "refresher"), and much more must be common.
    """
    if not one.words or not other.words or not agree(one, other):
        return 0.0
    if not (_has(other.words, one.head) or _has(one.words, other.head)):
        return 0.0
    first, second = one.words, other.words
    mine = {word for word in first if not _has(second, word)}
    theirs = {word for word in second if not _has(first, word)}
    whole = sum(map(_weight, first)) + sum(map(_weight, second))
    shared = (whole - sum(map(_weight, mine)) - sum(map(_weight, theirs))) / whole
    return shared * CONTRADICTED if mine - LOOSE_WORDS and theirs - LOOSE_WORDS else shared


def same(one: Need, other: Need) -> bool:
    """Whether two needs are probably the same thing.

    >>> same(read("Gants nitrile noirs taille M"), read("gant nitril noir T.M"))
    True
    >>> same(read("Vis CHC M8x40"), read("Vis CHC M8x60"))
    False
    """
    return likeness(one, other) >= SAME


def _weight(word: str) -> int:
    """Packaging says little about what is bought."""
    return 1 if word in LOOSE_WORDS else 4


def _has(words: frozenset[str], word: str) -> bool:
    return word in words or any(near(word, candidate) for candidate in words)


@lru_cache(maxsize=200_000)
def near(one: str, other: str) -> bool:
    """Whether two stems are one word misspelt, shortened or joined.

    >>> near("poubel", "poubell"), near("secu", "securit"), near("vis", "vise")
    (True, True, False)
    """
    short, long = sorted((one, other), key=len)
    if len(short) < 4 or short[0] != long[0]:
        return False
    if long.startswith(short) and len(short) >= 4 and len(long) - len(short) <= 6 and len(short) * 5 >= len(long) * 2:
        return True
    most = 1 if len(short) < 8 else 2
    return len(short) > 4 and len(long) - len(short) <= most and _distance(short, long, most) <= most


def _distance(one: str, other: str, most: int) -> int:
    """Edits between two words, a swap of neighbours counting one; stops being exact above `most`."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        older, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return row[-1]


@dataclass(slots=True)
class Cluster:
    """Needs that are probably the same, by their positions in what was given."""

    need: Need
    members: list[int] = field(default_factory=list)


def cluster(texts: Sequence[str], apart: Sequence[object] = ()) -> list[list[int]]:
    """Group texts that mean the same thing; `apart[i]` (a unit, say) keeps unlike things apart whatever their words.

    Each need joins the likest group whose first member it equals, so that a chain of small differences never joins two
    different things. Texts that read alike are compared once; a word's first letters choose who is compared at all.
    """
    by_need: dict[tuple[object, Need], Cluster] = {}
    keyed: dict[tuple[object, str], list[Cluster]] = {}
    order: list[Cluster] = []
    for position, text in enumerate(texts):
        kind, need = (apart[position] if apart else None), read(text)
        known = by_need.get((kind, need))
        if known is None:
            known = _nearest(need, kind, keyed)
            if known is None:
                known = Cluster(need)
                order.append(known)
                for key in _keys(need):
                    keyed.setdefault((kind, key), []).append(known)
            by_need[kind, need] = known
        known.members.append(position)
    return [found.members for found in order]


def _nearest(need: Need, kind: object, keyed: dict[tuple[object, str], list[Cluster]]) -> Cluster | None:
    best, score = None, SAME
    seen: set[int] = set()
    for key in _keys(need):
        for candidate in keyed.get((kind, key), ()):
            if id(candidate) in seen:
                continue
            seen.add(id(candidate))
            likely = likeness(candidate.need, need)
            if likely > score or (best is None and likely >= score):
                best, score = candidate, likely
    return best


def _keys(need: Need) -> Iterable[str]:
    """What needs must share to be compared: the size, and the first letters of a word."""
    size = ",".join(sorted(need.measure("size")))
    return sorted({f"{word[:3]}|{size}" for word in need.words if word not in LOOSE_WORDS or len(need.words) == 1})
