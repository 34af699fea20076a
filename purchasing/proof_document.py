"""The proof sheet on paper: what a buyer's accountant keeps beside the invoice."""

from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from companies import documents
from companies.billing.seller import seller
from companies.models import Company
from companies.templatetags.ui import percent
from purchasing import alone_words, proof, savings
from purchasing.models import Pool


def pdf(pool: Pool, company: Company, found: Sequence[proof.Document], *, at: datetime) -> bytes:
    """The company's shares of all invoices of a pool, each with source, rule, exact share, rank and result."""
    data = {
        "language": (get_language() or "fr")[:2],
        "title": _("Who pays what, and why"),
        "company": company.name,
        "pool": pool.title,
        "seller": str(seller()["name"]),
        "made": _("Made on %(day)s") % {"day": f"{timezone.localtime(at):%d/%m/%Y %H:%M}"},
        "heads": [_("Line"), _("Rule"), _("Place"), _("Net"), _("VAT rate"), _("VAT")],
        "totals": [_("Net"), _("VAT"), _("Total")],
        "how": _(
            "Largest remainder: each exact share is cut to whole cents; the cents left over go one by one to the largest "
            "rests, equal rests to the earliest commitment. The place says in which turn a cent was yours."
        ),
        "alone": _sentence(pool, savings.of_pool(company, pool)),
        "documents": [
            {
                "title": _("Invoice %(number)s of %(supplier)s")
                % {"number": document.invoice.number, "supplier": document.invoice.supplier},
                "rows": [
                    [
                        step.source,
                        step.rule,
                        str(step.share.rank or ""),
                        alone_words.amount(step.share.net_cents),
                        percent(step.share.vat_bp),
                        alone_words.amount(step.share.vat_cents),
                    ]
                    for step in document.steps
                ],
                "sums": [
                    alone_words.amount(document.net_cents),
                    alone_words.amount(document.vat_cents),
                    alone_words.amount(document.gross_cents),
                ],
            }
            for document in found
        ],
    }
    return documents.render_pdf("purchasing/documents/proof.typ", data)


def _sentence(pool: Pool, found: savings.Alone | None) -> str:
    return "" if found is None else " ".join([alone_words.title(found) + ".", *alone_words.sentences(found, pool)])
