"""What the pages of the double say, in French and in English."""

HELP_NUMBERS = {
    "4242 4242 4242 4242": ("paiement accepté", "payment accepted"),
    "4000 0027 6000 3184": ("la banque demande confirmation", "the bank asks for confirmation"),
    "4000 0000 0000 0002": ("carte refusée", "card declined"),
    "4000 0000 0000 9995": ("fonds insuffisants", "insufficient funds"),
    "4000 0000 0000 0259": ("payé, puis contesté", "paid, then disputed"),
    "FR14 2004 1010 0505 0001 3M02 606": ("prélèvement payé", "debit paid"),
    "FR84 2004 1010 0505 0001 3M02 607": ("prélèvement rejeté", "debit returned"),
    "FR57 2004 1010 0505 0001 3M02 608": ("payé, puis contesté", "paid, then disputed"),
}


def _help(title: str, language: int) -> str:
    rows = "".join(f"<li><code>{number}</code> {means[language]}</li>" for number, means in HELP_NUMBERS.items())
    return f"<strong>{title}</strong><ul>{rows}</ul>"


WORDS: dict[str, dict[str, str]] = {
    "fr": {
        "lang": "fr",
        "test": "Paiement d'essai : aucune somme réelle n'est débitée.",
        "onboarding": "Ouvrir votre compte d'encaissement",
        "onboarding_lead": "Stripe demande ici l'identité de l'entreprise, son représentant et son IBAN.",
        "onboarding_done": "Donner toutes les pièces (essai)",
        "title": "Paiement sécurisé",
        "card": "Carte bancaire",
        "sepa": "Prélèvement SEPA",
        "number": "Numéro de carte",
        "expiry": "Expiration",
        "cvc": "Code de sécurité",
        "name": "Nom du titulaire",
        "email": "Adresse e-mail",
        "mandate": "En validant, vous autorisez le créancier à envoyer des instructions à votre banque pour "
        "débiter votre compte, et votre banque à débiter votre compte. Vous pouvez demander le remboursement dans les "
        "8 semaines.",
        "pay": "Payer",
        "cancel": "Annuler et revenir",
        "back": "Revenir au site",
        "gone": "Cette page de paiement n'est plus ouverte",
        "retry": "Le paiement n'a pas abouti. Essayez de nouveau ou choisissez un autre moyen.",
        "other": "In English",
        "bank": "Votre banque",
        "bank_asks": "Votre banque demande de confirmer ce paiement.",
        "yes": "Confirmer le paiement",
        "no": "Refuser",
        "bench": "Double de Stripe",
        "bench_lead": "Paiements d'essai, les plus récents d'abord.",
        "none": "Aucun paiement pour l'instant.",
        "succeeded": "Encaisser",
        "failed": "Rejeter",
        "dispute": "Contester",
        "generic_decline": "Votre carte a été refusée. Essayez une autre carte.",
        "insufficient_funds": "Votre carte a été refusée : fonds insuffisants.",
        "lost_card": "Votre carte a été refusée. Essayez une autre carte.",
        "expired_card": "Votre carte a expiré.",
        "incorrect_cvc": "Le code de sécurité est inexact.",
        "processing_error": "Votre banque n'a pas répondu. Essayez de nouveau dans un instant.",
        "incorrect_number": "Ce numéro n'est pas celui d'une carte d'essai.",
        "invalid_iban": "Cet IBAN n'est pas valide. Vérifiez-le caractère par caractère.",
        "parameter_missing": "Indiquez le nom du titulaire et son adresse e-mail.",
        "amount_too_large": "Un prélèvement SEPA ne peut dépasser 10 000 €.",
        "help": _help("Numéros d'essai", 0),
    },
    "en": {
        "lang": "en",
        "onboarding": "Open your account for payments",
        "onboarding_lead": "Here Stripe asks for the company's identity, its representative and its IBAN.",
        "onboarding_done": "Give all papers (test)",
        "test": "Test payment: no real money is taken.",
        "title": "Secure payment",
        "card": "Card",
        "sepa": "SEPA Direct Debit",
        "number": "Card number",
        "expiry": "Expiry",
        "cvc": "Security code",
        "name": "Name of the holder",
        "email": "E-mail address",
        "mandate": "By confirming you authorise the creditor to send instructions to your bank to debit your "
        "account, and your bank to debit it. You may claim a refund within 8 weeks.",
        "pay": "Pay",
        "cancel": "Cancel and go back",
        "back": "Back to the site",
        "gone": "This payment page is no longer open",
        "retry": "The payment did not go through. Try again or choose another means.",
        "other": "En français",
        "bank": "Your bank",
        "bank_asks": "Your bank asks you to confirm this payment.",
        "yes": "Confirm the payment",
        "no": "Refuse",
        "help": _help("Test numbers", 1),
    },
}
