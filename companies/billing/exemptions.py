"""Why a line carries no VAT: the category, the VATEX code and the sentence the law asks for on the invoice.

Source: CGI art. 261, 262 ter, 283 and 293 B; codes of the EN 16931 code lists (UNTDID 5305, VATEX).
"""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Exemption:
    category: str
    vatex: str
    sentence: Any
    needs_vat_no: bool = False  # the buyer owes the tax, or proves it is taxable elsewhere


ASSOCIATION = "association"
OTHER = "other"
EXEMPTIONS = {
    ASSOCIATION: Exemption(
        "E", "VATEX-FR-CGI261-4", _("VAT exempt: services to members of a non-profit body, art. 261, 4, 9° of the CGI.")
    ),
    "franchise": Exemption("E", "VATEX-FR-FRANCHISE", _("VAT not applicable, art. 293 B of the CGI.")),
    "reverse_charge": Exemption(
        "AE", "VATEX-EU-AE", _("Reverse charge: the buyer owes the VAT, art. 283 of the CGI."), True
    ),
    "intra_eu": Exemption(
        "K", "VATEX-EU-IC", _("VAT exempt intra-Community supply, art. 262 ter, I of the CGI."), True
    ),
    "export": Exemption("G", "VATEX-EU-G", _("VAT exempt export, art. 262, I of the CGI.")),
    OTHER: Exemption("E", "", _("VAT not applicable.")),
}


def of_rate(vat_bp: int, exemption: str) -> Exemption | None:
    """The exemption of a rate's base; None when VAT is charged.

    >>> of_rate(0, "association").category
    'E'
    >>> of_rate(2000, "") is None
    True
    """
    return None if vat_bp else EXEMPTIONS[exemption or OTHER]
