"""The year-end rebate: computed from what really came, shared by it, credited on the companies' invoices.

A difference found later (a counter-receipt, another amount of the supplier) makes one more rebate over the difference;
what was credited is never touched.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Max, Sum
from django.utils import timezone
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from companies.access import require
from companies.billing import billing_mandates, invoices
from companies.billing.models import InvoiceLine, SelfBillingMandate
from companies.errors import DomainError, Invalid
from companies.models import Company, User
from companies.money import share
from companies.states import move
from purchasing import access, mails_framework
from purchasing.models import (
    CostShare,
    FrameworkAgreement,
    FrameworkRebate,
    Pool,
    RebateShare,
    SupplierInvoice,
)
from purchasing.rules import framework as rules
from purchasing.services import credits
from purchasing.services.framework import locked
from purchasing.services.framework_received import YearOf, received_in
from purchasing.states import REBATE, RebateState, SupplierInvoiceState


class YearNotOver(DomainError):
    code = "rebate_year_not_over"
    message = _("The year %(year)s is not over: what is still received counts.")


class NoRebate(DomainError):
    code = "rebate_not_agreed"
    message = _("This agreement has no year-end rebate.")


class NothingToShare(DomainError):
    code = "rebate_nothing_to_share"
    message = _("Nothing changed since the last rebate of %(year)s: there is nothing to share.")


class AmountNeedsReason(Invalid):
    code = "rebate_amount_needs_reason"
    message = _("The tiers give %(computed)s €. Say why another amount was agreed with the supplier.")
    field = "reason"


class RebateStale(DomainError):
    code = "rebate_stale"
    message = _("Deliveries or claims were entered or settled since this was computed. Compute it again.")


class NotInvoiced(DomainError):
    code = "rebate_not_invoiced"
    message = _(
        "%(companies)s: too little was invoiced for this part. Settle the supplier's invoices of the year first."
    )


def rule_tiers(agreement: FrameworkAgreement) -> list[rules.RebateTier]:
    rows = agreement.rebate_tiers.order_by("start")
    return [rules.RebateTier(row.start, row.rate_bp, row.per_unit_e4) for row in rows]


def expected(agreement: FrameworkAgreement, received: Sequence[YearOf]) -> int:
    """The rebate the tiers give on what was received."""
    if agreement.rebate_basis == FrameworkAgreement.Basis.NONE:
        return 0
    return rules.rebate(
        rule_tiers(agreement),
        basis=agreement.rebate_basis,
        mode=agreement.rebate_mode,
        volume=sum(row.units for row in received),
        value_cents=sum(row.value_cents for row in received),
    )


def over(agreement: FrameworkAgreement, year: int, day: date) -> bool:
    """Whether nothing more of the year can come."""
    return day.year > year or (agreement.ends_on < day and agreement.ends_on.year == year)


@transaction.atomic(durable=True)
def compute(
    *,
    actor: User,
    agreement: FrameworkAgreement,
    year: int,
    at: datetime,
    agreed_cents: int | None = None,
    reason: str = "",
    supplier_reference: str = "",
) -> FrameworkRebate:
    """Compute a year's rebate and everybody's part, to be looked at before it is credited. Computed again, it is replaced.

    `agreed_cents` is the amount of the whole year the supplier really gives, when it is not that of the tiers.
    """
    require(access.can_keep_frameworks(actor))
    agreement = locked(agreement)
    if agreement.rebate_basis == FrameworkAgreement.Basis.NONE:
        raise NoRebate
    if not over(agreement, year, timezone.localdate(at)):
        raise YearNotOver(year=year)
    open_ = agreement.rebates.filter(year=year, state=RebateState.COMPUTED).first()
    if open_ is not None:
        move(open_, RebateState.DROPPED, table=REBATE, at=at, actor=actor, reason="computed again")
    received = received_in(agreement, year)
    by_tiers = expected(agreement, received)
    whole = by_tiers if agreed_cents is None else agreed_cents
    if whole != by_tiers and not reason.strip():
        raise AmountNeedsReason(computed=f"{by_tiers // 100},{by_tiers % 100:02d}")
    parts = _parts(agreement, year, received, whole)
    if not any(part.net_cents for part in parts):
        raise NothingToShare(year=year)
    before = sum(part.before_cents for part in parts)
    last = agreement.rebates.filter(year=year).aggregate(last=Max("sequence"))["last"] or 0
    rebate = FrameworkRebate.objects.create(
        agreement=agreement,
        year=year,
        sequence=last + 1,
        volume=sum(row.units for row in received),
        value_cents=sum(row.value_cents for row in received),
        computed_cents=by_tiers,
        whole_cents=whole,
        before_cents=before,
        amount_cents=whole - before,
        tiers=[[tier.start, tier.rate_bp, tier.per_unit_e4] for tier in rule_tiers(agreement)],
        reason=reason.strip(),
        supplier_reference=supplier_reference.strip(),
        computed_by=actor,
        computed_at=at,
    )
    for part in parts:
        part.rebate = rebate
    RebateShare.objects.bulk_create(parts)
    return rebate


def _parts(agreement: FrameworkAgreement, year: int, received: Sequence[YearOf], whole: int) -> list[RebateShare]:
    """Everybody's unsaved part of the whole year, less what earlier rebates gave."""
    rows = [rules.Received(str(row.company), row.units, row.value_cents) for row in received]
    if not any(row.value_cents for row in received) and not whole:
        shares: Sequence[rules.RebatePart] = [rules.RebatePart(row.member, 0, 0, 0) for row in rows]
    elif not rows:
        raise NothingToShare(year=year)
    else:
        shares = rules.share_rebate(whole, rows, agreement.rebate_basis)
    before = dict(
        RebateShare.objects.filter(rebate__agreement=agreement, rebate__year=year, rebate__state=RebateState.ISSUED)
        .values_list("company")
        .annotate(total=Sum("net_cents"))
        .order_by()
    )
    found = [
        RebateShare(
            company_id=row.company,
            units=row.units,
            value_cents=row.value_cents,
            credited_cents=row.credited_cents,
            weight=part.weight,
            rank=part.rank,
            whole_cents=part.cents,
            before_cents=before.get(row.company, 0),
            net_cents=part.cents - before.pop(row.company, 0),
        )
        for row, part in zip(received, shares, strict=True)
    ]
    return found + [
        RebateShare(
            company_id=pk, units=0, value_cents=0, weight=0, whole_cents=0, before_cents=cents, net_cents=-cents
        )
        for pk, cents in sorted(before.items())
        if cents
    ]


@transaction.atomic(durable=True)
def issue(*, actor: User, rebate: FrameworkRebate, at: datetime, quietly: bool = False) -> FrameworkRebate:
    """Credit everybody's part on the invoices of the year, once; what was given too much is invoiced.

    `quietly` is for past business that is only written down. Raises RebateStale, NotInvoiced: then nothing happened.
    """
    require(access.can_keep_frameworks(actor))
    agreement = locked(rebate.agreement)
    rebate = FrameworkRebate.objects.select_for_update(of=("self",)).get(pk=rebate.pk)
    rebate.agreement = agreement
    if rebate.state == RebateState.ISSUED:
        return rebate
    received = {row.company: row for row in received_in(agreement, rebate.year)}
    parts = list(rebate.shares.select_related("company").order_by("pk"))
    now = {pk: (row.units, row.value_cents) for pk, row in received.items()}
    if now != {part.company_id: (part.units, part.value_cents) for part in parts if part.units or part.value_cents}:
        raise RebateStale
    move(rebate, RebateState.ISSUED, table=REBATE, at=at, actor=actor, issued_by=actor, issued_at=at)
    if agreement.legal_model != Pool.LegalModel.LISTING:
        _credit(rebate, [part for part in parts if part.net_cents > 0], actor=actor, at=at)
        for part in parts:
            if part.net_cents < 0:
                _charge(rebate, part, received.get(part.company_id), actor=actor, at=at)
    if not quietly:
        mails_framework.rebate_issued(rebate, [part for part in parts if part.net_cents], at=at)
    return rebate


def _credit(rebate: FrameworkRebate, parts: Sequence[RebateShare], *, actor: User, at: datetime) -> None:
    room = _room(rebate.agreement, rebate.year)
    short = [p.company.name for p in parts if p.net_cents > sum(room.get(p.company_id, {}).values())]
    if short:
        raise NotInvoiced(companies=", ".join(short))
    with override("fr"):
        reason = _words(rebate)
    for part in parts:
        key = f"rebate-{part.pk}"
        left = room[part.company_id]
        part.notes.add(*credits.credit_lines(left, part.net_cents, reason=reason, key=key, actor=actor, at=at))


def _words(rebate: FrameworkRebate) -> str:
    return gettext("Year-end rebate %(year)s, agreement %(number)s") % {
        "year": rebate.year,
        "number": rebate.agreement.number,
    }


def _room(agreement: FrameworkAgreement, year: int) -> dict[int, dict[int, int]]:
    """By company, the lines of its invoices for goods of the year and what of each can still be credited."""
    documents = SupplierInvoice.objects.filter(
        order__pool__call_off__agreement=agreement,
        order__receipts__arrived_at__year=year,
        state=SupplierInvoiceState.INVOICED,
    )
    rows: list[tuple[CostShare, InvoiceLine]] = []
    for document in documents.distinct().order_by("pk"):
        for row, line in credits.billed_lines(document):
            if line is not None and row.kind == CostShare.Kind.GOODS and row.net_cents > 0:
                rows.append((row, line))
    taken = credits.taken_back([line.pk for _row, line in rows])
    found: dict[int, dict[int, int]] = {}
    for row, line in rows:
        found.setdefault(row.company_id, {})[line.pk] = line.net_cents - taken.get(line.pk, 0)
    return found


def _charge(rebate: FrameworkRebate, part: RebateShare, got: YearOf | None, *, actor: User, at: datetime) -> None:
    """An earlier rebate gave too much: the difference is invoiced, over the rates of what the company received."""
    rates: Mapping[int, int] = got.by_rate if got and any(got.by_rate.values()) else {2000: 1}
    company: Company = part.company
    with override("fr"):
        text = gettext("Correction: %(what)s") % {"what": _words(rebate)}
    lines = [
        invoices.LineDraft(text, 1, "", None, cents, rate)
        for rate, cents in zip(rates, share(-part.net_cents, list(rates.values())), strict=True)
        if cents
    ]
    part.invoice = invoices.issue(
        company=company,
        lines=lines,
        at=at,
        due_on=timezone.localdate(at) + timedelta(days=company.payment_days),
        source="purchasing",
        key=f"rebate-{part.pk}",
        actor=actor,
        legal_model=rebate.agreement.legal_model,
        billing_mandate=_mandate(rebate.agreement),
        supply_on=date(rebate.year, 12, 31),
        order_reference=rebate.agreement.number,
    )
    part.save(update_fields=["invoice"])


def _mandate(agreement: FrameworkAgreement) -> SelfBillingMandate | None:
    """In whose name it is invoiced. Raises NoMandate."""
    if agreement.legal_model != Pool.LegalModel.MANDATE:
        return None
    found = billing_mandates.to_members(agreement.supplier.siren)
    if found is None:
        raise billing_mandates.NoMandate(seller=agreement.supplier.name)
    return found


@transaction.atomic(durable=True)
def drop(*, actor: User, rebate: FrameworkRebate, at: datetime) -> FrameworkRebate:
    """Put a computed rebate away; nothing was credited."""
    require(access.can_keep_frameworks(actor))
    rebate = FrameworkRebate.objects.select_for_update(of=("self",)).get(pk=rebate.pk)
    move(rebate, RebateState.DROPPED, table=REBATE, at=at, actor=actor)
    return rebate
