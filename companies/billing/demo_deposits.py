"""Money kept and sent back, and a claim on a card payment that waits for an answer, for demonstrations.

The card payments bear ids that only the Stripe double knows (`cs_demo_…`): it makes them on first sight, the claim with them.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from companies.billing import allocation, deposits, ledger, settlement
from companies.billing.models import AccountKind, Invoice, Payment, PaymentState
from companies.billing.settlement import Dispute, Observation
from companies.demo_data import World

IBAN = "FR1420041010050500013M02606"
ADVANCE = 150_000
CLAIMED, TWICE = "card-claimed", "card-twice"


def seed(*, world: World, rows: Sequence[Invoice], at: datetime) -> None:
    """`rows` are invoices nobody paid yet: one is paid by card and claimed back, one is paid twice."""
    by_source = {row.source: row for row in rows}
    _claimed(by_source[CLAIMED], at)
    _kept(world, by_source[TWICE], at)


def _by_card(row: Invoice, name: str, when: datetime, disputes: Sequence[Dispute] = ()) -> Payment:
    with transaction.atomic():
        payment = Payment.objects.create(
            invoice=row,
            attempt=1,
            state=PaymentState.OPEN,
            amount_cents=row.gross_cents,
            session_id=f"cs_demo_{name}",
            created_at=when - timedelta(minutes=3),
            expires_at=when + timedelta(hours=2),
        )
    seen = Observation(
        "succeeded",
        received_cents=payment.amount_cents,
        fee_cents=25 + (payment.amount_cents * 15 + 500) // 1000,
        intent_id=f"pi_demo_{name}",
        method="card",
        method_hint="visa … 4242",
        disputes=disputes,
    )
    return settlement.apply(payment_id=payment.pk, seen=seen, at=when)


def _claimed(row: Invoice, at: datetime) -> None:
    """Paid by card nine days ago; the holder of the card told the bank yesterday that it was not they."""
    paid = at - timedelta(days=9)
    name = f"{row.gross_cents}_{row.pk}c"
    _by_card(row, name, paid)
    claim = Dispute(
        f"dp_demo_{name}",
        row.gross_cents,
        returned=False,
        status="needs_response",
        reason="fraudulent",
        answer_by=int((at + timedelta(days=7)).timestamp()),
    )
    payment = row.payments.get()
    seen = Observation(
        "succeeded", received_cents=row.gross_cents, intent_id=payment.intent_id, method="card", disputes=[claim]
    )
    settlement.apply(payment_id=payment.pk, seen=seen, at=at - timedelta(days=1))


def _kept(world: World, row: Invoice, at: datetime) -> None:
    """An advance by transfer and an invoice paid twice; a part of each went back or is about to."""
    home, clerk = world.home, world.staff[0]
    with transaction.atomic():
        allocation.receive(
            company=home, cents=row.gross_cents, key=f"demo-twice-{row.pk}", at=at - timedelta(days=8), actor=None,
            reason=row.number, only=[row],
        )  # fmt: skip
    _by_card(row, f"{row.gross_cents}_{row.pk}", at - timedelta(days=7))
    deposits.keep(invoice=row, actor=clerk, at=at - timedelta(days=6))
    means = deposits.means_of(home)[0]
    part = means.cents // 3
    back = deposits.ask(
        company=home, cents=part, reason="Facture payée deux fois", key="demo-card", actor=clerk,
        at=at - timedelta(days=5), payment=means.payment,
    )  # fmt: skip
    assert back.refund is not None
    seen = Observation(
        "succeeded",
        received_cents=row.gross_cents,
        intent_id=means.payment.intent_id,
        method="card",
        refunds=[(f"re_demo_{row.gross_cents}_{row.pk}", part)],
        refund_rows={f"re_demo_{row.gross_cents}_{row.pk}": back.refund.pk},
    )
    settlement.apply(payment_id=means.payment.pk, seen=seen, at=at - timedelta(days=4))
    with transaction.atomic():
        ledger.post(
            key="demo-advance",
            kind="bank",
            at=at - timedelta(days=3),
            reason=f"{home.name.upper()} ACOMPTE",
            sides=[
                ledger.Side(AccountKind.BANK, ADVANCE),
                ledger.Side(AccountKind.DEPOSITS, -ADVANCE, company=home),
            ],
        )
    deposits.ask(
        company=home, cents=40_000, reason="Commande réduite", key="demo-transfer", actor=clerk,
        at=at - timedelta(days=2), iban=IBAN,
    )  # fmt: skip
