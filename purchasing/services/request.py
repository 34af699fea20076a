"""Needs: written down, submitted, approved above the company's limit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from companies import audit
from companies.access import require
from companies.errors import DomainError
from companies.models import Company, Site, User
from companies.money import line_total
from companies.states import StateRefused, move
from purchasing import access, mails, mails_needs
from purchasing.authority import Authority, need_of
from purchasing.models import (
    Article,
    Pool,
    PooledNeed,
    PoolLine,
    PurchaseRequest,
    RequestDecision,
    RequestLine,
    Unit,
)
from purchasing.rules import units
from purchasing.rules.budget import clean
from purchasing.services import approval as approvals
from purchasing.services import budget as budgets
from purchasing.services import call_off_order, counting
from purchasing.states import REQUEST, REQUEST_LINE, LineState, RequestState
from purchasing.unit_words import units as unit_word
from purchasing.wording import normalise

Verdict = RequestDecision.Verdict


class RequestNotEditable(DomainError):
    code = "request_not_editable"
    message = _("This request was already submitted. Ask an approver to return it if it must change.")


class RequestEmpty(DomainError):
    code = "request_empty"
    message = _("Add at least one line: what you need and how many.")


class NeededByPast(DomainError):
    code = "needed_by_past"
    message = _("The date “needed by” is in the past. Choose a later one.")


class ReasonMissing(DomainError):
    code = "reason_missing"
    message = _("Say why in a few words: the requester reads it.")


class RequestInPool(DomainError):
    code = "request_in_pool"
    message = _("A line of this request is committed or ordered. It can no longer be cancelled here.")


class AgreedAlready(DomainError):
    code = "agreed_already"
    message = _("You agreed to this request already. Another approver must agree too.")


class AmountGrew(DomainError):
    code = "amount_grew"
    message = _("The amount is higher than when you were asked. Sign in, look at it again and decide there.")


class RequestOfCallOff(DomainError):
    code = "request_of_call_off"
    message = _("This request draws on a framework agreement. Correct the call-off instead.")


class UnitUnknown(DomainError):
    code = "unit_not_convertible"
    message = _("%(text)s is counted in %(unit)s: %(quantity)s %(typed)s cannot be turned into a whole number of them.")
    field = "unit"


class SiteElsewhere(DomainError):
    code = "site_elsewhere"
    message = _("This site does not belong to your company.")


@dataclass(frozen=True, slots=True)
class LineDraft:
    """One need as typed: an article of the catalogue or free words; price in ten-thousandths of a euro.

    `unit` may be "pack" or another measure of the article; blank is the article's own. Quantity, tolerance and price are of it.
    """

    text: str
    quantity: int
    article: Article | None = None
    unit: str = ""
    tolerance: int = 0
    ref_price_e4: int | None = None
    category: str = ""


@dataclass(frozen=True, slots=True)
class RequestDraft:
    title: str
    lines: Sequence[LineDraft]
    site: Site | None = None
    cost_centre: str = ""
    needed_by: date | None = None
    notes: str = ""


@transaction.atomic(durable=True)
def save(
    *, actor: User, company: Company, draft: RequestDraft, at: datetime, request: PurchaseRequest | None = None
) -> PurchaseRequest:
    """Create or replace a draft. A returned request becomes a draft again by being corrected."""
    if request is not None and call_off_order.call_off_of(request) is not None:
        raise RequestOfCallOff
    return write_down(actor=actor, company=company, draft=draft, at=at, request=request)


def write_down(
    *, actor: User, company: Company, draft: RequestDraft, at: datetime, request: PurchaseRequest | None = None
) -> PurchaseRequest:
    """`save` inside the caller's transaction."""
    require(access.can_request(actor, company))
    if draft.site is not None and draft.site.company_id != company.pk:
        raise SiteElsewhere(field="site")
    if request is None:
        request = PurchaseRequest(company=company, requester=actor, created_at=at)
        action = "purchaserequest.created"
    else:
        request = PurchaseRequest.objects.select_for_update(of=("self",)).get(pk=request.pk, company=company)
        if request.state == RequestState.RETURNED:
            move(request, RequestState.DRAFT, table=REQUEST, at=at, actor=actor, company=company)
        if request.state != RequestState.DRAFT:
            raise RequestNotEditable
        action = "purchaserequest.changed"
    request.title, request.site, request.cost_centre = draft.title, draft.site, clean(draft.cost_centre)
    request.needed_by, request.notes = draft.needed_by, draft.notes
    lines = [counted(line) for line in draft.lines]
    request.amount_cents = amount_of(lines)
    request.save()
    request.lines.all().delete()
    RequestLine.objects.bulk_create(_lines(request, lines))
    audit.record(action, target=request, at=at, actor=actor, company=company)
    return request


def counted(line: LineDraft) -> LineDraft:
    """The line in the unit its article is counted in; free words keep the unit typed. Raises UnitUnknown."""
    article = line.article
    own = article.unit if article else Unit.PIECE.value
    if line.unit in ("", own):
        return replace(line, unit=own)
    if article is None:
        if line.unit == units.PACK:
            raise _refused(line, own)
        return line
    pack, grams = article.pack, article.unit_weight_grams
    found = units.recount(line.quantity, line.ref_price_e4, line.unit, own, pack=pack, grams=grams)
    more = units.recount(line.tolerance, None, line.unit, own, pack=pack, grams=grams)
    if found is None or more is None:
        raise _refused(line, own)
    return replace(line, unit=own, quantity=found[0], ref_price_e4=found[1], tolerance=more[0])


def _refused(line: LineDraft, own: str) -> UnitUnknown:
    typed = ngettext("pack", "packs", line.quantity) if line.unit == units.PACK else unit_word(line.quantity, line.unit)
    text = line.article.name if line.article else line.text
    return UnitUnknown(text=text, unit=unit_word(2, own), quantity=line.quantity, typed=typed)


def amount_of(lines: Sequence[LineDraft]) -> int:
    """What the lines cost at the prices paid today; a line without a price counts its article's usual one."""
    return sum(line_total(line.quantity, _price(line) or 0) for line in lines)


def _price(line: LineDraft) -> int | None:
    if line.ref_price_e4 is None and line.article is not None:
        return line.article.ref_price_e4
    return line.ref_price_e4


def _lines(request: PurchaseRequest, drafts: Sequence[LineDraft]) -> list[RequestLine]:
    return [
        RequestLine(
            request=request,
            position=position,
            article=draft.article,
            text=draft.article.name if draft.article else draft.text,
            normalised=normalise(draft.article.name if draft.article else draft.text),
            category=draft.article.category if draft.article else draft.category,
            quantity=draft.quantity,
            tolerance=draft.tolerance,
            unit=draft.unit,
            ref_price_e4=_price(draft),
            needed_by=request.needed_by,
        )
        for position, draft in enumerate(drafts, start=1)
    ]


@transaction.atomic(durable=True)
def submit(*, actor: User, request: PurchaseRequest, at: datetime) -> PurchaseRequest:
    """Hand a draft in. Within the company's limit it is approved at once; above it, approvers get a mail.

    A line without a price has no known amount, so a request that holds one always needs an approver.
    """
    return hand_in(actor=actor, request=request, at=at)


def hand_in(*, actor: User, request: PurchaseRequest, at: datetime) -> PurchaseRequest:
    """`submit` inside the caller's transaction. A call-off is checked against its agreement first."""
    require(access.can_request(actor, request.company))
    request = _locked(request)
    if request.needed_by is not None and request.needed_by < timezone.localdate(at):
        raise NeededByPast(field="needed_by")
    if request.state == RequestState.DRAFT:
        call_off_order.reserve(request, at=at)
    lines = list(request.lines.all())
    if not lines:
        raise RequestEmpty
    budgets.check_request(request, at=at)
    move(request, RequestState.SUBMITTED, table=REQUEST, at=at, actor=actor, company=request.company, submitted_at=at)
    certain = all(line.ref_price_e4 is not None for line in lines)
    need = need_of(request.company, request.amount_cents, certain=certain)
    if not need.approvers:
        _decide(request, Verdict.WITHIN_LIMIT, approver=None, reason="", at=at)
        _approve_lines(request, actor=actor, at=at)
    else:
        mails_needs.approval_asked(request, need, at=at)
    return request


@transaction.atomic(durable=True)
def decide(
    *,
    actor: User,
    request: PurchaseRequest,
    verdict: str,
    reason: str = "",
    at: datetime,
    up_to_cents: int | None = None,
) -> PurchaseRequest:
    """Approve, reject or return a submitted request. The requester never decides (I14); a refusal says why.

    Approved it is when as many people agreed as the amount asks for; until then each yes is kept. `up_to_cents` is what
    the person was shown, when that was earlier.
    """
    authority = access.approving(actor, request, at=at)
    require(authority is not None)
    assert authority is not None
    request = _locked(request)
    if verdict in (Verdict.REJECTED, Verdict.RETURNED) and not reason.strip():
        raise ReasonMissing(field="reason")
    if verdict == Verdict.APPROVED:
        if up_to_cents is not None and request.amount_cents > up_to_cents:
            raise AmountGrew
        _agree(request, authority, reason=reason.strip(), at=at)
        return request
    _decide(request, verdict, approver=actor, reason=reason.strip(), at=at, absent=authority.absent)
    if verdict == Verdict.REJECTED:
        _move_lines(request, LineState.CANCELLED, actor=actor, at=at)
    mails.request_decided(request, verdict=verdict, reason=reason, at=at)
    return request


def _agree(request: PurchaseRequest, authority: Authority, *, reason: str, at: datetime) -> None:
    """One more yes; the last one needed approves. A second yes of the same person is none."""
    if request.state != RequestState.SUBMITTED:
        raise StateRefused(state=request.get_state_display())
    holder = authority.holder.pk
    given = approvals.request_approvals(request)
    if any(authority.person.pk == yes.person or holder == yes.authority for yes in given):
        raise AgreedAlready
    budgets.check_request(request, at=at)
    _note(request, Verdict.APPROVED, approver=authority.person, reason=reason, at=at, absent=authority.absent)
    if not approvals.request_satisfied(request):
        audit.record(
            "purchaserequest.agreed",
            target=request,
            at=at,
            actor=authority.person,
            company=request.company,
            reason=reason,
            data=_for_whom(authority.absent),
        )
        return
    _settle(request, RequestState.APPROVED, approver=authority.person, reason=reason, at=at, absent=authority.absent)
    _approve_lines(request, actor=authority.person, at=at)
    mails.request_decided(request, verdict=Verdict.APPROVED, reason=reason, at=at)


def _for_whom(absent: User | None) -> dict[str, object]:
    return {"on_behalf_of": absent.pk, "name": absent.full_name} if absent else {}


def _decide(
    request: PurchaseRequest,
    verdict: str,
    *,
    approver: User | None,
    reason: str,
    at: datetime,
    absent: User | None = None,
) -> None:
    state = RequestState.APPROVED if verdict == Verdict.WITHIN_LIMIT else RequestState(verdict)
    _settle(request, state, approver=approver, reason=reason, at=at, absent=absent)
    _note(request, verdict, approver=approver, reason=reason, at=at, absent=absent)


def _settle(
    request: PurchaseRequest, state: str, *, approver: User | None, reason: str, at: datetime, absent: User | None
) -> None:
    move(
        request,
        state,
        table=REQUEST,
        at=at,
        actor=approver,
        actor_label="" if approver else "limit",
        reason=reason,
        company=request.company,
        data=_for_whom(absent),
        decided_at=at,
    )


def _note(
    request: PurchaseRequest, verdict: str, *, approver: User | None, reason: str, at: datetime, absent: User | None
) -> None:
    request.decisions.create(
        requester=request.requester,
        approver=approver,
        on_behalf_of=absent,
        verdict=verdict,
        reason=reason,
        at=at,
        amount_cents=request.amount_cents,
        limit_cents=request.company.approval_limit_cents,
    )


@transaction.atomic(durable=True)
def cancel(*, actor: User, request: PurchaseRequest, reason: str = "", at: datetime) -> PurchaseRequest:
    """Give a request up, from draft to pooled: its needs leave their pools, whose lines ask for less from now on."""
    require(access.can_request(actor, request.company))
    living = PooledNeed.objects.filter(request_line__request=request, released_at__isnull=True)
    pools = Pool.objects.filter(pk__in=living.values("pool_line__pool"))
    list(pools.select_for_update(of=("self",)).order_by("pk").values_list("pk"))  # first, as whoever regroups does
    request = _locked(request)
    lines = list(request.lines.select_for_update())
    if any(line.state not in CANCELLABLE for line in lines):
        raise RequestInPool
    move(request, RequestState.CANCELLED, table=REQUEST, at=at, actor=actor, reason=reason, company=request.company)
    _move_lines(request, LineState.CANCELLED, actor=actor, at=at, but=LineState.EXPIRED)
    left = list(PoolLine.objects.filter(pk__in=living.values("pool_line")).order_by("pk"))
    living.update(released_at=at, release_reason="cancelled")
    for row in left:
        counting.recount(row)
    return request


CANCELLABLE = (LineState.WAITING, LineState.APPROVED, LineState.POOLED, LineState.CANCELLED, LineState.EXPIRED)


@transaction.atomic(durable=True)
def copy(*, actor: User, request: PurchaseRequest, at: datetime) -> PurchaseRequest:
    """Start a new draft with the lines of an earlier request."""
    require(access.can_request(actor, request.company))
    lines = list(request.lines.all())
    new = PurchaseRequest.objects.create(
        company=request.company,
        site=request.site,
        title=request.title,
        cost_centre=request.cost_centre,
        requester=actor,
        created_at=at,
        amount_cents=request.amount_cents,
    )
    for line in lines:
        line.pk, line.request, line.state, line.needed_by = None, new, LineState.WAITING, None
    RequestLine.objects.bulk_create(lines)
    audit.record("purchaserequest.created", target=new, at=at, actor=actor, company=new.company)
    return new


@transaction.atomic(durable=True)
def expire(*, request: PurchaseRequest, at: datetime) -> None:
    """Close the lines nobody pooled before they were needed; the request follows when no line is left."""
    request = _locked(request)
    for line in request.lines.filter(state=LineState.APPROVED, needed_by__lt=timezone.localdate(at)).order_by("pk"):
        move(
            line, LineState.EXPIRED, table=REQUEST_LINE, at=at, actor=None, actor_label="clock", company=request.company
        )
    if request.state == RequestState.APPROVED and not request.lines.exclude(state=LineState.EXPIRED).exists():
        move(
            request,
            RequestState.EXPIRED,
            table=REQUEST,
            at=at,
            actor=None,
            actor_label="clock",
            company=request.company,
        )
        mails.request_expired(request, at=at)


def _locked(request: PurchaseRequest) -> PurchaseRequest:
    return (
        PurchaseRequest.objects.select_for_update(of=("self",))
        .select_related("company", "requester")
        .get(pk=request.pk)
    )


def _approve_lines(request: PurchaseRequest, *, actor: User, at: datetime) -> None:
    """The needs are free for a pool; those of a call-off are ordered at once."""
    _move_lines(request, LineState.APPROVED, actor=actor, at=at)
    call_off_order.release(request, actor=actor, at=at)


def _move_lines(request: PurchaseRequest, to: str, *, actor: User, at: datetime, but: str = "") -> None:
    for line in request.lines.exclude(state__in=[to, but]).order_by("pk"):
        move(line, to, table=REQUEST_LINE, at=at, actor=actor, company=request.company)
