"""What a supplier pays the association on a listing pool: agreed before quotes, earned when its invoice is shared."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from companies.billing import supplier_fees
from companies.billing.connected import COMMISSION_VAT_BP
from companies.errors import DomainError, Invalid
from companies.money import percent_of
from companies.money import vat as vat_of
from companies.templatetags.ui import percent
from purchasing.models import Pool, SupplierInvoice, SupplierInvoiceLine
from purchasing.states import TenderState

LABEL = _("Commission of %(rate)s on order %(order)s, your invoice %(invoice)s")


class CommissionNotHere(Invalid):
    code = "supplier_commission_not_here"
    message = _(
        "A supplier's commission belongs to the listing model, where the supplier invoices the companies itself."
    )
    field = "supplier_fee_bp"


class CommissionKnown(DomainError):
    code = "supplier_commission_known"
    message = _("Suppliers were asked for quotes with another commission: it cannot change any more.")
    field = "supplier_fee_bp"


def require_fits(legal_model: str, supplier_fee_bp: int, pool: Pool | None = None) -> None:
    """A commission is for listing pools, and the one suppliers read. Raises CommissionNotHere, CommissionKnown.

    Where the association buys there is a price instead, and Stripe Connect keeps its own commission back.
    """
    if supplier_fee_bp and legal_model != Pool.LegalModel.LISTING:
        raise CommissionNotHere
    if pool is None or supplier_fee_bp == pool.supplier_fee_bp:
        return
    if pool.tenders.exclude(state__in=[TenderState.DRAFT, TenderState.CANCELLED]).exists():
        raise CommissionKnown


def earn(invoice: SupplierInvoice, *, at: datetime) -> None:
    """Write the commission on a shared invoice down, once; billing invoices it with the month's others.

    It is taken on the net of the goods less discounts. Raises IdentityAsked when the supplier has no SIREN.
    """
    pool, supplier = invoice.order.pool, invoice.supplier
    goods = invoice.lines.exclude(kind=SupplierInvoiceLine.Kind.FREIGHT).values_list("net_cents", flat=True)
    net = percent_of(sum(goods), pool.supplier_fee_bp)
    if net <= 0:
        return
    contact = supplier.contacts.first()
    party = {name: getattr(supplier, name) for name in ("name", "siren", "vat_no", "street", "postcode", "city")}
    with override("fr"):
        facts = {"rate": percent(pool.supplier_fee_bp), "order": invoice.order.number, "invoice": invoice.number}
        label = str(LABEL) % facts
    supplier_fees.write(
        party=party | {"email": contact.email if contact else ""},
        key=f"purchasing-{invoice.pk}-commission",
        kept=False,
        net_cents=net,
        vat_cents=vat_of(net, COMMISSION_VAT_BP),
        vat_bp=COMMISSION_VAT_BP,
        label=label,
        at=at,
    )
