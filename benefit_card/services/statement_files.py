"""The files of a statement: lines as CSV, and the PDF a merchant hands to the accountant."""

import csv as csv_module
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from babel.dates import format_date
from django.db.models import Exists, OuterRef
from django.db.models.functions import Coalesce
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from benefit_card import months, selectors
from benefit_card.models import LineKind, Redemption, Standing, Statement, StatementLine
from companies.documents import render_pdf
from companies.employees.sheets import harmless
from companies.money import euros
from companies.templatetags import ui
from merchants.models import Merchant

REACH = timedelta(days=90)  # how long after a sale its undoing or its arrival may still come
PRINTED = 600  # lines in the PDF; a bigger shop reads them in the CSV file


@dataclass(frozen=True)
class StatementRow:
    """One line: amounts are negative for what was undone."""

    pk: int
    id: str
    kind: str
    at: datetime
    shop: str
    till: str
    offer: str
    card: str
    gross_cents: int
    discount_cents: int
    gift: str
    undoes: str
    undoes_at: datetime | None


def lines_to_be(merchant: Merchant, *, reach: datetime, end: datetime) -> Iterator[StatementRow]:
    """What a closing now would take up, oldest first."""
    billed = StatementLine.objects.filter(redemption=OuterRef("pk"))
    rows = (
        Redemption.objects.filter(~Exists(billed), merchant=merchant, at__gte=reach)
        .annotate(
            booked=Coalesce("arrived_at", "at"),
            known=Exists(StatementLine.objects.filter(redemption=OuterRef("voids"))),
        )
        .filter(booked__lt=end)
        .select_related("offer_version", "till__shop")
        .order_by("at", "pk")
    )
    undoes = _undoes(rows)
    for row in rows:
        kind = LineKind.CONFLICT if row.standing == Standing.CONFLICT else LineKind.SALE
        if row.voids_id:
            kind = LineKind.CORRECTION if row.known else LineKind.VOID
        yield _row(row, kind, merchant, undoes)


def lines_of(statement: Statement) -> Iterator[StatementRow]:
    """The lines of a closed statement."""
    start, end = months.bounds(statement.month)
    lines = StatementLine.objects.filter(  # with the bounds of the closing, so that a few months are read and not all
        statement=statement, redemption__at__gte=start - REACH, redemption__at__lt=end
    ).select_related("redemption__offer_version", "redemption__till__shop")
    rows = list(lines.order_by("redemption__at", "redemption"))
    undoes = _undoes(line.redemption for line in rows)
    for line in rows:
        yield _row(line.redemption, LineKind(line.kind), statement.merchant, undoes)


def _undoes(rows: Iterable[Redemption]) -> dict[int, tuple[str, datetime]]:
    """The `client_id` and time of each sale that rows undo. Asked by number: a join would look into every month."""
    numbers = [row.voids_id for row in rows if row.voids_id]
    found = Redemption.objects.filter(pk__in=numbers).values_list("pk", "client_id", "at") if numbers else []
    return {pk: (str(client_id), at) for pk, client_id, at in found}


def _row(row: Redemption, kind: LineKind, merchant: Merchant, undoes: dict[int, tuple[str, datetime]]) -> StatementRow:
    sign = -1 if row.voids_id else 1
    undone, undone_at = undoes.get(row.voids_id or 0, ("", None))
    return StatementRow(
        pk=row.pk,
        id=str(row.client_id),
        kind=kind.value,
        at=row.at,
        shop=row.till.shop.name,
        till=row.till.name,
        offer=row.offer_version.title,
        card=selectors.alias(merchant, row.card_id),
        gross_cents=sign * row.gross_cents,
        discount_cents=sign * row.discount_cents,
        gift=row.offer_version.gift,
        undoes=undone,
        undoes_at=undone_at,
    )


def csv(merchant: Merchant, rows: Iterable[StatementRow]) -> bytes:
    """Lines with stable headings, amounts in euros with a point. Text cells can never run as formulas."""
    out = io.StringIO()
    writer = csv_module.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(
        [
            "time",
            "kind",
            "shop",
            "till",
            "offer",
            "card",
            "gross",
            "discount",
            "paid",
            "id",
            "corrects",
            "merchant",
            "gift",
        ]
    )
    for row in rows:
        paid = row.gross_cents - row.discount_cents
        writer.writerow(
            [
                timezone.localtime(row.at).isoformat(timespec="seconds"),
                row.kind,
                *(harmless(text) for text in (row.shop, row.till, row.offer, row.card)),
                *(euros(cents) for cents in (row.gross_cents, row.discount_cents, paid)),
                row.id,
                row.undoes,
                harmless(merchant.name),
                harmless(row.gift),
            ]
        )
    return out.getvalue().encode("utf-8-sig")


def _offer(row: StatementRow) -> str:
    """The offer, and for an undoing the sale it takes back: it may stand on another statement."""
    if row.undoes_at is None:
        return row.offer
    return _("%(offer)s (sale of %(time)s)") % {
        "offer": row.offer, "time": f"{timezone.localtime(row.undoes_at):%d/%m/%Y %H:%M}",
    }  # fmt: skip


def pdf(statement: Statement) -> bytes:
    """The statement in French, on paper."""
    with translation.override("fr"):
        rows = list(lines_of(statement))
        shop = statement.merchant.shops.order_by("pk").first()
        data = {
            "title": _("Statement"),
            "number": statement.number,
            "month": str(format_date(statement.month, "MMMM y", locale="fr")),
            "closed": ui.day(statement.closed_at),
            "merchant": statement.merchant.name,
            "address": shop.address if shop else "",
            "siret": statement.merchant.siret,
            "sha256": statement.sha256,
            "totals": [
                [_("Sales"), ui.quantity(statement.sales)],
                [_("Of these given without network beyond the limit, honoured"), ui.quantity(statement.conflicts)],
                [_("Undone sales"), ui.quantity(statement.voids)],
                [_("Of these corrections of earlier statements"), ui.quantity(statement.corrections)],
                [_("Purchases"), ui.euros(statement.gross_cents)],
                [_("Discounts given"), ui.euros(statement.discount_cents)],
                [_("Paid by customers"), ui.euros(statement.to_pay_cents)],
            ],
            "headings": [_("Time"), _("Line"), _("Offer"), _("Card"), _("Price"), _("Advantage")],
            "lines": [
                [
                    f"{timezone.localtime(row.at):%d/%m %H:%M}",
                    str(LineKind(row.kind).label),
                    _offer(row),
                    row.card,
                    ui.euros(row.gross_cents),
                    _("Free: %(gift)s") % {"gift": row.gift} if row.gift else ui.euros(row.discount_cents),
                ]
                for row in rows[:PRINTED]
            ],
            "more": _("%(n)s more lines are in the CSV file.") % {"n": len(rows) - PRINTED}
            if len(rows) > PRINTED
            else "",
            "note": _("This is no invoice. The discounts are the merchant's own; ERB owes and charges nothing."),
        }
        return render_pdf("benefit_card/documents/statement.typ", data)
