"""Framework agreements of the demonstration: one in force that ends soon, one of last year with its rebate, one to sign."""

import random
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from django.utils import timezone

from companies.demo_data import World
from companies.models import Company, User
from companies.money import line_total
from companies.states import move
from purchasing.mails_back import silence
from purchasing.models import Article, CallOff, FrameworkAgreement, PurchaseOrder, Supplier
from purchasing.rules.framework import RebateTier
from purchasing.services import (
    call_off,
    delivery,
    framework,
    framework_rebate,
    rebate_note,
    request,
    settlement,
)
from purchasing.services.bulk import move_needs, needs_of
from purchasing.services.call_off import CallOffIn
from purchasing.services.framework import ArticleIn, FrameworkIn
from purchasing.services.settlement import InvoiceIn, Kind, LineIn
from purchasing.states import ORDER, POOL, LineState, OrderState, PoolState, RequestState


class _Teller:
    """Who acts, and when."""

    def __init__(self, rng: random.Random, world: World, at: datetime) -> None:
        self.rng, self.world, self.at = rng, world, at
        self.staff = world.staff[0]
        members = [company for company in world.companies if company.is_member and company != world.home]
        self.companies = [world.home, *members[:5]]

    def ago(self, days: int) -> datetime:
        return self.at - timedelta(days=days)

    def buyer(self, company: Company) -> User:
        return self.world.one(company, "buyer")


def seed_frameworks(
    *, rng: random.Random, world: World, at: datetime, articles: Sequence[Article], suppliers: Sequence[Supplier]
) -> None:
    """Three agreements with their call-offs. Nobody is written to."""
    teller = _Teller(rng, world, at)
    with silence():
        _last_year(teller, "Produits d’entretien", *_of(articles, suppliers, "hygiene"), companies=3, booked=True)
        _last_year(teller, "Emballages", *_of(articles, suppliers, "packaging"), companies=1, booked=False)
        _in_force(teller, *_of(articles, suppliers, "office"))
        _to_sign(teller, *_of(articles, suppliers, "energy"))


def _of(articles: Sequence[Article], suppliers: Sequence[Supplier], category: str) -> tuple[Supplier, list[Article]]:
    seller = next((row for row in suppliers if row.category == category), suppliers[0])
    return seller, [row for row in articles if row.category == category][:4]


def _terms(
    article: Article,
    discount: int,
    *,
    least: int | None = None,
    most: int | None = None,
    quotas: Mapping[int, int] | None = None,
) -> ArticleIn:
    first = (article.ref_price_e4 or 10_000) * (100 - discount) // 100
    return ArticleIn(
        "",
        [(article.pack, first), (article.pack * 20, first * 95 // 100)],
        article=article,
        pack=article.pack,
        moq=article.pack,
        vat_bp=article.vat_bp,
        least=least,
        most=most,
        quotas=quotas or {},
    )


def _signed(teller: _Teller, draft: FrameworkIn, at: datetime) -> FrameworkAgreement:
    row = framework.save(actor=teller.staff, draft=draft, at=at)
    return framework.sign(actor=teller.staff, agreement=row, at=at)


def _draw(teller: _Teller, agreement: FrameworkAgreement, company: Company, packs: int, at: datetime) -> CallOff:
    """A call-off of the first two articles, approved where the company asks for it."""
    articles = list(agreement.articles.order_by("position")[:2])
    row = call_off.place(
        actor=teller.buyer(company),
        company=company,
        agreement=agreement,
        draft=CallOffIn(
            {article.pk: article.pack * packs for article in articles},
            site=teller.world.sites[company.pk][0],
            cost_centre="SIÈGE",
        ),
        at=at,
    )
    if row.request.state == RequestState.SUBMITTED:
        approver = teller.world.one(company, "approver")
        request.decide(actor=approver, request=row.request, verdict="approved", at=at + timedelta(hours=2))
    row.refresh_from_db()
    return row


def _sent(teller: _Teller, row: CallOff, at: datetime) -> PurchaseOrder:
    """As if signed and sent. The PDF is left out: it takes longer than all the rest of this history."""
    found = row.order
    assert found is not None
    move(found, OrderState.SENT, table=ORDER, at=at, actor=teller.staff, sent_at=at, signed_by=teller.staff)
    move_needs(needs_of(found.pool_id), LineState.ORDERED, at=at, actor=teller.staff)
    move(found.pool, PoolState.ORDERED, table=POOL, at=at, actor=teller.staff)
    return found


def _received(teller: _Teller, sent: PurchaseOrder, at: datetime) -> None:
    counts = {line.pk: delivery.Count(line.quantity) for line in sent.lines.all()}
    delivery.receive(actor=teller.staff, order=sent, counts=counts, at=at, delivery_note=f"BL {sent.pk:04d}")


def _billed(teller: _Teller, sent: PurchaseOrder, at: datetime) -> None:
    """The supplier's invoice as expected; ours are of today, because invoice numbers follow the calendar."""
    sent.refresh_from_db()
    lines = []
    for line in sent.lines.order_by("position"):
        got = delivery.accepted_of(line.pk)
        net = line_total(got, line.unit_price_e4)
        lines.append(LineIn(Kind.GOODS, net, line.vat_bp, line.pk, got, line.unit_price_e4))
    if sent.freight_cents:
        lines.append(LineIn(Kind.FREIGHT, sent.freight_cents, None))
    day = timezone.localdate(at)
    draft = InvoiceIn(f"FA{day:%y%m}-{sent.pk:04d}", day, lines, day + timedelta(days=30))
    row = settlement.record(actor=teller.staff, order=sent, draft=draft, at=at)
    settlement.accept(actor=teller.staff, invoice=row, reason="Conforme", at=at)
    row = settlement.share_out(actor=teller.staff, invoice=row, at=at)
    settlement.issue_invoices(actor=teller.staff, invoice=row, at=teller.at - timedelta(minutes=20), quietly=True)


def _last_year(
    teller: _Teller, title: str, supplier: Supplier, articles: list[Article], *, companies: int, booked: bool
) -> None:
    """Drawn last year, received and invoiced; its rebate is computed and credited, the supplier's note booked or awaited."""
    year = timezone.localdate(teller.at).year - 1
    at = timezone.make_aware(datetime(year, 1, 10, 10))
    agreement = _signed(
        teller,
        FrameworkIn(
            title=title,
            supplier=supplier,
            starts_on=date(year, 1, 1),
            ends_on=date(year, 12, 31),
            deliver_to="Pôle Sud, 26100 Romans-sur-Isère",
            articles=[_terms(article, 12) for article in articles],
            rebate_basis=FrameworkAgreement.Basis.VALUE,
            rebate_tiers=[RebateTier(100, 200), RebateTier(100_000, 300)],
        ),
        at,
    )
    for number, company in enumerate(teller.companies[:companies]):
        when = timezone.make_aware(datetime(year, 5 + number, 12, 9))
        row = _draw(teller, agreement, company, 24 // companies + 3 * number, when)  # enough for the first tier
        sent = _sent(teller, row, when)
        _received(teller, sent, when + timedelta(days=9))
        _billed(teller, sent, when + timedelta(days=20))
    framework.end_expired(at=timezone.make_aware(datetime(year + 1, 1, 1, 5, 20)))
    rebate = framework_rebate.compute(
        actor=teller.staff,
        agreement=agreement,
        year=year,
        supplier_reference=f"RFA-{year}-{117 + companies}",
        at=teller.at - timedelta(minutes=15),
    )
    rebate = framework_rebate.issue(
        actor=teller.staff, rebate=rebate, at=teller.at - timedelta(minutes=10), quietly=True
    )
    if booked:
        rebate_note.record(
            actor=teller.staff,
            rebate=rebate,
            number=f"AV-{year}-0412",
            issued_on=timezone.localdate(teller.at),
            net_cents=rebate.amount_cents,
            at=teller.at - timedelta(minutes=5),
        )


def _in_force(teller: _Teller, supplier: Supplier, articles: list[Article]) -> None:
    """Ends in six weeks, with quotas; call-offs to sign, on their way and received."""
    today = timezone.localdate(teller.at)
    starts = today - timedelta(days=318)
    first, *rest = articles
    quotas = {company.pk: first.pack * (30 - 5 * n) for n, company in enumerate(teller.companies[:3])}
    head = _terms(first, 15, least=first.pack * 40, most=first.pack * 160, quotas=quotas)
    agreement = _signed(
        teller,
        FrameworkIn(
            title="Fournitures de bureau",
            supplier=supplier,
            starts_on=starts,
            ends_on=today + timedelta(days=42),
            lead_days=5,
            freight_cents=1_200,
            franco_cents=30_000,
            most_cents=5_000_000,
            articles=[head, *(_terms(article, 10) for article in rest)],
            rebate_basis=FrameworkAgreement.Basis.VALUE,
            rebate_mode=FrameworkAgreement.Mode.SLICES,
            rebate_tiers=[RebateTier(0, 100), RebateTier(50_000, 250), RebateTier(200_000, 400)],
            notes="Prix fermes. Livraison sur le site de chaque entreprise.",
        ),
        teller.ago(320),
    )
    for number, company in enumerate(teller.companies[:5]):
        row = _draw(teller, agreement, company, 6 + 2 * number, teller.ago(60 - 12 * number))
        if number == len(teller.companies[:5]) - 1:
            continue  # waits for the association's signature
        sent = _sent(teller, row, teller.ago(59 - 12 * number))
        if number < 2:
            _received(teller, sent, teller.ago(50 - 12 * number))


def _to_sign(teller: _Teller, supplier: Supplier, articles: list[Article]) -> None:
    today = timezone.localdate(teller.at)
    framework.save(
        actor=teller.staff,
        draft=FrameworkIn(
            title="Énergie et lubrifiants",
            supplier=supplier,
            starts_on=today + timedelta(days=20),
            ends_on=today + timedelta(days=384),
            articles=[_terms(article, 8) for article in articles[:2]],
        ),
        at=teller.ago(3),
    )
