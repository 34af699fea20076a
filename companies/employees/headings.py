"""Column headings of payroll and HR programs, French and English, with or without accents, capitals and points."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import date

FIELDS = ("first_name", "last_name", "reference", "email", "site", "starts_on", "ends_on")
SYNONYMS: dict[str, str] = {
    "first_name": (
        "prenom|prenoms|prenom du salarie|prenom salarie|prenom usuel|first name|firstname|given name|forename"
    ),
    "last_name": (
        "nom|nom de famille|nom du salarie|nom salarie|nom usage|nom d usage|nom usuel|last name|"
        "lastname|surname|family name"
    ),
    "full_name": (
        "nom prenom|nom et prenom|nom et prenoms|nom prenoms|nom complet|salarie|collaborateur|full name|name|employee"
    ),
    "reference": (
        "matricule|mat|n matricule|no matricule|num matricule|numero matricule|matricule salarie|"
        "code salarie|id salarie|numero salarie|n salarie|no salarie|reference|ref|staff number|"
        "employee id|employee number|personnel number|id"
    ),
    "email": (
        "courriel|e mail|email|mail|mel|adresse mail|adresse e mail|adresse email|adresse courriel|"
        "courriel professionnel|e mail professionnel|email professionnel|mail professionnel|mail pro|"
        "email pro|adresse electronique|email address|e mail address|work email|work e mail"
    ),
    "site": ("site|etablissement|lieu|lieu de travail|site de travail|agence|location|workplace|plant|work site"),
    "starts_on": (
        "date d entree|date entree|entree|date d embauche|date embauche|embauche|date debut|"
        "date de debut|debut|debut de contrat|date debut contrat|date de debut de contrat|date d arrivee|"
        "arrivee|start date|starts on|hire date|date of hire|joined|entry date|start"
    ),
    "ends_on": (
        "date de sortie|date sortie|sortie|date de depart|date depart|depart|date de fin|date fin|fin|"
        "fin de contrat|date fin contrat|date de fin de contrat|end date|ends on|leaving date|"
        "date of leaving|left|exit date|end"
    ),
}
_FIELD_OF = {word: field for field, words in SYNONYMS.items() for word in words.split("|")}


def fold(text: object) -> str:
    """Lower case, no accents, no punctuation, single spaces: the form in which names and headings are compared.

    >>> fold("  Date d’entrée : ")
    'date d entree'
    """
    if not isinstance(text, str):
        return ""
    bare = "".join(
        c
        for c in unicodedata.normalize("NFKD", text.replace("œ", "oe").replace("æ", "ae"))
        if not unicodedata.combining(c)
    )
    return " ".join(re.sub(r"[^0-9a-z]+", " ", bare.lower().replace("ß", "ss")).split())


def field_of(heading: object) -> str | None:
    """Our field for a heading, or None when the column is none of ours (it is then ignored, and never stored)."""
    folded = fold(heading)
    return _FIELD_OF.get(folded) or _FIELD_OF.get(folded.removesuffix(" obligatoire").removesuffix(" required"))


def recognised(row: Sequence[str | float | bool | date]) -> int:
    """How many different fields of ours a row names; the heading row is the one that names most."""
    return len({field for cell in row[:200] if (field := field_of(cell))})
