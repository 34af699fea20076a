"""The merchant agreement by version. A text that was accepted is never edited: a change is a new version.

A new version has to be accepted again, with proof. Until `GRACE` after its first day nothing changes for a merchant; then
no offer can be published any more. Offers that run go on: nobody loses a discount over a text.
"""

import hashlib
from datetime import date, datetime, timedelta

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


def fingerprint(version: str) -> str:
    """SHA-256 of a version's text, one paragraph a line.

    >>> len(fingerprint(CURRENT))
    64
    """
    return hashlib.sha256("\n".join((version, *TEXTS[version])).encode()).hexdigest()


def last_day() -> date:
    """The last day on which the version before still counts for publishing."""
    return SINCE[CURRENT] + GRACE


def overdue(accepted: str, *, at: datetime) -> bool:
    """Whether somebody who accepted this version may publish nothing new any more."""
    return accepted != CURRENT and timezone.localdate(at) > last_day()


def news(accepted: str) -> list[tuple[str, bool]]:
    """The articles of the current text, each with whether it is new to somebody who accepted another version."""
    known = set(TEXTS.get(accepted, ()))
    return [(article, article not in known) for article in TEXTS[CURRENT]]
