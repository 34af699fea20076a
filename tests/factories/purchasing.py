"""Needs, pools, tenders and quotes. The short functions below make a whole situation in one line."""

from datetime import UTC, datetime, timedelta

import factory
from factory.django import DjangoModelFactory

from companies.models import Role, User
from purchasing import links
from purchasing.models import (
    Article,
    Category,
    Pool,
    PoolLine,
    PurchaseRequest,
    RequestLine,
    Supplier,
    SupplierContact,
    Tender,
    TenderInvitation,
)
from purchasing.services import award as awards
from purchasing.services import pool as pools
from purchasing.services import quote as quotes
from purchasing.services import tender as tenders
from purchasing.states import LineState, RequestState
from purchasing.wording import normalise
from tests.factories.companies import CompanyFactory, UserFactory, member, staff

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class ArticleFactory(DjangoModelFactory):
    class Meta:
        model = Article

    name = factory.Sequence(lambda n: f"Gants nitrile modèle {n}")
    reference = factory.Sequence(lambda n: f"ART-{n}")
    category = Category.PROTECTION
    unit = "box"
    pack = 10
    ref_price_e4 = 62_000


class SupplierFactory(DjangoModelFactory):
    """A supplier with one contact that gets the links."""

    class Meta:
        model = Supplier
        skip_postgeneration_save = True

    name = factory.Sequence(lambda n: f"Fournisseur {n}")
    category = Category.PROTECTION

    @factory.post_generation
    def contact(self, create, extracted, **kwargs):
        SupplierContact.objects.create(supplier=self, name="Contact", email=f"contact{self.pk}@fournisseur.example")


class RequestFactory(DjangoModelFactory):
    """A draft. `approved=True` makes one whose lines may be pooled."""

    class Meta:
        model = PurchaseRequest

    class Params:
        approved = factory.Trait(state=RequestState.APPROVED, submitted_at=NOW, decided_at=NOW)

    company = factory.SubFactory(CompanyFactory)
    requester = factory.LazyAttribute(lambda o: member(o.company, Role.BUYER))
    title = "Gants de l’atelier"
    created_at = NOW


class RequestLineFactory(DjangoModelFactory):
    """A line of a draft. `approved=True` makes one that may be pooled."""

    class Meta:
        model = RequestLine

    class Params:
        approved = factory.Trait(state=LineState.APPROVED, request=factory.SubFactory(RequestFactory, approved=True))

    request = factory.SubFactory(RequestFactory)
    position = factory.Sequence(lambda n: n % 30_000 + 1)
    text = "Gants nitrile taille M"
    normalised = factory.LazyAttribute(lambda o: normalise(o.text))
    category = Category.PROTECTION
    quantity = 10
    unit = "box"
    ref_price_e4 = 62_000


class PoolFactory(DjangoModelFactory):
    class Meta:
        model = Pool

    title = "Gants du printemps"
    lead = factory.SubFactory(UserFactory)
    created_by = factory.SelfAttribute("lead")
    created_at = NOW


class PoolLineFactory(DjangoModelFactory):
    class Meta:
        model = PoolLine

    pool = factory.SubFactory(PoolFactory)
    position = factory.Sequence(lambda n: n % 30_000 + 1)
    text = "Gants nitrile taille M"
    unit = "box"
    pack = 12


class TenderFactory(DjangoModelFactory):
    class Meta:
        model = Tender

    pool = factory.SubFactory(PoolFactory)
    deadline = NOW + timedelta(days=10)
    created_at = NOW


def needs(count: int = 3, **fields) -> list[RequestLine]:
    """Approved needs of as many companies."""
    return [RequestLineFactory(approved=True, **fields) for _ in range(count)]


def gathering_pool(*, lines: int = 1, companies: int = 3, actor: User | None = None) -> Pool:
    """A published pool whose lines carry needs of several companies."""
    actor = actor or staff()
    drafts = [
        pools.LineDraft(
            text=f"Gants modèle {n}",
            needs=[need.pk for need in needs(companies, text=f"Gants modèle {n}", quantity=40)],
            pack=1,
        )
        for n in range(1, lines + 1)
    ]
    pool = pools.open_pool(actor=actor, draft=pools.PoolDraft(title="Gants du printemps"), lines=drafts, at=NOW)
    return pools.publish(actor=actor, pool=pool, at=NOW)


def sent_tender(
    *, suppliers: int = 2, actor: User | None = None, pool: Pool | None = None, at: datetime = NOW, **fields
) -> Tender:
    """A tender on its way to suppliers."""
    actor = actor or staff()
    pool = pool or gathering_pool(actor=actor)
    tender = tenders.prepare(actor=actor, pool=pool, deadline=at + timedelta(days=10), at=at, **fields)
    for _ in range(suppliers):
        tenders.invite(actor=actor, tender=tender, supplier=SupplierFactory(), at=at)
    return tenders.send(actor=actor, tender=tender, at=at)


def link(invitation: TenderInvitation) -> str:
    """A working link: the token of the mail, replaced by one the test knows."""
    token = links.new_token()
    TenderInvitation.objects.filter(pk=invitation.pk).update(token_hash=links.digest(token))
    return token


def answer(invitation: TenderInvitation, *prices: int, at: datetime = NOW, **terms) -> None:
    """Send a quote: the price of each line in ten-thousandths, one tier from 1."""
    lines = invitation.tender.pool.lines.order_by("position")
    offers = [quotes.OfferDraft(line, [(1, price)]) for line, price in zip(lines, prices, strict=False)]
    terms.setdefault("valid_until", (NOW + timedelta(days=90)).date())
    quotes.submit(invitation=invitation, draft=quotes.QuoteDraft(offers=offers, **terms), at=at)


def opened_tender(*prices: int, actor: User | None = None, **fields) -> Tender:
    """A tender whose suppliers answered (one price each) and whose quotes were opened by `actor`."""
    actor = actor or staff()
    tender = sent_tender(suppliers=len(prices), actor=actor, **fields)
    for invitation, price in zip(tender.invitations.order_by("pk"), prices, strict=True):
        answer(invitation, price)
    return tenders.open_quotes(actor=actor, tender=tender, at=NOW + timedelta(days=10))


def awarded_pool(*, actor: User | None = None) -> Pool:
    """A pool whose only line went to the cheaper of two suppliers."""
    actor = actor or staff()
    tender = opened_tender(42_000, 36_000, actor=actor)
    line = tender.pool.lines.get()
    best = line.quote_lines.order_by("tiers__unit_price_e4").first()
    awards.decide(actor=actor, tender=tender, choices={line.pk: best.pk}, reason="Le moins cher", at=NOW)
    return Pool.objects.get(pk=tender.pool_id)


def committing_pool(*, actor: User | None = None, days: int = 10) -> Pool:
    """A pool companies may commit to until `days` after NOW."""
    actor = actor or staff()
    pool = awarded_pool(actor=actor)
    return pools.open_commitments(
        actor=actor, pool=pool, calendar=pools.Calendar(closes_at=NOW + timedelta(days=days)), at=NOW
    )
