"""What was drawn on an agreement: counted from call-offs, orders and deliveries, never kept beside them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Sum

from companies.money import line_total
from purchasing.models import (
    Allocation,
    CallOffLine,
    Commitment,
    FrameworkAgreement,
    FrameworkArticle,
    PurchaseOrder,
)
from purchasing.rules.framework import Limits, left
from purchasing.rules.tiers import Terms, Tier
from purchasing.states import CommitmentState, OrderState, RequestState

# Nothing more comes of these: what was received is what was drawn.
OVER = (OrderState.CLOSED_SHORT, OrderState.BILLED, OrderState.CLOSED)
COUNTED = (RequestState.SUBMITTED, RequestState.APPROVED, RequestState.CLOSED)


@dataclass(slots=True)
class Use:
    """Units of one article by one company: waiting for approval, ordered (received ones included), received."""

    waiting: int = 0
    ordered: int = 0
    received: int = 0
    value_cents: int = 0  # of what is drawn, at the prices of the call-offs

    @property
    def drawn(self) -> int:
        return self.waiting + self.ordered


Uses = dict[tuple[int, int], Use]  # article, company


def uses(agreements: Iterable[int], *, without: int | None = None) -> Uses:
    """What each company drew of each article of some agreements, without one call-off. Four queries."""
    lines = CallOffLine.objects.filter(
        call_off__agreement__in=list(agreements), call_off__request__state__in=COUNTED
    ).select_related("call_off__request")
    if without is not None:
        lines = lines.exclude(call_off=without)
    rows = list(lines.order_by("pk"))
    ids = [row.request_line_id for row in rows]
    granted = dict(
        Commitment.objects.filter(request_line__in=ids, state=CommitmentState.LOCKED).values_list(
            "request_line", "granted"
        )
    )
    came = dict(
        Allocation.objects.filter(commitment__request_line__in=ids)
        .values_list("commitment__request_line")
        .annotate(total=Sum("quantity"))
        .order_by()
    )
    pools = [row.call_off.pool_id for row in rows if row.call_off.pool_id]
    orders = PurchaseOrder.objects.filter(pool__in=pools).order_by("pk")
    states = dict(orders.values_list("pool", "state"))
    found: Uses = {}
    for row in rows:
        use = found.setdefault((row.article_id, row.call_off.company_id), Use())
        pool, need = row.call_off.pool_id, row.request_line_id
        units = row.quantity
        if pool is None:
            use.waiting += units
        else:
            received = came.get(need, 0)
            units = received if states.get(pool) in OVER else max(received, granted.get(need) or 0)
            use.ordered += units
            use.received += received
        use.value_cents += line_total(units, row.unit_price_e4)
    return found


def drawn_of(article: FrameworkArticle) -> dict[str, int]:
    """Units drawn of one article by company, keyed as the rules call members."""
    return drawn_by(uses([article.agreement_id]), article.pk)


def drawn_by(found: Uses, article: int) -> dict[str, int]:
    return {str(company): use.drawn for (pk, company), use in found.items() if pk == article}


def limits_of(article: FrameworkArticle) -> Limits:
    return Limits(article.most, {str(row.company_id): row.quantity for row in article.quotas.all()})


@dataclass(frozen=True, slots=True)
class ArticleUse:
    """One article with what was drawn in all and by one company, and what that company may still draw."""

    article: FrameworkArticle
    terms: Terms | None
    total: Use
    own: Use
    quota: int | None
    left: int | None
    companies: int

    @property
    def percent(self) -> int | None:
        """Of the maximum, drawn."""
        return min(100, self.total.drawn * 100 // self.article.most) if self.article.most else None

    @property
    def own_percent(self) -> int | None:
        return min(100, self.own.drawn * 100 // self.quota) if self.quota else None


def of_articles(articles: Sequence[FrameworkArticle], found: Uses, day: date, company: int | None) -> list[ArticleUse]:
    """The articles (prices and quotas prefetched) with their use, for one company or (None) for staff."""
    rows = []
    for article in articles:
        mine = {who: use for (pk, who), use in found.items() if pk == article.pk}
        limits = limits_of(article)
        rows.append(
            ArticleUse(
                article,
                terms_on(article, day),
                added(mine.values()),
                mine.get(company or 0, Use()),
                limits.quotas.get(str(company)) if company else None,
                left(limits, {str(who): use.drawn for who, use in mine.items()}, str(company or "")),
                len(mine),
            )
        )
    return rows


def added(rows: Iterable[Use]) -> Use:
    """The sum of some uses."""
    total = Use()
    for row in rows:
        total.waiting += row.waiting
        total.ordered += row.ordered
        total.received += row.received
        total.value_cents += row.value_cents
    return total


def terms_on(article: FrameworkArticle, day: date) -> Terms | None:
    """The tiers in force on a day: all of the newest day that has come; None before the first."""
    prices = [price for price in article.prices.all() if price.valid_from <= day]
    if not prices:
        return None
    newest = max(price.valid_from for price in prices)
    tiers = sorted((p.from_qty, p.unit_price_e4) for p in prices if p.valid_from == newest)
    return Terms(tuple(Tier(quantity, price) for quantity, price in tiers), pack=article.pack, moq=article.moq)


def value_of(found: Uses) -> int:
    """Cents drawn in all."""
    return sum(use.value_cents for use in found.values())


def values(agreements: Sequence[int]) -> dict[int, int]:
    """Cents drawn in all, by agreement. Five queries."""
    owners = dict(FrameworkArticle.objects.filter(agreement__in=agreements).values_list("pk", "agreement"))
    found: dict[int, int] = {}
    for (article, _company), use in uses(agreements).items():
        found[owners[article]] = found.get(owners[article], 0) + use.value_cents
    return found


def articles_of(agreement: FrameworkAgreement) -> list[FrameworkArticle]:
    """The articles with prices, quotas and catalogue article. Three queries."""
    return list(
        agreement.articles.select_related("article").prefetch_related("prices", "quotas__company").order_by("position")
    )
