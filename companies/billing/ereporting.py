"""E-reporting: periods by VAT regime, what is collected for each, the report, its sending and its correction.

Source: CGI art. 290 and 290 A, ann. II art. 242 nonies M and N; DGFiP external specifications, flow 10 (10.1 sales abroad one by
one, 10.2 their payments, 10.3 sales to private persons summed by day, 10.4 their payments). Sales between companies here go as
e-invoices, and their payments as status 212.
"""

import hashlib
import json
import logging
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import is_staff, require
from companies.billing import ereport_xml, exemptions, fec
from companies.billing.channel.port import FRR, ChannelDown, ChannelRefused, EInvoiceChannel, Parcel
from companies.billing.layout import sums_by_rate
from companies.billing.models import AccountKind, CreditNote, EReport, Invoice, LedgerEntry, ReportKind, ReportState
from companies.billing.models.ereport import REPORT_TRANSITIONS
from companies.billing.selectors import Step
from companies.documents import store
from companies.errors import DomainError
from companies.models import User
from companies.states import move

log = logging.getLogger(__name__)
ABROAD = frozenset({"intra_eu", "export"})
KEEP_LOOKING = timedelta(days=400)  # how long a period that was told is compared with the books
BY_PLATFORM = "platform"


class NothingToCorrect(DomainError):
    code = "ereport_nothing_to_correct"
    message = _("The books say what this report told: there is nothing to correct.")


@dataclass(frozen=True)
class Period:
    start: date
    end: date
    send_by: date


def regime() -> str:
    """real_monthly, real_quarterly, simplified or franchise; settings.SELLER["vat_regime"]."""
    return str(settings.SELLER.get("vat_regime", "real_monthly"))


def _month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def _after(day: date, months: int) -> date:
    for _month in range(months):
        day = _month_end(day) + timedelta(days=1)
    return day.replace(day=1)


def period_of(kind: str, day: date, by: str) -> Period:
    """The period a day belongs to, and the last day to send it.

    >>> period_of("sales", date(2026, 2, 14), "real_monthly")
    Period(start=datetime.date(2026, 2, 11), end=datetime.date(2026, 2, 20), send_by=datetime.date(2026, 2, 28))
    >>> period_of("payments", date(2026, 2, 14), "real_monthly").send_by
    datetime.date(2026, 3, 10)
    """
    first, last = day.replace(day=1), _month_end(day)
    if by == "franchise":  # every two months
        first = day.replace(month=day.month - (day.month + 1) % 2, day=1)
        last = _month_end(_after(first, 1))
        return Period(first, last, _month_end(_after(last, 1)))
    if by == "simplified":
        return Period(first, last, _month_end(_after(last, 1)))
    if by == "real_quarterly" or kind == ReportKind.PAYMENTS:
        return Period(first, last, _after(day, 1).replace(day=10))
    if day.day <= 10:
        return Period(first, day.replace(day=10), day.replace(day=20))
    if day.day <= 20:
        return Period(day.replace(day=11), day.replace(day=20), last)
    return Period(day.replace(day=21), last, _after(day, 1).replace(day=10))


# What is collected ---------------------------------------------------------------------------------------------------
def is_abroad(invoice: Invoice) -> bool:
    """Whether a sale leaves the country: by its exemption, else by the VAT number of the buyer."""
    country = str(invoice.buyer.get("vat_no", ""))[:2]
    return any(row.exemption in ABROAD for row in invoice.vat_rows.all()) or (country.isalpha() and country != "FR")


def _abroad(start: datetime, end: datetime) -> Iterator[Invoice]:
    foreign = Q(vat_rows__exemption__in=ABROAD) | ~(Q(buyer__vat_no="") | Q(buyer__vat_no__startswith="FR"))
    rows = Invoice.objects.own().filter(foreign, issued_at__gte=start, issued_at__lt=end).distinct().order_by("pk")
    yield from rows.prefetch_related("vat_rows", "corrects")


def collect(kind: str, period: Period) -> dict[str, Any]:
    """What the books say of a period, in the words of flow 10. Empty lists when there is nothing."""
    start, end = fec.start_of(period.start), fec.start_of(period.end + timedelta(days=1))
    if kind == ReportKind.SALES:
        return {"invoices": _sales_abroad(start, end), "days": _private_sales(start, end)}
    return {"invoices": _payments_abroad(start, end), "days": []}


def _sales_abroad(start: datetime, end: datetime) -> list[dict[str, Any]]:
    """10.1: each invoice and credit note to a company abroad."""
    found = [_told(row, row.number, row.type_code, row.issued_on) for row in _abroad(start, end)]
    notes = CreditNote.objects.filter(issued_at__gte=start, issued_at__lt=end).select_related("invoice").order_by("pk")
    for note in notes:
        if is_abroad(note.invoice):
            row = _told(note.invoice, note.number, "381", note.issued_on)
            reasons = {rate.vat_bp: rate.exemption for rate in note.invoice.vat_rows.all()}
            sums = sums_by_rate(list(note.lines.select_related("line")))
            row["rates"] = [_rate(bp, base, vat, reasons[bp]) for bp, (base, vat) in sums.items()]
            found.append(row | {"corrects": note.invoice.number, "net": note.net_cents, "vat": note.vat_cents})
    return found


def _told(row: Invoice, number: str, type_code: str, day: date) -> dict[str, Any]:
    return {
        "number": number,
        "type": type_code,
        "day": str(day),
        "due": str(row.due_on),
        "corrects": row.corrects.number if row.corrects else "",
        "process": row.nature,
        "buyer": {"vat_no": row.buyer.get("vat_no", ""), "siren": row.buyer.get("siren", "")},
        "net": row.net_cents,
        "vat": row.vat_cents,
        "rates": [_rate(one.vat_bp, one.base_cents, one.vat_cents, one.exemption) for one in row.vat_rows.all()],
    }


def _rate(vat_bp: int, base: int, vat: int, exemption: str) -> dict[str, Any]:
    reason = exemptions.of_rate(vat_bp, exemption)
    return {"vat_bp": vat_bp, "base": base, "vat": vat, "category": reason.category if reason else "S",
            "vatex": reason.vatex if reason else ""}  # fmt: skip


def _private_sales(start: datetime, end: datetime) -> list[dict[str, Any]]:
    """10.3: what employees bought, a sum for each day and rate. Goods, as all employees' purchases are."""
    entries = LedgerEntry.objects.filter(
        transaction__at__gte=start, transaction__at__lt=end, transaction__kind="personal_sale"
    ).select_related("transaction", "account")
    days: dict[str, dict[str, Any]] = {}
    for entry in entries.order_by("pk"):
        day = str(timezone.localdate(entry.transaction.at))
        row = days.setdefault(day, {"day": day, "category": "TLB1", "net": 0, "vat": 0, "sales": [], "rates": {}})
        if entry.transaction_id not in row["sales"]:
            row["sales"].append(entry.transaction_id)
        if entry.account.kind == AccountKind.SALES:
            row["net"] -= entry.cents
        elif entry.account.kind == AccountKind.VAT_COLLECTED:
            row["vat"] -= entry.cents
            rates = row["rates"]
            rates[str(entry.account.vat_bp)] = rates.get(str(entry.account.vat_bp), 0) - entry.cents
    return [_day(row) for row in days.values()]


def _day(row: dict[str, Any]) -> dict[str, Any]:
    """The bases by rate: from the VAT of each, and what is left carries none."""
    bases = {int(bp): round(vat * 10_000 / int(bp)) for bp, vat in row["rates"].items()}
    left = row["net"] - sum(bases.values())
    if bases and abs(left) <= len(bases) * 10:  # cents of rounding belong to the largest base
        bases[max(bases, key=lambda bp: bases[bp])] += left
        left = 0
    rates = [_rate(bp, base, row["rates"][str(bp)], "") for bp, base in sorted(bases.items(), reverse=True)]
    if left:
        rates.append(_rate(0, left, 0, "other"))
    return row | {"sales": len(row["sales"]), "rates": rates}


def _payments_abroad(start: datetime, end: datetime) -> list[dict[str, Any]]:
    """10.2: money received for services abroad. Goods, and services under the option for debits, are not asked for."""
    if settings.SELLER.get("vat_on_debits"):
        return []
    entries = LedgerEntry.objects.filter(
        transaction__at__gte=start,
        transaction__at__lt=end,
        account__kind=AccountKind.RECEIVABLE,
        transaction__kind__in=["payment", "transfer", "bank", "refund", "charge_back", "reinstated"],
        invoice__nature__in=["services", "mixed"],
    ).select_related("invoice", "transaction")
    found = []
    for entry in entries.order_by("pk"):
        row = entry.invoice
        if row is not None and is_abroad(row):
            day = str(timezone.localdate(entry.transaction.at))
            found.append({"number": row.number, "day": str(row.issued_on), "paid_on": day, "cents": -entry.cents,
                          "vat_bp": row.vat_rows.all()[0].vat_bp})  # fmt: skip
    return found


# Reports -------------------------------------------------------------------------------------------------------------
def digest_of(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def is_empty(content: dict[str, Any]) -> bool:
    return not content["invoices"] and not content["days"]


def close_periods(*, at: datetime) -> list[EReport]:
    """Make the report of each period that ended and has something to tell; once each, however often it runs."""
    made = []
    today = timezone.localdate(at)
    for kind in ReportKind:
        day = period_of(kind, today, regime()).start - timedelta(days=1)
        for _past in range(3):  # a worker that slept for weeks makes up for it
            period = period_of(kind, day, regime())
            made += _report(kind, period, at=at)
            day = period.start - timedelta(days=1)
    return made


def _report(kind: ReportKind, period: Period, *, at: datetime) -> list[EReport]:
    if str(period.start) < settings.EREPORT_FROM:
        return []
    with transaction.atomic():
        _lock()
        if EReport.objects.filter(kind=kind, period_start=period.start).exists():
            return []
        content = collect(kind, period)
        return [] if is_empty(content) else [keep(kind, period, content, 1, at=at)]


def _lock() -> None:
    """One at a time makes reports."""
    from companies.billing import numbering

    numbering.lock("EREPORT", at=timezone.now())


def keep(
    kind: str, period: Period, content: dict[str, Any], revision: int = 1, *, at: datetime, actor: User | None = None
) -> EReport:
    """Write a report down with its file."""
    row = EReport(
        kind=kind, period_start=period.start, period_end=period.end, send_by=period.send_by, revision=revision,
        content=content, digest=digest_of(content), created_at=at,
    )  # fmt: skip
    told = [*content["invoices"], *content["days"]]
    row.net_cents = sum(
        -one["net"] if one.get("type") == "381" else one.get("net", one.get("cents", 0)) for one in told
    )
    row.vat_cents = sum(-one["vat"] if one.get("type") == "381" else one.get("vat", 0) for one in told)
    xml = ereport_xml.write(row, at=at)
    row.document = store(kind="ereport", name=f"{row.reference}.xml", content=xml, media_type="application/xml", at=at)
    row.save(force_insert=True)
    label = "" if actor else "ERB"
    audit.record(
        "ereport.made", target=row, at=at, actor=actor, actor_label=label, data={"sha256": row.document.sha256}
    )
    return row


def changed(row: EReport) -> bool:
    """Whether the books say something else now than this report told."""
    return digest_of(collect(row.kind, Period(row.period_start, row.period_end, row.send_by))) != row.digest


def to_correct(*, at: datetime) -> list[EReport]:
    """Newest reports of each period whose books changed since."""
    since = timezone.localdate(at) - KEEP_LOOKING
    newest: dict[tuple[str, date], EReport] = {}
    for row in EReport.objects.filter(period_start__gte=since).order_by("revision"):
        newest[row.kind, row.period_start] = row
    return [row for row in newest.values() if row.state != ReportState.WAITING and changed(row)]


def correct(*, report: EReport, actor: User, at: datetime) -> EReport:
    """Tell a period anew, whole (RE). Raises NotAllowed, NothingToCorrect."""
    require(is_staff(actor))
    with transaction.atomic(durable=True):
        _lock()
        last = EReport.objects.filter(kind=report.kind, period_start=report.period_start).order_by("-revision")[0]
        period = Period(last.period_start, last.period_end, last.send_by)
        content = collect(last.kind, period)
        if digest_of(content) == last.digest and last.state != ReportState.REJECTED:
            raise NothingToCorrect
        return keep(last.kind, period, content, last.revision + 1, at=at, actor=actor)


# Sending -------------------------------------------------------------------------------------------------------------
def send_waiting(way: EInvoiceChannel, *, at: datetime) -> int:
    """Hand waiting reports over, the oldest first; the reference makes a repeat after a crash the same flow."""
    count = 0
    for row in EReport.objects.filter(state=ReportState.WAITING).select_related("document").order_by("pk")[:100]:
        EReport.objects.filter(pk=row.pk).update(attempts=row.attempts + 1)
        try:
            flow = way.send(parcel_of(row))
        except ChannelDown as down:
            EReport.objects.filter(pk=row.pk).update(error=down.sentence[:240])
            return count
        except ChannelRefused as refusal:
            _step(row, ReportState.REJECTED, at=at, reason=refusal.sentence[:240], error=refusal.sentence[:240])
            continue
        _step(row, ReportState.SENT, at=at, flow_id=flow, sent_at=at, error="")
        count += 1
    return count


def parcel_of(row: EReport) -> Parcel:
    """The report as it leaves."""
    return Parcel(row.reference, row.document.name, bytes(row.document.content), FRR, flow_type(row))


def flow_type(row: EReport) -> str:
    """As XP Z12-013 names what the report holds."""
    kinds = {bool(row.content["invoices"]), bool(row.content["days"])}
    if row.kind == ReportKind.PAYMENTS:
        return "UnitaryCustomerPaymentReport"
    if kinds == {True}:
        return "MultiFlowReport"
    return "UnitaryCustomerTransactionReport" if row.content["invoices"] else "AggregatedCustomerTransactionReport"


def follow_sent(way: EInvoiceChannel, *, at: datetime) -> int:
    """Ask how the platform judged the reports it was handed."""
    count = 0
    for row in EReport.objects.filter(state=ReportState.SENT).order_by("pk")[:100]:
        said = way.verdict(row.flow_id)
        if said is None:
            continue
        accepted, why = said
        to = ReportState.ACCEPTED if accepted else ReportState.REJECTED
        _step(row, to, at=at, reason=why[:240], error="" if accepted else why[:240])
        count += 1
    return count


def _step(row: EReport, to: ReportState, *, at: datetime, reason: str = "", **changes: Any) -> None:
    with transaction.atomic(durable=True):
        move(
            row, to, table=REPORT_TRANSITIONS, at=at, actor=None, actor_label=BY_PLATFORM, reason=reason, **changes
        )  # fmt: skip


# Shown ---------------------------------------------------------------------------------------------------------------
WORDS = {
    "ereport.made": _("Made from the books"),
    "ereport.sent": _("Handed to the platform"),
    "ereport.accepted": _("Accepted by the platform"),
    "ereport.rejected": _("Rejected by the platform"),
}


def timeline(row: EReport) -> list[Step]:
    """What happened to a report, in words."""
    return [
        Step(entry.at, WORDS.get(entry.action, entry.action), str(entry.actor or entry.actor_label), entry.reason)
        for entry in audit.history(row)
    ]


def starts() -> date:
    """The first day of periods that are reported."""
    return date.fromisoformat(settings.EREPORT_FROM)
