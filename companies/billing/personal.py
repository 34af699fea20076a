"""Employees' payments: rows, rules and books. `payments.personal` asks Stripe; pool pages call the functions here.

    held = personal.authorise(person=…, company=…, key=f"commitment-{pk}", subject="Granulés, 2 palettes",
                              price_cents=18_000, subsidy_cents=1_500, return_path="/me/…", actor=user, at=now)
    redirect(held.url)                                   # the employee reserves 165.00 on a card
    personal.capture(payment=held, at=now)               # the pool locked: take it (or less: cents=…, subsidy_cents=…)
    personal.release(payment=held, at=now)               # the pool failed: give it back
    personal.refund(payment=held, cents=9_000, key=…, reason=…, actor=staff, at=now)

All four may be repeated; none may be called inside a transaction.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from companies import audit, money
from companies.access import require
from companies.billing import access, ledger
from companies.billing.models import AccountKind, PersonalPayment, PersonalRefund, PersonalState
from companies.billing.models.personal import PERSONAL_TRANSITIONS
from companies.errors import DomainError
from companies.models import Company, Person, User
from companies.states import move

PAGE_LIFE = timedelta(hours=2)
LEAST_CENTS = 50  # Stripe takes no less from a card


class AmountRefused(DomainError):
    """The amounts do not fit."""

    code = "personal_amount_refused"
    message = _("The company's part is between nothing and the price, and the price is at least 0.50 €.")


class NotHeld(DomainError):
    """Nothing is reserved that could be taken."""

    code = "payment_not_held"
    message = _("Nothing is reserved for this purchase: %(state)s.")


class RefundRefused(DomainError):
    """There is not that much to give back."""

    code = "refund_refused"
    message = _("Only a payment that was taken can be refunded, up to what is left of it.")


@dataclass(frozen=True)
class Seen:
    """What Stripe says: `status` is open, authorised, captured or gone."""

    status: str
    intent_id: str = ""
    received_cents: int = 0
    fee_cents: int = 0
    method_hint: str = ""
    failure: str = ""


def authorise(
    *,
    person: Person,
    company: Company,
    key: str,
    subject: str,
    price_cents: int,
    subsidy_cents: int,
    return_path: str,
    actor: User,
    at: datetime,
) -> PersonalPayment:
    """Reserve an employee's part of a price on their card; the company adds `subsidy_cents`. Returns the row with its `url`.

    The same key returns the first payment, with a new page when the old one has ended unpaid. Only the person may.
    Raises NotAllowed, AmountRefused, PaymentServiceDown.
    """
    from companies.billing.payments import personal as at_stripe

    require(person.user_id is not None and person.user_id == actor.pk)
    own = price_cents - subsidy_cents
    if not 0 <= subsidy_cents <= price_cents or price_cents <= 0 or 0 < own < LEAST_CENTS:
        raise AmountRefused
    with transaction.atomic(durable=True):
        row, new = PersonalPayment.objects.get_or_create(
            key=key,
            defaults={
                "person": person,
                "company": company,
                "subject": subject[:120],
                "price_cents": price_cents,
                "subsidy_cents": subsidy_cents,
                "return_path": return_path,
                "language": actor.language,
                "created_at": at,
                "expires_at": at + PAGE_LIFE,
            },
        )
        if new:
            audit.record("personalpayment.created", target=row, at=at, actor=actor, company=company)
    row = at_stripe.refresh(payment_id=row.pk, at=at)
    ended = row.state == PersonalState.OPEN and row.expires_at <= at + timedelta(minutes=2)
    if (row.state == PersonalState.FAILED or ended) and row.wish != "release":
        _again(row.pk, at)
        row.refresh_from_db()
        row = at_stripe.open_page(row, at=at)
    return row


@transaction.atomic(durable=True)
def _again(payment_id: int, at: datetime) -> None:
    """A new page for a payment whose page ended unpaid."""
    row = PersonalPayment.objects.select_for_update().get(pk=payment_id)
    PersonalPayment.objects.filter(pk=row.pk, attempt=row.attempt).update(
        attempt=row.attempt + 1, session_id="", intent_id="", url="", failure="", expires_at=at + PAGE_LIFE
    )


def look(*, payment: PersonalPayment, at: datetime) -> PersonalPayment:
    """Bring one payment to what Stripe says, as its pages do when the payer returns. Raises PaymentServiceDown."""
    from companies.billing.payments import personal as at_stripe

    return at_stripe.refresh(payment_id=payment.pk, at=at)


def capture(
    *, payment: PersonalPayment, at: datetime, cents: int | None = None, subsidy_cents: int | None = None
) -> PersonalPayment:
    """Take what was reserved, or less of it (`cents` of the price); the company's part shrinks in proportion.

    `subsidy_cents` gives the company's part of `cents` instead; the person's part must stay within what was reserved.
    Raises NotHeld, AmountRefused, PaymentServiceDown; in the last case the sweeper goes on.
    """
    from companies.billing.payments import personal as at_stripe

    wanted = payment.price_cents if cents is None else cents
    if not 0 < wanted <= payment.price_cents:
        raise AmountRefused
    if subsidy_cents is not None:
        own = wanted - subsidy_cents
        if not 0 <= subsidy_cents <= wanted or own > payment.own_cents or (payment.own_cents and own < LEAST_CENTS):
            raise AmountRefused
    if not _wish(payment.pk, "capture", wanted, (PersonalState.AUTHORISED,), subsidy_cents):
        payment.refresh_from_db()
        if payment.state != PersonalState.CAPTURED:
            raise NotHeld(state=payment.get_state_display())
        return payment
    return at_stripe.refresh(payment_id=payment.pk, at=at)


def release(*, payment: PersonalPayment, at: datetime) -> PersonalPayment:
    """Give back what was reserved, and close a page still open. Raises NotHeld when it was taken already."""
    from companies.billing.payments import personal as at_stripe

    held = (PersonalState.CREATED, PersonalState.OPEN, PersonalState.AUTHORISED)
    if not _wish(payment.pk, "release", 0, held):
        payment.refresh_from_db()
        if payment.state == PersonalState.CAPTURED or payment.wish == "capture":
            raise NotHeld(state=payment.get_state_display())
        return payment
    return at_stripe.refresh(payment_id=payment.pk, at=at)


def let_go(keys: Iterable[str]) -> None:
    """Write down, in the caller's transaction, that nothing is taken for these keys any more, whatever Stripe tells later.

    A reservation that arrives afterwards is released by the very event that brings it. Callers lock the payments first
    and refuse while one of them is being charged: those are left alone here.
    """
    PersonalPayment.objects.filter(key__in=list(keys)).exclude(
        state__in=[PersonalState.CAPTURED, PersonalState.RELEASED]
    ).exclude(state=PersonalState.AUTHORISED, wish="capture").update(
        wish="release", wish_cents=0, wish_subsidy_cents=None
    )


@transaction.atomic(durable=True)
def _wish(
    payment_id: int, wish: str, cents: int, states: tuple[PersonalState, ...], subsidy_cents: int | None = None
) -> bool:
    """Write down what is to be done before it is asked; False when the payment is not in a state for it."""
    row = PersonalPayment.objects.select_for_update().get(pk=payment_id)
    if row.state not in states or row.wish not in ("", wish):
        return False
    if not row.wish:
        PersonalPayment.objects.filter(pk=row.pk).update(wish=wish, wish_cents=cents, wish_subsidy_cents=subsidy_cents)
    return True


def subsidy_of(row: PersonalPayment, cents: int) -> int:
    """The company's part of what is taken: what was decided, else in proportion, rounded once."""
    if row.wish == "capture" and row.wish_subsidy_cents is not None:
        return row.wish_subsidy_cents
    return money.divide(row.subsidy_cents * cents, row.price_cents)


def refund(*, payment: PersonalPayment, cents: int, key: str, reason: str, actor: User, at: datetime) -> PersonalRefund:
    """Give back part of a purchase, to the person and to the company in proportion to what each paid; once per key.

    Rounded on the running total, so that parts that sum to the whole give back each side's whole.
    """
    from companies.billing.payments import personal as at_stripe

    require(access.can_refund(actor))
    with transaction.atomic(durable=True):
        row = PersonalPayment.objects.select_for_update(of=("self",)).get(pk=payment.pk)
        made = PersonalRefund.objects.filter(key=key).first()
        if made is None:
            earlier = list(row.refunds.exclude(state="failed"))
            before = sum(other.cents for other in earlier)
            if row.state != PersonalState.CAPTURED or not 0 < cents <= row.captured_cents - before:
                raise RefundRefused
            to_company = money.divide(row.captured_subsidy_cents * (before + cents), row.captured_cents) - sum(
                other.to_company_cents for other in earlier
            )
            made = PersonalRefund.objects.create(
                payment=row,
                key=key,
                cents=cents,
                to_company_cents=to_company,
                to_person_cents=cents - to_company,
                reason=reason[:240],
                created_at=at,
            )
            audit.record(
                "personalpayment.refund_asked",
                target=row,
                at=at,
                actor=actor,
                company=row.company,
                reason=reason,
                data={"cents": cents},
            )
    return at_stripe.send_refund(made, at=at) if made.state == "asked" else made


# What Stripe answered, brought to the rows and the books -------------------------------------------------------------
@transaction.atomic(durable=True)
def opened(*, payment_id: int, session_id: str, url: str, at: datetime) -> None:
    row = _locked(payment_id)
    PersonalPayment.objects.filter(pk=row.pk).update(session_id=session_id, url=url, seen_at=at)
    _step(row, PersonalState.OPEN, at)


@transaction.atomic(durable=True)
def fail(*, payment_id: int, failure: str, at: datetime) -> None:
    _step(_locked(payment_id), PersonalState.FAILED, at, failure=failure)


@transaction.atomic(durable=True)
def without_stripe(*, payment_id: int, at: datetime) -> PersonalPayment:
    """The company pays everything: the same states, and nothing to ask."""
    row = _locked(payment_id)
    if row.state == PersonalState.CREATED and not row.wish:
        _step(row, PersonalState.AUTHORISED, at)
    elif row.wish == "release":
        _step(row, PersonalState.RELEASED, at)
    elif row.wish == "capture":
        _captured(row, Seen("captured"), at)
    return row


@transaction.atomic(durable=True)
def apply(*, payment_id: int, seen: Seen, at: datetime) -> PersonalPayment:
    """Bring one payment and the books to what Stripe says. A second time changes nothing."""
    row = _locked(payment_id)
    facts = {"intent_id": seen.intent_id or row.intent_id, "method_hint": seen.method_hint or row.method_hint}
    PersonalPayment.objects.filter(pk=row.pk).update(seen_at=at, **facts)
    row.intent_id, row.method_hint, row.seen_at = facts["intent_id"], facts["method_hint"], at
    if seen.status == "authorised":
        _step(row, PersonalState.AUTHORISED, at)
    elif seen.status == "captured":
        _captured(row, seen, at)
    elif seen.status == "gone":
        _step(row, PersonalState.RELEASED if row.wish == "release" else PersonalState.FAILED, at, failure=seen.failure)
    return row


def _captured(row: PersonalPayment, seen: Seen, at: datetime) -> None:
    cents = row.wish_cents or row.price_cents
    subsidy = subsidy_of(row, cents)
    posted = ledger.post(
        key=f"personal-{row.pk}",
        kind="personal",
        at=at,
        reason=row.subject,
        sides=[
            ledger.Side(AccountKind.STRIPE, cents - subsidy),
            ledger.Side(AccountKind.SUBSIDIES, subsidy, company=row.company),
            ledger.Side(AccountKind.EMPLOYEES, -cents),
        ],
    )
    if seen.fee_cents:
        sides = [
            ledger.Side(AccountKind.BANK_CHARGES, seen.fee_cents),
            ledger.Side(AccountKind.STRIPE, -seen.fee_cents),
        ]
        ledger.post(key=f"personal-{row.pk}-fee", kind="fee", at=at, reason=row.intent_id, sides=sides)
    if posted is not None:
        taken = {"captured_cents": cents, "captured_subsidy_cents": subsidy, "settled_at": at}
        _step(row, PersonalState.CAPTURED, at, **taken)


@transaction.atomic(durable=True)
def refunded(*, refund_id: int, stripe_id: str, at: datetime) -> None:
    """Both parts of a refund are in the books, once."""
    made = PersonalRefund.objects.select_related("payment__company").get(pk=refund_id)
    row = _locked(made.payment_id)
    posted = ledger.post(
        key=f"personal-refund-{made.pk}",
        kind="personal_refund",
        at=at,
        reason=row.subject,
        sides=[
            ledger.Side(AccountKind.STRIPE, -made.to_person_cents),
            ledger.Side(AccountKind.SUBSIDIES, -made.to_company_cents, company=row.company),
            ledger.Side(AccountKind.EMPLOYEES, made.cents),
        ],
    )
    if posted is None:
        return
    PersonalRefund.objects.filter(pk=made.pk).update(state="succeeded", refund_id=stripe_id)
    PersonalPayment.objects.filter(pk=row.pk).update(
        refunded_cents=row.refunded_cents + made.cents,
        refunded_subsidy_cents=row.refunded_subsidy_cents + made.to_company_cents,
    )


def refund_failed(*, refund_id: int) -> None:
    PersonalRefund.objects.filter(pk=refund_id, state="asked").update(state="failed")


def _locked(payment_id: int) -> PersonalPayment:
    return PersonalPayment.objects.select_for_update(of=("self",)).select_related("company").get(pk=payment_id)


def _step(row: PersonalPayment, to: PersonalState, at: datetime, **changes: Any) -> None:
    if to in PERSONAL_TRANSITIONS.get(row.state, frozenset()):
        move(
            row,
            to,
            table=PERSONAL_TRANSITIONS,
            at=at,
            actor=None,
            actor_label="Stripe",
            company=row.company,
            **changes,
        )
