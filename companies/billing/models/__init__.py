"""Tables of the room, one module per concept."""

from companies.billing.models.advance import AdvanceDeduction
from companies.billing.models.bank import BankLine, BankMatch, BankStatement, LineState
from companies.billing.models.books import BooksCheck, ClosedMonth
from companies.billing.models.collection import (
    CollectionPolicy,
    DebitState,
    Dispute,
    DisputeAnswer,
    Instalment,
    InstalmentPlan,
    PlannedDebit,
    PlanState,
    Reminder,
    ReminderLevel,
    SuspensionProposal,
    WriteOff,
)
from companies.billing.models.connect import ConnectedAccount, HandedOn
from companies.billing.models.contest import Contest
from companies.billing.models.credit_note import CreditNote, CreditNoteLine
from companies.billing.models.customer import Customer
from companies.billing.models.deposit import DepositRefund, DepositRefundState
from companies.billing.models.directory import DirectoryEntry
from companies.billing.models.dues import DuesBracket, DuesLine, DuesRun, DuesState
from companies.billing.models.einvoice import (
    EInvoicing,
    ReceivedInvoice,
    ReceivedLine,
    ReceivedState,
    Status,
    StatusCode,
    Transmission,
    TransmissionState,
)
from companies.billing.models.ereport import EReport, ReportKind, ReportState
from companies.billing.models.invoice import (
    DocumentType,
    Invoice,
    InvoiceLine,
    InvoiceState,
    InvoiceVat,
    LegalModel,
    LineKind,
    NumberCounter,
)
from companies.billing.models.ledger import BESIDE, CLAIMS, Account, AccountKind, LedgerEntry, LedgerTransaction
from companies.billing.models.mandate import Mandate, MandateState
from companies.billing.models.payment import Payment, PaymentState, Refund, StripeCustomer, StripeEvent
from companies.billing.models.personal import PersonalPayment, PersonalRefund, PersonalState
from companies.billing.models.self_billing import MandatePurpose, SelfBilled, SelfBillingMandate
from companies.billing.models.supplier_fee import SupplierFee

__all__ = [
    "BESIDE",
    "CLAIMS",
    "Account",
    "AccountKind",
    "AdvanceDeduction",
    "BankLine",
    "BankMatch",
    "BankStatement",
    "BooksCheck",
    "ClosedMonth",
    "CollectionPolicy",
    "ConnectedAccount",
    "Contest",
    "CreditNote",
    "CreditNoteLine",
    "Customer",
    "DebitState",
    "DepositRefund",
    "DepositRefundState",
    "DirectoryEntry",
    "Dispute",
    "DisputeAnswer",
    "DocumentType",
    "DuesBracket",
    "DuesLine",
    "DuesRun",
    "DuesState",
    "EInvoicing",
    "EReport",
    "HandedOn",
    "Instalment",
    "InstalmentPlan",
    "Invoice",
    "InvoiceLine",
    "InvoiceState",
    "InvoiceVat",
    "LedgerEntry",
    "LedgerTransaction",
    "LegalModel",
    "LineKind",
    "LineState",
    "Mandate",
    "MandatePurpose",
    "MandateState",
    "NumberCounter",
    "Payment",
    "PaymentState",
    "PersonalPayment",
    "PersonalRefund",
    "PersonalState",
    "PlanState",
    "PlannedDebit",
    "ReceivedInvoice",
    "ReceivedLine",
    "ReceivedState",
    "Refund",
    "Reminder",
    "ReminderLevel",
    "ReportKind",
    "ReportState",
    "SelfBilled",
    "SelfBillingMandate",
    "Status",
    "StatusCode",
    "StripeCustomer",
    "StripeEvent",
    "SupplierFee",
    "SuspensionProposal",
    "Transmission",
    "TransmissionState",
    "WriteOff",
]
