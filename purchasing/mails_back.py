"""The letters from commitment to hand-over. Queued inside the transaction that causes them, once per key."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Protocol

from django.urls import reverse

from companies import mail
from companies.models import Company, Document, Role, User
from purchasing.models import (
    Acknowledgement,
    Commitment,
    CommitmentProof,
    EmployeeOrder,
    HandOver,
    Pool,
    PooledNeed,
    PoolLine,
    PurchaseOrder,
    Receipt,
    SupplierInvoice,
)

# A mail is read on a phone: beyond this many lines it says how many more there are.
MOST_LINES = 30
_SILENT: ContextVar[bool] = ContextVar("silent", default=False)


@contextmanager
def silence() -> Iterator[None]:
    """Tell nobody: a history that is invented for the demonstration happened long ago."""
    token = _SILENT.set(True)
    try:
        yield
    finally:
        _SILENT.reset(token)


def is_silent() -> bool:
    """Whether nobody is to be told."""
    return _SILENT.get()


def _buyers(company: Company, *roles: Role) -> list[User]:
    people = User.objects.filter(memberships__company=company, memberships__role__in=roles or (Role.BUYER,))
    return list(people.filter(is_active=True).distinct().order_by("pk"))


def _tell(
    company: Company,
    template: str,
    key: str,
    at: datetime,
    *roles: Role,
    attachments: Sequence[Document] = (),
    **context: object,
) -> None:
    if _SILENT.get():
        return
    for user in _buyers(company, *roles):
        mail.queue(
            to=user.email,
            template=f"purchasing/mail/{template}",
            context={"user": user, "company": company, **context},
            key=f"{key}:{company.pk}:{user.pk}",
            language=user.language,
            attachments=attachments,
            at=at,
        )


tell = _tell  # the letters of claims go the same way


def _commit_link(company: Company, pool: Pool) -> str:
    return mail.absolute(reverse("purchasing:commit", args=[company.pk, pool.pk]))


def companies_in(pool: Pool) -> list[Company]:
    """Whoever has a need or a word in the pool."""
    needing = Company.objects.filter(
        purchase_requests__lines__pooled__pool_line__pool=pool,
        purchase_requests__lines__pooled__released_at__isnull=True,
    )
    speaking = Company.objects.filter(commitments__pool_line__pool=pool).exclude(commitments__state="withdrawn")
    return list(Company.objects.filter(pk__in=needing.values("pk")).union(speaking).order_by("id"))


def commitment_proved(proof: CommitmentProof, document: Document, *, at: datetime) -> None:
    """Send the person who confirmed the PDF of it."""
    if _SILENT.get():
        return
    user = proof.actor
    link = _commit_link(proof.company, proof.pool)
    mail.queue(
        to=user.email,
        template="purchasing/mail/commitment_proved",
        context={"user": user, "company": proof.company, "pool": proof.pool, "proof": proof, "link": link},
        key=f"commitment-proof:{proof.pk}",
        language=user.language,
        attachments=[document],
        at=at,
    )


def pool_closing(
    pool: Pool,
    company: Company,
    *,
    silent: Sequence[PooledNeed],
    filling: Sequence[tuple[PoolLine, object]],
    at: datetime,
) -> None:
    """The pool closes soon: what the company has not committed to, and which items need filling."""
    key = f"closing:{pool.pk}:{pool.closes_at:%Y%m%d%H%M}"
    link = _commit_link(company, pool)
    most = MOST_LINES
    _tell(
        company,
        "pool_closing",
        key,
        at,
        pool=pool,
        silent=silent[:most],
        filling=filling[:most],
        more=max(0, len(silent) - most) + max(0, len(filling) - most),
        link=link,
    )


def pool_closed(pool: Pool, *, at: datetime) -> None:
    """Everything is received, shared and invoiced: the company may look back, and say how the supplier was."""
    rows = Company.objects.filter(commitments__pool_line__pool=pool, commitments__state="locked").distinct()
    for company in rows.order_by("pk"):
        link = mail.absolute(reverse("purchasing:proof", args=[company.pk, pool.pk]))
        _tell(company, "pool_closed", f"closed:{pool.pk}", at, pool=pool, link=link)


def commitment_refused(pool: Pool, company: Company, rows: Sequence[Commitment], *, reason: str, at: datetime) -> None:
    key = f"commitment-refused:{pool.pk}:{at.isoformat()}"
    link = _commit_link(company, pool)
    _tell(company, "commitment_refused", key, at, pool=pool, rows=rows, reason=reason, link=link)


def pool_completing(pool: Pool, *, at: datetime) -> None:
    """The first deadline has passed: whoever can adds units to fill the packs."""
    for company in companies_in(pool):
        _tell(company, "pool_completing", f"completing:{pool.pk}", at, pool=pool, link=_commit_link(company, pool))


def pool_extended(pool: Pool, *, at: datetime) -> None:
    for company in companies_in(pool):
        _tell(company, "pool_extended", f"extended:{pool.pk}", at, pool=pool, link=_commit_link(company, pool))


def pool_failed(pool: Pool, *, at: datetime, dearer: bool = False) -> None:
    """The pool came to nothing: requests are free again."""
    companies = Company.objects.filter(commitments__pool_line__pool=pool).distinct().order_by("pk")
    for company in companies:
        link = mail.absolute(reverse("purchasing:request_list", args=[company.pk]))
        _tell(company, "pool_failed", f"failed:{pool.pk}", at, pool=pool, link=link, dearer=dearer)


class Locked(Protocol):
    """What the letter says of a commitment, by `pool_line.text`, `granted` and `pool_line.unit_price_e4`."""

    company_id: int


def pool_locked(pool: Pool, rows: Iterable[Locked], *, at: datetime) -> None:
    """Tell each company what was locked for it, at which price."""
    by_company: dict[int, list[Locked]] = {}
    for row in rows:
        by_company.setdefault(row.company_id, []).append(row)
    companies = Company.objects.in_bulk(by_company)
    for pk, held in by_company.items():
        company = companies[pk]
        link = _commit_link(company, pool)
        more = max(0, len(held) - MOST_LINES)
        _tell(company, "pool_locked", f"locked:{pool.pk}", at, pool=pool, rows=held[:MOST_LINES], more=more, link=link)


def commitments_dropped(pool: Pool, rows: Iterable[Commitment], *, at: datetime) -> None:
    """Whoever leaves is told at once, and why."""
    by_company: dict[int, list[Commitment]] = {}
    for row in rows:
        by_company.setdefault(row.company_id, []).append(row)
    for held in by_company.values():
        company, link = held[0].company, _commit_link(held[0].company, pool)
        key = f"dropped:{pool.pk}:{held[0].pk}:{held[0].drop_reason}:{at.isoformat()}"
        more = max(0, len(held) - MOST_LINES)
        _tell(company, "commitment_dropped", key, at, pool=pool, rows=held[:MOST_LINES], more=more, link=link)


def order_sent(order: PurchaseOrder | EmployeeOrder, token: str, document: Document, *, at: datetime) -> None:
    """Send the order with its PDF and the link to acknowledge it: the only place the token is written in clear."""
    if _SILENT.get():
        return
    mail.queue(
        to=order.email,
        template="purchasing/mail/order_sent",
        context={"order": order, "link": mail.absolute(reverse("purchasing:supplier_order", args=[token]))},
        key=f"order:{order.pk}:{(order.token_hash or '')[:16]}",
        language="fr",
        attachments=[document],
        at=at,
    )


def order_changed(order: PurchaseOrder, answer: Acknowledgement, companies: Iterable[Company], *, at: datetime) -> None:
    """Tell the companies what the supplier changed; above the limit they are asked to agree again."""
    for company in companies:
        link = _commit_link(company, order.pool)
        _tell(
            company,
            "order_changed",
            f"order-changed:{answer.pk}",
            at,
            pool=order.pool,
            order=order,
            answer=answer,
            link=link,
        )


def change_concluded(
    order: PurchaseOrder, answer: Acknowledgement, rows: Iterable[Commitment], *, at: datetime
) -> None:
    """After the companies' answers: whoever stays is told what is ordered for it now."""
    lines = {line.pool_line_id: line for line in order.lines.all()}
    by_company: dict[int, list[tuple[object, int]]] = {}
    companies: dict[int, Company] = {}
    for row in rows:
        companies[row.company_id] = row.company
        by_company.setdefault(row.company_id, []).append((lines[row.pool_line_id], row.granted or 0))
    for pk, held in sorted(by_company.items()):
        link = _commit_link(companies[pk], order.pool)
        more = max(0, len(held) - MOST_LINES)
        _tell(
            companies[pk],
            "change_concluded",
            f"change-concluded:{answer.pk}",
            at,
            pool=order.pool,
            rows=held[:MOST_LINES],
            more=more,
            link=link,
        )


def order_cancelled(order: PurchaseOrder, pool: Pool, rows: Iterable[Commitment], *, reason: str, at: datetime) -> None:
    """Whoever had goods in a cancelled order is told what will not come, and why."""
    by_company: dict[int, list[Commitment]] = {}
    for row in rows:
        by_company.setdefault(row.company_id, []).append(row)
    for pk, held in sorted(by_company.items()):
        link = mail.absolute(reverse("purchasing:request_list", args=[pk]))
        rows, more = held[:MOST_LINES], max(0, len(held) - MOST_LINES)
        key, company = f"order-cancelled:{order.pk}", held[0].company
        _tell(
            company, "order_cancelled", key, at, pool=pool, order=order, rows=rows, reason=reason, link=link, more=more
        )


def order_answered(order: PurchaseOrder, answer: Acknowledgement, *, at: datetime) -> None:
    """Tell the lead buyer what the supplier said."""
    if _SILENT.get():
        return
    lead = order.pool.lead
    mail.queue(
        to=lead.email,
        template="purchasing/mail/order_answered",
        context={
            "user": lead,
            "order": order,
            "answer": answer,
            "link": mail.absolute(reverse("purchasing:order", args=[order.pk])),
        },
        key=f"order-answered:{answer.pk}",
        language=lead.language,
        at=at,
    )


def invoice_differs(invoice: SupplierInvoice, found: Sequence[object], *, at: datetime) -> None:
    """Alert the lead buyer: a supplier's invoice is not as ordered and received, and waits for a decision."""
    if _SILENT.get():
        return
    lead = invoice.order.pool.lead
    mail.queue(
        to=lead.email,
        template="purchasing/mail/invoice_differs",
        context={
            "user": lead,
            "invoice": invoice,
            "order": invoice.order,
            "differences": found,
            "link": mail.absolute(reverse("purchasing:supplier_invoice", args=[invoice.pk])),
        },
        key=f"invoice-differs:{invoice.pk}",
        language=lead.language,
        at=at,
    )


def goods_ready(hand_overs: Iterable[HandOver], *, held: Collection[int] = (), at: datetime) -> None:
    """A company's part of a delivery can be collected, or (`held`, by id) has arrived and waits for the company's payment."""
    for row in hand_overs:
        link = mail.absolute(reverse("purchasing:delivery_list", args=[row.company_id]))
        if row.pk in held:
            _tell(
                row.company, "goods_held", f"held:{row.pk}", at, Role.BUYER, Role.ACCOUNTANT, hand_over=row, link=link
            )
        else:
            _tell(row.company, "goods_ready", f"ready:{row.pk}", at, hand_over=row, link=link)


def delivery_refused(receipt: Receipt, *, at: datetime) -> None:
    """Tell the supplier that a delivery went back at the door, why, and with which photos."""
    order = receipt.order
    if _SILENT.get() or not order.email:
        return
    mail.queue(
        to=order.email,
        template="purchasing/mail/delivery_refused",
        context={"receipt": receipt, "order": order},
        key=f"delivery-refused:{receipt.pk}",
        language="fr",
        attachments=[row.document for row in receipt.photos.select_related("document")],
        at=at,
    )
