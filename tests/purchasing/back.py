"""A pool that is open for commitments, and the people around it, for tests of the back half."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import Sum

from companies.models import Company, Role, User
from companies.states import move
from purchasing.models import (
    Allocation,
    Award,
    AwardLine,
    Commitment,
    HandOver,
    Pool,
    PooledNeed,
    PoolLine,
    PriceTier,
    PurchaseOrder,
    PurchaseRequest,
    Quote,
    QuoteLine,
    RequestLine,
    Supplier,
    Tender,
    TenderInvitation,
)
from purchasing.services import commitment, delivery, hand_over, lock, order
from purchasing.services.bulk import move_needs, needs_of
from purchasing.services.delivery import Count
from purchasing.states import ORDER, POOL
from tests.factories.companies import CompanyFactory, member, staff

OPENED = datetime(2026, 3, 2, 8, tzinfo=UTC)
CLOSES = datetime(2026, 3, 31, 22, tzinfo=UTC)  # midnight in Paris
AFTER = CLOSES + timedelta(minutes=1)


def hours(n: float) -> datetime:
    return OPENED + timedelta(hours=n)


@dataclass
class World:
    """One pool with one supplier; `buyers` by letter of the company."""

    pool: Pool
    line: PoolLine
    supplier: Supplier
    staff: User
    buyers: dict[str, User] = field(default_factory=dict)
    companies: dict[str, Company] = field(default_factory=dict)

    def company(self, letter: str, *, limit: int = 100_000_000, need: int = 10) -> Company:
        """The company of that letter; made, with an approved need in the pool, when it is new."""
        if letter not in self.companies:
            company = CompanyFactory(name=letter, approval_limit_cents=limit)
            self.companies[letter] = company
            self.buyers[letter] = member(company, Role.BUYER)
            self.need(letter, need)
        return self.companies[letter]

    def need(self, letter: str, quantity: int) -> RequestLine:
        company, buyer = self.companies[letter], self.buyers[letter]
        request = PurchaseRequest.objects.create(
            company=company, title="Gants", state="approved", requester=buyer, created_at=OPENED, submitted_at=OPENED
        )
        row = RequestLine.objects.create(
            request=request, position=1, text="Gants", normalised="gant", quantity=quantity, state="pooled"
        )
        PooledNeed.objects.create(
            pool_line=self.line,
            request_line=row,
            company=company,
            quantity=quantity,
            added_by=self.staff,
            added_at=OPENED,
        )
        return row

    def commit(
        self, letter: str, quantity: int, tolerance: int = 0, at: datetime | None = None, **rest: Any
    ) -> Commitment:
        """Companies commit an hour apart in the order of their letters."""
        company = self.company(letter)
        word = commitment.Word(quantity, tolerance, **rest)
        at = at or hours(ord(letter) - 64)
        return commitment.commit(actor=self.buyers[letter], company=company, line=self.line, word=word, at=at)

    def four(self) -> None:
        """The worked example: 10+2, 7, 12+5, 4+1. On a second line three of them for 24: 9+3, 6, 8+2."""
        second = self.pool.lines.filter(position=2).first()
        also = {"A": (9, 3), "C": (6, 0), "D": (8, 2)} if second else {}
        for letter, quantity, tolerance in [("A", 10, 2), ("B", 7, 0), ("C", 12, 5), ("D", 4, 1)]:
            if second and letter in also:
                company = self.company(letter)
                words = {self.line.pk: commitment.Word(quantity, tolerance), second.pk: commitment.Word(*also[letter])}
                who = {"actor": self.buyers[letter], "company": company, "pool": self.pool}
                commitment.commit_all(**who, words=words, at=hours(ord(letter) - 64))
            else:
                self.commit(letter, quantity, tolerance)

    def lock(self, at: datetime = AFTER) -> Pool:
        self.pool = lock.lock(pool=self.pool, at=at)
        self.line.refresh_from_db()
        return self.pool

    def order(self) -> PurchaseOrder:
        """Locked, ordered and sent."""
        self.four()
        self.lock()
        (row,) = order.prepare(actor=self.staff, pool=self.pool, at=AFTER)
        row = order.sign_and_send(actor=self.staff, order=row, at=AFTER)
        self.pool.refresh_from_db()
        return row

    def sent(self) -> PurchaseOrder:
        """The same without its PDF and the letter, which take most of a second."""
        self.four()
        self.lock()
        (row,) = order.prepare(actor=self.staff, pool=self.pool, at=AFTER)
        move(row, "sent", table=ORDER, at=AFTER, actor=self.staff, sent_at=AFTER, signed_by=self.staff)
        move_needs(needs_of(self.pool.pk), "ordered", at=AFTER, actor=self.staff)
        move(self.pool, "ordered", table=POOL, at=AFTER, actor=self.staff)
        return row

    def granted(self) -> dict[str, int | None]:
        rows = Commitment.objects.filter(pool_line=self.line).select_related("company").order_by("company__name")
        return {row.company.name: row.granted for row in rows}

    def states(self) -> dict[str, str]:
        rows = Commitment.objects.filter(pool_line=self.line).select_related("company").order_by("company__name")
        return {row.company.name: str(row.state) for row in rows}


def world(
    *,
    tiers: tuple[tuple[int, int], ...] = ((1, 34_917),),
    pack: int = 12,
    moq: int = 0,
    minimum_cents: int = 0,
    freight_cents: int = 1_990,
    franco_cents: int | None = None,
    lead: User | None = None,
    line_count: int = 1,
    **pool_fields: Any,
) -> World:
    """An awarded pool, open for commitments until midnight of 31 March 2026 in Paris."""
    person = staff()
    defaults = {"title": "Gants nitrile", "legal_model": "agent", "fairness": "none", "closes_at": CLOSES}
    pool = Pool.objects.create(
        **(defaults | pool_fields),
        lead=lead or person,
        state="committing",
        opens_at=OPENED,
        created_by=person,
        created_at=OPENED,
    )
    line = PoolLine.objects.create(pool=pool, position=1, text="Gants nitrile M", pack=pack, moq=moq, vat_bp=2000)
    supplier = Supplier.objects.create(
        siren="303265045", name=f"Fournisseur du groupage {pool.pk}", category="protection", city="Valence"
    )
    more = [
        PoolLine.objects.create(pool=pool, position=n, text=f"Line {n}", pack=pack, moq=moq, vat_bp=2000)
        for n in range(2, line_count + 1)
    ]
    add_quote(
        pool,
        [(row, tiers, pack, moq) for row in (line, *more)],
        supplier,
        person,
        minimum_cents,
        freight_cents,
        franco_cents,
    )
    return World(pool, line, supplier, person)


def add_quote(
    pool: Pool,
    lines: list[tuple[PoolLine, tuple[tuple[int, int], ...], int, int]],
    supplier: Supplier,
    person: User,
    minimum_cents: int = 0,
    freight_cents: int = 0,
    franco_cents: int | None = None,
) -> Quote:
    """A submitted and awarded quote."""
    tender = Tender.objects.create(
        pool=pool,
        state="awarded",
        deadline=OPENED,
        opened_at=OPENED,
        opened_by=person,
        created_at=OPENED,
        deliver_to="Pôle Sud",
    )
    invitation = TenderInvitation.objects.create(
        tender=tender,
        supplier=supplier,
        email="fournisseur@example.org",
        state="awarded",
        token_hash=f"quote-{supplier.pk}",
        expires_at=CLOSES,
    )
    quote = Quote.objects.create(
        invitation=invitation,
        valid_until=date(2026, 12, 31),
        minimum_cents=minimum_cents,
        freight_cents=freight_cents,
        franco_cents=franco_cents,
        saved_at=OPENED,
    )
    award = Award.objects.create(
        tender=tender, state="confirmed", reason="test", value_cents=0, decided_by=person, decided_at=OPENED
    )
    for line, tiers, pack, moq in lines:
        offer = QuoteLine.objects.create(quote=quote, pool_line=line, pack=pack, moq=moq, reference="GN-M")
        PriceTier.objects.bulk_create(PriceTier(quote_line=offer, from_qty=q, unit_price_e4=p) for q, p in tiers)
        AwardLine.objects.create(award=award, pool_line=line, quote_line=offer, quantity=0, landed_cents=0)
    Quote.objects.filter(pk=quote.pk).update(submitted_at=OPENED)
    return quote


class Delivered:
    """An order of 36 gloves for four companies."""

    def __init__(self, *, paper=False, **pool):
        self.w = world(**pool)
        self.order = self.w.order() if paper else self.w.sent()
        self.line = self.order.lines.order_by("position")[0]

    def receive(self, counted, refused=0, **rest):
        counts = {self.line.pk: Count(counted, refused)}
        if rest.get("corrects") is not None:
            rest = {"notes": "Recompté"} | rest
        receipt = delivery.receive(actor=self.w.staff, order=self.order, counts=counts, at=hours(900), **rest)
        self.order.refresh_from_db()
        return receipt

    def allocated(self):
        rows = Allocation.objects.values_list("commitment__company__name").annotate(n=Sum("quantity"))
        return dict(rows.order_by("commitment__company__name"))

    def allocated_of(self, pool):
        rows = Allocation.objects.filter(commitment__pool_line__pool=pool).values_list("commitment__company__name")
        return dict(rows.annotate(n=Sum("quantity")).order_by())

    def hand_over(self, receipt, letter, **rest):
        row = HandOver.objects.get(receipt=receipt, company=self.w.companies[letter])
        return hand_over.hand_over(actor=self.w.staff, row=row, at=hours(901), **rest)
