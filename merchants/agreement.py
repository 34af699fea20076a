"""The merchant agreement by version. A text that was accepted is never edited: a change is a new version."""

import hashlib

CURRENT = "2026-1"
TEXTS: dict[str, tuple[str, ...]] = {
    "2026-1": (
        "Vous honorez les offres que vous publiez envers chaque titulaire de carte, sans tenir de liste de personnes.",
        "Vous voyez à la caisse un prénom et une initiale, rien d'autre, et vous ne vous en servez que pour cette vente.",
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
