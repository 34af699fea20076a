"""Stripe: the only package that calls it, and never inside a database transaction.

Every call that makes something carries an idempotency key made from our row, so a repeat after a crash makes nothing new.
`gateway` holds the SDK, `reading` what Stripe says, `attempts` the payment pages, `debits` the debits on a mandate,
`refunds` money sent back, `mandates` the mandates, `personal` what employees pay.
"""

from companies.billing.payments.attempts import (
    SEPA_LIMIT_CENTS,
    SESSION_LIFE,
    give_up,
    new_attempt,
    refresh,
    session_params,
    start,
    start_by_link,
    stuck,
)
from companies.billing.payments.gateway import (
    NotPayable,
    PaymentServiceDown,
    PaymentUnderWay,
    RefundRefused,
    SignatureRefused,
    client,
    customer_of,
    verify,
)
from companies.billing.payments.reading import marks_of, observe
from companies.billing.payments.refunds import refund, refund_in_proportion, send_refund, unbooked

__all__ = [
    "SEPA_LIMIT_CENTS",
    "SESSION_LIFE",
    "NotPayable",
    "PaymentServiceDown",
    "PaymentUnderWay",
    "RefundRefused",
    "SignatureRefused",
    "client",
    "customer_of",
    "give_up",
    "marks_of",
    "new_attempt",
    "observe",
    "refresh",
    "refund",
    "refund_in_proportion",
    "send_refund",
    "session_params",
    "start",
    "start_by_link",
    "stuck",
    "unbooked",
    "verify",
]
