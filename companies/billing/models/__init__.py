"""Tables of the room, one module per concept."""

from companies.billing.models.books import BooksCheck, ClosedMonth
from companies.billing.models.credit_note import CreditNote, CreditNoteLine
from companies.billing.models.invoice import (
    Invoice,
    InvoiceLine,
    InvoiceState,
    InvoiceVat,
    LegalModel,
    LineKind,
    NumberCounter,
)
from companies.billing.models.ledger import Account, AccountKind, LedgerEntry, LedgerTransaction
from companies.billing.models.payment import Payment, PaymentState, Refund, StripeCustomer, StripeEvent

__all__ = [
    "Account",
    "AccountKind",
    "BooksCheck",
    "ClosedMonth",
    "CreditNote",
    "CreditNoteLine",
    "Invoice",
    "InvoiceLine",
    "InvoiceState",
    "InvoiceVat",
    "LedgerEntry",
    "LedgerTransaction",
    "LegalModel",
    "LineKind",
    "NumberCounter",
    "Payment",
    "PaymentState",
    "Refund",
    "StripeCustomer",
    "StripeEvent",
]
