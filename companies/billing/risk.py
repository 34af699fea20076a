"""What a company's payments say about handing goods to it before the money is certain.

A SEPA debit is only sent at first: its result comes up to 14 business days later, and the bank may take it back for eight weeks
(SEPA Core rulebook). Source: money.md, "goods release by risk rule".
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q, Sum

from companies.billing.models import Invoice, InvoiceState, Payment, PaymentState
from companies.models import Company

BOUNCED = Q(state=PaymentState.CHARGED_BACK) | Q(state=PaymentState.FAILED, method="sepa_debit")


@dataclass(frozen=True, slots=True)
class Standing:
    """Cents owed on invoices whose debit failed or was taken back, and cents of debits whose result is not known yet."""

    bounced_cents: int = 0
    awaited_cents: int = 0


def standings(companies: Iterable[Company | int]) -> dict[int, Standing]:
    """How these companies stand, by id, in two queries; who has nothing bounced and nothing awaited is missing."""
    bounced = (
        Invoice.objects.filter(company__in=companies, balance_cents__gt=0)
        .exclude(state=InvoiceState.WRITTEN_OFF)
        .filter(pk__in=Payment.objects.filter(BOUNCED, invoice__company__in=companies).values("invoice"))
    )
    awaited = Payment.objects.filter(state=PaymentState.PROCESSING, invoice__company__in=companies)
    owed = dict(bounced.order_by().values_list("company").annotate(Sum("balance_cents")))
    sent = dict(awaited.order_by().values_list("invoice__company").annotate(Sum("amount_cents")))
    return {pk: Standing(owed.get(pk, 0), sent.get(pk, 0)) for pk in {*owed, *sent}}
