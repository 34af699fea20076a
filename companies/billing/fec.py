"""The *fichier des écritures comptables*: every entry of a period in the format tax authorities read.

Source: art. A47 A-1 of the livre des procédures fiscales: 18 columns, tabulator between fields, one header line, dates YYYYMMDD,
decimal comma, entries in the order of their validation with unbroken numbers, file named SIREN "FEC" closing date.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, Max, Sum, Window
from django.db.models.functions import DenseRank
from django.utils import timezone

from companies.billing import chart
from companies.billing.models import BESIDE, AccountKind, LedgerEntry

COLUMNS = (
    *("JournalCode", "JournalLib", "EcritureNum", "EcritureDate", "CompteNum", "CompteLib", "CompAuxNum", "CompAuxLib"),
    *("PieceRef", "PieceDate", "EcritureLib", "Debit", "Credit", "EcritureLet", "DateLet", "ValidDate"),
    *("Montantdevise", "Idevise"),
)
SEPARATOR = "\t"
LABELS = {
    "invoice": "Facture",
    "credit_note": "Avoir",
    "payment": "Règlement",
    "fee": "Frais",
    "commission": "Commission",
    "connect": "Stripe Connect",
    "fee_kept": "Commission retenue",
    "refund": "Remboursement",
    "charge_back": "Impayé",
    "reinstated": "Impayé annulé",
    "transfer": "Virement",
    "bank": "Banque",
    "reversal": "Contre-passation",
    "manual": "Écriture",
    "self_billed": "Autofacturation",
    "advance_vat": "TVA sur acompte encaissé",
    "replaced": "Facture remplacée",
    "moved": "Règlement reporté",
    "write_off": "Perte sur créance",
}


def file_name(until: date) -> str:
    """The name the law gives the file of a year that ends on a day."""
    return f"{settings.SELLER['siren']}FEC{until:%Y%m%d}.txt"


def start_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


def lines(since: date, until: date) -> Iterator[str]:
    """The file of a period, both days included, line by line; read in portions, so that a long year needs no more memory.

    Entry numbers count from the first entry of the civil year, so a part of a year has the numbers of the whole.
    """
    yield SEPARATOR.join(COLUMNS) + "\r\n"
    letters = _letters(until)
    year = start_of(since.replace(month=1, day=1))
    entries = (
        LedgerEntry.objects.filter(transaction__at__gte=year, transaction__at__lt=start_of(until + timedelta(days=1)))
        .exclude(account__kind__in=BESIDE)  # what is a supplier's is no entry of ours
        .annotate(rank=Window(DenseRank(), order_by=[F("transaction__at").asc(), F("transaction_id").asc()]))
        .select_related("transaction", "account__company", "account__customer", "invoice")
        .order_by("transaction__at", "transaction_id", "pk")
    )
    first = start_of(since)
    for entry in entries.iterator(chunk_size=2_000):
        if entry.transaction.at >= first:
            yield _line(entry, letters) + "\r\n"


def _letters(until: date) -> dict[int, date]:
    """Invoices whose receivable was settled by the end of the period, with the day it was (lettrage)."""
    rows = (
        LedgerEntry.objects.filter(
            account__kind=AccountKind.RECEIVABLE,
            invoice__isnull=False,
            transaction__at__lt=start_of(until + timedelta(days=1)),
        )
        .values("invoice")
        .annotate(owed=Sum("cents"), last=Max("transaction__at"))
        .filter(owed=0)
        .order_by()
    )
    return {row["invoice"]: timezone.localdate(row["last"]) for row in rows}


def _line(entry: Any, letters: dict[int, date]) -> str:
    posted, code = entry.transaction, chart.journal(entry.transaction.kind)
    account, day = chart.named(entry.account), timezone.localdate(entry.transaction.at)
    invoice = entry.invoice
    settled = letters.get(entry.invoice_id) if entry.account.kind == AccountKind.RECEIVABLE else None
    fields = [
        code,
        chart.JOURNALS[code],
        str(entry.rank),
        f"{day:%Y%m%d}",
        account.number,
        account.label,
        account.auxiliary,
        account.auxiliary_label,
        posted.reason.split(" · ")[0] or posted.key,
        f"{day:%Y%m%d}",
        f"{LABELS.get(posted.kind, posted.kind)} {posted.reason or posted.key}",
        _euros(max(entry.cents, 0)),
        _euros(max(-entry.cents, 0)),
        f"L{invoice.number.replace('-', '')}" if settled and invoice else "",
        f"{settled:%Y%m%d}" if settled else "",
        f"{day:%Y%m%d}",
        "",
        "",
    ]
    return SEPARATOR.join(_plain(field) for field in fields)


def _euros(cents: int) -> str:
    """Decimal comma, no thousands separator.

    >>> _euros(123_456)
    '1234,56'
    """
    return f"{cents // 100},{cents % 100:02d}"


def _plain(text: str) -> str:
    """A field without what separates fields and lines."""
    return " ".join(text.replace("|", " ").split())
