"""What is still open between a company and the association's books."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from companies.billing import deposits
from companies.billing.allocation import kept_for
from companies.billing.models import DepositRefundState, Invoice, InvoiceState
from companies.models import Company
from companies.templatetags.ui import euros

DONE = (InvoiceState.PAID, InvoiceState.FINAL, InvoiceState.CREDITED, InvoiceState.WRITTEN_OFF)


def open_business(company: Company) -> list[str]:
    """Invoices that are not paid, and the company's money that is still here, in words."""
    count = Invoice.objects.own().filter(company=company, balance_cents__gt=0).exclude(state__in=DONE).count()
    found = (
        [ngettext("%(count)s unpaid invoice", "%(count)s unpaid invoices", count) % {"count": count}] if count else []
    )
    waiting = company.deposit_refunds.filter(state=DepositRefundState.ASKED)
    ours = kept_for(company) + sum(row.cents for row in waiting)
    ours -= sum(row.balance_cents for row in deposits.paid_too_much().filter(company=company))
    return [*found, _("%(sum)s of its money still to be sent back") % {"sum": euros(ours)}] if ours else found
