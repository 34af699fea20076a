"""Reading the buying centre: needs that go together, pooled volumes, current quotes, deadlines."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum

from companies.models import Company, User
from purchasing.models import (
    Article,
    AwardLine,
    Commitment,
    Pool,
    PooledNeed,
    PoolLine,
    PurchaseRequest,
    Quote,
    RequestDecision,
    RequestLine,
    Tender,
)
from purchasing.rules import units
from purchasing.rules.matching import read, same
from purchasing.states import LineState, PoolLineState, PoolState, QuoteState, RequestState

# With fewer companies than this a total lets one member deduce the other's quantity (I13).
ENOUGH_TO_HIDE = 3


@dataclass(slots=True)
class NeedGroup:
    """Request lines that are probably the same thing, under the words used most."""

    key: str
    text: str
    unit: str
    article: Article | None
    category: str
    lines: list[RequestLine] = field(default_factory=list)

    @property
    def quantity(self) -> int:
        return sum(self.counted(line)[0] for line in self.lines)

    def counted(self, line: RequestLine) -> tuple[int, int | None]:
        """A need and the price paid today, in the unit of the group."""
        grams = self.article.unit_weight_grams if self.article else None
        found = units.recount(line.quantity, line.ref_price_e4, line.unit, self.unit, grams=grams)
        return found or (line.quantity, line.ref_price_e4)

    @property
    def rows(self) -> list[tuple[RequestLine, int | None]]:
        """The needs, each with its quantity in the unit of the group where it was written in another."""
        return [(line, self.counted(line)[0] if line.unit != self.unit else None) for line in self.lines]

    @property
    def companies(self) -> int:
        return len({line.request.company_id for line in self.lines})

    @property
    def needed_by(self) -> object:
        return min((line.needed_by for line in self.lines if line.needed_by), default=None)

    @property
    def ids(self) -> list[int]:
        return [line.pk for line in self.lines]

    @property
    def hides_members(self) -> bool:
        return self.companies < ENOUGH_TO_HIDE

    @property
    def band(self) -> str:
        return band(self.quantity)


def open_needs(*, category: str = "", words: str = "") -> QuerySet[RequestLine]:
    """Approved needs in no pool. Whoever may open pools sees them grouped; only staff see whose they are."""
    needs = RequestLine.objects.poolable().select_related("request__company", "article")
    if category:
        needs = needs.filter(category=category)
    if words:
        needs = needs.filter(Q(text__icontains=words) | Q(normalised__icontains=words.lower()))
    return needs.order_by("normalised", "unit", "pk")


def request_list(user: User, company: Company) -> QuerySet[PurchaseRequest]:
    """A company's requests with the count of their lines, newest first."""
    return (
        PurchaseRequest.objects.visible_to(user)
        .filter(company=company)
        .select_related("requester", "site")
        .annotate(
            line_count=Count("lines"),
            pooled_count=Count("lines", filter=~Q(lines__state__in=[LineState.WAITING, LineState.APPROVED])),
        )
        .order_by("-created_at", "-pk")
    )


def to_approve(user: User, company: Company) -> QuerySet[PurchaseRequest]:
    """Requests this approver may decide: submitted, not the approver's own, and not agreed to already."""
    said = RequestDecision.objects.filter(
        request=OuterRef("pk"), approver=user, verdict="approved", at__gte=OuterRef("submitted_at")
    )
    return (
        PurchaseRequest.objects.visible_to(user)
        .filter(company=company, state=RequestState.SUBMITTED)
        .exclude(requester=user)
        .exclude(Exists(said))
        .select_related("requester")
        .annotate(line_count=Count("lines"))
        .order_by("submitted_at", "pk")
    )


LIVE_NEEDS = Q(lines__needs__released_at__isnull=True)


def pool_list(user: User) -> QuerySet[Pool]:
    """Pools with the number of lines and of companies that need something from them."""
    return (
        Pool.objects.visible_to(user)
        .filter(only_company__isnull=True)  # a call-off is shown with its agreement
        .select_related("lead")
        .annotate(
            line_count=Count("lines", filter=~Q(lines__state=PoolLineState.CANCELLED), distinct=True),
            company_count=Count("lines__needs__company", filter=LIVE_NEEDS, distinct=True),
        )
        .order_by("-created_at", "-pk")
    )


def company_pool_list(user: User, company: Company) -> QuerySet[Pool]:
    """Pools as a company sees them, with whether it takes part; soonest deadline first."""
    mine = PooledNeed.objects.filter(pool_line__pool=OuterRef("pk"), company=company, released_at__isnull=True)
    said = Commitment.objects.filter(pool_line__pool=OuterRef("pk"), company=company, state__in=["committed", "locked"])
    return (
        pool_list(user)
        .annotate(has_need=Exists(mine), has_committed=Exists(said))
        .order_by(F("closes_at").asc(nulls_last=True), "-created_at")
    )


def pool_lines(pool: Pool) -> QuerySet[PoolLine]:
    """Living lines of a pool with the number of companies behind each."""
    return (
        pool.lines.exclude(state=PoolLineState.CANCELLED)
        .select_related("article")
        .annotate(
            company_count=Count("needs__company", filter=Q(needs__released_at__isnull=True), distinct=True),
        )
        .order_by("position")
    )


def live_needs(pool: Pool) -> QuerySet[PooledNeed]:
    return (
        PooledNeed.objects.filter(pool_line__pool=pool, released_at__isnull=True)
        .select_related("company", "request_line__request", "pool_line")
        .order_by("pool_line__position", "company__name")
    )


def pooled_quantity(line: PoolLine) -> int:
    """What companies said they need, or what they committed to once they may commit."""
    if line.pool.state in (PoolState.COMMITTING, PoolState.COMPLETING, PoolState.EXTENDED):
        firm = line.commitments.filter(state="committed").aggregate(total=Sum("quantity"))["total"] or 0
        return max(firm, 0)
    return line.order_quantity if line.order_quantity is not None else line.asked_quantity


def may_see_total(companies: int, *, staff: bool) -> bool:
    """Whether showing a total would let the reader deduce another company's quantity."""
    return staff or companies >= ENOUGH_TO_HIDE


def band(quantity: int) -> str:
    """A round range around a total, wide enough that no single member shows through.

    >>> band(70), band(140), band(3)
    ('60–80', '100–150', '1–10')
    """
    digits, leading = len(str(quantity)), int(str(quantity)[0])
    step = max(10, (20 if leading >= 5 else 5) * 10 ** max(0, digits - 2))
    low = quantity // step * step
    return f"{low or 1}–{low + step}"


def total_words(quantity: int, companies: int, *, staff: bool) -> str:
    """A total as the reader may see it: the figure, or a band while it would give a member away."""
    return str(quantity) if may_see_total(companies, staff=staff) else band(quantity)


def line_like(lines: Sequence[PoolLine], group: NeedGroup) -> PoolLine | None:
    """The line of a pool that a group of needs fits on, if any."""
    for line in lines:
        alike = group.article is not None and line.article_id == group.article.pk
        if units.factor(group.unit, line.unit, grams=line.unit_weight_grams) and (
            alike or same(read(line.text), read(group.text))
        ):
            return line
    return None


@dataclass(frozen=True, slots=True)
class Answers:
    """How far a tender is, without a word about prices."""

    invited: int
    answered: int
    declined: int
    late: int


def answer_counts(tender: Tender) -> Answers:
    states = list(tender.invitations.values_list("state", flat=True))
    silent = {QuoteState.INVITED, QuoteState.OPENED, QuoteState.DECLINED, QuoteState.LATE, QuoteState.WITHDRAWN}
    return Answers(
        invited=len(states),
        answered=sum(state not in silent for state in states),
        declined=states.count(QuoteState.DECLINED),
        late=states.count(QuoteState.LATE),
    )


def current_quotes(tender: Tender) -> list[Quote]:
    """The quote of each supplier that counts: its last version in time, or a late one that was accepted."""
    quotes = quotes_that_count(tender).select_related("invitation__supplier").prefetch_related("lines__tiers")
    return list(quotes.order_by("invitation__supplier__name"))


def quotes_that_count(tender: Tender) -> QuerySet[Quote]:
    """The same without their lines."""
    counted = Q(late=False) | Q(invitation__late_accepted_at__gte=F("submitted_at"))
    last = (
        Quote.objects.submitted()
        .filter(counted, invitation=OuterRef("invitation"))
        .order_by("-version")
        .values("pk")[:1]
    )
    alive = [
        QuoteState.SUBMITTED,
        QuoteState.NEGOTIATING,
        QuoteState.SHORTLISTED,
        QuoteState.AWARDED,
        QuoteState.PART_AWARDED,
        QuoteState.LOST,
        QuoteState.EXPIRED,
    ]
    return Quote.objects.filter(invitation__tender=tender, invitation__state__in=alive, pk=Subquery(last))


def tender_of(pool: Pool) -> Tender | None:
    """The running or decided tender of a pool."""
    return pool.tenders.exclude(state="cancelled").select_related("opened_by").first()


def winners_of(pool: Pool) -> list[str]:
    """The suppliers of a pool, by name."""
    rows = AwardLine.objects.filter(award__tender__pool=pool, award__state="confirmed")
    names = rows.order_by().values_list("quote_line__quote__invitation__supplier__name", flat=True)
    return sorted(set(names.distinct()))


def companies_in(pool: Pool) -> int:
    return live_needs(pool).values("company").distinct().count()


def joinable_needs(user: User, company: Company, lines: Sequence[PoolLine]) -> dict[int, list[RequestLine]]:
    """For each pool line the company's own approved needs that look like it."""
    needs = list(
        RequestLine.objects.visible_to(user).filter(request__company=company).poolable().select_related("request")
    )
    found: dict[int, list[RequestLine]] = {}
    for line in lines:
        words = read(line.text)
        found[line.pk] = [
            need
            for need in needs
            if units.recount(need.quantity, None, need.unit, line.unit, grams=line.unit_weight_grams)
            and ((need.article_id and need.article_id == line.article_id) or same(words, read(need.text)))
        ]
    return found


def with_lines(requests: QuerySet[PurchaseRequest]) -> QuerySet[PurchaseRequest]:
    lines = RequestLine.objects.select_related("article").order_by("position")
    return requests.prefetch_related(Prefetch("lines", queryset=lines))
