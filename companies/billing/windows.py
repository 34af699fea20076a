"""The 56 days in which a SEPA debit can be claimed back without a reason."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max

from companies.billing.models import Invoice, InvoiceState
from companies.billing.settlement import set_invoice

CLAIM_WINDOW = timedelta(days=56)
CHUNK = 500


def close(*, at: datetime) -> int:
    """Move invoices paid longer ago than the window to `final`; returns how many."""
    closed = 0
    while True:
        with transaction.atomic(durable=True):
            ripe = (
                Invoice.objects.filter(state=InvoiceState.PAID)
                .annotate(last=Max("payments__settled_at"))
                .filter(last__lt=at - CLAIM_WINDOW)
                .values("pk")
            )
            rows = list(
                Invoice.objects.select_for_update(of=("self",))
                .filter(pk__in=list(ripe.values_list("pk", flat=True)[:CHUNK]), state=InvoiceState.PAID)
                .select_related("company")
                .order_by("pk")
            )
            for invoice in rows:
                set_invoice(invoice, InvoiceState.FINAL, at=at, label="ERB")
        closed += len(rows)
        if len(rows) < CHUNK:
            return closed
