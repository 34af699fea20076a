"""A supplier's catalogue or price list: read, compared line by line, applied whole or not at all.

Reading and applying are long work: each is a job whose task may be killed and started again at any point.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies import audit, jobs
from companies.access import require
from companies.employees.headings import fold
from companies.employees.problems import Unreadable
from companies.employees.table import MAX_BYTES
from companies.errors import DomainError
from companies.models import Job, User
from companies.states import move
from purchasing import access, price_file
from purchasing.models import Article, Price, PriceList, PriceListRow, PriceListState, Supplier
from purchasing.models.price import PRICE_LIST
from purchasing.rules import units

Kind = PriceListRow.Kind
# From this change on a rise is told to those who bought the article.
RISE_BP = 300


class FileTooBig(DomainError):
    code = "file_too_big"
    message = _("The file is larger than %(limit)s MB. Send the list without pictures or other sheets.")


class ListHasErrors(DomainError):
    code = "price_list_has_errors"
    message = _("%(count)s lines have errors, so nothing is applied. Correct them in the file and send it again.")


class ListNotReady(DomainError):
    code = "price_list_not_ready"
    message = _("This price list cannot be applied in its present state: %(state)s.")


@dataclass(slots=True)
class Plan:
    """What a list would do: its rows in the order of the file, then what is missing from it."""

    rows: list[PriceListRow]

    @property
    def counts(self) -> dict[str, int]:
        found = dict.fromkeys(Kind.values, 0)
        for row in self.rows:
            found[row.kind] += 1
        return found


@transaction.atomic(durable=True)
def upload(
    *, actor: User, supplier: Supplier, name: str, content: bytes, full: bool, valid_from: date, at: datetime
) -> PriceList:
    """Keep the file and start its dry run. No price changes before `start_applying`."""
    require(access.can_keep_catalogue(actor))
    if len(content) > MAX_BYTES:
        raise FileTooBig(limit=MAX_BYTES // 1024 // 1024)
    Supplier.objects.select_for_update().get(pk=supplier.pk)
    waiting = PriceList.objects.filter(supplier=supplier, state__in=[PriceListState.READING, PriceListState.READY])
    if again := waiting.filter(full=full, valid_from=valid_from, content=content).first():
        return again  # the same form or call twice
    found = PriceList.objects.create(
        supplier=supplier,
        name=name[:160],
        content=content,
        full=full,
        valid_from=valid_from,
        created_by=actor,
        created_at=at,
    )
    audit.record("pricelist.sent", target=found, at=at, actor=actor, data={"supplier": supplier.pk, "full": full})
    _start(found, "purchasing.read_price_list", actor, at)
    return found


def _start(found: PriceList, task: str, actor: User, at: datetime, total: int = 0) -> None:
    kind = task.rpartition(".")[2]
    found.job = jobs.start(kind=kind, task=task, payload={"list": found.pk}, actor=actor, total=total, at=at)
    found.save(update_fields=["job"])


@transaction.atomic(durable=True)
def dry_run(*, job: Job, at: datetime) -> None:
    """Write what the list would do, line by line. Safe to run again from the start."""
    found = _locked(job.payload["list"])
    if found.state != PriceListState.READING or found.content is None:
        return
    try:
        lines = price_file.read(bytes(found.content))
    except Unreadable as problem:
        trouble = {"code": problem.code, **{k: str(v) for k, v in problem.params.items()}}
        move(found, PriceListState.UNREADABLE, table=PRICE_LIST, at=at, actor=found.created_by, trouble=trouble)
        return
    made = plan(found, lines)
    found.rows.all().delete()
    for position, row in enumerate(made.rows, 1):
        row.position = position
    PriceListRow.objects.bulk_create(made.rows, batch_size=2_000)
    move(found, PriceListState.READY, table=PRICE_LIST, at=at, actor=found.created_by, counts=made.counts)


def plan(found: PriceList, lines: Iterable[price_file.PriceLine]) -> Plan:
    """Compare a list with the supplier's current prices. Three queries."""
    current = {
        price.reference: price
        for price in Price.objects.filter(supplier=found.supplier, ended_on__isnull=True).select_related("article")
        if price.reference
    }
    by_name = {fold(article.name): article for article in Article.objects.filter(active=True)}
    rows, seen, taken = [], set(), {price.article_id for price in current.values()}
    for line in lines:
        seen.add(line.reference)
        rows.append(_row(found, line, current.get(line.reference), by_name, taken))
    if found.full:
        for reference, price in sorted(current.items()):
            if reference not in seen:
                gone = PriceListRow(price_list=found, kind=Kind.GONE, reference=reference, article=price.article)
                gone.name, gone.was_e4, gone.unit = price.article.name, price.price_e4, price.article.unit
                rows.append(gone)
    return Plan(rows)


def _row(
    found: PriceList, line: price_file.PriceLine, known: Price | None, by_name: dict[str, Article], taken: set[int]
) -> PriceListRow:
    article = known.article if known else by_name.get(fold(line.name))
    if article is not None and known is None:
        if article.pk in taken:  # another number of the same supplier has it already
            article = None
        else:
            taken.add(article.pk)
    row = PriceListRow(price_list=found, line=line.number, reference=line.reference, name=line.name, article=article)
    problems = list(line.problems)
    row.unit = article.unit if article else (line.unit or "piece")
    row.pack = line.pack if line.pack > 1 else (known.pack if known else article.pack if article else 1)
    base = line.base
    if not base.unit and line.unit:
        base = units.Base(base.count, line.unit)
    if not problems:
        row.price_e4 = units.unit_price(line.price_e4, base, row.unit, pack=row.pack)
        if row.price_e4 is None:
            problems.append(f"unit_differs:{base.unit}:{row.unit}")
        elif row.price_e4 == 0:
            problems.append("price_zero")
        elif article is None and not line.name:
            problems.append("missing:name")
    row.was_e4 = known.price_e4 if known else None
    row.problems = problems
    if problems:
        row.kind, row.price_e4 = Kind.ERROR, None
    elif known is None:
        row.kind = Kind.NEW
    else:
        same = known.price_e4 == row.price_e4 and known.pack == row.pack
        row.kind = Kind.UNCHANGED if same else Kind.CHANGED
    return row


@transaction.atomic(durable=True)
def start_applying(*, actor: User, found: PriceList, at: datetime) -> PriceList:
    """Begin to apply. Pressed twice it begins once. Refused while any line has an error."""
    require(access.can_keep_catalogue(actor))
    found = _locked(found.pk)
    if found.state in (PriceListState.APPLYING, PriceListState.APPLIED):
        return found
    if found.state != PriceListState.READY:
        raise ListNotReady(state=found.get_state_display())
    if found.errors:
        raise ListHasErrors(count=found.errors)
    move(found, PriceListState.APPLYING, table=PRICE_LIST, at=at, actor=actor)
    _start(found, "purchasing.apply_price_list", actor, at, total=sum(found.counts.values()))
    return found


@transaction.atomic(durable=True)
def apply(*, job: Job, at: datetime) -> bool:
    """Write the prices in one transaction. Prices that moved since the dry run send the list back to be read again."""
    found = _locked(job.payload["list"])
    if found.state != PriceListState.APPLYING or found.content is None:
        return found.state == PriceListState.APPLIED
    Supplier.objects.select_for_update().get(pk=found.supplier_id)
    rows = list(found.rows.select_related("article").order_by("position"))
    fresh = plan(found, price_file.read(bytes(found.content)))
    if [_told(row) for row in rows] != [_told(row) for row in fresh.rows]:
        move(found, PriceListState.READING, table=PRICE_LIST, at=at, actor=found.created_by, reason="prices moved")
        _start(found, "purchasing.read_price_list", found.created_by, at)  # type: ignore[arg-type]  # a list that waits has its author
        return False
    _write(found, rows, at=at)
    move(
        found, PriceListState.APPLIED, table=PRICE_LIST, at=at, actor=found.created_by, applied_at=at, content=None,
        data={"counts": found.counts},
    )  # fmt: skip
    return True


def _told(row: PriceListRow) -> tuple[object, ...]:
    return (row.line, row.kind, row.reference, row.article_id, row.pack, row.price_e4, row.was_e4)


def _write(found: PriceList, rows: list[PriceListRow], *, at: datetime) -> None:
    changing = [row for row in rows if row.kind in (Kind.NEW, Kind.CHANGED)]
    made = {}
    for row in changing:
        if row.article is None:
            code = f"F{found.supplier_id}-{row.reference}"[:40]
            made[row.pk] = Article(
                name=row.name, reference=code, category=found.supplier.category, unit=row.unit, pack=row.pack,
                ref_price_e4=row.price_e4,
            )  # fmt: skip
    known = Article.objects.in_bulk([article.reference for article in made.values()], field_name="reference")
    Article.objects.bulk_create([a for a in made.values() if a.reference not in known], batch_size=1_000)
    ending = [row.article_id for row in rows if row.kind in (Kind.CHANGED, Kind.GONE)]
    Price.objects.filter(supplier=found.supplier, article__in=ending, ended_on__isnull=True).update(
        ended_on=found.valid_from
    )
    Price.objects.bulk_create(
        [
            Price(
                supplier=found.supplier,
                article=row.article or known.get(made[row.pk].reference) or made[row.pk],
                reference=row.reference,
                pack=row.pack,
                price_e4=row.price_e4 or 0,
                valid_from=found.valid_from,
                change_bp=units.change_bp(row.was_e4, row.price_e4) if row.was_e4 and row.price_e4 else None,
                price_list=found,
                created_at=at,
            )
            for row in changing
        ],
        batch_size=1_000,
    )


@transaction.atomic(durable=True)
def cancel(*, actor: User, found: PriceList, at: datetime) -> None:
    """Give the list up and forget the file."""
    require(access.can_keep_catalogue(actor))
    found = _locked(found.pk)
    if found.state == PriceListState.CANCELLED:
        return
    move(found, PriceListState.CANCELLED, table=PRICE_LIST, at=at, actor=actor, content=None)
    found.rows.all().delete()


def _locked(pk: int) -> PriceList:
    return PriceList.objects.select_for_update(of=("self",)).select_related("supplier", "created_by").get(pk=pk)


def run_reading(job_id: str) -> None:
    """The task's body: read, and say where to look."""
    job = jobs.begin(job_id)
    if job is None:
        return
    dry_run(job=job, at=timezone.now())
    _finish(job)


def run_applying(job_id: str) -> None:
    job = jobs.begin(job_id)
    if job is None:
        return
    if apply(job=job, at=timezone.now()):
        _finish(job)
    else:
        jobs.fail(job.pk, str(_("Prices changed since the list was compared: it was compared again, look once more.")))


def _finish(job: Job) -> None:
    found = PriceList.objects.get(pk=job.payload["list"])
    jobs.finish(job.pk, {"url": reverse("purchasing:price_list", args=[found.supplier_id, found.pk])})
