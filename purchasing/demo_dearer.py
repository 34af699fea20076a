"""The demonstration's pool in which all together pay more than everybody alone: who may order by itself is told."""

import hashlib
from datetime import datetime, time, timedelta

from django.utils import timezone

from companies.demo_data import World
from companies.models import Company
from purchasing.models import (
    Award,
    AwardLine,
    Commitment,
    CommitmentVersion,
    Pool,
    PooledNeed,
    PoolLine,
    PriceTier,
    PurchaseRequest,
    Quote,
    QuoteLine,
    RequestLine,
    Supplier,
    Tender,
    TenderInvitation,
)
from purchasing.services import alone, dearer
from purchasing.services.tender import GRACE
from purchasing.states import (
    AwardState,
    CommitmentState,
    LineState,
    PoolState,
    QuoteState,
    RequestState,
    TenderState,
)
from purchasing.wording import normalise

BOXES = "Carton double cannelure 40 × 30 × 30"
FILM = "Film étirable 450 mm, 23 µm"
# Line → unit prices of the winner by quantity, and of the other supplier; what the others and the home company take.
Prices = dict[str, tuple[tuple[int, int], ...]]
WON: Prices = {BOXES: ((1, 9_500), (1_000, 9_400)), FILM: ((1, 69_000),)}
OTHER: Prices = {FILM: ((1, 58_000),)}
TAKEN = 400
OWN = 120


def seed_dearer(*, world: World, at: datetime) -> Pool:
    """Three companies share boxes and hardly save; the home company pays 132.00 € more for film than alone."""
    home, others = world.home, [c for c in world.companies if c.is_member and c != world.home][:3]
    lead, opened = world.staff[0], at - timedelta(days=3)
    day = timezone.localdate(at) + timedelta(days=5)
    pool = Pool.objects.create(
        title="Cartons et film pour les expéditions",
        description="Un seul fournisseur pour les deux articles, une seule livraison à Pôle Sud.",
        category="packaging",
        lead=lead,
        state=PoolState.COMMITTING,
        dearer=Pool.Dearer.RELEASE,
        opens_at=opened,
        closes_at=timezone.make_aware(datetime.combine(day, time(18))),
        created_by=lead,
        created_at=opened - timedelta(days=12),
    )
    lines = {
        text: PoolLine.objects.create(
            pool=pool, position=n, text=text, unit=unit, vat_bp=2000, asked_quantity=asked, details=""
        )
        for n, (text, unit, asked) in enumerate([(BOXES, "piece", TAKEN * 3), (FILM, "piece", OWN)], start=1)
    }
    _award(pool, lines, opened)
    for company, text, units in [*((c, BOXES, TAKEN) for c in others), (home, FILM, OWN)]:
        _word(world, pool, lines[text], company, units, opened + timedelta(hours=3))
    alone.prepare(pool=pool, at=at)
    dearer.refresh(pool=pool, at=at, seconds=5)
    return pool


def _award(pool: Pool, lines: dict[str, PoolLine], at: datetime) -> None:
    """Two suppliers answered; both lines went to the one that has both."""
    decided = at - timedelta(days=1)
    tender = Tender.objects.create(
        pool=pool,
        state=TenderState.AWARDED,
        deadline=decided - timedelta(days=1),
        deliver_to="Pôle Sud, 26100 Romans-sur-Isère, quai de 8 h à 16 h",
        sent_at=at - timedelta(days=9),
        opened_at=decided - timedelta(hours=4),
        opened_by=pool.lead,
        created_at=at - timedelta(days=10),
    )
    award = Award.objects.create(
        tender=tender,
        state=AwardState.CONFIRMED,
        reason="Un seul fournisseur et une seule livraison pour les deux articles.",
        value_cents=195_600,
        decided_by=pool.lead,
        decided_at=decided,
    )
    suppliers = Supplier.objects.filter(category="packaging").order_by("pk")[:2]
    for supplier, prices in zip(suppliers, (WON, OTHER), strict=True):
        contact = supplier.contacts.first()
        invitation = TenderInvitation.objects.create(
            tender=tender,
            supplier=supplier,
            contact=contact,
            email=contact.email if contact else "",
            state=QuoteState.AWARDED if prices is WON else QuoteState.LOST,
            token_hash=hashlib.sha256(f"demo-{pool.pk}-{supplier.pk}".encode()).hexdigest(),
            expires_at=tender.deadline + GRACE,
            invited_at=tender.sent_at,
            answered_at=at - timedelta(days=4),
        )
        quote = Quote.objects.create(
            invitation=invitation,
            valid_until=timezone.localdate(at + timedelta(days=60)),
            saved_at=at - timedelta(days=4),
        )
        for text, tiers in prices.items():
            row = QuoteLine.objects.create(quote=quote, pool_line=lines[text])
            PriceTier.objects.bulk_create(PriceTier(quote_line=row, from_qty=q, unit_price_e4=p) for q, p in tiers)
            if prices is WON:
                asked = lines[text].asked_quantity
                cents = asked * tiers[-1][1] // 100
                AwardLine.objects.create(
                    award=award, pool_line=lines[text], quote_line=row, quantity=asked, landed_cents=cents
                )
        Quote.objects.filter(pk=quote.pk).update(submitted_at=quote.saved_at)


def _word(world: World, pool: Pool, line: PoolLine, company: Company, units: int, at: datetime) -> None:
    """An approved need of a company and its firm word."""
    buyer = world.one(company, "buyer")
    request = PurchaseRequest.objects.create(
        company=company,
        title=line.text,
        state=RequestState.APPROVED,
        requester=buyer,
        created_at=pool.created_at,
        submitted_at=pool.created_at,
    )
    need = RequestLine.objects.create(
        request=request,
        position=1,
        text=line.text,
        normalised=normalise(line.text),
        quantity=units,
        state=LineState.COMMITTED,
    )
    PooledNeed.objects.create(
        pool_line=line, request_line=need, company=company, quantity=units, added_by=pool.lead, added_at=pool.created_at
    )
    row = Commitment.objects.create(
        pool_line=line,
        company=company,
        site=world.sites[company.pk][0],
        state=CommitmentState.COMMITTED,
        request_line=need,
        quantity=units,
        committed_at=at,
        committed_by=buyer,
        approved_by=world.one(company, "approver"),
        approved_at=at,
        approved_cents=10**9,
        version=1,
    )
    CommitmentVersion.objects.create(commitment=row, number=1, quantity=units, terms={}, actor=buyer, at=at)
