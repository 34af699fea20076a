"""What is still open between a company and the association's books."""

from django.utils.translation import ngettext

from companies.billing.models import Invoice, InvoiceState
from companies.models import Company

DONE = (InvoiceState.PAID, InvoiceState.FINAL, InvoiceState.CREDITED, InvoiceState.WRITTEN_OFF)


def open_business(company: Company) -> list[str]:
    """Invoices that are not paid, in words."""
    count = Invoice.objects.filter(company=company, balance_cents__gt=0).exclude(state__in=DONE).count()
    return (
        [ngettext("%(count)s unpaid invoice", "%(count)s unpaid invoices", count) % {"count": count}] if count else []
    )
