"""For demonstrations: an advance waiting and one deducted, a corrected invoice, a seller's mandate, e-reports."""

from dataclasses import asdict
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from companies.billing import advance_books, advances, bulk, corrections, ereporting, invoices, self_billing
from companies.billing.channel.port import Line
from companies.billing.models import DirectoryEntry, EInvoicing, EReport, Invoice, InvoiceState, LegalModel
from companies.demo_data import World
from companies.documents import render_pdf
from companies.models import Company, User

REPORTED = timedelta(days=120)


def seed(*, world: World, at: datetime) -> None:
    """Called once the past of the money is written."""
    _advances(world, at)
    _corrected(world, at)
    _self_billing(world, at)
    _directory(at)


def _advances(world: World, at: datetime) -> None:
    """Two advances, then the invoice that deducts the paid one: numbers follow the days, as the year before them does."""
    day, clerk = timezone.localdate(at), world.staff[0]
    paying, *waiting = world.companies[7:9] if len(world.companies) > 8 else world.companies[-2:]
    advance, *_others = [
        _advance(company, number, clerk, at) for number, company in enumerate([paying, *waiting], start=1)
    ]
    paid_at = at - timedelta(hours=36)
    bulk.pay_many([bulk.Paid(advance, paid_at, method="card")], now=at)
    advance.refresh_from_db()
    with transaction.atomic():
        advance_books.follow(advance, at=paid_at)
        invoices.issue(
            company=paying,
            lines=[invoices.LineDraft("Rayonnages d'atelier", 4, "", 7_000_000, 280_000, 2_000)],
            at=at - timedelta(days=1),
            due_on=day + timedelta(days=28),
            source="demo",
            key="demo-final",
            actor=clerk,
            legal_model=LegalModel.RESALE,
            supply_on=day - timedelta(days=3),
            order_reference=advance.order_reference,
        )


def _advance(company: Company, number: int, clerk: User, at: datetime) -> Invoice:
    order = f"BC-ACOMPTE-{number}"
    line = advances.draft(description="Acompte de 30 % sur rayonnages", net_cents=84_000, vat_bp=2_000, kind="goods")
    return advances.issue(
        company=company, lines=[line], order_reference=order, due_on=timezone.localdate(at) + timedelta(days=15), notes="",
        key=f"demo-{order}", actor=clerk, at=at - timedelta(days=2),
    )  # fmt: skip


def _corrected(world: World, at: datetime) -> None:
    row = Invoice.objects.filter(state=InvoiceState.DUE, prepaid_cents=0, type_code="380").exclude(company=world.home)
    old = row.order_by("-pk").first()
    if old is None or corrections.why_not(old):
        return
    day = timezone.localdate(at)
    corrections.issue(
        invoice=old, lines=corrections.drafts_of(old), reason="Numéro de commande manquant", due_on=day + timedelta(days=20),
        supply_on=old.supply_on, order_reference="BC-4471", key="demo", actor=world.staff[0], at=at - timedelta(days=1),
    )  # fmt: skip


def _self_billing(world: World, at: datetime) -> None:
    clerk, day = world.staff[0], timezone.localdate(at)
    company = world.companies[2]
    text = "La société donne mandat à l'association d'établir en son nom les factures de ses ventes à l'association."
    paper = render_pdf("billing/documents/plain.typ", {"title": "Mandat de facturation", "text": text})
    given = self_billing.give(
        company=company, party={}, text=text, signed_on=day - timedelta(days=60), signed_by="La gérance", paper=paper,
        actor=clerk, at=at - timedelta(days=59),
    )  # fmt: skip
    rate = 2_000 if company.vat_no else 0
    line = advances.draft(description="Reprise de palettes", net_cents=46_000, vat_bp=rate, kind="goods")
    self_billing.issue(
        mandate=given, lines=[line], supply_on=day - timedelta(days=9), due_on=day + timedelta(days=21),
        order_reference="", key="demo-self", actor=clerk, at=at - timedelta(days=8),
    )  # fmt: skip


def _directory(at: datetime) -> None:
    """What the directory said of the companies reached by platform; one has chosen none yet."""
    rows = list(EInvoicing.objects.select_related("company").order_by("pk"))
    for place, row in enumerate(rows):
        line = Line(row.address, "", "Enabled", "WK")
        known = [] if place == len(rows) - 1 else [asdict(line)]
        DirectoryEntry.objects.create(company=row.company, lines=known, looked_at=at - timedelta(hours=3 + place))


def report(*, at: datetime) -> None:
    """The reports of the last months, the oldest ones accepted: called when every room has written its past."""
    day = timezone.localdate(at) - REPORTED
    while (period := ereporting.period_of("sales", day, ereporting.regime())).end < timezone.localdate(at):
        content = ereporting.collect("sales", period)
        if not ereporting.is_empty(content):
            ereporting.keep("sales", period, content, at=at)
        day = period.end + timedelta(days=1)
    done = EReport.objects.order_by("pk").values_list("pk", flat=True)[:2]
    for number, pk in enumerate(list(done)):
        EReport.objects.filter(pk=pk).update(state="sent", sent_at=at, flow_id=f"demo-report-{number}")
        EReport.objects.filter(pk=pk).update(state="accepted")
