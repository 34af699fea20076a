"""Monthly statements: every redemption of a merchant stands on exactly one, closed once under an unbroken number.

Closing is one transaction for each merchant: number, lines, sums and the CSV file. What happens to a sale afterwards (an
undoing, a sale made without network that arrives late) has no line yet and so falls into the next statement.
"""

import hashlib
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime

from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.db.models.functions import Coalesce
from django.urls import reverse

from benefit_card import months
from benefit_card.models import Redemption, Statement, StatementLine
from benefit_card.services import statement_files
from benefit_card.services.statement_files import REACH
from companies import audit, jobs, mail
from companies.access import is_staff, require
from companies.billing import numbering
from companies.documents import store
from companies.models import Job, User
from merchants.models import Merchant

SERIES = "REL"
CHECKED, ASKED = 2 * 86_400, 60  # seconds that a comparison stands, and until it is asked for again


def _without_statement(month: date) -> QuerySet[Merchant]:
    """Merchants with something that happened before the end of a month and stands on no statement."""
    start, end = months.bounds(month)
    rows = Redemption.objects.annotate(booked=Coalesce("arrived_at", "at")).filter(
        ~Exists(StatementLine.objects.filter(redemption=OuterRef("pk"))),
        merchant=OuterRef("pk"),
        at__gte=start - REACH,
        booked__lt=end,
    )
    closed = Statement.objects.filter(merchant=OuterRef("pk"), month__gte=month)
    return Merchant.objects.filter(Exists(rows), ~Exists(closed)).order_by("pk")


def close_missing(*, at: datetime, back: int = 2, on_step: Callable[[int], None] | None = None) -> int:
    """Close the months that are over and not closed yet, oldest first; return how many statements were made.

    Safe to run twice, at the same time, or again after a crash: a merchant's month is closed once.
    """
    wanted = [months.last_closed(at)]
    for _step in range(back - 1):
        wanted.append(months.before(wanted[-1]))
    made = 0
    for month in reversed(wanted):
        for merchant in _without_statement(month):
            made += close(merchant=merchant, month=month, at=at) is not None
            if on_step:
                on_step(made)
    return made


@transaction.atomic(durable=True)
def close(*, merchant: Merchant, month: date, at: datetime) -> Statement | None:
    """Close one month of one merchant; None when it is closed already, when a later one is, or when nothing happened."""
    Merchant.objects.select_for_update(of=("self",), no_key=True).get(pk=merchant.pk)
    if Statement.objects.filter(merchant=merchant, month__gte=month).exists():
        return None
    start, end = months.bounds(month)
    # Read once: what is written while we work has no line yet and falls into the next statement.
    rows = list(statement_files.lines_to_be(merchant, reach=start - REACH, end=end))
    if not rows:
        return None
    content = statement_files.csv(merchant, rows)
    (number,) = numbering.take(SERIES, at=at)
    text = numbering.text(SERIES, numbering.year_of(at), number)
    kinds = Counter(row.kind for row in rows)
    statement = Statement.objects.create(
        merchant=merchant, month=month, number=text, closed_at=at,
        sales=kinds["sale"] + kinds["conflict"], conflicts=kinds["conflict"],
        voids=kinds["void"] + kinds["correction"], corrections=kinds["correction"],
        gross_cents=sum(row.gross_cents for row in rows), discount_cents=sum(row.discount_cents for row in rows),
        sha256=hashlib.sha256(content).hexdigest(),
        csv=store(kind="statement", name=f"{text}.csv", content=content, media_type="text/csv; charset=utf-8", at=at),
    )  # fmt: skip
    StatementLine.objects.bulk_create(
        (StatementLine(statement=statement, redemption_id=row.pk, kind=row.kind) for row in rows), batch_size=2_000
    )
    audit.record(
        "statement.closed", target=statement, at=at, actor=None, actor_label="system",
        data={"number": text, "lines": len(rows), "sha256": statement.sha256},
    )  # fmt: skip
    return statement


def render(*, statement: Statement, at: datetime) -> None:
    """Set the PDF and tell the owners, once; a second run changes nothing."""
    if statement.pdf_id is not None:
        return
    content = statement_files.pdf(statement)
    with transaction.atomic(durable=True):
        row = Statement.objects.select_for_update(of=("self",)).get(pk=statement.pk)
        if row.pdf_id is not None:
            return
        row.pdf = store(kind="statement", name=f"{row.number}.pdf", content=content, at=at)
        row.save(update_fields=["pdf"])
        for role in statement.merchant.roles.select_related("user").filter(user__is_active=True):
            mail.queue(
                to=role.user.email,
                template="benefit_card/mail/statement",
                context={
                    "statement": statement,
                    "merchant": statement.merchant.name,
                    "address": mail.absolute(reverse("benefit_card:statements", args=[statement.merchant_id])),
                },
                key=f"statement:{statement.pk}:{role.user_id}",
                language=role.user.language,
                attachments=[row.pdf],
                at=at,
            )


@transaction.atomic(durable=True)
def ask(*, actor: User | None, at: datetime) -> Job:
    """Have what is missing closed and printed in the background. Staff may; the clock does without an actor."""
    require(actor is None or is_staff(actor))
    return jobs.start(kind="statements", task="benefit_card.make_statements", payload={}, actor=actor, at=at)


def missing(*, at: datetime) -> bool:
    """Whether a month is over and not closed, or a file was not made."""
    return (
        Statement.objects.filter(pdf__isnull=True).exists() or _without_statement(months.last_closed(at)).exists()
    )  # fmt: skip


def make(*, at: datetime, on_step: Callable[[int], None] | None = None) -> int:
    """Close what is missing and make the files that are; return the number of statements touched."""
    made = close_missing(at=at)
    for count, statement in enumerate(
        Statement.objects.filter(pdf__isnull=True).select_related("merchant").order_by("pk"), start=1
    ):
        render(statement=statement, at=at)
        made = max(made, count)
        if on_step:
            on_step(count)
    if made:
        check()
    return made


def _counted(latest: int) -> list[tuple[date, int]]:
    """The latest months that have statements, and how many."""
    found = Statement.objects.order_by("-month").values_list("month").annotate(Count("pk"))[:latest]
    return list(found)


def _name(month: date, statements: int) -> str:
    return f"benefit_card.differences:{month}:{statements}"


def check(*, latest: int = 2) -> None:
    """Compare the latest months with their lines and remember what was found: a region's month has 770,000 lines.

    Neither statements nor lines change, so it is looked for again only when statements were added, and once a day.
    """
    for month, count in _counted(latest):
        cache.set(_name(month, count), differences(month), CHECKED)


def checked(month: date, *, statements: int) -> list[str] | None:
    """What `check` found in a month; None while it has not looked since statements were added: it is asked to."""
    found: list[str] | None = cache.get(_name(month, statements))
    if found is None and cache.add(f"{_name(month, statements)}:asked", 1, ASKED):
        from benefit_card.tasks import check_statements

        check_statements.delay_on_commit()
    return found


def differences(month: date) -> list[str]:
    """Numbers of the statements of a month whose sums are not those of their lines; empty when all reconcile."""
    start, end = months.bounds(month)
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT s.number FROM benefit_card_statement s
               JOIN benefit_card_statementline l ON l.statement_id = s.id
               JOIN benefit_card_redemption r ON r.id = l.redemption_id
               WHERE s.month = %s AND r.at >= %s AND r.at < %s GROUP BY s.id
               HAVING s.gross_cents <> sum(CASE WHEN r.voids_id IS NULL THEN r.gross_cents ELSE -r.gross_cents END)
                   OR s.discount_cents <> sum(CASE WHEN r.voids_id IS NULL THEN r.discount_cents ELSE -r.discount_cents END)
                   OR s.sales <> count(*) FILTER (WHERE l.kind IN ('sale', 'conflict'))
                   OR s.corrections <> count(*) FILTER (WHERE l.kind = 'correction')
               ORDER BY s.number""",
            [month, start - REACH, end],
        )
        return [number for (number,) in cursor.fetchall()]
