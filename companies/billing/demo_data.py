"""A year of invoices and payments for demonstrations: dues, monthly fees, and for the home company one of each state."""

import random
from collections.abc import Sequence
from datetime import datetime, time, timedelta

from django.db import transaction
from django.utils import timezone

from companies.billing import (
    bulk,
    demo_collection,
    demo_data_books,
    demo_deposits,
    demo_documents,
    invoices,
    settlement,
)
from companies.billing.invoices import LineDraft, Prepared
from companies.billing.models import Invoice, LegalModel, LineKind, Payment, PaymentState
from companies.billing.settlement import Dispute, Observation
from companies.demo_data import World
from companies.models import Company

DUES = ((10, 15_000), (50, 35_000), (250, 80_000), (10**9, 150_000))  # headcount up to, net cents a year
SERVICES = (
    "Participation aux frais de la centrale d'achat",
    "Accompagnement des acheteurs",
    "Mutualisation de la collecte des déchets",
    "Formation sécurité inter-entreprises",
    "Location de la salle de réunion de Pôle Sud",
)
MONTHS = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
]


def seed(*, rng: random.Random, world: World, at: datetime, scale: str) -> None:
    """Dues and monthly fees of twelve months, nearly all paid; the home company's last ones tell a story each."""
    drafts = [draft for company in world.companies for draft in _year(rng, company, at)]
    drafts += _stories_to_tell(rng, world.home, at)
    drafts += _never_paid(world, at)
    made = bulk.issue_many(drafts)
    recent = at - timedelta(days=40)
    stories = [row for row in made if row.source.startswith("training")]
    kept = {row.pk for row in made if row.source.startswith(("training", "late", "card"))}
    paid = [
        bulk.Paid(row, _paid_at(rng, row, at), *rng.choice([("sepa_debit", 35), ("sepa_debit", 35), ("card", 150)]))
        for row in made
        if row.pk not in kept and (row.issued_at < recent or rng.random() < 0.4) and rng.random() < 0.985
    ]
    bulk.pay_many([row for row in paid if row.at < at], now=at)
    _stories(stories, at)
    demo_deposits.seed(world=world, rows=[row for row in made if row.source.startswith("card")], at=at)
    demo_collection.seed(world=world, at=at)
    demo_data_books.seed(rng=rng, world=world, at=at)
    demo_documents.seed(world=world, at=at)


def _year(rng: random.Random, company: Company, at: datetime) -> list[Prepared]:
    today = timezone.localdate(at)
    dues = next(cents for limit, cents in DUES if company.headcount <= limit)
    found = []
    for back in range(12, -1, -1):
        year, month = divmod(today.year * 12 + today.month - 1 - back, 12)
        moment = timezone.make_aware(datetime.combine(today.replace(year=year, month=month + 1, day=1), time(7, 30)))
        moment += timedelta(days=rng.randrange(3), minutes=rng.randrange(300))
        if moment >= at:
            continue
        lines = [_service(rng, company, MONTHS[month])]
        if rng.random() < 0.3:
            lines.append(_service(rng, company, MONTHS[month]))
        found.append(_draft(company, lines, moment, f"fees-{year}-{month + 1:02d}", LegalModel.LISTING))
        if back == 10:
            line = _line(f"Cotisation annuelle {year}", dues, 0)
            found.append(_draft(company, [line], moment, f"dues-{year}", LegalModel.DUES))
    return found


def _stories_to_tell(rng: random.Random, company: Company, at: datetime) -> list[Prepared]:
    """Invoices of the last weeks whose payments did not all go well."""
    return [
        _draft(
            company,
            [_line(f"Formation sécurité inter-entreprises, session {number}", 100 * rng.randint(180, 640), 2_000)],
            at - timedelta(days=30 - 7 * number),
            f"training-{number}",
            LegalModel.LISTING,
        )
        for number in range(1, 5)
    ] + [
        _draft(company, [_line(words, cents, 2_000)], at - timedelta(days=25), source, LegalModel.LISTING)
        for source, words, cents in (
            (demo_deposits.CLAIMED, "Journée des adhérents, trois places", 27_000),
            (demo_deposits.TWICE, "Salon des achats responsables, stand partagé", 46_500),
        )
    ]


def _never_paid(world: World, at: datetime) -> list[Prepared]:
    """Four invoices that nobody paid, of companies without a mandate: reminded once, twice, three times."""
    late = [company for company in world.companies[3::3] if company.pk != world.home.pk][:4]
    return [
        _draft(
            company,
            [_line("Formation sécurité inter-entreprises", 24_000 + 3_500 * place, 2_000)],
            at - timedelta(days=company.payment_days + 75 - 18 * place),
            f"late-{place}",
            LegalModel.LISTING,
        )
        for place, company in enumerate(late)
    ]


def _service(rng: random.Random, company: Company, month: str) -> LineDraft:
    cents = 100 * rng.randint(25, 60 + 4 * min(company.headcount, 200))
    return _line(f"{rng.choice(SERVICES)}, {month}", cents, 2_000)


def _line(words: str, cents: int, vat_bp: int) -> LineDraft:
    return LineDraft(words, 1, "forfait", cents * 100, cents, vat_bp, kind=LineKind.FEE)


def _draft(company: Company, lines: list[LineDraft], at: datetime, source: str, model: LegalModel) -> Prepared:
    day = timezone.localdate(at)
    return invoices.prepare(
        company=company,
        lines=lines,
        at=at,
        due_on=day + timedelta(days=company.payment_days),
        source=source,
        key=f"demo-{source}-{company.pk}",
        legal_model=model,
        supply_on=day,
    )


def _paid_at(rng: random.Random, invoice: Invoice, at: datetime) -> datetime:
    return invoice.issued_at + timedelta(days=rng.randint(3, 32), minutes=rng.randrange(600))


def _stories(rows: list[Invoice], at: datetime) -> None:
    """Taken back, failed, in collection, and one simply to be paid."""
    for row, story in zip(rows, ("taken back", "failed", "collecting", "due"), strict=False):
        if story == "due":
            continue
        when = min(row.issued_at + timedelta(days=9), at)
        with transaction.atomic():
            payment = Payment.objects.create(
                invoice=row,
                attempt=1,
                state=PaymentState.OPEN,
                amount_cents=row.balance_cents,
                created_at=when - timedelta(days=4),
                expires_at=when,
            )
        cents, before = payment.amount_cents, when - timedelta(days=4)
        settlement.apply(payment_id=payment.pk, seen=_seen(row, "processing"), at=before)
        if story == "failed":
            settlement.apply(payment_id=payment.pk, seen=_seen(row, "failed"), at=when)
        elif story == "taken back":
            settlement.apply(payment_id=payment.pk, seen=_seen(row, "succeeded", cents), at=when)
            claim = Dispute(f"du_past_{row.pk}", cents, returned=False)
            back = min(when + timedelta(days=20), at)
            settlement.apply(payment_id=payment.pk, seen=_seen(row, "succeeded", cents, [claim]), at=back)


def _seen(row: Invoice, outcome: str, cents: int = 0, disputes: Sequence[Dispute] = ()) -> Observation:
    return Observation(
        outcome,
        received_cents=cents,
        fee_cents=35 if cents else 0,
        intent_id=f"pi_past_{row.pk}",
        method="sepa_debit",
        method_hint="IBAN FR … 2607",
        failure="insufficient_funds" if outcome == "failed" else "",
        disputes=disputes,
    )
