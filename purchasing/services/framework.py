"""Framework agreements: written down or taken over from an award, signed, revised, suspended, ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from companies import audit
from companies.access import require
from companies.models import Company, User
from companies.states import move
from purchasing import access
from purchasing.models import (
    Article,
    Award,
    FrameworkAgreement,
    FrameworkArticle,
    FrameworkPrice,
    FrameworkQuota,
    FrameworkRebateTier,
    Pool,
    Supplier,
    SupplierContact,
)
from purchasing.rules import framework as rules
from purchasing.rules.errors import RuleError
from purchasing.rules.tiers import Terms, Tier, make_terms
from purchasing.services import framework_use as use
from purchasing.services.billing_mandates import require_mandates
from purchasing.services.framework_errors import (
    DatesWrong,
    FrameworkIncomplete,
    FrameworkSigned,
    LimitsWrong,
    NotAwarded,
    PriceBackdated,
    PricesWrong,
    QuotaDrawn,
    QuotaTooLarge,
    ReasonMissing,
    RebateTiersWrong,
)
from purchasing.states import FRAMEWORK, AwardState, FrameworkState

Basis, Mode = FrameworkAgreement.Basis, FrameworkAgreement.Mode
YEAR = timedelta(days=364)


@dataclass(frozen=True, slots=True)
class ArticleIn:
    """One article with its tiers (quantity of one call-off, ten-thousandths of a euro per unit)."""

    text: str
    tiers: Sequence[tuple[int, int]]
    article: Article | None = None
    reference: str = ""
    unit: str = "piece"
    pack: int = 1
    moq: int = 0
    vat_bp: int = 2000
    least: int | None = None
    most: int | None = None
    quotas: Mapping[int, int] = field(default_factory=dict)  # company id → units


@dataclass(frozen=True, slots=True)
class FrameworkIn:
    """What a person says of an agreement; articles and rebate tiers are added to those there are."""

    title: str
    supplier: Supplier
    starts_on: date
    ends_on: date
    responsible: User | None = None
    legal_model: str = Pool.LegalModel.RESALE
    fee_bp: int = 0
    alert_days: int = 60
    email: str = ""
    deliver_to: str = ""
    lead_days: int = 7
    direct: bool = False
    minimum_cents: int = 0
    freight_cents: int = 0
    franco_cents: int | None = None
    least_cents: int | None = None
    most_cents: int | None = None
    rebate_basis: str = Basis.NONE
    rebate_mode: str = Mode.WHOLE
    notes: str = ""
    articles: Sequence[ArticleIn] = ()
    rebate_tiers: Sequence[rules.RebateTier] = ()


HEAD = (
    "title", "supplier", "starts_on", "ends_on", "legal_model", "fee_bp", "alert_days", "email", "deliver_to", "lead_days",
    "direct", "minimum_cents", "freight_cents", "franco_cents", "least_cents", "most_cents", "rebate_basis", "rebate_mode",
    "notes",
)  # fmt: skip


@transaction.atomic(durable=True)
def save(
    *, actor: User, draft: FrameworkIn, at: datetime, agreement: FrameworkAgreement | None = None
) -> FrameworkAgreement:
    """Write an agreement down, or change a draft. Raises DatesWrong, LimitsWrong, FrameworkSigned and what an article can."""
    require(access.can_keep_frameworks(actor))
    return _save(actor, draft, at=at, agreement=agreement)


def _save(
    actor: User,
    draft: FrameworkIn,
    *,
    at: datetime,
    agreement: FrameworkAgreement | None = None,
    award: Award | None = None,
) -> FrameworkAgreement:
    if draft.ends_on < draft.starts_on:
        raise DatesWrong
    if draft.most_cents is not None and (draft.least_cents or 0) > draft.most_cents:
        raise LimitsWrong(field="most_cents")
    require_mandates([draft.supplier], draft.legal_model)
    row = editable(agreement) if agreement else FrameworkAgreement(created_by=actor, created_at=at, award=award)
    for name in HEAD:
        setattr(row, name, getattr(draft, name))
    row.responsible = draft.responsible or (agreement.responsible if agreement else actor)
    row.email = row.email or _address(draft.supplier)
    row.save()
    for article in draft.articles:
        _put_article(row, article, None)
    if draft.rebate_tiers:
        _put_tiers(row, draft.rebate_tiers)
    action = "frameworkagreement.changed" if agreement else "frameworkagreement.created"
    audit.record(action, target=row, at=at, actor=actor)
    return row


def _address(supplier: Supplier) -> str:
    contacts = SupplierContact.objects.filter(supplier=supplier).order_by("-receives_tenders", "pk")
    return contacts.values_list("email", flat=True).first() or ""


@transaction.atomic(durable=True)
def from_award(*, actor: User, award: Award, supplier: Supplier, at: datetime) -> FrameworkAgreement:
    """A draft with what a confirmed award gave one supplier: articles, tiers, packs, freight. Once per award and supplier."""
    require(access.can_keep_frameworks(actor))
    award = Award.objects.select_for_update(of=("self",)).select_related("tender__pool").get(pk=award.pk)
    earlier = award.frameworks.filter(supplier=supplier).exclude(state=FrameworkState.CANCELLED).first()
    if earlier is not None:
        return earlier
    lines = list(
        award.lines.filter(quote_line__quote__invitation__supplier=supplier)
        .select_related("quote_line__quote__invitation__tender", "pool_line__article")
        .prefetch_related("quote_line__tiers")
        .order_by("pool_line__position")
    )
    if award.state != AwardState.CONFIRMED or not lines:
        raise NotAwarded
    quote, pool = lines[0].quote_line.quote, award.tender.pool
    day = timezone.localdate(at)
    draft = FrameworkIn(
        title=pool.title,
        supplier=supplier,
        starts_on=day,
        ends_on=day + YEAR,
        legal_model=pool.legal_model,
        fee_bp=pool.fee_bp,
        email=quote.invitation.email,
        deliver_to=quote.invitation.tender.deliver_to,
        lead_days=quote.lead_days or supplier.lead_days,
        minimum_cents=quote.minimum_cents,
        freight_cents=quote.freight_cents,
        franco_cents=quote.franco_cents,
        notes=quote.terms,
        articles=[_awarded(line.pool_line, line.quote_line) for line in lines],
    )
    return _save(actor, draft, at=at, award=award)


def _awarded(line: Any, offer: Any) -> ArticleIn:
    return ArticleIn(
        text=line.text,
        tiers=[(tier.from_qty, tier.unit_price_e4) for tier in offer.tiers.all()],
        article=line.article,
        reference=offer.reference,
        unit=line.unit,
        pack=offer.pack,
        moq=offer.moq,
        vat_bp=line.vat_bp,
        most=offer.available,
    )


def editable(agreement: FrameworkAgreement) -> FrameworkAgreement:
    """The locked agreement while it is a draft."""
    row = locked(agreement)
    if row.state != FrameworkState.DRAFT:
        raise FrameworkSigned
    return row


def locked(agreement: FrameworkAgreement) -> FrameworkAgreement:
    """The agreement's row, locked until the end of the transaction: what is drawn on it is counted one after the other."""
    return (
        FrameworkAgreement.objects.select_for_update(of=("self",))
        .select_related("supplier", "responsible", "signed_by")
        .get(pk=agreement.pk)
    )


def _tiers(rows: Sequence[tuple[int, int]]) -> Terms:
    if any(quantity < 1 or price < 0 for quantity, price in rows):
        raise PricesWrong
    try:
        return make_terms([Tier(quantity, price) for quantity, price in rows])
    except RuleError as error:
        raise PricesWrong from error


@transaction.atomic(durable=True)
def put_article(
    *,
    actor: User,
    agreement: FrameworkAgreement,
    draft: ArticleIn,
    at: datetime,
    article: FrameworkArticle | None = None,
) -> FrameworkArticle:
    """Add an article to a draft, or replace one. Raises FrameworkSigned, PricesWrong, LimitsWrong."""
    require(access.can_keep_frameworks(actor))
    row = _put_article(editable(agreement), draft, article)
    audit.record("frameworkagreement.article", target=agreement, at=at, actor=actor, data={"article": row.pk})
    return row


def _put_article(agreement: FrameworkAgreement, draft: ArticleIn, article: FrameworkArticle | None) -> FrameworkArticle:
    terms = _tiers(draft.tiers)
    if draft.most is not None and (draft.least or 0) > draft.most:
        raise LimitsWrong
    last = agreement.articles.aggregate(last=Max("position"))["last"] or 0
    row = article or FrameworkArticle(agreement=agreement, position=last + 1)
    for name in ("article", "reference", "pack", "moq", "vat_bp", "least", "most"):
        setattr(row, name, getattr(draft, name))
    row.text = draft.text or (draft.article.name if draft.article else "")
    row.unit = draft.article.unit if draft.article else draft.unit
    row.save()
    row.prices.all().delete()
    _price(row, agreement.starts_on, terms)
    if draft.quotas:
        companies = Company.objects.in_bulk(list(draft.quotas))
        for pk, quantity in sorted(draft.quotas.items()):
            _put_quota(row, companies[pk], quantity)
    else:
        check_limits(row)
    return row


def _price(article: FrameworkArticle, day: date, terms: Terms, reason: str = "") -> None:
    FrameworkPrice.objects.bulk_create(
        FrameworkPrice(
            article=article,
            valid_from=day,
            from_qty=tier.from_quantity,
            unit_price_e4=tier.unit_price_e4,
            reason=reason,
        )
        for tier in terms.tiers
    )


@transaction.atomic(durable=True)
def remove_article(*, actor: User, article: FrameworkArticle, at: datetime) -> None:
    """Take an article out of a draft."""
    require(access.can_keep_frameworks(actor))
    agreement = editable(article.agreement)
    audit.record("frameworkagreement.article_removed", target=agreement, at=at, actor=actor, reason=article.text)
    article.delete()


@transaction.atomic(durable=True)
def revise(
    *,
    actor: User,
    article: FrameworkArticle,
    valid_from: date,
    tiers: Sequence[tuple[int, int]],
    reason: str,
    at: datetime,
) -> FrameworkArticle:
    """New prices of a signed agreement from a later day on; the earlier ones stay for what was called off before."""
    require(access.can_keep_frameworks(actor))
    agreement = locked(article.agreement)
    if valid_from <= timezone.localdate(at):
        raise PriceBackdated
    if not reason.strip():
        raise ReasonMissing
    terms = _tiers(tiers)
    if article.prices.filter(valid_from=valid_from).exists():
        raise PriceBackdated
    _price(article, valid_from, terms, reason.strip()[:200])
    data = {"article": article.pk, "valid_from": valid_from.isoformat()}
    audit.record("frameworkagreement.revised", target=agreement, at=at, actor=actor, reason=reason, data=data)
    return article


@transaction.atomic(durable=True)
def set_quota(*, actor: User, article: FrameworkArticle, company: Company, quantity: int | None, at: datetime) -> None:
    """Keep a part of the maximum for a company, change it, or (None) take the quota away. Before and after signing."""
    require(access.can_keep_frameworks(actor))
    agreement = locked(article.agreement)
    if quantity is None:
        article.quotas.filter(company=company).delete()
    else:
        _put_quota(article, company, quantity)
    data = {"article": article.pk, "quantity": quantity}
    audit.record("frameworkagreement.quota", target=agreement, at=at, actor=actor, company=company, data=data)


def _put_quota(article: FrameworkArticle, company: Company, quantity: int) -> None:
    drawn = use.drawn_of(article).get(str(company.pk), 0)
    if quantity < drawn:
        raise QuotaDrawn(drawn=drawn)
    FrameworkQuota.objects.update_or_create(article=article, company=company, defaults={"quantity": quantity})
    check_limits(article)


def check_limits(article: FrameworkArticle) -> None:
    """Quotas, and what others drew already, stay within the maximum."""
    limits = use.limits_of(article)
    drawn = use.drawn_of(article)
    others = sum(units for company, units in drawn.items() if company not in limits.quotas)
    if limits.most is not None and sum(limits.quotas.values()) + others > limits.most:
        raise QuotaTooLarge


@transaction.atomic(durable=True)
def set_rebate(
    *,
    actor: User,
    agreement: FrameworkAgreement,
    basis: str,
    mode: str,
    tiers: Sequence[rules.RebateTier],
    at: datetime,
) -> FrameworkAgreement:
    """Say what a year brings back, while the agreement is a draft. Raises RebateTiersWrong."""
    require(access.can_keep_frameworks(actor))
    row = editable(agreement)
    row.rebate_basis, row.rebate_mode = basis, mode
    row.save(update_fields=["rebate_basis", "rebate_mode"])
    _put_tiers(row, tiers)
    audit.record("frameworkagreement.rebate", target=row, at=at, actor=actor, data={"tiers": len(tiers)})
    return row


def _put_tiers(agreement: FrameworkAgreement, tiers: Sequence[rules.RebateTier]) -> None:
    agreement.rebate_tiers.all().delete()
    if agreement.rebate_basis == Basis.NONE:
        return
    try:
        rows = rules.make_rebate_tiers(tiers, agreement.rebate_basis, agreement.rebate_mode)
    except RuleError as error:
        raise RebateTiersWrong from error
    FrameworkRebateTier.objects.bulk_create(
        FrameworkRebateTier(agreement=agreement, start=t.start, rate_bp=t.rate_bp, per_unit_e4=t.per_unit_e4)
        for t in rows
    )


@transaction.atomic(durable=True)
def sign(*, actor: User, agreement: FrameworkAgreement, at: datetime) -> FrameworkAgreement:
    """Put a draft in force: from its first day on companies draw on it. Raises FrameworkIncomplete, RebateTiersWrong."""
    require(access.can_keep_frameworks(actor))
    row = locked(agreement)
    if row.state == FrameworkState.ACTIVE:
        return row
    articles = list(row.articles.prefetch_related("prices"))
    if not row.email or not articles or any(not article.prices.all() for article in articles):
        raise FrameworkIncomplete
    for article in articles:
        # A first day moved after the prices were written moves them too, while nothing is signed.
        article.prices.update(valid_from=row.starts_on)
    if row.rebate_basis != Basis.NONE and not row.rebate_tiers.exists():
        raise RebateTiersWrong
    move(row, FrameworkState.ACTIVE, table=FRAMEWORK, at=at, actor=actor, signed_by=actor, signed_at=at)
    return row


@transaction.atomic(durable=True)
def set_state(*, actor: User, agreement: FrameworkAgreement, to: str, reason: str, at: datetime) -> FrameworkAgreement:
    """Cancel a draft; suspend, resume or end a signed agreement, with the reason. What was called off goes on."""
    require(access.can_keep_frameworks(actor))
    row = locked(agreement)
    if not reason.strip():
        raise ReasonMissing
    changes: dict[str, Any] = {"ended_at": at} if to == FrameworkState.ENDED else {}
    move(row, to, table=FRAMEWORK, at=at, actor=actor, reason=reason.strip(), **changes)
    return row


def end_expired(*, at: datetime) -> int:
    """End the agreements whose last day is over. Twice is once."""
    day, count = timezone.localdate(at), 0
    rows = FrameworkAgreement.objects.filter(state__in=[FrameworkState.ACTIVE, FrameworkState.SUSPENDED])
    for pk in rows.filter(ends_on__lt=day).order_by("pk").values_list("pk", flat=True):
        with transaction.atomic(durable=True):
            row = FrameworkAgreement.objects.select_for_update(of=("self",)).get(pk=pk)
            if row.state in (FrameworkState.ACTIVE, FrameworkState.SUSPENDED):
                label = "clock"
                move(row, FrameworkState.ENDED, table=FRAMEWORK, at=at, actor=None, actor_label=label, ended_at=at)
                count += 1
    return count
