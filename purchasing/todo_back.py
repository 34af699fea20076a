"""What needs somebody now, from commitment to settlement."""

from datetime import datetime, timedelta

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from companies.models import Company, User
from companies.shell import Todo
from purchasing.models import (
    Claim,
    Commitment,
    Consent,
    HandOver,
    Pool,
    PooledNeed,
    PurchaseOrder,
    Receipt,
    SupplierInvoice,
)
from purchasing.services import goods_release
from purchasing.services.shipment import COMING
from purchasing.states import ClaimState, CommitmentState, HandOverState, OrderState, PoolState, SupplierInvoiceState

SPEAKING = (PoolState.COMMITTING, PoolState.COMPLETING)


def for_company(user: User, company: Company, roles: set[str], at: datetime) -> list[Todo]:
    """To approve, to commit with the days left, to agree to, to collect and confirm."""
    found: list[Todo] = []
    if "approver" in roles:
        found += _to_approve(company)
    if "buyer" in roles:
        found += _questions(company, at) + _to_commit(company) + _to_collect(company)
        found += _of_runner(Pool.objects.filter(lead=user), at)
    return found


def _link(company: Company, pool_id: int) -> str:
    return reverse("purchasing:commit", args=[company.pk, pool_id])


def _to_approve(company: Company) -> list[Todo]:
    rows = Commitment.objects.filter(company=company, state=CommitmentState.TO_APPROVE)
    pools = Pool.objects.filter(lines__commitments__in=rows, state__in=SPEAKING).distinct()
    return [
        Todo(
            _("Approve the commitment: %(title)s") % {"title": pool.title},
            _("Without approval in time it does not count."),
            _link(company, pool.pk),
            due=pool.closes_at,
            tone="warning",
        )
        for pool in pools
    ]


def _to_commit(company: Company) -> list[Todo]:
    """Pools with a need of the company on which it has not said a firm word."""
    said = Commitment.objects.filter(company=company).exclude(
        state__in=[CommitmentState.DRAFT, CommitmentState.WITHDRAWN]
    )
    needs = PooledNeed.objects.filter(company=company, released_at__isnull=True).exclude(
        pool_line__in=said.values("pool_line")
    )
    pools = Pool.objects.filter(lines__needs__in=needs, state__in=SPEAKING).distinct().order_by("closes_at")
    return [
        Todo(
            _("Commit: %(title)s") % {"title": pool.title},
            _("Say how many you take for certain."),
            _link(company, pool.pk),
            due=pool.completes_at if pool.state == PoolState.COMPLETING else pool.closes_at,
            tone="warning",
        )
        for pool in pools
    ]


def _questions(company: Company, at: datetime) -> list[Todo]:
    rows = Consent.objects.filter(
        commitment__company=company,
        accepted__isnull=True,
        acknowledgement__order__state=OrderState.CHANGED,
        acknowledgement__consent_until__gt=at,
    ).select_related("acknowledgement__order__pool")
    pools = {row.acknowledgement.order.pool_id: row.acknowledgement for row in rows}
    return [
        Todo(
            _("The supplier changes the order: %(title)s") % {"title": answer.order.pool.title},
            _("Agree or leave."),
            _link(company, pk),
            due=answer.consent_until,
            tone="danger",
        )
        for pk, answer in pools.items()
    ]


def _to_collect(company: Company) -> list[Todo]:
    rows = HandOver.objects.filter(company=company)
    parts = list(rows.filter(state=HandOverState.READY).select_related("receipt"))
    held = goods_release.held_of(company, parts)
    ready = len(parts) - len(held)
    given = rows.filter(state=HandOverState.HANDED_OVER).count()
    url = reverse("purchasing:delivery_list", args=[company.pk])
    found = _claims(company)
    found += [Todo(_("Waits for a payment"), str(why.label), url, tone="warning") for why in dict.fromkeys(held)]
    if ready:
        text = ngettext("%(n)d delivery to collect", "%(n)d deliveries to collect", ready) % {"n": ready}
        found.append(Todo(text, _("Your part is counted and ready."), url))
    if given:
        text = ngettext("%(n)d delivery to confirm", "%(n)d deliveries to confirm", given) % {"n": given}
        found.append(Todo(text, _("Say whether it is complete and sound."), url))
    return found


def _claims(company: Company) -> list[Todo]:
    """Claims the supplier answered, so that the company adds what is wrong with the answer before it is decided."""
    rows = Claim.objects.filter(company=company, state=ClaimState.ANSWERED).select_related("order__supplier")
    return [
        Todo(
            _("The supplier answered your claim"),
            f"{c.number} · {c.order.supplier}",
            reverse("purchasing:company_claim", args=[company.pk, c.pk]),
        )
        for c in rows.order_by("pk")
    ]


def for_staff(user: User, at: datetime) -> list[Todo]:
    """Orders to prepare and sign, deliveries that are late, invoices to decide, share and issue."""
    return _of_runner(Pool.objects.all(), at, staff=True)


def _of_runner(pools: "object", at: datetime, *, staff: bool = False) -> list[Todo]:
    rows = Pool.objects.filter(pk__in=pools.values("pk"))  # type: ignore[attr-defined]  # for the template
    found = [
        Todo(_("Prepare the order"), pool.title, reverse("purchasing:goods", args=[pool.pk]), tone="warning")
        for pool in rows.filter(state=PoolState.LOCKED, orders__isnull=True)
    ]
    orders = PurchaseOrder.objects.filter(pool__in=rows).select_related("supplier", "pool").order_by("pk")
    words = {
        OrderState.TO_SIGN: _("Sign and send the order"),
        OrderState.CHANGED: _("The supplier changes the order"),
        OrderState.REFUSED: _("Talk to the supplier again"),
    }
    found += [
        Todo(
            words[OrderState(o.state)],
            f"{o.number} · {o.supplier}",
            reverse("purchasing:order", args=[o.pk]),
            tone="warning",
        )
        for o in orders.filter(state__in=list(words))
    ]
    coming = [OrderState.SENT, OrderState.ACKNOWLEDGED, OrderState.ACCEPTED, OrderState.PART_RECEIVED]
    found += [
        Todo(_("Delivery late"), f"{o.number} · {o.supplier}", reverse("purchasing:order", args=[o.pk]), tone="danger")
        for o in orders.filter(state__in=coming, expected_on__lt=timezone.localdate(at))
    ]
    found += [
        Todo(
            _("Count a delivery") if r.arrived_at else _("A delivery is announced"),
            f"{r.order.number} · {r.order.supplier}",
            reverse("purchasing:order", args=[r.order_id]),
            due=r.arrived_at,
            tone="warning" if r.arrived_at else "info",
        )
        for r in Receipt.objects.filter(order__pool__in=rows, order__state__in=coming, state__in=COMING)
        .filter(Q(arrived_at__isnull=False) | Q(announced_for__lte=timezone.localdate(at)))
        .select_related("order__supplier")
        .order_by("arrived_at", "announced_for", "pk")
    ]
    claims = Claim.objects.filter(order__pool__in=rows).select_related("order__supplier").order_by("due_at")
    found += [
        Todo(
            _("Decide a claim"),
            f"{c.number} · {c.order.supplier}",
            reverse("purchasing:claim", args=[c.pk]),
            tone="warning",
        )
        for c in claims.filter(state=ClaimState.ANSWERED)
    ]
    found += [
        Todo(
            _("No answer to a claim"),
            f"{c.number} · {c.order.supplier}",
            reverse("purchasing:claim", args=[c.pk]),
            due=c.due_at,
            tone="danger",
        )
        for c in claims.filter(state=ClaimState.OPEN, due_at__lt=at)
    ]
    clocks = Receipt.objects.filter(
        order__pool__in=rows, reserves_until__isnull=False, carrier_told_at__isnull=True
    ).filter(reserves_until__gt=at - timedelta(days=7))
    found += [
        Todo(
            _("Tell the carrier of the reserves"),
            f"{r.order.number} · {r.order.supplier}",
            reverse("purchasing:receipt", args=[r.pk]),
            due=r.reserves_until,
            tone="danger",
        )
        for r in clocks.select_related("order__supplier").order_by("reserves_until")
    ]
    invoices = SupplierInvoice.objects.filter(order__pool__in=rows).select_related("supplier").order_by("pk")
    steps = {
        SupplierInvoiceState.DISPUTED: _("An invoice differs: decide"),
        SupplierInvoiceState.MATCHED: _("Accept the supplier's invoice"),
        SupplierInvoiceState.ACCEPTED: _("Share an invoice between the companies"),
    }
    if staff:
        steps[SupplierInvoiceState.SHARED] = _("Issue the companies' invoices")
    found += [
        Todo(
            steps[SupplierInvoiceState(i.state)],
            f"{i.number} · {i.supplier}",
            reverse("purchasing:supplier_invoice", args=[i.pk]),
            tone="warning",
        )
        for i in invoices.filter(state__in=list(steps))
    ]
    return found
