"""The merchant agreement by version. A text that was accepted is never edited: a change is a new version.

A new version has to be accepted again, with proof. Until `GRACE` after its first day nothing changes for a merchant; then
no offer can be published any more. Offers that run go on: nobody loses a discount over a text.

French binds (decision 0061). Who reads English sees `READING` beside it, and the proof keeps that it stood there, and its hash.
"""

import hashlib
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.utils import timezone

CURRENT = "2026-2"
SINCE: dict[str, date] = {"2026-1": date(2026, 1, 1), "2026-2": date(2026, 11, 1)}
GRACE = timedelta(days=45)
TEXTS: dict[str, tuple[str, ...]] = {
    "2026-1": (
        "Vous honorez les offres que vous publiez envers chaque titulaire de carte, sans tenir de liste de personnes.",
        "Vous voyez à la caisse un prénom et une initiale, rien d'autre, et vous ne vous en servez que pour cette vente.",
        "Vous pouvez changer, suspendre ou terminer une offre à tout moment ; ce qui a été accordé reste accordé.",
        "ERB peut suspendre un commerce qui n'honore pas ses offres, et dit pourquoi.",
    ),
    "2026-2": (
        "Vous honorez les offres que vous publiez envers chaque titulaire de carte qu'elles concernent, sans tenir de liste de personnes.",
        "Vous voyez à la caisse un prénom et une initiale, rien d'autre, et vous ne vous en servez que pour cette vente.",
        "Une offre réservée à certains employeurs s'adresse toujours à dix personnes au moins ; vous n'en déduisez rien sur une personne.",
        "Les images que vous publiez vous appartiennent ou vous sont permises ; ERB les montre tant que l'offre dure.",
        "Une vente faite sans réseau est honorée même si une limite se révèle dépassée ensuite ; ERB la compte dans votre relevé.",
        "Vous pouvez changer, suspendre ou terminer une offre à tout moment ; ce qui a été accordé reste accordé.",
        "ERB peut suspendre un commerce qui n'honore pas ses offres, et dit pourquoi.",
    ),
}
# A copy to read, article by article as in `TEXTS`; it is shown and proven with a version, so it is never edited either.
READING: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        "2026-1": (
            "You honour the offers you publish towards every card holder, without keeping a list of people.",
            "At the till you see a first name and an initial, nothing else, and you use them for this sale only.",
            "You may change, suspend or end an offer at any time; what was granted stays granted.",
            "ERB may suspend a merchant that does not honour its offers, and says why.",
        ),
        "2026-2": (
            "You honour the offers you publish towards every card holder they concern, without keeping a list of people.",
            "At the till you see a first name and an initial, nothing else, and you use them for this sale only.",
            "An offer for certain employers is always open to ten people at least; you infer nothing from it about a person.",
            "The pictures you publish are yours or you are allowed to use them; ERB shows them as long as the offer lasts.",
            "A sale made without network is honoured even if a limit turns out to be exceeded; ERB counts it in your statement.",
            "You may change, suspend or end an offer at any time; what was granted stays granted.",
            "ERB may suspend a merchant that does not honour its offers, and says why.",
        ),
    }
}


class Article(NamedTuple):
    """An article as a page shows it: the text that binds, the copy beside it ("" for none), and whether it is new."""

    text: str
    reading: str
    new: bool


def fingerprint(version: str, reading: str = "") -> str:
    """SHA-256 of a version's text, one paragraph a line; of its copy in another language when `reading` names one.

    >>> len(fingerprint(CURRENT)), fingerprint(CURRENT) == fingerprint(CURRENT, "en")
    (64, False)
    """
    words = READING[reading][version] if reading else TEXTS[version]
    return hashlib.sha256("\n".join((version, *words)).encode()).hexdigest()


def copy_for(language: str | None) -> str:
    """The language of the copy that stands beside the text for a reader: "" when the French text is all they need.

    >>> copy_for("en-gb"), copy_for("fr"), copy_for(None)
    ('en', '', '')
    """
    short = (language or "").split("-")[0]
    return short if short in READING else ""


def last_day() -> date:
    """The last day on which the version before still counts for publishing."""
    return SINCE[CURRENT] + GRACE


def overdue(accepted: str, *, at: datetime) -> bool:
    """Whether somebody who accepted this version may publish nothing new any more."""
    return accepted != CURRENT and timezone.localdate(at) > last_day()


def articles(version: str = CURRENT, *, reading: str = "", accepted: str | None = None) -> list[Article]:
    """A version article by article, with the copy in `reading`; new is what another version that was `accepted` did not say."""
    known = set(TEXTS[version] if accepted is None else TEXTS.get(accepted, ()))
    copies = READING[reading][version] if reading else ("",) * len(TEXTS[version])
    return [Article(text, copy, text not in known) for text, copy in zip(TEXTS[version], copies, strict=True)]
