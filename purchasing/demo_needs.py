"""What the invented companies plan and allow themselves: budgets, levels, stand-ins, price lists, needs that come back."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from companies import documents
from companies.demo_data import World
from companies.models import Company
from purchasing.models import (
    ApprovalLevel,
    Article,
    Budget,
    Commitment,
    Delegation,
    Price,
    PriceList,
    PriceListState,
    PurchaseRequest,
    RecurringNeed,
    Supplier,
    SupplierClosure,
    SupplierDocument,
)
from purchasing.rules.units import change_bp
from purchasing.services import budget as budgets
from purchasing.services import price_list as lists

CENTRES = [
    ("ATELIER", "Atelier de production"),
    ("LOGISTIQUE", "Expédition et quai"),
    ("MAINT", "Maintenance"),
    ("SIÈGE", "Bureaux"),
]
PAPER = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def seed_needs(*, rng: random.Random, world: World, at: datetime, suppliers: Sequence[Supplier]) -> None:
    """After requests and pools: the demo's own company keeps budgets, two of its neighbours do too."""
    home = world.home
    _budgets(rng, [home, *[c for c in world.companies if c.is_member and c != home][:2]], at)
    _levels(world, home, at)
    _prices(rng, world, at, suppliers)
    _papers(world, at, suppliers)
    _recurring(world, home, at)


def _budgets(rng: random.Random, companies: Sequence[Company], at: datetime) -> None:
    """Room for what the year already holds, one of them nearly spent."""
    year = timezone.localdate(at).year
    for company in companies:
        for centre in ("",):
            PurchaseRequest.objects.filter(company=company, cost_centre=centre).update(cost_centre="ATELIER")
            Commitment.objects.filter(company=company, cost_centre=centre).update(cost_centre="ATELIER")
        taken: dict[str, int] = {}
        for part in (budgets.reserved([company.pk]), budgets.committed([company.pk])):
            for (_who, when, centre), cents in part.items():
                if when == year:
                    taken[centre] = taken.get(centre, 0) + cents
        for number, (centre, name) in enumerate(CENTRES):
            share = (104, 125, 160, 220)[(number + rng.randrange(2)) % 4]
            amount = max(150_000, taken.get(centre, 0) * share // 100)
            Budget.objects.create(
                company=company, year=year, cost_centre=centre, name=name, amount_cents=-(-amount // 50_000) * 50_000
            )


def _levels(world: World, home: Company, at: datetime) -> None:
    """Two approvers above 5,000 €; the approver is away next week and a colleague stands in."""
    ApprovalLevel.objects.create(company=home, above_cents=500_000, approvers=2)
    ApprovalLevel.objects.create(company=home, above_cents=2_000_000, approvers=2, kind="admin")
    approver, stand_in = world.one(home, "approver"), world.one(home, "accountant")
    today = timezone.localdate(at)
    if approver != stand_in:
        Delegation.objects.create(
            company=home,
            absent=approver,
            stand_in=stand_in,
            starts_on=today - timedelta(days=1),
            ends_on=today + timedelta(days=8),
            reason="Congés",
            created_by=approver,
            created_at=at - timedelta(days=3),
        )


def _prices(rng: random.Random, world: World, at: datetime, suppliers: Sequence[Supplier]) -> None:
    """Last year's prices of every supplier, this spring's of some, and one list that waits to be looked at."""
    today = timezone.localdate(at)
    old, rows = today - timedelta(days=330), []
    by_category: dict[str, list[Article]] = {}
    for article in Article.objects.filter(ref_price_e4__isnull=False).order_by("pk"):
        by_category.setdefault(article.category, []).append(article)
    for number, supplier in enumerate(suppliers):
        for place, article in enumerate(by_category.get(supplier.category, [])):
            if (place + number) % 3 == 0:
                continue
            was = max(100, (article.ref_price_e4 or 100) * (94 + (place * 7 + number * 3) % 13) // 100)
            code = f"{supplier.name[:2].upper()}{article.pk:05d}"
            steep = place % 9 == number % 9
            moved = steep or rng.random() < 0.25
            now = was * (rng.randrange(104, 112) if steep else rng.randrange(97, 103)) // 100
            day = today - timedelta(days=rng.randrange(4, 26) if steep else rng.randrange(60, 200))
            first = Price(supplier=supplier, article=article, reference=code, pack=article.pack, price_e4=was)
            first.valid_from, first.created_at = old, at - timedelta(days=331)
            rows.append(first)
            if moved and now != was:
                first.ended_on = day
                later = Price(supplier=supplier, article=article, reference=code, pack=article.pack, price_e4=now)
                later.valid_from, later.created_at = day, at - (today - day)
                later.change_bp = change_bp(was, now)
                rows.append(later)
    Price.objects.bulk_create(rows, batch_size=1_000)
    _waiting_list(world, at, suppliers[0])


def _waiting_list(world: World, at: datetime, supplier: Supplier) -> None:
    """A list that came this morning: dearer, one article new, one gone, and compared already."""
    prices = list(Price.objects.filter(supplier=supplier, ended_on__isnull=True).select_related("article")[:40])
    lines = ["Référence;Désignation;Prix HT;Prix pour;Unité;Colisage"]
    for number, price in enumerate(prices[1:]):
        now = price.price_e4 if number % 3 == 0 else price.price_e4 * (100 + number % 5) // 100
        name = price.article.name.replace(";", ",")
        lines.append(f"{price.reference};{name};{now // 10_000},{now % 10_000:04d};1;;{price.pack}")
    lines.append("NV-2201;Gants anticoupure niveau F, taille 9;6,9000;1;paire;12")
    found = PriceList.objects.create(
        supplier=supplier,
        name="tarif-printemps.csv",
        content="\n".join(lines).encode("cp1252", "replace"),
        full=True,
        valid_from=timezone.localdate(at) + timedelta(days=10),
        created_by=world.staff[0],
        created_at=at - timedelta(hours=2),
    )
    from purchasing import price_file

    made = lists.plan(found, price_file.read(bytes(found.content or b"")))
    for position, row in enumerate(made.rows, 1):
        row.position = position
    type(made.rows[0]).objects.bulk_create(made.rows)
    PriceList.objects.filter(pk=found.pk).update(state=PriceListState.READY, counts=made.counts)


def _papers(world: World, at: datetime, suppliers: Sequence[Supplier]) -> None:
    """Documents of the first suppliers, one about to expire and one over; the summer's closed weeks."""
    today = timezone.localdate(at)
    paper = documents.store(kind="supplier_document", name="attestation.pdf", content=PAPER, at=at)
    days = [200, 12, -5, 340]
    SupplierDocument.objects.bulk_create(
        SupplierDocument(
            supplier=supplier,
            kind=kind,
            document=paper,
            expires_on=today + timedelta(days=days[(number + place) % 4] if number < 3 else 150 + number * 9),
            added_by=world.staff[0],
            added_at=at - timedelta(days=160),
        )
        for number, supplier in enumerate(suppliers)
        for place, kind in enumerate(["social", "insurance"] if number % 2 else ["social"])
    )
    summer = today.replace(month=8, day=3) if today < today.replace(month=8, day=3) else today.replace(month=12, day=21)
    SupplierClosure.objects.bulk_create(
        SupplierClosure(
            supplier=supplier, starts_on=summer, ends_on=summer + timedelta(days=18), reason="Fermeture annuelle"
        )
        for supplier in suppliers[::3]
    )


def _recurring(world: World, home: Company, at: datetime) -> None:
    """Two needs of the demo's company that come back."""
    today = timezone.localdate(at)
    patterns = PurchaseRequest.objects.filter(company=home).exclude(state="cancelled").order_by("-created_at")[:2]
    for number, pattern in enumerate(patterns):
        first = today + timedelta(days=6 + 9 * number)
        RecurringNeed.objects.create(
            company=home,
            pattern=pattern,
            every=["month", "quarter"][number],
            starts_on=first,
            next_on=first,
            submit=number == 1,
            requester=pattern.requester,
            created_at=at - timedelta(days=20),
        )
