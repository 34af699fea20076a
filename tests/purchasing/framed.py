"""A framework agreement in force and companies that draw on it, for tests."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from companies.models import Company, Role, User
from companies.states import move
from purchasing.models import CallOff, FrameworkAgreement, FrameworkArticle, PurchaseOrder, Supplier
from purchasing.services import call_off, delivery, framework, settlement
from purchasing.services.bulk import move_needs, needs_of
from purchasing.services.delivery import Count
from purchasing.services.framework import ArticleIn, FrameworkIn
from purchasing.services.settlement import InvoiceIn, LineIn
from purchasing.states import ORDER, POOL
from tests.factories.companies import CompanyFactory, member, staff

SIGNED = datetime(2026, 1, 12, 9, tzinfo=UTC)
AT = datetime(2026, 2, 2, 9, tzinfo=UTC)
YEAR_OVER = datetime(2027, 1, 20, 9, tzinfo=UTC)


@dataclass
class Frame:
    """One agreement; `buyers` by letter of the company."""

    agreement: FrameworkAgreement
    staff: User
    companies: dict[str, Company] = field(default_factory=dict)
    buyers: dict[str, User] = field(default_factory=dict)

    @property
    def article(self) -> FrameworkArticle:
        return self.agreement.articles.order_by("position")[0]

    def company(self, letter: str, *, limit: int = 100_000_000) -> Company:
        if letter not in self.companies:
            self.companies[letter] = CompanyFactory(name=letter, approval_limit_cents=limit)
            self.buyers[letter] = member(self.companies[letter], Role.BUYER)
        return self.companies[letter]

    def quota(self, letter: str, quantity: int | None) -> None:
        company = self.company(letter)
        framework.set_quota(actor=self.staff, article=self.article, company=company, quantity=quantity, at=AT)

    def draw(self, letter: str, quantity: int, at: datetime = AT, **rest: Any) -> CallOff:
        company = self.company(letter)
        draft = call_off.CallOffIn({self.article.pk: quantity}, **rest)
        return call_off.place(actor=self.buyers[letter], company=company, agreement=self.agreement, draft=draft, at=at)

    def draw_again(self, row: CallOff, quantity: int) -> CallOff:
        """Correct a returned call-off."""
        draft = call_off.CallOffIn({self.article.pk: quantity})
        buyer = self.buyers[row.company.name]
        return call_off.place(
            actor=buyer, company=row.company, agreement=self.agreement, draft=draft, at=AT, call_off=row
        )

    def send(self, row: CallOff, at: datetime = AT) -> PurchaseOrder:
        """As if signed and sent: the PDF and the letter, which take most of a second, are left out."""
        found = row.order
        assert found is not None
        move(found, "sent", table=ORDER, at=at, actor=self.staff, sent_at=at, signed_by=self.staff)
        move_needs(needs_of(found.pool_id), "ordered", at=at, actor=self.staff)
        move(found.pool, "ordered", table=POOL, at=at, actor=self.staff)
        return found

    def receive(self, sent: PurchaseOrder, counted: int, at: datetime = AT, **rest: Any) -> Any:
        (line,) = sent.lines.all()
        if rest.get("corrects") is not None:
            rest = {"notes": "Recompté"} | rest
        return delivery.receive(actor=self.staff, order=sent, counts={line.pk: Count(counted)}, at=at, **rest)

    def bill(self, sent: PurchaseOrder, at: datetime = AT) -> None:
        """The supplier's invoice as expected, shared and issued."""
        (line,) = sent.lines.all()
        sent.refresh_from_db()
        net = settlement.expected_net(sent) - sent.freight_cents
        lines = [LineIn("goods", net, line.vat_bp, line.pk)]
        if sent.freight_cents:
            lines.append(LineIn("freight", sent.freight_cents, 2000))
        draft = InvoiceIn(f"F-{sent.number}", at.date(), lines)
        row = settlement.record(actor=self.staff, order=sent, draft=draft, at=at)
        settlement.accept(actor=self.staff, invoice=row, at=at)
        row = settlement.share_out(actor=self.staff, invoice=row, at=at)
        settlement.issue_invoices(actor=self.staff, invoice=row, at=at)

    def bought(self, letter: str, quantity: int, at: datetime = AT) -> PurchaseOrder:
        """Called off, sent, received in full and invoiced."""
        sent = self.send(self.draw(letter, quantity, at), at)
        self.receive(sent, quantity, at)
        self.bill(sent, at)
        return sent


def frame(
    *,
    tiers: tuple[tuple[int, int], ...] = ((1, 20_000), (100, 18_000)),
    most: int | None = None,
    pack: int = 1,
    sign: bool = True,
    vat_bp: int = 2000,
    **head: Any,
) -> Frame:
    """An agreement of 2026 on one article: 2.00 €, from 100 of a call-off on 1.80 €."""
    person = staff()
    supplier = Supplier.objects.create(name=f"Papeterie {person.pk}", category="office", city="Valence")
    defaults: dict[str, Any] = {
        "title": "Papier A4",
        "supplier": supplier,
        "starts_on": date(2026, 1, 1),
        "ends_on": date(2026, 12, 31),
        "email": "commandes@papeterie.example",
        "deliver_to": "Pôle Sud",
    }
    article = ArticleIn("Ramette A4", tiers, pack=pack, most=most, vat_bp=vat_bp)
    draft = FrameworkIn(**(defaults | head), articles=[article])
    row = framework.save(actor=person, draft=draft, at=SIGNED)
    if sign:
        row = framework.sign(actor=person, agreement=row, at=SIGNED)
    return Frame(row, person)


def later(days: int) -> datetime:
    return AT + timedelta(days=days)
