"""What a call-off does when its request is handed in and when it is approved. Inside the caller's transaction."""

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies.errors import DomainError, Invalid
from companies.models import User
from companies.money import line_total, share
from companies.states import move
from purchasing.models import (
    CallOff,
    CallOffLine,
    Category,
    Commitment,
    CommitmentVersion,
    FrameworkAgreement,
    Pool,
    PooledNeed,
    PoolLine,
    PurchaseOrder,
    PurchaseOrderLine,
    PurchaseRequest,
    RequestLine,
)
from purchasing.rules.framework import left
from purchasing.rules.hints import FEW
from purchasing.rules.landed import freight_due
from purchasing.rules.shares import vat_of
from purchasing.rules.tiers import Terms, tier_at
from purchasing.services import budget as budgets
from purchasing.services import framework_use as use
from purchasing.services import order as orders
from purchasing.services.bulk import move_needs, needs_of
from purchasing.services.framework import locked
from purchasing.states import (
    ORDER,
    CommitmentState,
    FrameworkState,
    LineState,
    OrderState,
    PoolLineState,
    PoolState,
)


class NotInForce(DomainError):
    code = "framework_not_in_force"
    message = _("The agreement %(number)s is not in force today: nothing can be drawn on it.")


class NotSold(Invalid):
    code = "call_off_article_without_price"
    message = _("%(article)s has no price today.")


class PackBroken(Invalid):
    code = "call_off_not_whole_packs"
    message = _("%(article)s: order whole packs of %(pack)s, and at least %(least)s.")


class QuotaReached(DomainError):
    code = "call_off_quota_reached"
    message = _("%(article)s: you may still draw %(left)s, and ask for %(asked)s.")


class UnitsGone(DomainError):
    code = "call_off_units_gone"
    message = _("%(article)s: less than %(asked)s is left of the agreed maximum. Ask for less.")


class MaximumReached(DomainError):
    code = "call_off_maximum_reached"
    message = _("This goes beyond the maximum value of the agreement. Ask for less, or talk to the association.")


class BelowMinimum(Invalid):
    code = "call_off_below_minimum"
    message = _("The supplier takes call-offs from %(minimum)s € on; yours comes to %(goods)s €.")


def call_off_of(request: PurchaseRequest) -> CallOff | None:
    """The call-off a request belongs to, if it is one."""
    return CallOff.objects.filter(request=request).first()


def reserve(request: PurchaseRequest, *, at: datetime) -> None:
    """Check a call-off against agreement, packs, quotas and maximum, and fix its prices; nothing for other requests.

    The agreement stays locked: of two call-offs on the last units one is accepted, the other sees what is left.
    """
    call_off = call_off_of(request)
    if call_off is None:
        return
    agreement = locked(call_off.agreement)
    day = timezone.localdate(at)
    if not agreement.runs_on(day):
        raise NotInForce(number=agreement.number)
    found = use.uses([agreement.pk], without=call_off.pk)
    goods = 0
    for line in _lines(call_off):
        terms = use.terms_on(line.article, day)
        if terms is None:
            raise NotSold(article=line.article.text, field=f"quantity{line.article_id}")
        _check(line, terms, found, str(call_off.company_id))
        tier = tier_at(terms.tiers, line.quantity)
        assert tier is not None  # _check asked for at least the first tier
        line.unit_price_e4 = tier.unit_price_e4
        line.save(update_fields=["unit_price_e4"])
        RequestLine.objects.filter(pk=line.request_line_id).update(ref_price_e4=tier.unit_price_e4)
        goods += line_total(line.quantity, tier.unit_price_e4)
    _check_value(agreement, goods, use.value_of(found))
    call_off.goods_cents = goods
    call_off.freight_cents = freight_due(goods, agreement.freight_cents, agreement.franco_cents)
    call_off.save(update_fields=["goods_cents", "freight_cents"])
    request.amount_cents = goods + call_off.freight_cents
    request.save(update_fields=["amount_cents"])


def _lines(call_off: CallOff) -> list[CallOffLine]:
    rows = call_off.lines.select_related("article__article", "request_line")
    return list(rows.prefetch_related("article__prices", "article__quotas").order_by("article__position"))


def _check(line: CallOffLine, terms: Terms, found: use.Uses, company: str) -> None:
    article = line.article
    where = f"quantity{article.pk}"
    if line.quantity % terms.pack or line.quantity < terms.least:
        raise PackBroken(article=article.text, pack=terms.pack, least=terms.least, field=where)
    limits, drawn = use.limits_of(article), use.drawn_by(found, article.pk)
    rest = left(limits, drawn, company)
    if rest is not None and line.quantity > rest:
        others = [who for who, units in drawn.items() if units and who != company]
        if company not in limits.quotas and 0 < len(others) < FEW:  # the figure would be another company's (I13)
            raise UnitsGone(article=article.text, asked=line.quantity, field=where)
        raise QuotaReached(article=article.text, left=rest, asked=line.quantity, field=where)


def _check_value(agreement: FrameworkAgreement, goods: int, before: int) -> None:
    if goods < agreement.minimum_cents:
        raise BelowMinimum(minimum=_comma(agreement.minimum_cents), goods=_comma(goods))
    if agreement.most_cents is not None and before + goods > agreement.most_cents:
        raise MaximumReached


def _comma(cents: int) -> str:
    return f"{cents // 100},{cents % 100:02d}"


def release(request: PurchaseRequest, *, actor: User, at: datetime) -> None:
    """Make the order of an approved call-off: a frame for one company, its firm word, the order to sign. Once."""
    call_off = call_off_of(request)
    if call_off is None or call_off.pool_id is not None:
        return
    agreement = locked(call_off.agreement)
    if agreement.state != FrameworkState.ACTIVE or timezone.localdate(at) > agreement.ends_on:
        raise NotInForce(number=agreement.number)
    lines = _lines(call_off)
    pool = _frame(call_off, agreement, lines, at=at)
    call_off.pool = pool
    call_off.save(update_fields=["pool"])
    order = _order(call_off, agreement, pool, actor=actor, at=at)
    if agreement.direct:
        assert agreement.signed_by is not None  # an agreement in force was signed by somebody
        orders.send_out(order, pool, actor=agreement.signed_by, at=at)


def _frame(call_off: CallOff, agreement: FrameworkAgreement, lines: list[CallOffLine], *, at: datetime) -> Pool:
    request = call_off.request
    article = next((line.article.article for line in lines if line.article.article), None)
    pool = Pool.objects.create(
        title=f"{call_off.number} · {agreement.title}"[:120],
        category=article.category if article else Category(agreement.supplier.category),
        lead=agreement.responsible,
        state=PoolState.LOCKED,
        legal_model=agreement.legal_model,
        fairness=Pool.Fairness.NONE,
        fee_bp=agreement.fee_bp,
        consent_limit_bp=0,  # the price was agreed: the company is asked about any rise
        locked_at=at,
        only_company=call_off.company,
        created_by=request.requester,
        created_at=at,
    )
    parts = share(call_off.freight_cents, [line_total(line.quantity, line.unit_price_e4) for line in lines])
    charges: dict[int, int] = {}
    for position, (line, freight) in enumerate(zip(lines, parts, strict=True), start=1):
        commitment = _commitment(_pool_line(pool, position, line), call_off, line, at=at)
        charges[commitment.pk] = line_total(line.quantity, line.unit_price_e4) + freight
    for state in (LineState.POOLED, LineState.COMMITTED):
        move_needs(needs_of(pool.pk), state, at=at, actor=request.requester)
    if any(company == call_off.company_id for company, _year in budgets.amounts([call_off.company_id])):
        budgets.store_charges(charges, at=at)
    return pool


def _pool_line(pool: Pool, position: int, line: CallOffLine) -> PoolLine:
    article = line.article
    return PoolLine.objects.create(
        pool=pool,
        position=position,
        article=article.article,
        text=article.text,
        unit=article.unit,
        pack=article.pack,
        moq=article.moq,
        vat_bp=article.vat_bp,
        unit_weight_grams=article.article.unit_weight_grams if article.article else None,
        state=PoolLineState.LOCKED,
        asked_quantity=line.quantity,
        order_quantity=line.quantity,
        tier_from=1,
        unit_price_e4=line.unit_price_e4,
    )


def _commitment(pool_line: PoolLine, call_off: CallOff, line: CallOffLine, *, at: datetime) -> Commitment:
    request = call_off.request
    PooledNeed.objects.create(
        pool_line=pool_line,
        request_line=line.request_line,
        company=call_off.company,
        quantity=line.quantity,
        added_by=request.requester,
        added_at=at,
    )
    commitment = Commitment.objects.create(
        pool_line=pool_line,
        company=call_off.company,
        site=request.site,
        request_line=line.request_line,
        state=CommitmentState.LOCKED,
        quantity=line.quantity,
        granted=line.quantity,
        cost_centre=request.cost_centre,
        committed_at=at,
        committed_by=request.requester,
        version=1,
    )
    CommitmentVersion.objects.create(
        commitment=commitment,
        number=1,
        quantity=line.quantity,
        terms={"framework": call_off.agreement_id, "unit_price_e4": line.unit_price_e4},
        actor=request.requester,
        at=at,
    )
    return commitment


def _order(call_off: CallOff, agreement: FrameworkAgreement, pool: Pool, *, actor: User, at: datetime) -> PurchaseOrder:
    day = timezone.localdate(at)
    site = call_off.request.site
    lines = list(pool.lines.order_by("position"))
    references = dict(call_off.lines.values_list("request_line__commitments__pool_line", "article__reference"))
    nets = [line_total(line.order_quantity or 0, line.unit_price_e4 or 0) for line in lines]
    by_rate: dict[int, int] = {}
    for net, line in zip(nets, lines, strict=True):
        by_rate[line.vat_bp] = by_rate.get(line.vat_bp, 0) + net
    order = PurchaseOrder.objects.create(
        pool=pool,
        supplier=agreement.supplier,
        number=f"BC-{day.year}-{pool.pk:05d}-1",
        email=agreement.email,
        goods_cents=call_off.goods_cents,
        freight_cents=call_off.freight_cents,
        freight_vat_bp=max(by_rate, key=by_rate.__getitem__),
        vat_cents=sum(vat_of(by_rate, call_off.freight_cents).values()),
        deliver_to=agreement.deliver_to or (f"{call_off.company}, {site.name}, {site.city}" if site else ""),
        expected_on=day + timedelta(days=agreement.lead_days),
        created_by=agreement.responsible,
        created_at=at,
    )
    PurchaseOrderLine.objects.bulk_create(
        PurchaseOrderLine(
            order=order,
            pool_line=line,
            position=line.position,
            text=line.text,
            reference=references.get(line.pk, ""),
            unit=line.unit,
            pack=line.pack,
            quantity=line.order_quantity or 0,
            unit_price_e4=line.unit_price_e4 or 0,
            vat_bp=line.vat_bp,
            net_cents=net,
        )
        for line, net in zip(lines, nets, strict=True)
    )
    move(order, OrderState.TO_SIGN, table=ORDER, at=at, actor=actor, company=call_off.company)
    return order
