"""Invoices and payments."""

from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from django.db import transaction
from django.utils import timezone

from companies.billing import invoices, self_billing, terms
from companies.billing.invoices import LineDraft
from companies.billing.models import Invoice, Payment, PaymentState, SelfBilled, SelfBillingMandate
from companies.models import Company, User
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


def mandate(company: Company, *, actor: User, **more: Any) -> SelfBillingMandate:
    """A member's signed mandate for self-billing."""
    words = {
        "text": "Mandat",
        "signed_on": date(2026, 1, 5),
        "signed_by": "Claire Morel, gérante",
        "paper": b"%PDF-1.7",
    }
    return self_billing.give(company=company, party={}, actor=actor, at=AT, **{**words, **more})


def self_billed(of: SelfBillingMandate, *lines: LineDraft, actor: User, **more: Any) -> SelfBilled:
    """An invoice of 100.00 € without VAT in a seller's name."""
    drafts = lines or [line(10_000, 0, quantity=1, unit_price_e4=1_000_000)]
    facts = {
        "supply_on": date(2026, 3, 2),
        "due_on": date(2026, 4, 2),
        "order_reference": "",
        "key": f"self-{next(_numbers)}",
    }
    return self_billing.issue(mandate=of, lines=drafts, actor=actor, at=AT, **{**facts, **more})


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


SUPPLIER = {
    "name": "Savonnerie du Vercors",
    "siren": "303265045",
    "siret": "30326504500019",
    "vat_no": "FR40303265045",
    "legal_form": "SAS",
    "register": "RCS Romans 303 265 045",
    "street": "4 rue des Tanneurs",
    "postcode": "26100",
    "city": "Romans-sur-Isère",
    "iban": "FR7630006000011234567890189",
    "email": "factures@savonnerie.example",
}


def billing_mandate(*, actor: User, **party: str) -> SelfBillingMandate:
    """A supplier's signed mandate to invoice the members in its name."""
    return self_billing.give(
        company=None,
        party=SUPPLIER | party,
        text="Mandat",
        signed_on=date(2026, 1, 5),
        signed_by="Claire Morel, gérante",
        paper=b"%PDF-1.7",
        actor=actor,
        at=AT,
        purpose="members",
    )


def in_name(of: SelfBillingMandate, company: Company | None = None, *lines: LineDraft, **more: Any) -> Invoice:
    """An invoice to a company in a supplier's name, of 53.39 € unless lines say otherwise."""
    return invoice(company, *lines, billing_mandate=of, legal_model="mandate", **more)
