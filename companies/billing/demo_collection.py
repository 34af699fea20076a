"""Collecting, for demonstrations: mandates, debits announced, reminders, a proposal, a plan, a debt to give up, dues.

The mandates bear ids that only the Stripe double knows (`pm_demo_…`): it makes them on first sight.
"""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from companies.billing import buyers, collecting, dues, instalments, mandates, reminders
from companies.billing.models import (
    DuesLine,
    DuesRun,
    DuesState,
    Instalment,
    InstalmentPlan,
    Invoice,
    InvoiceState,
    Mandate,
    PlannedDebit,
    Reminder,
    SuspensionProposal,
    WriteOff,
)
from companies.billing.models.invoice import PAYABLE
from companies.billing.payments import SEPA_LIMIT_CENTS
from companies.demo_data import World

IBANS = (("FR", "2606"), ("FR", "2606"), ("FR", "2606"), ("DE", "3000"), ("FR", "2607"))


def seed(*, world: World, at: datetime) -> None:
    """Deterministic and in bulk; call it when invoices and payments exist."""
    signed = _mandates(world, at)
    _debits(signed, at)
    _reminders(world, at)
    _decisions(world, at)
    _dues(world, at)


def _mandates(world: World, at: datetime) -> dict[int, Mandate]:
    """Two companies in three have signed one, the home company among them."""
    words = mandates.text(creditor=settings.SELLER["name"], ics=settings.SELLER["ics"], notice_days=2, language="fr")
    chosen = [row for place, row in enumerate(world.companies) if place % 3 or row.pk == world.home.pk]
    rows = []
    for place, company in enumerate(chosen):
        country, last4 = IBANS[0 if company.pk == world.home.pk else place % len(IBANS)]
        when = at - timedelta(days=200 - place, hours=3)
        rows.append(
            Mandate(
                company=company,
                state="active",
                reference=f"ERB-DEMO{company.pk:06d}",
                creditor_name=settings.SELLER["name"],
                creditor_ics=settings.SELLER["ics"],
                holder=company.name[:120],
                iban_country=country,
                iban_last4=last4,
                notice_days=2,
                text_version=mandates.TEXT_VERSION,
                text=words,
                language="fr",
                signed_by=world.staff[0],
                signed_at=when,
                ip="192.0.2.10",
                user_agent="Mozilla/5.0",
                method_id=f"pm_demo_{last4}_{company.pk}",
                stripe_id=f"mandate_demo_{company.pk}",
                last_used_at=at - timedelta(days=30 + place % 20),
            )
        )
    return {row.company_id: row for row in Mandate.objects.bulk_create(rows)}


def _debits(signed: dict[int, Mandate], at: datetime) -> None:
    """What waits for money at companies with a mandate was announced yesterday."""
    today = timezone.localdate(at)
    waiting = Invoice.objects.filter(
        company__in=signed, state__in=[InvoiceState.DUE, InvoiceState.PART_PAID], balance_cents__lte=SEPA_LIMIT_CENTS
    )
    PlannedDebit.objects.bulk_create(
        PlannedDebit(
            invoice=row,
            mandate=signed[buyers.member(row).pk],
            amount_cents=row.balance_cents,
            debit_on=collecting.debit_day(due_on=row.due_on, today=today, notice_days=3),
            announced_at=at - timedelta(days=1),
        )
        for row in waiting
    )


def _reminders(world: World, at: datetime) -> None:
    """Late invoices without a mandate were reminded, as far as they are late."""
    today, rows = timezone.localdate(at), []
    late = Invoice.objects.filter(state__in=PAYABLE, due_on__lt=today, debits=None, balance_cents__gt=0)
    for invoice in late.select_related("company").order_by("due_on", "pk")[:200]:
        for level in reminders.levels():
            when = timezone.make_aware(
                datetime.combine(invoice.due_on + timedelta(days=level.days_late), datetime.min.time())
            ) + timedelta(hours=9)
            if when >= at:
                break
            subject, text = reminders.words(level, invoice, "fr", at=when)
            rows.append(
                Reminder(
                    invoice=invoice,
                    level=level.number,
                    sent_at=when,
                    recipients=["comptabilite@exemple.fr"],
                    subject=subject,
                    text=text,
                    balance_cents=invoice.balance_cents,
                )
            )
    Reminder.objects.bulk_create(rows)


def _decisions(world: World, at: datetime) -> None:
    """One suspension proposed, one debt to give up, one plan proposed to the home company."""
    last = Invoice.objects.filter(reminders__level=3).exclude(company=world.home).select_related("company")
    found = list(last.order_by("pk")[:2])
    if found:
        SuspensionProposal.objects.create(
            company=buyers.member(found[0]), invoice=found[0], proposed_at=at - timedelta(days=2)
        )
    if len(found) > 1:
        WriteOff.objects.create(
            invoice=found[1],
            amount_cents=found[1].balance_cents,
            reason="Entreprise en liquidation, certificat d'irrécouvrabilité reçu",
            asked_by=world.staff[-1],
            asked_at=at - timedelta(days=1),
        )
    home = Invoice.objects.filter(company=world.home, state=InvoiceState.CHARGED_BACK).first()
    if home is not None:
        plan = InstalmentPlan.objects.create(invoice=home, proposed_by=world.staff[0], proposed_at=at)
        first = timezone.localdate(at) + timedelta(days=20)
        Instalment.objects.bulk_create(
            Instalment(plan=plan, position=place, due_on=day, amount_cents=cents)
            for place, (day, cents) in enumerate(instalments.equal_parts(home.balance_cents, 3, first), 1)
        )


def _dues(world: World, at: datetime) -> None:
    """The run whose invoices exist, and next year's calculation to review."""
    issued = Invoice.objects.filter(legal_model="dues").select_related("company")
    by_year: dict[str, list[Any]] = {}
    for invoice in issued:
        by_year.setdefault(invoice.source.removeprefix("dues-"), []).append(invoice)
    for year, rows in by_year.items():
        run = DuesRun.objects.create(
            year=int(year),
            due_on=rows[0].due_on,
            state=DuesState.ISSUED,
            created_by=world.staff[0],
            created_at=rows[0].issued_at,
        )
        _lines(run, [(row.company, row.net_cents, row) for row in rows])
    members = [row for row in world.companies if row.status != "applied"]
    next_year = timezone.localdate(at).year + 1
    run = DuesRun.objects.create(
        year=next_year,
        due_on=timezone.localdate(at).replace(year=next_year, month=1, day=31),
        created_by=world.staff[0],
        created_at=at,
    )
    brackets = dues.brackets()
    _lines(run, [(row, dues.full_dues(row.headcount, brackets), None) for row in members])


def _lines(run: DuesRun, rows: list[tuple[Any, int, Invoice | None]]) -> None:
    DuesLine.objects.bulk_create(
        DuesLine(
            run=run,
            company=company,
            headcount=company.headcount,
            full_cents=cents,
            months=12,
            cents=cents,
            invoice=invoice,
        )
        for company, cents, invoice in rows
    )
