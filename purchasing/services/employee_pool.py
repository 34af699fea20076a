"""Employee pools before anybody joins: written down, illustrated, subsidised, opened; or given up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from companies import audit, documents
from companies.access import require
from companies.errors import DomainError, Invalid
from companies.models import Company, User
from companies.pictures import reencoded
from companies.states import move
from purchasing import employee_access as access
from purchasing.models import EmployeeArticle, EmployeePool, EmployeePoolPlace, EmployeeTier, Supplier
from purchasing.models.employee_purchase import ACTIVE
from purchasing.rules.subsidy import LEAST_OWN_CENTS
from purchasing.services import telling
from purchasing.states_employees import EMPLOYEE_POOL, EmployeePoolState

MOST_ARTICLES = 20


class PoolOpened(DomainError):
    code = "employee_pool_opened"
    message = _("This pool is open: what people have agreed to cannot be changed any more.")


class PoolIncomplete(DomainError):
    code = "employee_pool_incomplete"
    message = _("Before it opens, the pool needs at least one article, and companies if it is not for all.")


class DeadlinePast(Invalid):
    code = "deadline_past"
    message = _("The closing date must lie ahead.")
    field = "closes_at"


class TiersWrong(Invalid):
    code = "employee_tiers_invalid"
    message = _("Each quantity appears once, the price never rises with it, and a unit costs at least 0.50 €.")
    field = "tiers"


class SubsidyWrong(Invalid):
    code = "subsidy_invalid"
    message = _("Give a part of at most 100 % or an amount.")
    field = "kind"


class SubsidyPromised(DomainError):
    code = "subsidy_promised"
    message = _("People of your company have already joined: only the budget in all can still be raised.")


@dataclass(frozen=True)
class Frame:
    """What a pool is about."""

    title: str
    description: str
    closes_at: datetime
    audience: str = EmployeePool.Audience.ALL
    supplier: Supplier | None = None
    expected_on: date | None = None
    companies: Sequence[Company] = ()
    pack_rest: str = EmployeePool.Rest.OPENER
    freight_cents: int = 0
    franco_cents: int | None = None
    freight_split: str = EmployeePool.Freight.VALUE


@dataclass(frozen=True)
class Offered:
    """One article with its tiers `(from quantity, cents including VAT)`; the first is the minimum."""

    name: str
    tiers: Sequence[tuple[int, int]]
    vat_bp: int = 2000
    description: str = ""
    most_per_person: int | None = None
    photo: bytes | None = None
    pack: int = 1


@dataclass(frozen=True)
class Subsidy:
    """What a company adds, and where its people collect."""

    kind: str = EmployeePoolPlace.Kind.NONE
    percent_bp: int = 0
    amount_cents: int = 0
    person_cap_cents: int | None = None
    total_cap_cents: int | None = None
    where: str = ""


def locked(pool: EmployeePool) -> EmployeePool:
    """The pool under its lock: who joins, withdraws, locks or counts goes through here one after the other."""
    return EmployeePool.objects.select_for_update(of=("self",)).select_related("company").get(pk=pool.pk)


@transaction.atomic(durable=True)
def save(
    *, actor: User, frame: Frame, company: Company | None = None, pool: EmployeePool | None = None, at: datetime
) -> EmployeePool:
    """Write a draft, or change it. A company's own pool is for its own people only."""
    if pool is None:
        require(access.can_open(actor, company))
        pool = EmployeePool(company=company, created_by=actor, created_at=at)
    else:
        require(access.can_run(actor, pool))
        pool = locked(pool)
        if pool.state != EmployeePoolState.DRAFT:
            raise PoolOpened
    if frame.closes_at <= at:
        raise DeadlinePast
    pool.title, pool.description = frame.title.strip(), frame.description.strip()
    pool.closes_at, pool.expected_on, pool.supplier = frame.closes_at, frame.expected_on, frame.supplier
    pool.pack_rest, pool.freight_split = frame.pack_rest, frame.freight_split
    pool.freight_cents, pool.franco_cents = frame.freight_cents, frame.franco_cents
    own = pool.company
    pool.audience = EmployeePool.Audience.CHOSEN if own else frame.audience
    pool.save()
    audit.record("employeepool.written", target=pool, at=at, actor=actor, company=own)
    chosen = [own] if own else list(frame.companies) if pool.audience == EmployeePool.Audience.CHOSEN else []
    kept = {one.pk for one in chosen}
    if pool.audience == EmployeePool.Audience.CHOSEN:
        pool.places.exclude(company__in=kept).delete()
    for one in chosen:
        EmployeePoolPlace.objects.get_or_create(pool=pool, company=one)
    return pool


def checked_tiers(tiers: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Tiers in the order of their quantities. Raises TiersWrong."""
    rows = sorted(tiers)
    starts, prices = [row[0] for row in rows], [row[1] for row in rows]
    falling = all(later <= earlier for earlier, later in pairwise(prices))
    if not rows or starts[0] < 1 or len(set(starts)) < len(starts) or not falling or prices[-1] < LEAST_OWN_CENTS:
        raise TiersWrong
    return rows


@transaction.atomic(durable=True)
def offer(
    *, actor: User, pool: EmployeePool, offered: Offered, article: EmployeeArticle | None = None, at: datetime
) -> EmployeeArticle:
    """Add an article to a draft, or change it. The photo is written anew; without one the earlier photo stays."""
    require(access.can_run(actor, pool))
    tiers = checked_tiers(offered.tiers)
    picture = reencoded(offered.photo) if offered.photo else None
    pool = locked(pool)
    if pool.state != EmployeePoolState.DRAFT:
        raise PoolOpened
    if article is None:
        last = pool.articles.order_by("-position").first()
        position = last.position + 1 if last else 1
        if pool.articles.count() >= MOST_ARTICLES:
            raise PoolIncomplete(_("%(most)s articles are enough for one pool.") % {"most": MOST_ARTICLES})
        article = EmployeeArticle(pool=pool, position=position)
    article.name, article.description = offered.name.strip(), offered.description.strip()
    article.vat_bp, article.most_per_person, article.pack = offered.vat_bp, offered.most_per_person, offered.pack
    if picture:
        article.photo = documents.store(
            kind="employee_article", name="article.jpg", content=picture, media_type="image/jpeg", at=at
        )
    article.save()
    article.tiers.all().delete()
    EmployeeTier.objects.bulk_create(
        EmployeeTier(article=article, from_quantity=start, unit_price_cents=cents) for start, cents in tiers
    )
    return article


@transaction.atomic(durable=True)
def remove(*, actor: User, article: EmployeeArticle, at: datetime) -> None:
    """Take an article out of a draft."""
    require(access.can_run(actor, article.pool))
    if locked(article.pool).state != EmployeePoolState.DRAFT:
        raise PoolOpened
    article.delete()


@transaction.atomic(durable=True)
def subsidise(
    *, actor: User, pool: EmployeePool, company: Company, subsidy: Subsidy, at: datetime
) -> EmployeePoolPlace:
    """Say what the company adds. Once its people have joined, its word stands and only the budget may rise."""
    require(access.can_subsidise(actor, company))
    pool = locked(pool)
    if pool.state not in (EmployeePoolState.DRAFT, EmployeePoolState.OPEN):
        raise PoolOpened
    right = {
        "none": subsidy.percent_bp == subsidy.amount_cents == 0,
        "percent": 0 < subsidy.percent_bp <= 10_000 and not subsidy.amount_cents,
        "amount": subsidy.amount_cents > 0 and not subsidy.percent_bp,
    }
    if not right.get(subsidy.kind):
        raise SubsidyWrong
    place, _new = EmployeePoolPlace.objects.get_or_create(pool=pool, company=company)
    if promised(place) or pool.purchases.filter(company=company, state__in=ACTIVE).exists():
        _raise_only(place, subsidy)
    for name in ("kind", "percent_bp", "amount_cents", "person_cap_cents", "total_cap_cents", "where"):
        setattr(place, name, getattr(subsidy, name))
    place.save()
    data: dict[str, Any] = {"kind": str(place.kind), "percent_bp": place.percent_bp, "amount_cents": place.amount_cents}
    audit.record("employeepool.subsidised", target=pool, at=at, actor=actor, company=company, data=data)
    return place


def _raise_only(place: EmployeePoolPlace, subsidy: Subsidy) -> None:
    same = all(
        getattr(place, name) == getattr(subsidy, name)
        for name in ("kind", "percent_bp", "amount_cents", "person_cap_cents")
    )
    was, wanted = place.total_cap_cents, subsidy.total_cap_cents
    if not same or (wanted is not None and (was is None or wanted < was)):
        raise SubsidyPromised


def promised(place: EmployeePoolPlace) -> int:
    """Cents of the company's budget that living purchases hold."""
    rows = place.pool.purchases.filter(company=place.company_id, state__in=ACTIVE)
    return int(rows.aggregate(total=Sum("reserved_cents"))["total"] or 0)


@transaction.atomic(durable=True)
def publish(*, actor: User, pool: EmployeePool, at: datetime) -> EmployeePool:
    """Open the pool to the employees it is for. They are not written to: it stands on their page."""
    require(access.can_run(actor, pool))
    pool = locked(pool)
    if pool.state == EmployeePoolState.OPEN:
        return pool
    if pool.closes_at <= at:
        raise DeadlinePast
    chosen = pool.audience == EmployeePool.Audience.CHOSEN
    if not pool.articles.exists() or (chosen and not pool.places.exists()):
        raise PoolIncomplete
    move(
        pool,
        EmployeePoolState.OPEN,
        table=EMPLOYEE_POOL,
        at=at,
        actor=actor,
        company=pool.company,
        opened_at=at,
    )
    telling.employee_pool_event(pool, "open", at=at, actor=actor)
    return pool
