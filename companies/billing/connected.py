"""Suppliers at Stripe Connect: the rows, and what is the association's of their payments. No call leaves from here.

A destination charge is the supplier's: of it only Stripe's fee, our commission, and what a claim made us lay out reach our books.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import require
from companies.billing import access, ledger, supplier_fees
from companies.billing.mentions import amount
from companies.billing.models import (
    AccountKind,
    ConnectedAccount,
    HandedOn,
    Invoice,
    LedgerEntry,
    Payment,
    SelfBillingMandate,
    SupplierFee,
)
from companies.errors import DomainError
from companies.models import User
from companies.money import divide, percent_of

COMMISSION_VAT_BP = 2_000


class NoAddress(DomainError):
    code = "connect_no_address"
    message = _("The mandate says no e-mail address of the supplier: store another version of it with the address.")


class NotConnected(DomainError):
    code = "connect_not_invited"
    message = _("This supplier was not invited to Stripe yet. Ask ERB.")


def of_siren(siren: str) -> ConnectedAccount | None:
    return ConnectedAccount.objects.filter(siren=siren).first() if siren else None


def of_invoice(invoice: Invoice) -> ConnectedAccount | None:
    """The account through which an invoice in a supplier's name may be paid; None when it cannot take charges."""
    found = of_siren(str(invoice.seller["siren"])) if invoice.is_suppliers else None
    return found if found is not None and found.can_charge else None


@transaction.atomic(durable=True)
def invite(*, mandate: SelfBillingMandate, commission_bp: int, actor: User, at: datetime) -> ConnectedAccount:
    """Keep that a supplier may open its account at Stripe, and our commission; once per supplier. Raises NotAllowed, NoAddress."""
    require(access.can_collect(actor))
    if not (address := str(mandate.party.get("email", ""))):
        raise NoAddress
    row, new = ConnectedAccount.objects.select_for_update().get_or_create(
        siren=mandate.siren,
        defaults={"name": mandate.party["name"], "email": address, "invited_at": at, "invited_by": actor},
    )
    if new or row.commission_bp != commission_bp:
        row.commission_bp = commission_bp
        row.save(update_fields=["commission_bp"])
        data = {"siren": row.siren, "commission_bp": commission_bp}
        audit.record("connectedaccount.invited", target=row, at=at, actor=actor, data=data)
    return row


@transaction.atomic(durable=True)
def follow(*, row_id: int, found: dict[str, Any], at: datetime) -> ConnectedAccount:
    """Bring a row to what Stripe says of the account now; may run twice."""
    row = ConnectedAccount.objects.select_for_update().get(pk=row_id)
    before = row.can_charge
    asked = found.get("requirements") or {}
    row.charges_enabled, row.payouts_enabled = bool(found["charges_enabled"]), bool(found["payouts_enabled"])
    row.details_submitted = bool(found["details_submitted"])
    row.transfers_active = (found.get("capabilities") or {}).get("transfers") == "active"
    row.requirements = sorted({*(asked.get("currently_due") or []), *(asked.get("past_due") or [])})
    row.seen_at = at
    row.save()
    if row.can_charge != before:
        action = "connectedaccount.opened" if row.can_charge else "connectedaccount.closed"
        audit.record(action, target=row, at=at, actor=None, actor_label="Stripe", data={"siren": row.siren})
    return row


def commission(invoice: Invoice, account: ConnectedAccount, cents: int) -> int:
    """Our part of a payment of an invoice, VAT included."""
    return percent_of(cents, account.commission_bp) if invoice.is_suppliers else 0


# Our books ------------------------------------------------------------------------------------------------------------
def post_commission(payment: Payment, back_cents: int, *, at: datetime) -> None:
    """Our commission on a payment that arrived, and what went back of it in all. It never comes a second time."""
    whole = payment.commission_cents
    if not whole:
        return
    reason = f"{payment.invoice.number} · {payment.intent_id}"
    key = f"commission-{payment.pk}"
    if ledger.post(key=key, kind="commission", at=at, reason=reason, sides=_earned(0, whole)):
        _to_invoice(payment, key, 0, whole, at=at)
    given = LedgerEntry.objects.filter(
        transaction__key__startswith=f"commission-back-{payment.pk}-", account__kind=AccountKind.STRIPE
    )
    before = -int(given.aggregate(sum=Sum("cents"))["sum"] or 0)
    if back_cents > before:
        key, step = f"commission-back-{payment.pk}-{back_cents}", (whole - before, whole - back_cents)
        if ledger.post(key=key, kind="commission", at=at, reason=reason, sides=_earned(*step)):
            _to_invoice(payment, key, *step, at=at)


def commission_again(payment: Payment, cents: int) -> int:
    """Our part of what goes to the supplier a second time: it had been given back with the money."""
    return divide(payment.commission_cents * cents, payment.amount_cents)


def _net(cents: int) -> int:
    return divide(cents * 10_000, 10_000 + COMMISSION_VAT_BP)


def _earned(before: int, after: int) -> list[ledger.Side]:
    """The step from one commission to another, so that what goes back in parts comes to what was booked, to the cent."""
    cents, net = after - before, _net(after) - _net(before)
    return [
        ledger.Side(AccountKind.STRIPE, cents),
        ledger.Side(AccountKind.FEES, -net),
        ledger.Side(AccountKind.VAT_COLLECTED, net - cents, vat_bp=COMMISSION_VAT_BP),
    ]


def _to_invoice(payment: Payment, key: str, before: int, after: int, *, at: datetime, of: str = "") -> None:
    """What was booked goes on an invoice to the supplier, or back on a credit note (supplier_invoicing.py)."""
    net = _net(after) - _net(before)
    earned = SupplierFee.objects.filter(key=of or f"commission-{payment.pk}").first() if after < before else None
    supplier_fees.write(
        party=payment.invoice.seller, key=key, kept=True, net_cents=net, vat_cents=after - before - net,
        vat_bp=COMMISSION_VAT_BP, at=at, corrects=earned,
        label=_("Commission on the payment of invoice %(number)s, %(amount)s") % {
            "number": payment.invoice.number, "amount": amount(payment.amount_cents)},
    )  # fmt: skip


def post_laid_out(key: str, cents: int, payment: Payment, *, at: datetime) -> bool:
    """Money of a supplier's payment that went through our balance at Stripe: laid out for it, or got back. Once per key.

    Positive when it left (a claim of the payer, a transfer to the supplier), negative when it came.
    """
    sides = [ledger.Side(AccountKind.CONNECT, cents), ledger.Side(AccountKind.STRIPE, -cents)]
    reason = f"{payment.invoice.number} · {key}"
    return ledger.post(key=key, kind="connect", at=at, sides=sides, reason=reason) is not None


@dataclass(frozen=True)
class Step:
    """What is open between us and the supplier of a payment, and which transfer it is about.

    Positive cents are to be got back, of `source` or when it is None of the payment's own transfer; negative ones to hand on.
    """

    key: str
    cents: int
    source: HandedOn | None = None
    left_cents: int = 0  # of the source, before this step


def to_settle(payment: Payment) -> list[Step]:
    """A claim was taken from our balance: what the supplier got is reversed. One that was won, or a refund that bounced, came
    back to us: it is the supplier's and is transferred again, less the commission that had gone back with it.

    What was transferred again is recovered first: the payment's own transfer was reversed before.
    """
    claims = list(payment.disputes.order_by("pk").values_list("dispute_id", flat=True))
    refunds = payment.refunds.filter(state="failed").exclude(refund_id="").values_list("refund_id", flat=True)
    sources = list(payment.handed_on.order_by("-pk"))
    taken = _posted([f"connect-{mark}-{claim}" for claim in claims for mark in ("taken", "won", "returned")])
    back = {claim: dict(_recovered(claim, sources)) for claim in claims}
    room = {source.pk: source.cents - sum(parts.get(source.pk, 0) for parts in back.values()) for source in sources}
    found: list[Step] = []
    for claim in claims:
        open_cents = taken.get(f"connect-taken-{claim}", 0) - sum(back[claim].values())
        won = f"connect-won-{claim}" in taken
        if open_cents > 0 and not won:
            for source in sources:
                if (part := min(open_cents, room[source.pk])) > 0 and source.pk not in back[claim]:
                    found.append(Step(f"connect-recovered-{claim}-{source.pk}", part, source, room[source.pk]))
                    open_cents -= part
            if open_cents > 0 and None not in back[claim]:
                found.append(Step(f"connect-recovered-{claim}", open_cents))
        if won and back[claim] and f"connect-returned-{claim}" not in taken:
            found.append(Step(f"connect-returned-{claim}", -sum(back[claim].values())))
    bounced = _posted([f"connect-{mark}-{refund}" for refund in refunds for mark in ("bounced", "returned")])
    found += [
        Step(f"connect-returned-{refund}", bounced[f"connect-bounced-{refund}"])
        for refund in refunds
        if bounced.get(f"connect-bounced-{refund}") and f"connect-returned-{refund}" not in bounced
    ]
    return found


def _posted(keys: Sequence[str]) -> dict[str, int]:
    rows = LedgerEntry.objects.filter(account__kind=AccountKind.CONNECT, transaction__key__in=keys)
    return dict(rows.values_list("transaction__key", "cents"))


def _recovered(claim: str, sources: Sequence[HandedOn]) -> list[tuple[int | None, int]]:
    """What of a claim was got back, by the transfer it came from; None for the payment's own."""
    keys: dict[str, int | None] = {f"connect-recovered-{claim}": None}
    keys |= {f"connect-recovered-{claim}-{source.pk}": source.pk for source in sources}
    return [(keys[key], -cents) for key, cents in _posted(list(keys)).items()]


def post_settled(step: Step, payment: Payment, *, transfer_id: str, at: datetime) -> None:
    """Book one step that Stripe carried out, once, inside the caller's transaction."""
    if not post_laid_out(step.key, -step.cents, payment, at=at):
        return
    if step.cents < 0:
        HandedOn.objects.create(payment=payment, key=step.key, transfer_id=transfer_id, cents=-step.cents)
        _post_kept(payment, step.key, 0, commission_again(payment, -step.cents), at=at)
    elif step.source is not None:
        _post_kept(payment, step.key, *commission_of(payment, step), at=at, of=f"{step.source.key}-commission")


def commission_of(payment: Payment, step: Step) -> tuple[int, int]:
    """Our commission on what is left of a transfer, before and after a step takes a part of it back."""
    return commission_again(payment, step.left_cents), commission_again(payment, step.left_cents - step.cents)


def _post_kept(payment: Payment, key: str, before: int, after: int, *, at: datetime, of: str = "") -> None:
    """Our commission on money that was handed on, or a part of it given back with what was recovered."""
    if before == after:
        return
    reason = f"{payment.invoice.number} · {key}"
    mine = f"{key}-commission"
    if ledger.post(key=mine, kind="commission", at=at, reason=reason, sides=_earned(before, after)):
        _to_invoice(payment, mine, before, after, at=at, of=of)
