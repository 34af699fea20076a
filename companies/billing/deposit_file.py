"""The notice of a deposit sent back: what both accountants keep beside the bank's own words.

No VAT was charged when the money came, for it was the price of no supply, so no credit note belongs to it: a credit note
corrects an invoice (money.md). What an invoice charged too much has its credit note before it comes here.
"""

from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from companies.billing.mentions import day
from companies.billing.models import DepositRefund
from companies.billing.printing import language_of
from companies.documents import render_pdf
from companies.templatetags.ui import euros

TEMPLATE = "billing/documents/notice.typ"
STANDARD = "a-2b"


def notice_pdf(row: DepositRefund) -> bytes:
    """The file, in the language of the company's accountants."""
    language = language_of(row.company)
    with override(language):
        return render_pdf(TEMPLATE, _data(row, language), pdf_standards=STANDARD)


def _data(row: DepositRefund, language: str) -> dict[str, Any]:
    company, asked = row.company, timezone.localtime(row.asked_at)
    ended = [[_("Ended on"), day(timezone.localdate(row.ended_at))]] if row.ended_at else []
    means = row.refund.payment.method_hint if row.refund else row.iban
    return {
        "title": _("Refund of a deposit"),
        "language": language,
        "reference": [_("Reference"), row.reference],
        "made": [asked.year, asked.month, asked.day],
        "seller": settings.SELLER,
        "company": [
            company.name,
            company.street,
            f"{company.postcode} {company.city}",
            f"SIRET {company.siret}",
        ],
        "amount": [_("Amount"), euros(row.cents)],
        "facts": [
            [_("Asked on"), day(asked.date())],
            [_("Asked by"), str(row.asked_by) if row.asked_by else "–"],
            [_("Reason"), row.reason],
            [_("Sent to"), means or "–"],
            [_("State"), row.get_state_display()],
            *ended,
        ],
        "text": _(
            "This sum was received in advance or too much, was used for no invoice, and bore no VAT: "
            "no credit note belongs to this refund."
        ),
        "page": _("Page"),
    }
