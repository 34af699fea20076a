"""Invented quotes and awards of the demonstration's pools."""

import hashlib
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from companies.models import User
from purchasing.models import (
    Award,
    AwardLine,
    Pool,
    PoolLine,
    PriceTier,
    Quote,
    QuoteLine,
    Supplier,
    Tender,
    TenderInvitation,
)
from purchasing.rules.landed import Quote as Conditions
from purchasing.rules.landed import freight_due, landed
from purchasing.rules.tiers import Terms, Tier
from purchasing.services.tender import GRACE
from purchasing.states import AwardState, QuoteState, TenderState

NOTES = [
    "",
    "",
    "",
    "Stock à Valence",
    "Fabrication française",
    "Franco dès la deuxième commande",
    "Marque équivalente",
]
REASONS = [
    "Offre complète la moins chère, livrée en moins d’une semaine.",
    "Meilleur coût rendu au volume groupé ; fournisseur local.",
    "Prix proches, mais délai et colisage plus favorables.",
]
ANSWERED = (QuoteState.SUBMITTED,)
TOLD = (*ANSWERED, QuoteState.DECLINED)


@dataclass
class Tendering:
    """One tender being made."""

    rng: random.Random
    pool: Pool
    lines: list[PoolLine]
    suppliers: list[Supplier]
    freight: dict[str, int]
    sent: datetime
    deadline: datetime
    tender: Tender = field(init=False)
    invitations: list[TenderInvitation] = field(default_factory=list)
    offers: dict[int, list[tuple[QuoteLine, Terms]]] = field(default_factory=dict)  # by quote id
    quotes: list[Quote] = field(default_factory=list)


def open_tender(made: Tendering, *, opened: bool, at: datetime) -> None:
    """Ask every supplier of the kind; most answer, one declines, the last is silent."""
    opened_at = min(made.deadline + timedelta(hours=2), at - timedelta(minutes=10)) if opened else None
    made.tender = Tender.objects.create(
        pool=made.pool,
        state=TenderState.OPENED if opened else TenderState.OPEN,
        deadline=made.deadline,
        deliver_to="Pôle Sud, 26100 Romans-sur-Isère, quai de 8 h à 16 h",
        message="Une seule livraison, prix hors taxes par unité. Merci d’indiquer vos paliers.",
        sent_at=made.sent,
        opened_at=opened_at,
        opened_by=made.pool.lead if opened else None,
        created_at=made.sent - timedelta(hours=3),
    )
    contacts = [supplier.contacts.first() for supplier in made.suppliers]
    over = opened or made.deadline <= at
    states = [_state(number, len(made.suppliers), over) for number in range(len(made.suppliers))]
    made.invitations = TenderInvitation.objects.bulk_create(
        TenderInvitation(
            tender=made.tender,
            supplier=supplier,
            contact=contact,
            email=contact.email if contact else "",
            state=state,
            token_hash=hashlib.sha256(f"demo-{made.pool.pk}-{supplier.pk}".encode()).hexdigest(),
            expires_at=made.deadline + GRACE,
            invited_at=made.sent,
            opened_at=None if state == QuoteState.INVITED else made.sent + timedelta(hours=5),
            answered_at=min(_answered(made, number), at) if state in TOLD else None,
            decline_reason="",
        )
        for number, (supplier, contact, state) in enumerate(zip(made.suppliers, contacts, states, strict=True))
    )
    for invitation in made.invitations:
        if invitation.state in ANSWERED:
            _quote(made, invitation)


def _answered(made: Tendering, number: int) -> datetime:
    return made.sent + timedelta(days=1 + number % 4, hours=number % 6, minutes=7 * number)


def _state(number: int, count: int, over: bool) -> str:
    if count > 3 and number == count - 1:
        return QuoteState.DECLINED if over else QuoteState.INVITED
    if not over and number % 2 == 0:
        return QuoteState.OPENED if number else QuoteState.INVITED
    return QuoteState.SUBMITTED


def _quote(made: Tendering, invitation: TenderInvitation) -> None:
    """A quote around today's prices: three tiers, the supplier's own packs and freight."""
    rng, supplier = made.rng, invitation.supplier
    quote = Quote.objects.create(
        invitation=invitation,
        version=1,
        submitted_at=invitation.answered_at,
        saved_at=invitation.answered_at or made.sent,
        valid_until=timezone.localdate(made.deadline + timedelta(days=rng.choice([60, 75, 90]))),
        minimum_cents=supplier.minimum_cents,
        freight_cents=made.freight[supplier.name],
        franco_cents=supplier.franco_cents,
        lead_days=supplier.lead_days,
        signatory=invitation.contact.name if invitation.contact else "",
    )
    level = rng.uniform(0.84, 1.03)
    rows, tiers, offers = [], [], []
    for line in made.lines:
        if len(made.lines) > 3 and rng.random() < 0.08:
            continue  # not in this supplier's range
        row = QuoteLine(quote=quote, pool_line=line, pack=line.pack, moq=0, note=rng.choice(NOTES))
        base = line.article.ref_price_e4 if line.article and line.article.ref_price_e4 else 10_000
        steps = _tiers(rng, line.asked_quantity, base * level * rng.uniform(0.96, 1.04))
        rows.append(row)
        tiers += [PriceTier(quote_line=row, from_qty=start, unit_price_e4=price) for start, price in steps]
        offers.append((row, Terms(tuple(Tier(start, price) for start, price in steps), pack=line.pack)))
    QuoteLine.objects.bulk_create(rows)
    PriceTier.objects.bulk_create(tiers)
    made.quotes.append(quote)
    made.offers[quote.pk] = offers


def _tiers(rng: random.Random, asked: int, price: float) -> list[tuple[int, int]]:
    """Tiers around the volume asked for, so that one more company can matter."""
    marks = [1, _round(asked * rng.uniform(0.45, 0.6)), _round(asked * rng.uniform(0.8, 1.05)), _round(asked * 1.4)]
    found: dict[int, int] = {}
    for step, mark in enumerate(marks):
        found.setdefault(mark, _neat(price * (1 - 0.055 * step)))
    return sorted(found.items())


def _neat(price: float) -> int:
    """A price people would write: half cents above 50 cents, hundredths of a cent below."""
    step = 50 if price >= 5_000 else 5
    return max(5, round(price / step) * step)


def _round(number: float) -> int:
    step = 1 if number < 20 else 5 if number < 100 else 10 if number < 500 else 50 if number < 5_000 else 500
    return max(2, int(number // step * step))


def close_tender(made: Tendering, *, pending: bool, second: User) -> Award:
    """Award everything to the cheapest complete quote; where nobody is complete, to the one with most lines."""
    full = max(len(offers) for offers in made.offers.values())
    rivals = [quote for quote in made.quotes if len(made.offers[quote.pk]) == full]
    best = min(rivals, key=lambda quote: _value(made, quote))
    lead = made.pool.lead
    decided: datetime = (made.tender.opened_at or made.deadline) + timedelta(hours=1)
    award = Award.objects.create(
        tender=made.tender,
        state=AwardState.PROPOSED if pending else AwardState.CONFIRMED,
        reason=made.rng.choice(REASONS),
        value_cents=_value(made, best),
        decided_by=lead,
        decided_at=decided,
        needs_second_person=pending,
        confirmed_by=None if pending else second if second != lead else lead,
        confirmed_at=None if pending else decided + timedelta(hours=2),
    )
    AwardLine.objects.bulk_create(
        AwardLine(
            award=award,
            pool_line=row.pool_line,
            quote_line=row,
            quantity=row.pool_line.asked_quantity,
            landed_cents=landed(Conditions(terms), row.pool_line.asked_quantity).total_cents,
        )
        for row, terms in made.offers[best.pk]
    )
    if not pending:
        Tender.objects.filter(pk=made.tender.pk).update(state=TenderState.AWARDED)
        outcome = QuoteState.AWARDED if full == len(made.lines) else QuoteState.PART_AWARDED
        rows = TenderInvitation.objects.filter(tender=made.tender, state=QuoteState.SUBMITTED)
        rows.exclude(pk=best.invitation_id).update(state=QuoteState.LOST)
        rows.filter(pk=best.invitation_id).update(state=outcome)
        made.pool.lines.exclude(pk__in=[row.pool_line_id for row, _t in made.offers[best.pk]]).update(state="cancelled")
    return award


def _value(made: Tendering, quote: Quote) -> int:
    goods = sum(
        landed(Conditions(terms), row.pool_line.asked_quantity).goods_cents for row, terms in made.offers[quote.pk]
    )
    return goods + freight_due(goods, quote.freight_cents, quote.franco_cents)
