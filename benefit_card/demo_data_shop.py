"""What the demonstration shows of months that are over: statements and figures. No mail is sent for the past."""

from datetime import datetime, timedelta

from benefit_card import months
from benefit_card.models import Redemption, Signal, SignalKind, SignalState, Statement
from benefit_card.services import fraud, monthly_use, statement_files, statements
from companies.demo_data import World
from companies.documents import store
from merchants.models import Merchant

SHOWN = 12  # months of the merchant that visitors see; everybody else has the last one


def seed(*, world: World, at: datetime, scale: str) -> None:
    """Statements of past months, and the closed months counted for the dashboards."""
    last = months.last_closed(at)
    past = [last]
    while len(past) < SHOWN:
        past.append(months.before(past[-1]))
    first = Merchant.objects.filter(pk=world.notes.get("merchant", 0)).first()
    if first is not None:
        for month in reversed(past):
            statements.close(merchant=first, month=month, at=months.closing_time(month))
        for row in Statement.objects.filter(merchant=first).select_related("merchant"):
            row.pdf = store(
                kind="statement", name=f"{row.number}.pdf", content=statement_files.pdf(row), at=row.closed_at
            )
            row.save(update_fields=["pdf"])
    if scale != "region":
        for merchant in Merchant.objects.active().order_by("pk"):
            statements.close(merchant=merchant, month=last, at=months.closing_time(last))
    monthly_use.count_missing(at=at, back=SHOWN)
    _signals(world, at)


def _signals(world: World, at: datetime) -> None:
    """A few things to judge: what the look finds, a day pass at two merchants, and a use that is contested."""
    fraud.look(at=at)
    sales = Redemption.objects.filter(voids=None, card__isnull=False).select_related("merchant").order_by("-at", "-pk")
    others = sales.exclude(person__user=world.employee)
    one = others.first()
    other = others.exclude(merchant=one.merchant).first() if one else None
    if one and other:
        pair = [one, other]
        Signal.objects.create(
            kind=SignalKind.PARALLEL, key="parallel:demo", card_id=pair[0].card_id, raised_at=at - timedelta(hours=5),
            facts={"merchants": [row.merchant_id for row in pair]},
        )  # fmt: skip
    mine = sales.filter(person__user=world.employee).first() if world.employee else None
    if mine is not None:
        Signal.objects.create(
            kind=SignalKind.CONTESTED, key=f"contested:{mine.pk}", card_id=mine.card_id, merchant=mine.merchant,
            redemption=mine, words="Je n'étais pas à Romans ce jour-là.", raised_at=at - timedelta(hours=20),
        )  # fmt: skip
    decided = sales.order_by("at").first()
    if decided is not None:
        Signal.objects.create(
            kind=SignalKind.CONTESTED, key=f"contested:{decided.pk}", card_id=decided.card_id, redemption=decided,
            merchant=decided.merchant, words="Montant inconnu.", raised_at=decided.at, state=SignalState.DISMISSED,
            decided_at=at - timedelta(days=30), decided_by=world.staff[0] if world.staff else None,
            reason="Le titulaire a retrouvé son ticket.",
        )  # fmt: skip
