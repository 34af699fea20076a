"""Advances that a final invoice does not use up: nobody paid them, or they are larger than what it asks."""

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext, override

from companies import money
from companies.billing import advance_books, credit_notes, deposits
from companies.billing.models import CreditNoteLine, Invoice, InvoiceState
from companies.models import User


def fit(advances: Sequence[Invoice], final: Invoice, *, actor: User | None, at: datetime) -> None:
    """Credit what paid advances come to above a final invoice, and keep that money for the company.

    The oldest is deducted first. What is left of each fits then to the cent, so that the final invoice deducts it whole.
    """
    room = final.gross_cents
    for advance in advances:
        if advance.state not in (InvoiceState.PAID, InvoiceState.FINAL):
            continue
        asked = advance_books.left_of(advance).gross_cents
        used = min(asked, room)
        room -= used
        if used < asked:
            _give_back(advance, asked - used, actor=actor, at=at)


def _give_back(advance: Invoice, cents: int, *, actor: User | None, at: datetime) -> None:
    """A credit note over a sum with its VAT, and the money of it to the company's deposits."""
    left = _lines_left(advance)
    parts = money.share(cents, [net + vat for net, vat in left.values()])
    nets, vats = {}, {}
    for (pk, (net, vat)), part in zip(left.items(), parts, strict=True):
        if part:
            vats[pk] = money.divide(vat * part, net + vat)
            nets[pk] = part - vats[pk]
    with override(advance.language):
        reason = gettext("The final invoice of order %(order)s asks for less than this advance.") % {
            "order": advance.order_reference
        }
    key = f"advance-{advance.pk}-surplus"
    credit_notes.issue(invoice=advance, nets=nets, vats=vats, reason=reason, key=key, actor=actor, at=at)
    advance.refresh_from_db()
    deposits.put_aside(advance, actor=actor, at=at)


def _lines_left(advance: Invoice) -> dict[int, tuple[int, int]]:
    """Net and VAT of each line, less its credit notes; lines of which nothing is left are left out."""
    lines = list(advance.lines.all())
    vats = credit_notes.line_vats(advance, lines)
    left = {line.pk: [line.net_cents, vats[line.pk]] for line in lines}
    for pk, net, vat in CreditNoteLine.objects.filter(line__in=lines).values_list("line", "net_cents", "vat_cents"):
        left[pk][0] -= net
        left[pk][1] -= vat
    return {pk: (net, vat) for pk, (net, vat) in left.items() if net > 0}


def unpaid(advances: Sequence[Invoice], final: Invoice, *, actor: User | None, at: datetime) -> None:
    """A credit note for each advance of the order on which no money stands or is on its way."""
    for advance in advances:
        idle = advance.state in (InvoiceState.ISSUED, InvoiceState.DUE, InvoiceState.FAILED)
        if not idle or advance_books.received(advance):
            continue
        taken = credit_notes.taken(advance)
        nets = {line.pk: line.net_cents - taken.get(line.pk, 0) for line in advance.lines.all()}
        with override(advance.language):
            reason = gettext("Never paid: the final invoice %(number)s asks for the whole.") % {"number": final.number}
        credit_notes.issue(
            invoice=advance,
            nets={pk: net for pk, net in nets.items() if net},
            reason=reason,
            key=f"advance-{advance.pk}-unpaid",
            actor=actor,
            at=at,
        )
