"""What the demonstration shows of months that are over: statements and figures. No mail is sent for the past."""

from datetime import datetime

from benefit_card import months
from benefit_card.models import Statement
from benefit_card.services import monthly_use, statement_files, statements
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
