"""Claims: opened with evidence, answered by the supplier through a link, ended by a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies import audit, documents
from companies.access import has_role, require
from companies.errors import DomainError, Invalid
from companies.models import Company, Role, User
from companies.pictures import reencoded
from companies.states import move
from purchasing import access, links, mails_claims
from purchasing.models import (
    Claim,
    ClaimAnswer,
    ClaimEvidence,
    ClaimLine,
    Commitment,
    HandOver,
    PurchaseOrder,
    Receipt,
    SupplierInvoice,
)
from purchasing.services.pool import locked
from purchasing.states import CLAIM, ClaimState, CommitmentState, OrderState

SALT = "purchasing.claim"
ANSWER_DAYS = 8  # the supplier's time to answer
CLAIM_DAYS = 30  # after the delivery a company may claim; staff may later
LINK_DAYS = 90
MOST_PHOTOS = 8
CLAIMABLE = (
    OrderState.PART_RECEIVED,
    OrderState.RECEIVED,
    OrderState.BILLED,
    OrderState.CLOSED,
    OrderState.CLOSED_SHORT,
)


class NotClaimable(DomainError):
    code = "order_not_claimable"
    message = _("Nothing of this order has arrived yet: there is nothing to claim.")


class TooLate(DomainError):
    code = "claim_too_late"
    message = _("The delivery is more than %(days)s days old. Write to the association: it can still open a claim.")


class TextMissing(Invalid):
    code = "claim_text_missing"
    message = _("Say in a few words what is wrong.")
    field = "text"


class TooMany(Invalid):
    code = "claim_quantity_invalid"
    message = _("You cannot claim more than was ordered for you.")
    field = "lines"


class TooManyPhotos(Invalid):
    code = "too_many_photos"
    message = _("%(most)s photos are enough. Keep the ones that show most.")
    field = "photos"


class AnswerMissing(Invalid):
    code = "claim_answer_text_missing"
    message = _("Say why you do not accept the claim.")
    field = "text"


class ClaimClosed(DomainError):
    code = "claim_closed"
    message = _("This claim is closed: it was decided on %(day)s.")


@dataclass(frozen=True, slots=True)
class Word:
    """What is claimed: order line → units, and photos as they came."""

    kind: str
    text: str
    lines: Mapping[int, int] = field(default_factory=dict)
    asked_cents: int | None = None
    photos: Sequence[bytes] = ()


@transaction.atomic(durable=True)
def open_claim(
    *,
    actor: User,
    order: PurchaseOrder,
    word: Word,
    at: datetime,
    company: Company | None = None,
    receipt: Receipt | None = None,
    hand_over: HandOver | None = None,
) -> Claim:
    """Open a claim of a company, or of all of them (`company` None) by whoever runs the pool; the supplier gets a link.

    The same words while the first claim is open are the same claim. Raises NotClaimable, TooLate, TextMissing, TooMany,
    TooManyPhotos, PictureRefused.
    """
    require(can_open(actor, order, company))
    pictures = _pictures(word.photos)
    locked(order.pool)
    order = (
        PurchaseOrder.objects.select_for_update(of=("self",)).select_related("pool__lead", "supplier").get(pk=order.pk)
    )
    earlier = order.claims.filter(company=company, kind=word.kind, text=word.text.strip(), decided_at__isnull=True)
    if found := earlier.first():
        return found
    lines = {pk: units for pk, units in word.lines.items() if units}
    _check(actor, order, company, word, lines, at=at)
    claim = _create(
        order, word.kind, word.text.strip(), actor=actor, at=at, company=company, asked_cents=word.asked_cents or None,
        receipt=receipt, hand_over=hand_over,
    )  # fmt: skip
    ClaimLine.objects.bulk_create(
        ClaimLine(claim=claim, order_line_id=pk, quantity=n) for pk, n in sorted(lines.items())
    )
    _keep(claim, pictures, actor=actor, at=at)
    _ask_supplier(claim, at=at)
    return claim


def can_open(actor: User, order: PurchaseOrder, company: Company | None) -> bool:
    """A buyer for its company when it takes part in the order; whoever runs the pool for all."""
    if access.can_run_pool(actor, order.pool):
        return True
    return company is not None and has_role(actor, company, Role.BUYER) and _parts(order, company).exists()


def _parts(order: PurchaseOrder, company: Company) -> QuerySet[Commitment]:
    return Commitment.objects.filter(pool_line__order_lines__order=order, company=company, state=CommitmentState.LOCKED)


def _check(
    actor: User,
    order: PurchaseOrder,
    company: Company | None,
    word: Word,
    lines: Mapping[int, int],
    *,
    at: datetime,
) -> None:
    if not word.text.strip():
        raise TextMissing
    if order.state not in CLAIMABLE:
        raise NotClaimable
    last = order.receipts.filter(corrects__isnull=True, counted_at__isnull=False).order_by("arrived_at").last()
    over = last is not None and last.arrived_at is not None and at > last.arrived_at + timedelta(days=CLAIM_DAYS)
    if over and not access.can_run_pool(actor, order.pool):
        raise TooLate(days=CLAIM_DAYS)
    ordered = {line.pk: line for line in order.lines.all()}
    if not set(lines) <= set(ordered):
        raise TooMany
    for pk, units in lines.items():
        most = ordered[pk].quantity
        if company is not None:
            mine = _parts(order, company).filter(pool_line=ordered[pk].pool_line_id).first()
            most = (mine.granted or 0) if mine else 0
        if not 0 < units <= most:
            raise TooMany


def _pictures(photos: Sequence[bytes]) -> list[bytes]:
    if len(photos) > MOST_PHOTOS:
        raise TooManyPhotos(most=MOST_PHOTOS)
    return [reencoded(content) for content in photos]


def _create(
    order: PurchaseOrder, kind: str, text: str, *, actor: User, at: datetime, company: Company | None, **more: object
) -> Claim:
    """Number and store a claim; the caller holds the order's lock."""
    number = f"RC-{timezone.localdate(at).year}-{order.pk:05d}-{order.claims.count() + 1}"
    claim = Claim.objects.create(
        order=order,
        company=company,
        number=number,
        kind=kind,
        text=text,
        due_at=at + timedelta(days=ANSWER_DAYS),
        opened_by=actor,
        opened_at=at,
        **more,
    )
    audit.record("claim.open", target=claim, at=at, actor=actor, company=company, reason=text[:200])
    return claim


def _keep(
    claim: Claim, pictures: Sequence[bytes], *, actor: User | None, at: datetime, by_supplier: bool = False
) -> None:
    theirs = claim.evidence.filter(by_supplier=by_supplier)
    known = set(theirs.values_list("document__sha256", flat=True))  # a form sent twice
    fresh = [content for content in pictures if sha256(content).hexdigest() not in known]
    for number, content in enumerate(fresh, start=claim.evidence.count() + 1):
        document = documents.store(
            kind="claim_evidence",
            name=f"{claim.number}-{number}.jpg",
            content=content,
            media_type="image/jpeg",
            company=claim.company,
            at=at,
        )
        ClaimEvidence.objects.create(claim=claim, document=document, added_by=actor, by_supplier=by_supplier, at=at)


def _ask_supplier(claim: Claim, *, at: datetime) -> None:
    """Give the supplier a link of its own; only its hash is kept."""
    token = links.new_token(SALT)
    claim.token_hash, claim.token_expires_at = links.digest(token), at + timedelta(days=LINK_DAYS)
    claim.save(update_fields=["token_hash", "token_expires_at"])
    mails_claims.opened(claim, token, at=at)


def open_difference(invoice: SupplierInvoice, excess_cents: int, *, reason: str, actor: User, at: datetime) -> Claim:
    """The claim behind a refused difference, inside the caller's transaction; the companies never carried it."""
    order = invoice.order
    earlier = Claim.objects.filter(supplier_invoice=invoice, kind=Claim.Kind.PRICE).first()
    if earlier is not None:
        return earlier
    claim = _create(
        order, Claim.Kind.PRICE, reason, actor=actor, at=at, company=None, asked_cents=excess_cents,
        supplier_invoice=invoice,
    )  # fmt: skip
    _ask_supplier(claim, at=at)
    return claim


@transaction.atomic(durable=True)
def remind(*, actor: User, claim: Claim, at: datetime) -> Claim:
    """Write to the supplier again with a fresh link: the old one stops working, the clock starts anew."""
    require(access.can_run_pool(actor, claim.order.pool))
    claim = lock_claim(claim)
    if claim.state != ClaimState.OPEN:
        return claim
    claim.due_at = at + timedelta(days=ANSWER_DAYS)
    claim.save(update_fields=["due_at"])
    audit.record("claim.reminded", target=claim, at=at, actor=actor, company=claim.company)
    _ask_supplier(claim, at=at)
    return claim


@transaction.atomic(durable=True)
def add_evidence(*, actor: User, claim: Claim, photos: Sequence[bytes], at: datetime) -> Claim:
    """More photos from the company or whoever runs the pool, while the claim is not decided."""
    require(can_open(actor, claim.order, claim.company))
    pictures = _pictures(photos)
    claim = lock_claim(claim)
    _not_closed(claim)
    if claim.evidence.count() + len(pictures) > MOST_PHOTOS:
        raise TooManyPhotos(most=MOST_PHOTOS)
    _keep(claim, pictures, actor=actor, at=at)
    audit.record("claim.evidence_added", target=claim, at=at, actor=actor, company=claim.company)
    return claim


def by_token(token: str, *, at: datetime) -> Claim | None:
    """The claim behind a supplier's link; None when the link is unknown, expired or replaced."""
    if not links.is_ours(token, SALT):
        return None
    rows = Claim.objects.filter(token_hash=links.digest(token), token_expires_at__gt=at)
    return rows.select_related("order__pool__lead", "order__supplier", "company").first()


@transaction.atomic(durable=True)
def answer(
    *,
    claim: Claim,
    verdict: str,
    at: datetime,
    text: str = "",
    offered_cents: int | None = None,
    photos: Sequence[bytes] = (),
    actor: User | None = None,
) -> ClaimAnswer:
    """What the supplier says; `actor` is None when it came by the link. The same answer twice is one answer."""
    if actor is not None:
        require(access.can_run_pool(actor, claim.order.pool))
    pictures = _pictures(photos)
    claim = lock_claim(claim)
    text = text.strip()
    if verdict not in ClaimAnswer.Verdict.values:
        raise AnswerMissing
    if verdict == ClaimAnswer.Verdict.REFUSE and not text:
        raise AnswerMissing
    offered = offered_cents if verdict == ClaimAnswer.Verdict.ACCEPT else None
    last = claim.answers.last()
    if last is not None and (last.verdict, last.text, last.offered_cents) == (verdict, text, offered):
        return last
    _not_closed(claim)
    row = ClaimAnswer.objects.create(
        claim=claim, verdict=verdict, text=text, offered_cents=offered, recorded_by=actor, at=at
    )
    _keep(claim, pictures, actor=actor, at=at, by_supplier=actor is None)
    label = "" if actor else claim.order.supplier.name
    if claim.state == ClaimState.OPEN:
        move(
            claim, ClaimState.ANSWERED, table=CLAIM, at=at, actor=actor, actor_label=label, company=claim.company,
            reason=text[:200],
        )  # fmt: skip
    else:
        audit.record(
            "claim.answered_again",
            target=claim,
            at=at,
            actor=actor,
            actor_label=label,
            company=claim.company,
            reason=text[:200],
        )
    mails_claims.answered(claim, row, at=at)
    return row


def _not_closed(claim: Claim) -> None:
    if claim.decided_at is not None:
        raise ClaimClosed(day=f"{timezone.localdate(claim.decided_at):%d/%m/%Y}")


def lock_claim(claim: Claim) -> Claim:
    """The claim under its lock, after its pool's."""
    locked(claim.order.pool)
    return (
        Claim.objects.select_for_update(of=("self",))
        .select_related("order__pool__lead", "order__supplier", "company")
        .get(pk=claim.pk)
    )
