"""The XML of flow 10 (DGFiP external specifications, `Report`): sales one by one or summed by day, and payments.

Written from the public descriptions of the flow (terms TT-1 …); its XSD is not freely published, see decision 0044.
"""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone
from lxml import etree

from companies import money
from companies.billing.models import EReport, ReportKind

INITIAL, CORRECTIVE = "IN", "RE"  # TT-4
SENDER, SELLER = "WK", "SE"  # TT-10 and TT-15, UNTDID 3035
PROCESSES = {"goods": "B1", "services": "S1", "mixed": "M1"}
PROFILE = "urn.cpro.gouv.fr:1p0:ereporting"


def write(report: EReport, *, at: datetime) -> bytes:
    """The whole report."""
    root = etree.Element("Report")
    _head(root, report, at)
    body = _add(root, "TransactionsReport" if report.kind == ReportKind.SALES else "PaymentsReport")
    period = _add(body, "ReportPeriod")
    _add(period, "StartDate", f"{report.period_start:%Y%m%d}")
    _add(period, "EndDate", f"{report.period_end:%Y%m%d}")
    for row in report.content["invoices"]:
        (_sale if report.kind == ReportKind.SALES else _payment)(body, row)
    for row in report.content["days"]:
        _day(body, row)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _add(parent: Any, name: str, text: str = "", **attributes: str) -> Any:
    node = etree.SubElement(parent, name, **attributes)
    node.text = text or None
    return node


def _head(root: Any, report: EReport, at: datetime) -> None:
    seller = settings.SELLER
    head = _add(root, "ReportDocument")
    _add(head, "Id", report.reference)
    _add(head, "Name", f"{seller['name']} {report.reference}")
    _add(_add(head, "IssueDateTime"), "DateTimeString", f"{timezone.localtime(at):%Y%m%d%H%M%S}")
    _add(head, "TypeCode", CORRECTIVE if report.is_correction else INITIAL)
    for name, role in (("Sender", SENDER), ("Issuer", SELLER)):
        party = _add(head, name)
        _add(party, "Id", str(seller["siren"]), schemeId="0002")
        _add(party, "Name", str(seller["name"]))
        _add(party, "RoleCode", role)


def _sale(body: Any, row: dict[str, Any]) -> None:
    """10.1: an invoice or a credit note to a company abroad."""
    node = _add(body, "Invoice")
    _add(node, "ID", row["number"])
    _add(node, "IssueDate", row["day"].replace("-", ""))
    _add(node, "TypeCode", row["type"])
    _add(node, "CurrencyCode", "EUR")
    _add(node, "DueDate", row["due"].replace("-", ""))
    process = _add(node, "BusinessProcess")
    _add(process, "ID", PROCESSES[row["process"]])
    _add(process, "TypeID", PROFILE)
    if row["corrects"]:
        _add(_add(node, "ReferencedDocument"), "ID", row["corrects"])
    seller = _add(node, "Seller")
    _add(seller, "CompanyId", str(settings.SELLER["siren"]), schemeId="0002")
    _add(seller, "TaxRegistrationId", str(settings.SELLER.get("vat_no", "")), qualifyingId="VA")
    _add(_add(seller, "PostalAddress"), "CountryId", "FR")
    buyer = _add(node, "Buyer")
    vat_no = row["buyer"]["vat_no"]
    _add(buyer, "CompanyId", vat_no or row["buyer"]["siren"], schemeId="0223" if vat_no else "0002")
    if vat_no:
        _add(buyer, "TaxRegistrationId", vat_no, qualifyingId="VA")
        _add(_add(buyer, "PostalAddress"), "CountryId", vat_no[:2])
    total = _add(node, "MonetaryTotal")
    _add(total, "TaxExclusiveAmount", money.euros(row["net"]))
    _add(total, "TaxAmount", money.euros(row["vat"]), CurrencyCode="EUR")
    for rate in row["rates"]:
        sub = _add(node, "TaxSubTotal")
        _add(sub, "TaxableAmount", money.euros(rate["base"]))
        _add(sub, "TaxAmount", money.euros(rate["vat"]))
        category = _add(sub, "TaxCategory")
        _add(category, "Code", rate["category"])
        _add(category, "Percent", _percent(rate["vat_bp"]))
        if rate["vatex"]:
            _add(category, "TaxExemptionReasonCode", rate["vatex"])


def _day(body: Any, row: dict[str, Any]) -> None:
    """10.3: the sales of a day to private persons."""
    node = _add(body, "Transactions")
    _add(node, "Date", row["day"].replace("-", ""))
    _add(node, "CurrencyCode", "EUR")
    _add(node, "CategoryCode", row["category"])
    _add(node, "TaxExclusiveAmount", money.euros(row["net"]))
    _add(node, "TaxTotal", money.euros(row["vat"]))
    _add(node, "TransactionsCount", str(row["sales"]))
    for rate in row["rates"]:
        sub = _add(node, "TaxSubtotal")
        _add(sub, "TaxPercent", _percent(rate["vat_bp"]))
        _add(sub, "TaxableAmount", money.euros(rate["base"]))
        _add(sub, "TaxTotal", money.euros(rate["vat"]))


def _payment(body: Any, row: dict[str, Any]) -> None:
    """10.2: money received for an invoice that was told."""
    node = _add(body, "Invoice")
    _add(node, "InvoiceID", row["number"])
    _add(node, "IssueDate", row["day"].replace("-", ""))
    payment = _add(node, "Payment")
    _add(payment, "Date", row["paid_on"].replace("-", ""))
    sub = _add(payment, "SubTotals")
    _add(sub, "TaxPercent", _percent(row["vat_bp"]))
    _add(sub, "CurrencyCode", "EUR")
    _add(sub, "Amount", money.euros(row["cents"]))


def _percent(bp: int) -> str:
    return f"{bp // 100}.{bp % 100:02d}"
