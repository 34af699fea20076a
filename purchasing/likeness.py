"""Reading needs by likeness: who asks for the same already, and which pools suggest themselves. Index-backed; read only."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from django.contrib.postgres.search import SearchQuery, SearchVector, TrigramSimilarity
from django.db.models import Q, QuerySet

from companies.models import Company
from purchasing.models import Article, Pool, PoolLine, Price, QuoteLine, RequestLine
from purchasing.rules.matching import Need, cluster, read, same
from purchasing.rules.units import COUNTED, MEASURES, kind_of, recount
from purchasing.rules.units import alike as same_measure
from purchasing.selectors import NeedGroup
from purchasing.states import LineState, PoolState, RequestState
from purchasing.wording import normalise

# So many different wordings are compared word by word; the index brings the likest first.
LOOKED_AT = 400
SHORTEST = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody who types a need may know: how many other companies, and pools one may join. Never how much (I13)."""

    companies: int
    pools: tuple[Pool, ...]
    unit: str = ""  # what the others count in, where it is not what was typed


NOBODY = Asked(0, ())


def asked_for(text: str, *, unit: str, company: Company) -> Asked:
    """Whether other companies ask for this already. Two queries whatever the number of open needs."""
    wanted = read(text)
    if len(text.strip()) < SHORTEST or not wanted.words:
        return NOBODY
    likest = TrigramSimilarity("normalised", normalise(text))
    rows = (
        candidates(text)
        .filter(unit__in=same_measure(unit))
        .exclude(request__company=company)
        .order_by(likest.desc(), "pk")
    )
    alike: dict[str, bool] = {}
    companies = set()
    for words, other, company_id in rows.values_list("normalised", "text", "request__company_id")[:LOOKED_AT]:
        if words not in alike:
            alike[words] = same(wanted, read(other))
        if alike[words]:
            companies.add(company_id)
    return Asked(len(companies), tuple(_open_pools(wanted, unit)))


def asked_by_count(text: str, *, unit: str, company: Company) -> Asked:
    """As `asked_for`; where nobody asks in that unit, what is asked for by another count: pieces instead of boxes, say.

    A form begins with pieces: who types before choosing would be told that nobody asks, and ask alone.
    """
    found = asked_for(text, unit=unit, company=company)
    for other in sorted(COUNTED - {unit}) if unit in COUNTED and not (found.companies or found.pools) else ():
        elsewhere = asked_for(text, unit=other, company=company)
        if elsewhere.companies or elsewhere.pools:
            return replace(elsewhere, unit=other)
    return found


def candidates(text: str) -> QuerySet[RequestLine]:
    """Open needs that share enough letters or all word stems with a text, by the two indexes on `RequestLine`."""
    stems = SearchQuery(text, config="erb_french", search_type="plain")
    return RequestLine.objects.annotate(stems=SearchVector("text", config="erb_french")).filter(
        Q(normalised__trigram_similar=normalise(text)) | Q(stems=stems),
        state__in=[LineState.APPROVED, LineState.POOLED],
        request__state=RequestState.APPROVED,
    )


def _open_pools(wanted: Need, unit: str) -> Iterable[Pool]:
    """Pools that gather needs now and have a line like this; few enough to compare one by one."""
    fitting = PoolLine.objects.filter(pool__state=PoolState.GATHERING, unit__in=same_measure(unit), state="open")
    lines = fitting.select_related("pool")
    seen: set[int] = set()
    for line in lines.order_by("pool_id", "position")[:500]:
        if line.pool_id not in seen and same(wanted, read(line.text)):
            seen.add(line.pool_id)
            yield line.pool


def grouped(lines: Iterable[RequestLine]) -> list[NeedGroup]:
    """Needs that are probably the same thing, largest number of companies first: same article, else like words and units that convert."""
    rows = list(lines)
    words = [line.article.name if line.article else line.text for line in rows]
    groups: list[NeedGroup] = []
    by_article: dict[int, NeedGroup] = {}
    for positions in cluster(words, [kind_of(line.unit) for line in rows]):
        members = [rows[position] for position in positions]
        for part in _by_article(members):
            head = next((line for line in part if line.article_id), part[0])
            known = by_article.get(head.article_id) if head.article_id else None
            if known is None:
                known = NeedGroup(f"n{part[0].pk}", head.text, head.unit, head.article, head.category)
                groups.append(known)
                if head.article_id:
                    by_article[head.article_id] = known
            known.lines.extend(part)
    for group in groups:
        _count(group)
    return sorted(_weighed(groups), key=lambda g: (-g.companies, -len(g.lines), g.text.lower()))


def _count(group: NeedGroup) -> None:
    """The unit all needs of a group turn into: the article's, else the largest in which each comes out whole."""
    if group.article is not None:
        group.unit = group.article.unit
        return
    units = sorted({line.unit for line in group.lines}, key=lambda unit: -MEASURES[unit][1] if unit in MEASURES else 0)
    whole = (unit for unit in units if all(recount(line.quantity, None, line.unit, unit) for line in group.lines))
    group.unit = next(whole, group.unit)


def _weighed(groups: Sequence[NeedGroup]) -> list[NeedGroup]:
    """Needs in kilos join the pieces of an article whose weight is known, and the other way round, where they come out whole."""
    heads = [group for group in groups if group.article is not None and group.article.unit_weight_grams]
    kept: list[NeedGroup] = []
    for group in groups:
        joined = None
        if group.article is None:
            joined = next((head for head in heads if _turns_into(group, head)), None)
        if joined is None:
            kept.append(group)
        else:
            joined.lines.extend(group.lines)
    return kept


def _turns_into(group: NeedGroup, head: NeedGroup) -> bool:
    assert head.article is not None
    if kind_of(group.unit) == kind_of(head.unit) or not same(read(head.article.name), read(group.text)):
        return False
    grams = head.article.unit_weight_grams
    return all(recount(line.quantity, None, line.unit, head.unit, grams=grams) is not None for line in group.lines)


def _by_article(members: Sequence[RequestLine]) -> list[list[RequestLine]]:
    """Two different articles of the catalogue are two things, however alike their names; free words go with the first."""
    parts: dict[int | None, list[RequestLine]] = {}
    for line in members:
        parts.setdefault(line.article_id, []).append(line)
    free = parts.pop(None, [])
    found = list(parts.values())
    if not found:
        return [free]
    found[0].extend(free)
    return found


@dataclass(slots=True)
class Suggestion:
    """A pool that suggests itself: its needs, and the tier they would reach by the prices known."""

    group: NeedGroup
    tiers: list[tuple[int, int]] = field(default_factory=list)  # from quantity, unit price
    source: str = ""

    @property
    def reached(self) -> tuple[int, int] | None:
        """The best tier the group's quantity reaches."""
        fitting = [tier for tier in self.tiers if tier[0] <= self.group.quantity]
        return fitting[-1] if fitting else None

    @property
    def next(self) -> tuple[int, int] | None:
        """The tier after it, when there is one."""
        return next((tier for tier in self.tiers if tier[0] > self.group.quantity), None)

    @property
    def paid_e4(self) -> int | None:
        """What the companies pay today on average, weighted by quantity; None when nobody said."""
        counted = [self.group.counted(line) for line in self.group.lines]
        priced = [(quantity, price) for quantity, price in counted if price]
        units = sum(quantity for quantity, _price in priced)
        return sum(quantity * price for quantity, price in priced) // units if units else None

    @property
    def saves_cents(self) -> int:
        """About what the group would save at the tier it reaches."""
        if self.reached is None or self.paid_e4 is None:
            return 0
        return max(0, (self.paid_e4 - self.reached[1]) * self.group.quantity // 100)


def suggestions(groups: Sequence[NeedGroup], *, least: int = 2) -> list[Suggestion]:
    """Groups of at least so many companies, with the tiers of the last quote or price list for the same thing."""
    found = [Suggestion(group) for group in groups if group.companies >= least]
    articles = [s.group.article.pk for s in found if s.group.article is not None]
    quoted = _quoted(articles)
    listed = _listed(articles)
    for suggestion in found:
        article = suggestion.group.article
        tiers = quoted.get(article.pk) if article else None
        if tiers:
            suggestion.tiers, suggestion.source = tiers, "quote"
        elif article and article.pk in listed:
            suggestion.tiers, suggestion.source = [(1, listed[article.pk])], "list"
    return found


def _quoted(articles: Sequence[int]) -> dict[int, list[tuple[int, int]]]:
    """Tiers by article from the latest submitted quote; one query and its prefetch."""
    lines = (
        QuoteLine.objects.filter(pool_line__article__in=articles, quote__submitted_at__isnull=False)
        .exclude(quote__invitation__tender__sealed=True, quote__invitation__tender__opened_at__isnull=True)
        .prefetch_related("tiers")
        .select_related("pool_line")
        .order_by("pool_line__article_id", "-quote__submitted_at")
    )
    found: dict[int, list[tuple[int, int]]] = {}
    for line in lines[:2_000]:
        tiers = sorted((tier.from_qty, tier.unit_price_e4) for tier in line.tiers.all())
        if tiers:
            found.setdefault(line.pool_line.article_id or 0, tiers)
    return found


def _listed(articles: Sequence[int]) -> dict[int, int]:
    """The lowest current list price by article."""
    rows = Price.objects.filter(article__in=articles, ended_on__isnull=True).order_by("article_id", "-price_e4")
    return dict(rows.values_list("article_id", "price_e4"))


def article_like(text: str, articles: Iterable[Article]) -> Article | None:
    """The article of the catalogue a text means, if one does."""
    wanted = read(text)
    return next((article for article in articles if same(wanted, read(article.name))), None)
