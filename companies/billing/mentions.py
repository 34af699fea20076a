"""The sentences the law asks for on an invoice, once for the page and for the structured file.

Sources: CGI ann. II art. 242 nonies A; code de commerce art. L441-9, L441-10, D441-5; CGI art. 269, 2, c (VAT on debits).
Call inside `translation.override(language)`.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from companies.billing.exemptions import of_rate
from companies.billing.models import Invoice, InvoiceVat, SelfBilled

LATE, RECOVERY, DISCOUNT = "PMD", "PMT", "AAB"  # UNTDID 4451, asked for by BR-FR-05


def amount(cents: int) -> str:
    """An amount as a document writes it: `-1 234,56 €` in French, `-€1,234.56` in English."""
    from django.utils.translation import get_language

    whole, rest = divmod(abs(cents), 100)
    sign = "-" if cents < 0 else ""
    if (get_language() or "fr").startswith("fr"):
        return f"{sign}{whole:,}".replace(",", "\u202f") + f",{rest:02d}\u00a0€"
    return f"{sign}€{whole:,}.{rest:02d}"


def day(value: date) -> str:
    return f"{value:%d/%m/%Y}"


def payment_notes(due_on: date) -> dict[str, str]:
    """Late penalties, recovery indemnity and discount terms, by their code of the standard."""
    return {
        LATE: _("Late payment penalties: 3 times the legal interest rate (art. L441-10 of the commercial code)."),
        RECOVERY: _("Fixed compensation for recovery costs in case of late payment: %(amount)s (art. D441-5).")
        % {"amount": amount(4_000)},
        DISCOUNT: _("No discount for early payment."),
    }


def vat_notes(invoice: Invoice, rows: list[InvoiceVat]) -> list[str]:
    """Tax paid on debits, and why a base carries no VAT."""
    notes = [_("Option to pay the tax on the basis of debits.")] if invoice.seller.get("vat_on_debits") else []
    return notes + exemption_notes(rows)


def exemption_notes(rows: list[InvoiceVat]) -> list[str]:
    """Why a base carries no VAT."""
    exempt = [of_rate(row.vat_bp, row.exemption) for row in rows]
    return [str(exemption.sentence) for exemption in exempt if exemption is not None]


def self_billing() -> str:
    """The word of CGI ann. II art. 242 nonies A, I, 14°."""
    return _("Self-billing: written by the buyer in the name and for the account of the seller, by written mandate.")


def by_mandate(invoice: Invoice) -> list[str]:
    """In whose name and for whose account the association wrote an invoice; nothing on its own (BOI-TVA-DECLA-30-20-10)."""
    mandate = invoice.billing_mandate
    if mandate is None:
        return []
    words = _(
        "Invoice written by %(writer)s in the name and for the account of %(seller)s, by a mandate of %(day)s "
        "(CGI art. 289, I, 2)."
    )
    name = settings.SELLER["name"]
    return [words % {"writer": name, "seller": invoice.seller["name"], "day": day(mandate.signed_on)}]


def advance_notes(invoice: Invoice) -> list[str]:
    """What an advance invoice is, and what each deducted advance came to, with its VAT by rate."""
    if invoice.is_advance:
        return [
            _(
                "Advance on an order: the VAT is due when the advance is paid (CGI art. 269, 2). The final invoice deducts it."
            )
        ]
    notes = []
    for row in invoice.deductions.all():
        rates = ", ".join(f"{amount(int(cents))} ({int(rate) / 100:g}\u00a0%)" for rate, cents in row.vat.items())
        facts = {
            "number": row.advance.number,
            "day": day(row.advance.issued_on),
            "net": amount(row.net_cents),
            "vat": rates,
            "gross": amount(row.gross_cents),
        }
        notes.append(
            _("Deducted: advance invoice %(number)s of %(day)s, %(net)s excl. VAT, VAT %(vat)s, %(gross)s incl. VAT.")
            % facts
        )
    return notes


def kept_notes(invoice: Invoice) -> list[str]:
    """That a commission was paid before its invoice: Stripe kept it back from the supplier's money."""
    if not invoice.kept_cents:
        return []
    words = _("Already paid: %(amount)s were kept back by Stripe from the payments named above.")
    return [words % {"amount": amount(invoice.kept_cents)}]


def legal_information(party: Mapping[str, Any]) -> str:
    """Legal form, capital and register of a party, as far as it has them."""
    capital = party.get("capital", "")
    parts = [
        party.get("legal_form", ""),
        _("capital of %(amount)s") % {"amount": capital} if capital else "",
        party.get("register", ""),
    ]
    return ", ".join(str(part) for part in parts if part)


def nature(invoice: Invoice | SelfBilled) -> str:
    """What kind of operation is invoiced (CGI ann. II art. 242 nonies A, 8° bis)."""
    return {
        "goods": _("Supply of goods"),
        "services": _("Supply of services"),
        "mixed": _("Supply of goods and services"),
    }[invoice.nature]
