"""Who the demonstration's association is; settings of the same names replace these entries."""

from typing import Any

# The legal identity on invoices (money.md, "Mentions").
SELLER: dict[str, Any] = {
    "name": "Entreprises Romans Bourg-de-Péage",
    "legal_form": "association loi 1901",
    "street": "Pôle Sud, 68 avenue Gambetta",
    "postcode": "26100",
    "city": "Romans-sur-Isère",
    "siren": "732829320",
    "siret": "73282932000074",
    "vat_no": "FR44732829320",
    "register": "RNA W263000000",
    "iban": "FR14 2004 1010 0505 0001 3M02 606",
    "ics": "FR72ZZZ123456",  # SEPA creditor identifier, on mandates
    "vat_on_debits": True,
    "vat_regime": "real_monthly",  # real_monthly, real_quarterly, simplified or franchise: the periods of e-reporting
    "exemption": "TVA non applicable.",
}

# Who publishes the site (LCEN, art. 6-III) and who works on personal data for it (GDPR, art. 28).
PUBLISHER: dict[str, Any] = {
    "director": "La présidence de l’association",
    "email": "contact@erb.example",
    "privacy": "donnees@erb.example",
    "phone": "04 75 00 00 00",
    "host": {
        "name": "Hébergeur de démonstration",
        "address": "1 rue de l’Exemple, 26100 Romans-sur-Isère",
        "phone": "",
    },
}

PROCESSORS: list[dict[str, str]] = [
    {
        "name": "Stripe Payments Europe Ltd",
        "does": "cartes et prélèvements",
        "does_en": "cards and debits",
        "where": "Irlande",
    },
    {
        "name": "Hébergeur de démonstration",
        "does": "serveurs et sauvegardes",
        "does_en": "servers and backups",
        "where": "France",
    },
    {
        "name": "Relais de courriel de démonstration",
        "does": "envoi des courriels",
        "does_en": "sending mails",
        "where": "France",
    },
]
