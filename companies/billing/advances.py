"""Advance invoices (type 386): asked by the staff before a delivery, deducted by the final invoice of the same order."""

from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies.access import require
from companies.billing import access, invoices
from companies.billing.models import DocumentType, Invoice, LegalModel, LineKind
from companies.errors import Invalid
from companies.models import Company, User


class OrderAsked(Invalid):
    code = "advance_order_asked"
    message = _("Write the number of the order: by it the final invoice finds the advance and deducts it.")
    field = "order_reference"


class AdvanceOfNothing(Invalid):
    code = "advance_line_refused"
    message = _("An advance must be above zero.")
    field = "net_cents"


@transaction.atomic(durable=True)
def issue(
    *,
    company: Company,
    lines: Sequence[invoices.LineDraft],
    order_reference: str,
    due_on: date,
    notes: str,
    key: str,
    actor: User,
    at: datetime,
    legal_model: str = LegalModel.RESALE,
) -> Invoice:
    """Ask a company for an advance on an order; once per company and key. Raises NotAllowed, OrderAsked, InvoiceRefused, TermsRefused."""
    require(access.can_collect(actor))
    if not order_reference.strip():
        raise OrderAsked
    if any(line.net_cents <= 0 for line in lines):
        raise AdvanceOfNothing
    return invoices.issue(
        company=company,
        lines=lines,
        at=at,
        due_on=due_on,
        source="advance",
        key=f"advance-{company.pk}-{key}",
        actor=actor,
        legal_model=legal_model,
        supply_on=timezone.localdate(at),
        order_reference=order_reference.strip()[:80],
        notes=notes,
        type_code=DocumentType.PREPAYMENT,
    )


def draft(*, description: str, net_cents: int, vat_bp: int, kind: str) -> invoices.LineDraft:
    """The one line of an advance that is typed on a page."""
    return invoices.LineDraft(
        description=description,
        quantity=1,
        unit="",
        unit_price_e4=net_cents * 100,
        net_cents=net_cents,
        vat_bp=vat_bp,
        kind=LineKind(kind),
    )
