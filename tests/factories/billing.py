"""Invoices and payments."""

from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from django.db import transaction
from django.utils import timezone

from companies.billing import invoices, terms
from companies.billing.invoices import LineDraft
from companies.billing.models import Invoice, Payment, PaymentState
from companies.models import Company
from tests.factories.companies import CompanyFactory

AT = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
_numbers = count(1)


def line(net_cents: int = 4_449, vat_bp: int = 2_000, **more: Any) -> LineDraft:
    return LineDraft(
        **{
            "description": "Gants de manutention",
            "quantity": 11,
            "unit": "paire",
            "unit_price_e4": 34_917,
            "net_cents": net_cents,
            "vat_bp": vat_bp,
            **more,
        }
    )


def invoice(company: Company | None = None, *lines: LineDraft, **more: Any) -> Invoice:
    """An issued invoice of 53.39 €, unless lines say otherwise."""
    arguments = {
        "company": company or CompanyFactory(),
        "lines": lines or [line()],
        "at": AT,
        "due_on": min(date(2026, 4, 2), terms.latest(timezone.localdate(more.get("at", AT)))),
        "source": "test",
        "key": f"test-{next(_numbers)}",
        "actor": None,
        "legal_model": "agent",
        "supply_on": date(2026, 3, 2),
    }
    with transaction.atomic():
        return invoices.issue(**{**arguments, **more})


def payment(of: Invoice, state: PaymentState = PaymentState.OPEN, **more: Any) -> Payment:
    """An attempt to pay an invoice, its page open."""
    return Payment.objects.create(
        **{
            "invoice": of,
            "attempt": of.payments.count() + 1,
            "state": state,
            "amount_cents": of.balance_cents,
            "session_id": f"cs_test_{next(_numbers)}",
            "created_at": AT,
            "expires_at": AT + timedelta(hours=2),
            **more,
        }
    )
