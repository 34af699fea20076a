"""The mandate as a file: what was signed, by whom, when and from where; for the company, an auditor or a bank that asks."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from companies.billing.mentions import day
from companies.billing.models import Mandate
from companies.documents import render_pdf

STANDARD = "a-2b"
TEMPLATE = "billing/documents/mandate.typ"


def mandate_pdf(mandate: Mandate) -> bytes:
    """The file, in the language of the words that were signed. Made of the immutable row, so it can be made again."""
    with override(mandate.language):
        return render_pdf(TEMPLATE, _data(mandate), pdf_standards=STANDARD)


def _data(mandate: Mandate) -> dict[str, Any]:
    company, signed = mandate.company, timezone.localtime(mandate.signed_at)
    ended = [[_("Ended"), day(timezone.localdate(mandate.ended_at))]] if mandate.ended_at else []
    return {
        "title": _("SEPA direct debit mandate"),
        "language": mandate.language,
        "reference": [_("Mandate reference"), mandate.reference or "–"],
        "signed": [signed.year, signed.month, signed.day],
        "creditor": [_("Creditor"), mandate.creditor_name, _("Creditor identifier"), mandate.creditor_ics],
        "debtor": [_("Debtor"), company.name, f"{company.street}, {company.postcode} {company.city}", company.siret],
        "facts": [
            [_("Account holder"), mandate.holder],
            ["IBAN", f"{mandate.iban_country}** **** **** **** {mandate.iban_last4}"],
            [_("Kind of payment"), _("Recurrent")],
            [_("Scheme"), "SEPA Core"],
            [_("Announced"), _("at least %(days)s days before each debit") % {"days": mandate.notice_days}],
            [_("State"), mandate.get_state_display()],
            *ended,
            *([[_("Reason"), mandate.end_reason]] if mandate.end_reason else []),
        ],
        "text": mandate.text,
        "proof": _("Proof of the signature"),
        "evidence": [
            [_("Signed"), _("%(day)s at %(time)s") % {"day": day(signed.date()), "time": f"{signed:%H:%M:%S %Z}"}],
            [_("Signed by"), str(mandate.signed_by) if mandate.signed_by else "–"],
            [_("Network address"), mandate.ip or "–"],
            [_("Browser"), mandate.user_agent or "–"],
            [_("Version of the words"), mandate.text_version],
        ],
        "page": _("Page"),
    }
