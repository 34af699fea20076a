"""The way of the goods in the demonstration: commitments, locks, orders, deliveries, invoices, by the real services."""

import io
import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from django.utils import timezone
from PIL import Image, ImageDraw

from companies.billing import supplier_invoicing
from companies.demo_data import World
from companies.models import Company, User
from companies.money import line_total
from purchasing import demo_mandate
from purchasing.mails_back import silence
from purchasing.models import (
    Commitment,
    CommitmentVersion,
    HandOver,
    HandOverLine,
    Pool,
    PoolLine,
    PurchaseOrder,
    PurchaseOrderLine,
    Receipt,
    SupplierInvoice,
)
from purchasing.services import (
    changes,
    claims,
    decide_claim,
    delivery,
    goods_release,
    lock,
    order,
    parcels,
    settlement,
    three_way,
)
from purchasing.services.bulk import move_many, move_needs, needs_of
from purchasing.services.pool import winning_lines
from purchasing.services.settlement import InvoiceIn, Kind, LineIn
from purchasing.states import HAND_OVER, RECEIPT, HandOverState, LineState, ReceiptState

# How far each pool goes; the numbers only order the steps.
AIMS = [
    "committing", "extended", "completing", "failed", "locked", "ordered", "changed", "receiving", "settling", "closed",
]  # fmt: skip
BILLED = 2  # closed pools whose invoices the association issues; in the older ones suppliers billed each company


def seed_back(*, rng: random.Random, world: World, at: datetime, scale: str, pools: Sequence[tuple[Pool, str]]) -> None:
    """Carry pools that take commitments as far as their aim says. Nobody is written to."""
    billed = 0
    with silence():
        for pool, aim in pools:
            pool.refresh_from_db()
            if aim == "closed":
                billed += 1
                if billed == BILLED + 1 and demo_mandate.sign(pool, world, at):
                    pass
                elif billed > BILLED:
                    Pool.objects.filter(pk=pool.pk).update(
                        legal_model=Pool.LegalModel.LISTING,
                        fee_bp=0,
                        supplier_fee_bp=200 if billed == BILLED + 2 else 0,
                    )
                    demo_mandate.register_winners(pool)
                    pool.refresh_from_db()
            _carry(_Teller(rng, world, at), pool, aim)
    supplier_invoicing.invoice_months(at=at)


class _Teller:
    """Draws, people and the present moment."""

    def __init__(self, rng: random.Random, world: World, at: datetime) -> None:
        self.rng, self.world, self.at = rng, world, at
        self.staff = world.staff[0]

    def past(self, moment: datetime) -> datetime:
        """The moment, but never in the future."""
        return min(moment, self.at - timedelta(minutes=2))

    def buyer(self, company: Company) -> User:
        return self.world.one(company, "buyer")


def _carry(teller: _Teller, pool: Pool, aim: str) -> None:
    step = AIMS.index(aim)
    if aim == "failed":
        Pool.objects.filter(pk=pool.pk).update(extended_at=pool.opens_at)
    else:
        _commitments(teller, pool, everybody=step >= AIMS.index("locked"))
    if aim == "extended":
        Pool.objects.filter(pk=pool.pk).update(extended_at=teller.past(teller.at - timedelta(days=4)))
    if step < AIMS.index("completing"):
        return
    assert pool.closes_at is not None
    pool = lock.lock(pool=pool, at=teller.past(pool.closes_at + timedelta(seconds=20)))
    if aim == "completing":
        return
    if pool.state == "completing" and pool.completes_at:
        pool = lock.lock(pool=pool, at=pool.completes_at + timedelta(seconds=20))
    if pool.state == "locked" and step >= AIMS.index("ordered"):
        _order(teller, pool, aim)


def _commitments(teller: _Teller, pool: Pool, *, everybody: bool) -> None:
    """Firm words of most companies with a need; the demo's own company still has to decide in the open pools."""
    rng = teller.rng
    rows: list[Commitment] = []
    assert pool.opens_at is not None and pool.closes_at is not None
    until = teller.past(min(pool.closes_at, teller.at))
    won = {line.pool_line_id: line for line in winning_lines(pool)}
    said: dict[tuple[int, int], Commitment] = {}
    for need in needs_of(pool.pk).select_related("company", "pool_line"):
        own = need.company_id == teller.world.home.pk
        if need.pool_line_id not in won or (not everybody and (own or rng.random() < 0.35)):
            continue
        earlier = said.get((need.pool_line_id, need.company_id))
        if earlier is not None:
            earlier.quantity += need.quantity
            continue
        row = _word(teller, need.pool_line, need.company, need.quantity, pool.opens_at, until)
        row.request_line = need.request_line
        said[need.pool_line_id, need.company_id] = row
        rows.append(row)
    rows.sort(key=lambda row: (row.committed_at, row.company_id))
    Commitment.objects.bulk_create(rows, batch_size=1_000)
    CommitmentVersion.objects.bulk_create(
        CommitmentVersion(
            commitment=row,
            number=1,
            quantity=row.quantity,
            tolerance=row.tolerance,
            tolerance_tier=row.tolerance_tier,
            price_cap_e4=row.price_cap_e4,
            terms={},
            actor=row.committed_by,
            at=row.committed_at or until,
        )
        for row in rows
    )
    needs = [n for n in needs_of(pool.pk) if (n.pool_line_id, n.company_id) in said]
    move_needs(needs, LineState.COMMITTED, at=until, actor=None)


def _word(
    teller: _Teller, line: PoolLine, company: Company, quantity: int, opened: datetime, until: datetime
) -> Commitment:
    rng = teller.rng
    at = opened + (until - opened) * rng.uniform(0.05, 0.95)
    return Commitment(
        pool_line=line,
        company=company,
        site=teller.world.sites[company.pk][0],
        state="committed",
        quantity=quantity,
        tolerance=max(1, quantity // 10) if rng.random() < 0.6 else 0,
        tolerance_tier=rng.random() < 0.3,
        committed_at=at,
        committed_by=teller.buyer(company),
        approved_by=teller.world.one(company, "approver"),
        approved_at=at,
        approved_cents=10**9,
        version=1,
    )


def _order(teller: _Teller, pool: Pool, aim: str) -> None:
    assert pool.locked_at is not None
    sent = teller.past(pool.locked_at + timedelta(days=2))
    for row in order.prepare(actor=teller.staff, pool=pool, at=sent):
        row = order.sign_and_send(actor=teller.staff, order=row, at=sent)
        if aim == "changed":
            _change(teller, row)
            continue
        answer = order.Answer(delivery_on=timezone.localdate(sent) + timedelta(days=9), reference=f"ARC-{row.pk:05d}")
        order.acknowledge(order=row, answer=answer, at=teller.past(sent + timedelta(days=1)))
        if aim != "ordered":
            _receive(teller, row, aim, teller.past(sent + timedelta(days=10)))


def _change(teller: _Teller, row: PurchaseOrder) -> None:
    """The supplier has less of one article and another make of the next: some companies agreed, the home company is asked."""
    lines = list(row.lines.order_by("position"))
    least, price = max(0, lines[0].quantity - max(lines[0].pack, lines[0].quantity // 6)), lines[0].unit_price_e4
    said = order.Answer(
        delivery_on=timezone.localdate(teller.at) + timedelta(days=12),
        reference=f"ARC-{row.pk:05d}",
        note="Rupture partielle chez le fabricant, hausse répercutée.",
        changes={lines[0].pk: (least, price * 1028 // 1000)},
        substitutes={line.pk: f"{line.text}, autre marque"[:200] for line in lines[1:2]},
    )
    at = teller.past(teller.at - timedelta(hours=20))
    answer = order.acknowledge(order=row, answer=said, at=at)
    asked = Company.objects.filter(commitments__consents__acknowledgement=answer).exclude(pk=teller.world.home.pk)
    for company in list(asked.distinct().order_by("pk"))[1::2]:
        changes.answer_change(
            actor=teller.buyer(company), company=company, answer=answer, accepted=True, at=at + timedelta(hours=4)
        )


def _receive(teller: _Teller, row: PurchaseOrder, aim: str, at: datetime) -> None:
    """Everything in one or two deliveries; in the pool being received the second is still to come."""
    row.refresh_from_db()
    lines = list(row.lines.order_by("position"))
    first = {line.pk: _part(line.quantity, line.pack, 0.6) for line in lines}
    parts = [first]
    if aim != "receiving":
        parts.append({line.pk: line.quantity - first[line.pk] for line in lines})
    for number, part in enumerate(parts, start=1):
        counts = {pk: delivery.Count(quantity) for pk, quantity in part.items() if quantity}
        if not counts:
            continue
        when = teller.past(at + timedelta(days=3 * (number - 1)))
        damaged = aim == "receiving" and number == 1
        receipt = delivery.receive(
            actor=teller.staff,
            order=row,
            counts=counts,
            at=when,
            delivery_note=f"BL {row.pk:04d}-{number}",
            notes="Un carton écrasé au déchargement, contenu intact." if damaged else "",
            photos=[_photo()] if damaged else (),
        )
        _hand_over(teller, receipt, aim, when)
    row.refresh_from_db()
    if aim in ("settling", "closed"):
        _bill(teller, row, aim, teller.past(at + timedelta(days=8)))


def _part(quantity: int, pack: int, share: float) -> int:
    return int(quantity * share) // pack * pack


def _hand_over(teller: _Teller, receipt: Receipt, aim: str, at: datetime) -> None:
    """Companies come and collect; in the pool being received some parts still wait, and so do those the risk rule holds."""
    parts, items = list(receipt.hand_overs.select_related("company").order_by("pk")), parcels.contents(receipt.order_id)
    held = goods_release.holds(parts, items) if aim == "receiving" else {}
    rows = [row for row in parts if aim != "receiving" or (teller.rng.random() >= 0.5 and row.pk not in held)]
    for row in rows:
        row.handed_at, row.handed_by = teller.past(at + timedelta(hours=5)), teller.staff
        row.method = HandOver.Method.SCAN if teller.rng.random() < 0.7 else HandOver.Method.BUTTON
    fields = ["handed_at", "handed_by", "method"]
    HandOverLine.objects.bulk_create(
        (
            HandOverLine(hand_over=row, commitment=item.commitment, quantity=item.quantity)
            for row in rows
            for item in items.get(row.pk, [])
        ),
        batch_size=1_000,
    )
    move_many(rows, HandOverState.HANDED_OVER, table=HAND_OVER, at=at, actor=teller.staff, fields=fields)
    answered = [row for row in rows if aim != "receiving" or row.company_id != teller.world.home.pk]
    later = teller.past(at + timedelta(days=1))
    for row in answered:
        row.answered_at, row.answered_by = later, teller.buyer(row.company)
    fields = ["answered_at", "answered_by"]
    move_many(answered, HandOverState.CONFIRMED, table=HAND_OVER, at=later, actor=None, fields=fields)
    if not receipt.hand_overs.filter(state=HandOverState.READY).exists():
        move_many([receipt], ReceiptState.HANDED_OVER, table=RECEIPT, at=at, actor=teller.staff)


def _bill(teller: _Teller, row: PurchaseOrder, aim: str, at: datetime) -> None:
    """The supplier's invoice. In the pool being settled it comes for each delivery: the first is with the companies, the
    second is three euros too high and waits for a decision."""
    got = {line: delivery.accepted_of(line.pk) for line in row.lines.order_by("position")}
    if not any(got.values()):
        return
    if aim == "settling":
        first = {line: min(units, _part(line.quantity, line.pack, 0.6)) for line, units in got.items()}
        if any(first.values()):
            _share(teller, row, _invoice(teller, row, first, 0, "A", at), at)
            got = {line: units - first[line] for line, units in got.items()}
        goods = sum(line_total(units, line.unit_price_e4) for line, units in got.items())
        _invoice(teller, row, got, three_way.expected_freight(row, goods) + 300, "B", at + timedelta(days=3))
        return
    goods = sum(line_total(units, line.unit_price_e4) for line, units in got.items())
    invoice = _invoice(teller, row, got, three_way.expected_freight(row, goods), "", at)
    if _share(teller, row, invoice, at):
        _claim(teller, row, settled=teller.rng.random() < 0.5)


def _invoice(
    teller: _Teller, row: PurchaseOrder, units: Mapping[PurchaseOrderLine, int], freight: int, suffix: str, at: datetime
) -> SupplierInvoice:
    """Enter a supplier's invoice for some units of the lines."""
    lines = [
        LineIn(Kind.GOODS, line_total(n, line.unit_price_e4), line.vat_bp, line.pk, n, line.unit_price_e4)
        for line, n in units.items()
        if n
    ]
    if freight:
        lines.append(LineIn(Kind.FREIGHT, freight, None))
    at = teller.past(at)
    day = timezone.localdate(at)
    draft = InvoiceIn(f"F{day:%y%m}-{row.pk:04d}{suffix}", day, lines, day + timedelta(days=30))
    return settlement.record(actor=teller.staff, order=row, draft=draft, at=at)


def _share(teller: _Teller, row: PurchaseOrder, invoice: SupplierInvoice, at: datetime) -> bool:
    """Accept it and bill the companies; whether the association bills them itself."""
    # Invoice numbers follow the calendar: what the association bills itself is booked and billed today.
    own = row.pool.legal_model != Pool.LegalModel.LISTING
    issued = teller.past(teller.at - timedelta(minutes=30)) if own else at
    settlement.accept(actor=teller.staff, invoice=invoice, reason="Conforme", at=issued)
    invoice = settlement.share_out(actor=teller.staff, invoice=invoice, at=issued)
    settlement.issue_invoices(actor=teller.staff, invoice=invoice, at=issued, quietly=True)
    if row.pool.legal_model == Pool.LegalModel.MANDATE:
        demo_mandate.pay(row, teller.world, issued)
        return False
    return own


def _claim(teller: _Teller, row: PurchaseOrder, *, settled: bool) -> None:
    """The home company found a crushed box; the supplier answered, and one claim ended in a credit."""
    row.refresh_from_db()
    home = teller.world.home
    mine = Commitment.objects.filter(company=home, pool_line__order_lines__order=row, state="locked", granted__gt=1)
    taken = mine.select_related("pool_line").order_by("pk").first()
    if taken is None:
        return
    line = row.lines.get(pool_line=taken.pool_line)
    word = claims.Word("damaged", "Deux unités écrasées dans le carton du bas.", {line.pk: 2}, None, [_photo()])
    at = teller.past(teller.at - timedelta(minutes=25))
    claim = claims.open_claim(actor=teller.staff, order=row, company=home, word=word, at=at)
    worth = line_total(2, line.unit_price_e4)
    later = teller.past(teller.at - timedelta(minutes=15))
    claims.answer(claim=claim, verdict="accept", offered_cents=worth, text="Nous faisons un avoir.", at=later)
    if settled:
        decide_claim.resolve(
            actor=teller.staff, claim=claim, outcome="credit", credit_cents=worth, reason="Accord du fournisseur",
            at=teller.past(teller.at - timedelta(minutes=5)),
        )  # fmt: skip


@lru_cache(maxsize=1)
def _photo() -> bytes:
    """A drawn stand-in for a photo: a box with a dent."""
    image = Image.new("RGB", (640, 480), "#d8cfc2")
    pen = ImageDraw.Draw(image)
    pen.polygon([(120, 160), (520, 140), (540, 400), (140, 420)], fill="#b98d5c", outline="#6b4a2b", width=4)
    pen.polygon([(420, 146), (520, 140), (526, 230), (470, 250)], fill="#8d6a43", outline="#6b4a2b", width=3)
    pen.line([(130, 240), (460, 228)], fill="#6b4a2b", width=6)
    out = io.BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()
