"""A believable year of the buying centre: catalogue, suppliers, requests, pools in every state of the front half.

The way of the goods goes on in `demo_data_back.seed_back`, which receives the pools that are to go further.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.urls import reverse
from django.utils import timezone

from companies import audit
from companies.demo_data import World
from companies.models import AuditEntry, Company, User
from companies.money import line_total
from purchasing import links
from purchasing.demo_dearer import seed_dearer
from purchasing.demo_employees import seed_employees
from purchasing.demo_exchange import seed_exchange
from purchasing.demo_framework import seed_frameworks
from purchasing.demo_needs import seed_needs
from purchasing.demo_tenders import Tendering, close_tender, open_tender
from purchasing.demo_words import FAMILIES, FREE_WORDS, POOLS, SUPPLIERS, TITLES, Plan
from purchasing.models import (
    Article,
    Pool,
    PooledNeed,
    PoolLine,
    PurchaseRequest,
    RequestDecision,
    RequestLine,
    Supplier,
    SupplierContact,
)
from purchasing.states import LineState, PoolLineState, PoolState, RequestState
from purchasing.wording import normalise

# Pools that end in the front half; the others are handed on as "committing" with their deadline in the past.
OPEN = {"committing", "tonight"}  # companies may still commit; "tonight" closes at midnight
FRONT = {"draft", "gathering", "tendering", "to_open", "opened", "to_confirm", "offer_ready", "cancelled", *OPEN}
FREIGHT = {name: freight * 100 for name, _c, _t, _l, _m, _f, freight, _d, _p in SUPPLIERS}


@dataclass
class Story:
    """What is being made; saved in bulk at the end of each step."""

    rng: random.Random
    world: World
    at: datetime
    articles: list[Article] = field(default_factory=list)
    suppliers: list[Supplier] = field(default_factory=list)
    members: list[Company] = field(default_factory=list)
    audit: list[AuditEntry] = field(default_factory=list)

    def ago(self, days: float, hour: int = 9) -> datetime:
        """A working hour so many days ago."""
        day = timezone.localdate(self.at) - timedelta(days=int(days))
        moment = timezone.make_aware(datetime.combine(day, time(hour, self.rng.randrange(60))))
        return min(moment, self.at - timedelta(minutes=5)) if days >= 0 else moment

    def note(self, action: str, target: Any, at: datetime, actor: User | None, **more: Any) -> None:
        self.audit.append(audit.entry(action, target=target, at=at, actor=actor, **more))

    def buyer(self, company: Company) -> User:
        return self.world.one(company, "buyer")

    def approver(self, company: Company) -> User:
        return self.world.one(company, "approver")


def seed(*, rng: random.Random, world: World, at: datetime, scale: str) -> None:
    """Fill the buying centre. Deterministic but for the demo's supplier link, whose token is really random."""
    story = Story(rng, world, at)
    story.members = [company for company in world.companies if company.is_member]
    _catalogue(story)
    pools = [pool for plan in POOLS if plan[3] in FRONT or find_spec("purchasing.demo_data_back")
             for pool in [_pool(story, plan)]]  # fmt: skip
    _loose_requests(story)
    AuditEntry.objects.bulk_create(story.audit, batch_size=2_000)
    if find_spec("purchasing.demo_data_back"):
        aims = [(pool, "committing" if plan[3] in OPEN else plan[3]) for pool, plan in pools]
        later = [(pool, aim) for pool, aim in aims if aim not in FRONT or aim in OPEN]
        import_module("purchasing.demo_data_back").seed_back(rng=rng, world=world, at=at, scale=scale, pools=later)
        seed_dearer(world=world, at=at)
        seed_frameworks(rng=rng, world=world, at=at, articles=story.articles, suppliers=story.suppliers)
    seed_needs(rng=rng, world=world, at=at, suppliers=story.suppliers)
    seed_exchange(rng=rng, world=world, at=at)
    seed_employees(rng=rng, world=world, at=at)


def _catalogue(story: Story) -> None:
    articles: list[Article] = []
    for name, category, unit, pack, vat_bp, cents, grams, variants in FAMILIES:
        for variant in variants:
            factor = 1 + (len(articles) % 7 - 3) / 50
            articles.append(
                Article(
                    name=name.format(variant),
                    reference=f"{category[:3].upper()}-{len(articles) + 1:04d}",
                    category=category,
                    unit=unit,
                    pack=pack,
                    vat_bp=vat_bp,
                    unit_weight_grams=grams or None,
                    ref_price_e4=max(100, round(cents * 100 * factor / 10) * 10),
                )
            )
    story.articles = Article.objects.bulk_create(articles)
    story.suppliers = Supplier.objects.bulk_create(
        Supplier(
            name=name,
            category=category,
            city=city,
            local=local,
            minimum_cents=minimum * 100,
            franco_cents=None if franco is None else franco * 100,
            lead_days=days,
        )
        for name, category, city, local, minimum, franco, _freight, days, _person in SUPPLIERS
    )
    SupplierContact.objects.bulk_create(
        SupplierContact(supplier=supplier, name=seller[8], email=f"devis@{_slug(supplier.name)}.example")
        for supplier, seller in zip(story.suppliers, SUPPLIERS, strict=True)
    )


def _slug(name: str) -> str:
    return "-".join(normalise(name).split())[:40]


def _pool(story: Story, plan: Plan) -> tuple[Pool, Plan]:
    """One pool with the requests it was made from, as far as its plan goes."""
    title, category, words, aim, age, wanted = plan
    articles = [a for a in story.articles if a.name.startswith(words)][: 40 if aim == "tonight" else 8]
    state = _state_of(aim)
    lead = story.world.staff[0] if story.rng.random() < 0.7 else story.buyer(story.world.home)
    made = story.ago(age)
    dates = _calendar(story, aim, age)
    pool = Pool.objects.create(
        title=title,
        category=category,
        description="Ouverte à toutes les entreprises adhérentes. Livraison groupée à Pôle Sud.",
        lead=lead,
        state=state,
        legal_model=Pool.LegalModel.AGENT if category == "leather" else Pool.LegalModel.RESALE,
        minimum_missed=Pool.MinimumMissed.EXTEND if aim in {"extended", "failed"} else Pool.MinimumMissed.ROUND_DOWN,
        freight=Pool.Freight.WEIGHT if category == "energy" else Pool.Freight.VALUE,
        fee_bp=story.rng.choice([0, 100, 150, 200]),
        created_by=lead,
        created_at=made,
        **dates,
    )
    lines = PoolLine.objects.bulk_create(
        PoolLine(
            pool=pool,
            position=position,
            article=article,
            text=article.name,
            unit=article.unit,
            pack=article.pack,
            vat_bp=article.vat_bp,
            unit_weight_grams=article.unit_weight_grams,
            state=PoolLineState.CANCELLED if aim == "cancelled" else PoolLineState.OPEN,
        )
        for position, article in enumerate(articles, start=1)
    )
    _needs(story, pool, lines, wanted, released=aim == "cancelled")
    story.note("pool.created", pool, made, lead)
    if aim != "draft":
        story.note("pool.gathering", pool, made + timedelta(hours=2), lead)
    if aim == "cancelled":
        story.note("pool.cancelled", pool, story.ago(age - 12), lead, reason="Trop peu d’entreprises intéressées.")
    if aim not in {"draft", "gathering", "cancelled"}:
        _tender(story, pool, lines, aim, age)
    return pool, plan


def _state_of(aim: str) -> str:
    tendering = {"tendering", "to_open", "opened", "to_confirm"}
    if aim in tendering:
        return PoolState.TENDERING
    return PoolState(aim) if aim in FRONT - OPEN else PoolState.COMMITTING


def _calendar(story: Story, aim: str, age: int) -> dict[str, Any]:
    """Dates of commitment: still open for the current ones, in the past for those that go further."""
    if aim in FRONT - OPEN:
        return {}
    opened = story.ago(age - 18 if age > 18 else 1)
    days = {"committing": -4 - age % 5, "completing": 1, "extended": -3}.get(aim, age - 28)
    closes = story.ago(days, 18).replace(minute=0, second=0, microsecond=0)
    if aim == "tonight":
        midnight = datetime.combine(timezone.localdate(story.at) + timedelta(days=1), time())
        return {"opens_at": opened, "closes_at": timezone.make_aware(midnight)}
    return {"opens_at": opened, "closes_at": closes, "completes_at": closes + timedelta(days=3),
            "order_on": timezone.localdate(closes) + timedelta(days=5)}  # fmt: skip


def _quantity(rng: random.Random, article: Article, company: Company) -> int:
    """What a company of this size needs, in round figures people would write."""
    budget = rng.uniform(40, 160) + company.headcount * rng.uniform(0.6, 2.4)
    raw = max(1, round(budget * 1_000_000 / max(article.ref_price_e4 or 1, 1) / 100))
    step = 1 if raw < 10 else 5 if raw < 50 else 10 if raw < 400 else 100
    return max(1, raw // step * step)


def _request(
    story: Story, company: Company, category: str, made: datetime, state: str, needed_in: int
) -> PurchaseRequest:
    submitted = state != RequestState.DRAFT
    return PurchaseRequest(
        company=company,
        site=story.rng.choice(story.world.sites[company.pk]),
        title=story.rng.choice(TITLES[category]),
        cost_centre=story.rng.choice(["", "ATELIER", "LOGISTIQUE", "SIÈGE", "MAINT"]),
        needed_by=timezone.localdate(made + timedelta(days=needed_in)),
        state=state,
        requester=story.buyer(company),
        created_at=made,
        submitted_at=made + timedelta(hours=1) if submitted else None,
        decided_at=made + timedelta(hours=6) if state not in ("draft", "submitted") else None,
    )


def _line(
    request: PurchaseRequest, position: int, article: Article, quantity: int, state: str, factor: float
) -> RequestLine:
    return RequestLine(
        request=request,
        position=position,
        article=article,
        text=article.name,
        normalised=normalise(article.name),
        category=article.category,
        quantity=quantity,
        tolerance=quantity // 10 if quantity >= 10 else 0,
        unit=article.unit,
        ref_price_e4=round((article.ref_price_e4 or 0) * factor / 10) * 10,
        needed_by=request.needed_by,
        state=state,
    )


def _needs(story: Story, pool: Pool, lines: list[PoolLine], wanted: int, *, released: bool) -> None:
    """The requests behind a pool: most companies want most lines, the demo's own company always takes part."""
    rng = story.rng
    others = [company for company in story.members if company != story.world.home]
    companies = [story.world.home, *rng.sample(others, min(wanted - 1, len(others)))]
    requests, rows, needs = [], [], []
    for company in companies:
        made = pool.created_at - timedelta(days=rng.randrange(2, 20), hours=rng.randrange(5))
        request = _request(story, company, pool.category, made, RequestState.APPROVED, rng.randrange(70, 130))
        chosen = [line for line in lines if rng.random() < 0.6] or [rng.choice(lines)]
        state = LineState.APPROVED if released else LineState.POOLED
        for position, line in enumerate(chosen, start=1):
            quantity = _quantity(rng, line.article, company)  # type: ignore[arg-type]  # the demonstration's lines have an article
            row = _line(request, position, line.article, quantity, state, rng.uniform(1.02, 1.3))  # type: ignore[arg-type]  # the demonstration's lines have an article
            rows.append(row)
            needs.append((line, row, company))
        requests.append(request)
    _save_requests(story, requests, rows)
    for line, row, _company in needs:
        line.asked_quantity += row.quantity
    PoolLine.objects.bulk_update(lines, ["asked_quantity"])
    PooledNeed.objects.bulk_create(
        PooledNeed(
            pool_line=line,
            request_line=row,
            company=company,
            quantity=row.quantity,
            added_by=pool.created_by,
            added_at=pool.created_at,
            released_at=pool.created_at + timedelta(days=12) if released else None,
            release_reason="Commande groupée annulée" if released else "",
        )
        for line, row, company in needs
    )


def _save_requests(story: Story, requests: list[PurchaseRequest], lines: list[RequestLine]) -> None:
    """Store requests with their lines, decisions and history."""
    totals: dict[int, int] = {}
    for line in lines:
        totals[id(line.request)] = totals.get(id(line.request), 0) + line_total(line.quantity, line.ref_price_e4 or 0)
    for request in requests:
        request.amount_cents = totals.get(id(request), 0)
    PurchaseRequest.objects.bulk_create(requests)
    RequestLine.objects.bulk_create(lines, batch_size=2_000)
    RequestDecision.objects.bulk_create(
        decision for request in requests if (decision := _decision(story, request)) is not None
    )
    for request in requests:
        _history(story, request)


REASONS = {
    RequestState.REJECTED: "Budget du trimestre déjà engagé.",
    RequestState.RETURNED: "Merci de préciser les tailles et le prix actuel.",
}


def _decision(story: Story, request: PurchaseRequest) -> RequestDecision | None:
    if request.decided_at is None or request.state == RequestState.CANCELLED:
        return None
    limit = request.company.approval_limit_cents
    verdict = request.state if request.state in REASONS else RequestState.APPROVED
    within = verdict == RequestState.APPROVED and request.amount_cents <= limit
    return RequestDecision(
        request=request,
        requester=request.requester,
        approver=None if within else story.approver(request.company),
        verdict=RequestDecision.Verdict.WITHIN_LIMIT if within else verdict,
        reason=REASONS.get(verdict, ""),  # type: ignore[call-overload]  # a state is its word
        amount_cents=request.amount_cents,
        limit_cents=limit,
        at=request.decided_at,
    )


def _history(story: Story, request: PurchaseRequest) -> None:
    company, requester = request.company, request.requester
    story.note("purchaserequest.created", request, request.created_at, requester, company=company)
    if request.submitted_at:
        story.note("purchaserequest.submitted", request, request.submitted_at, requester, company=company)
    if request.decided_at:
        within = request.amount_cents <= company.approval_limit_cents and request.state not in REASONS
        state = RequestState.APPROVED if request.state == RequestState.EXPIRED else request.state
        actor = None if within else story.approver(company)
        story.note(f"purchaserequest.{state}", request, request.decided_at, actor, company=company,
                   reason=REASONS.get(request.state, ""))  # type: ignore[call-overload]  # fmt: skip
    if request.state == RequestState.EXPIRED and request.needed_by is not None:
        expired = timezone.make_aware(datetime.combine(request.needed_by + timedelta(days=1), time(2, 10)))
        story.note("purchaserequest.expired", request, expired, None, company=company)


def _loose_requests(story: Story) -> None:
    """Requests in no pool: waiting needs to group, some to approve, drafts, refused and expired ones over the year."""
    rng = story.rng
    requests: list[PurchaseRequest] = []
    lines: list[RequestLine] = []
    popular = rng.sample(story.articles, 26)
    for number, company in enumerate(story.members):
        for state, age, needed in _loose_plan(rng, number):
            article = rng.choice(popular if state == RequestState.APPROVED else story.articles)
            request = _request(story, company, article.category, story.ago(age, 8 + number % 9), state, needed)
            requests.append(request)
            same = [a for a in popular if a.category == article.category and a != article]
            for position, item in enumerate([article, *same[: rng.randrange(3)]], start=1):
                quantity = _quantity(rng, item, company)
                lines.append(_line(request, position, item, quantity, _line_state(state), rng.uniform(1.0, 1.25)))
            if rng.random() < 0.35:
                lines.append(_free_line(rng, request, len(lines)))
    for position_of in _by_request(lines):
        for position, line in enumerate(position_of, start=1):
            line.position = position
        _above_the_limit(position_of)
    _save_requests(story, requests, lines)


def _above_the_limit(lines: list[RequestLine]) -> None:
    """Only what is above the company's limit waits for an approver."""
    request = lines[0].request
    total = sum(line_total(line.quantity, line.ref_price_e4 or 0) for line in lines)
    if request.state != RequestState.SUBMITTED or total > request.company.approval_limit_cents:
        return
    factor = request.company.approval_limit_cents // max(total, 1) + 1
    for line in lines:
        line.quantity, line.tolerance = line.quantity * factor, line.tolerance * factor


def _loose_plan(rng: random.Random, number: int) -> list[tuple[str, int, int]]:
    """State, age in days and days until needed of a company's requests that never met a pool."""
    plan: list[tuple[str, int, int]] = [(RequestState.APPROVED, rng.randrange(1, 25), rng.randrange(40, 120))]
    if number % 2 == 0:
        plan.append((RequestState.SUBMITTED, rng.randrange(0, 5), rng.randrange(30, 90)))
    if number % 3 == 0:
        plan.append((RequestState.DRAFT, rng.randrange(0, 10), 60))
    if number % 5 == 0:
        plan.append((RequestState.RETURNED, rng.randrange(2, 8), 60))
    past: list[str] = [RequestState.EXPIRED, RequestState.EXPIRED, RequestState.REJECTED]
    return plan + [(rng.choice(past), age, 50) for age in rng.sample(range(70, 350), 3)]


def _line_state(state: str) -> str:
    return {"approved": "approved", "expired": "expired", "rejected": "cancelled"}.get(state, "waiting")


def _free_line(rng: random.Random, request: PurchaseRequest, seen: int) -> RequestLine:
    text, unit, category = FREE_WORDS[(seen * 5 + rng.randrange(len(FREE_WORDS))) % len(FREE_WORDS)]
    return RequestLine(
        request=request,
        position=0,
        text=text,
        normalised=normalise(text),
        category=category,
        quantity=rng.choice([2, 5, 10, 20, 40]),
        unit=unit,
        needed_by=request.needed_by,
        state=_line_state(request.state),
    )


def _by_request(lines: Iterable[RequestLine]) -> list[list[RequestLine]]:
    found: dict[int, list[RequestLine]] = {}
    for line in lines:
        found.setdefault(id(line.request), []).append(line)
    return list(found.values())


def _tender(story: Story, pool: Pool, lines: list[PoolLine], aim: str, age: int) -> None:
    """Quotes of the suppliers of the pool's kind, and the award where the plan goes that far."""
    asked = [s for s in story.suppliers if s.category == pool.category]
    sent = story.ago(age - 3 if age > 3 else 0)
    ends_in = {"tendering": -5, "to_open": 0}.get(aim, max(1, age - 13))
    deadline = story.ago(ends_in, 12) if aim != "to_open" else story.at - timedelta(hours=3)
    tendering = Tendering(story.rng, pool, lines, asked, FREIGHT, sent, deadline)
    open_tender(tendering, opened=aim not in {"tendering", "to_open"}, at=story.at)
    if aim == "tendering":
        invitation = tendering.invitations[0]
        token = links.new_token()
        type(invitation).objects.filter(pk=invitation.pk).update(token_hash=links.digest(token))
        story.world.notes["supplier_link"] = reverse("purchasing:quote", args=[token])
    story.note("pool.tendering", pool, sent, pool.lead)
    story.note("tender.open", tendering.tender, sent, pool.lead)
    if tendering.tender.opened_at:
        story.note("tender.opened", tendering.tender, tendering.tender.opened_at, pool.lead)
    if aim in {"tendering", "to_open", "opened"}:
        return
    award = close_tender(tendering, pending=aim == "to_confirm", second=story.world.staff[-1])
    story.note("award.proposed", award, award.decided_at, pool.lead, reason=award.reason)
    if aim != "to_confirm":
        story.note("pool.offer_ready", pool, award.decided_at + timedelta(minutes=5), pool.lead)
    if pool.opens_at:
        story.note("pool.committing", pool, pool.opens_at, pool.lead)
