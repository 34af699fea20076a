"""Employee pools in the demonstration: to join, to collect from, closed and invoiced, changed by the supplier, failed, a draft.

The real services tell the story; only Stripe is left out, so cards carry invented numbers of intents.
"""

import io
import random
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from PIL import Image, ImageDraw

from companies.billing import personal
from companies.billing.models import PersonalPayment
from companies.demo_data import World
from companies.models import Company, Person, User
from purchasing.mails_back import silence
from purchasing.models import EmployeePool, EmployeePurchase, EmployeePurchaseLine, Supplier
from purchasing.services import employee_goods, employee_lock, employee_money, employee_pool, employee_supplier
from purchasing.services.employee_lock import LIVING
from purchasing.services.employee_pool import Frame, Offered, Subsidy
from purchasing.services.employee_purchase import PAYMENT_KEY, quote
from purchasing.services.order import Answer

Shape = list[tuple[str, tuple[int, int, int, int], str]]
PELLETS: Shape = [("rectangle", (120, 90, 520, 330), "#c9a26b"), ("rectangle", (120, 200, 520, 214), "#8a4420")]
SACKS: Shape = [("ellipse", (190, 70, 450, 350), "#d8b98a"), ("rectangle", (270, 40, 370, 100), "#b98d5c")]
BASKET: Shape = [
    ("ellipse", (140, 60, 260, 200), "#2c6e3f"),
    ("ellipse", (260, 50, 380, 190), "#a3262a"),
    ("ellipse", (370, 70, 490, 200), "#d98324"),
    ("rectangle", (120, 170, 520, 330), "#8d6a43"),
]
OIL: Shape = [("rectangle", (260, 120, 380, 340), "#7a8f3c"), ("rectangle", (295, 40, 345, 120), "#4c5a24")]


def seed_employees(*, rng: random.Random, world: World, at: datetime) -> None:
    """Employee pools in each of their states. Nobody is written to."""
    with silence():
        teller = _Teller(rng, world, at)
        teller.open_pool()
        teller.arrived_pool()
        teller.closed_pool()
        teller.changed_pool()
        teller.failed_pool()
        teller.own_draft()


class _Teller:
    def __init__(self, rng: random.Random, world: World, at: datetime) -> None:
        self.rng, self.world, self.at, self.staff = rng, world, at, world.staff[0]
        self.members = [company for company in world.companies[:12] if company.is_member]
        self.number = 0

    def hr(self, company: Company) -> User:
        return self.world.one(company, "hr")

    def people(self, company: Company, count: int) -> list[Person]:
        rows = company.employments.select_related("person").order_by("pk")[
            2 : 3 + count
        ]  # the demo's employee is the third
        return [row.person for row in rows if row.person.user_id is None][:count]

    def pool(
        self, title: str, words: str, at: datetime, closes: datetime, articles: list[Offered], **more: Any
    ) -> EmployeePool:
        supplier = Supplier.objects.filter(active=True).order_by("pk").first()
        expected = timezone.localdate(closes) + timedelta(days=12)
        frame = Frame(title, words, closes, supplier=supplier, expected_on=expected, **more)
        pool = employee_pool.save(actor=self.staff, frame=frame, at=at)
        for article in articles:
            employee_pool.offer(actor=self.staff, pool=pool, offered=article, at=at)
        pool = employee_pool.publish(actor=self.staff, pool=pool, at=at)
        home = self.world.home
        terms = [(home, Subsidy("percent", 1_000, 0, 1_500, 40_000, "Accueil, en semaine de 8 h à 12 h"))]
        terms += [(company, Subsidy("amount", 0, 1_000, None, 20_000)) for company in self.members[1:2]]
        for company, subsidy in terms:
            employee_pool.subsidise(actor=self.hr(company), pool=pool, company=company, subsidy=subsidy, at=at)
        return pool

    def join(self, pool: EmployeePool, person: Person, at: datetime, *, paid: bool) -> None:
        """One purchase of one or two articles; with `paid` its card was reserved."""
        articles = list(pool.articles.order_by("position"))
        wanted = {articles[0].pk: self.rng.choice([1, 1, 1, 2])}
        if len(articles) > 1 and self.rng.random() < 0.4:
            wanted = {articles[1].pk: self.rng.choice([1, 2, 4])}
        asked = quote(person=person, pool=pool, wanted=wanted, at=at)
        company = person.employments.order_by("pk")[0].company
        row = EmployeePurchase.objects.create(
            pool=pool,
            person=person,
            company=company,
            committed_at=at,
            dearest_cents=asked.dearest_cents,
            reserved_cents=asked.reserved_cents,
            freight_most_cents=asked.freight_most_cents,
        )
        for article, quantity in wanted.items():
            EmployeePurchaseLine.objects.create(purchase=row, article_id=article, quantity=quantity)
        if paid:
            self.reserve(row, at)

    def reserve(self, row: EmployeePurchase, at: datetime) -> None:
        self.number += 1
        payment = PersonalPayment.objects.create(
            key=f"{PAYMENT_KEY}{row.pk}",
            person=row.person,
            company=row.company,
            subject=row.pool.title,
            price_cents=row.dearest_cents,
            subsidy_cents=row.reserved_cents,
            return_path="/me/pools/",
            session_id=f"cs_demo_{self.number}",
            created_at=at,
            expires_at=at,
        )
        seen = personal.Seen("authorised", intent_id=f"pi_demo_{self.number}", method_hint="visa … 4242")
        personal.apply(payment_id=payment.pk, seen=seen, at=at)
        EmployeePurchase.objects.filter(pk=row.pk).update(payment=payment)

    def locked(self, pool: EmployeePool, at: datetime) -> EmployeePool:
        """Past the deadline: price fixed, cards charged, order sent."""
        pool = employee_lock.decide(pool, at)
        for row in pool.purchases.filter(LIVING).select_related("payment"):
            assert row.payment is not None
            PersonalPayment.objects.filter(pk=row.payment.pk).update(
                wish="capture", wish_cents=row.price_cents, wish_subsidy_cents=row.subsidy_cents
            )
            seen = personal.Seen("captured", fee_cents=25 + row.own_cents // 70)
            personal.apply(payment_id=row.payment.pk, seen=seen, at=at)
        return employee_goods.order(actor=self.staff, pool=pool, at=at + timedelta(hours=2))

    def arrive(self, pool: EmployeePool, at: datetime, companies: list[Company]) -> None:
        for company in companies:
            expected = employee_goods.to_come(pool, company)
            if expected:
                employee_goods.arrive(
                    actor=self.hr(company), pool=pool, company=company, counts=expected, number=1, at=at
                )

    def collected(self, pool: EmployeePool, at: datetime, part: float, *, refused: int = 0) -> None:
        """People collect; the first one leaves `refused` units, which waits for the association to decide."""
        for row in pool.purchases.filter(state="locked", person__user=None).select_related("pool", "company"):
            if self.rng.random() < part:
                method = self.rng.choice(["scan", "scan", "button"])
                line = row.lines.filter(arrived__gte=max(1, refused)).first()
                left = {line.pk: refused} if refused and line else {}
                reason = "Deux courges abîmées." if left else ""
                employee_goods.hand_over(
                    actor=self.hr(row.company), purchase=row, refused=left, reason=reason, method=method, at=at
                )
                refused = 0 if left else refused

    # The three pools --------------------------------------------------------------------------------------------------
    def open_pool(self) -> None:
        """Open for five more days, just below the best price."""
        pellets = ((3, 31_900), (15, 28_900), (30, 26_500))
        sacks = ((10, 540), (40, 490), (100, 450))
        words = "Certifiés ENplus A1, livrés au travail sur palette de 66 sacs ou par sac."
        pool = self.pool(
            "Pellets à la maison\u00a0: palette ou sac",
            words,
            self.at - timedelta(days=6),
            (self.at + timedelta(days=5)).replace(hour=17, minute=0, second=0, microsecond=0),
            [
                Offered("Palette de 66 sacs de 15 kg", pellets, 1000, "Environ une tonne.", 2, _picture(PELLETS)),
                Offered("Sac de 15 kg", sacks, 1000, "À emporter.", 20, _picture(SACKS), 12),
            ],
            freight_cents=14_400,
            franco_cents=600_000,
        )
        for n, person in enumerate(p for company in self.members for p in self.people(company, 3)):
            self.join(pool, person, self.at - timedelta(days=5) + timedelta(hours=2 * n), paid=False)

    def arrived_pool(self) -> None:
        """Arrived at work: the demo's employee has something to collect."""
        began = self.at - timedelta(days=30)
        words = "Pommes de terre, carottes, courges, poireaux : 6 kg de la vallée."
        tiers = ((5, 2_200), (15, 1_990))
        pool = self.pool(
            "Paniers de légumes d’automne", words, began, began + timedelta(days=5),
            [Offered("Panier de 6 kg", tiers, 550, "Selon la récolte.", 3, _picture(BASKET), 4)],
            freight_cents=2_500,
        )  # fmt: skip
        assert self.world.employee is not None
        self.join(pool, self.world.employee.person, began + timedelta(hours=1), paid=True)
        for n, person in enumerate(p for company in self.members[:5] for p in self.people(company, 4)):
            self.join(pool, person, began + timedelta(hours=3 + n), paid=True)
        pool = self.locked(pool, began + timedelta(days=5, minutes=1))
        answer = Answer(timezone.localdate(self.at), "AR-2211", "Livraison le matin.")
        employee_supplier.acknowledge(order=pool.order, answer=answer, at=began + timedelta(days=6))
        self.arrive(pool, self.at - timedelta(hours=5), self.members[:4])
        self.collected(pool, self.at - timedelta(hours=2), 0.5, refused=1)

    def closed_pool(self) -> None:
        """Collected, closed, and invoiced to the companies that added something."""
        began = self.at - timedelta(days=90)
        tiers = ((6, 1_450), (20, 1_290))
        pool = self.pool(
            "Huile de noix du pays", "Première pression, bouteille de 50 cl.", began, began + timedelta(days=5),
            [Offered("Bouteille de 50 cl", tiers, 550, "", 6, _picture(OIL))],
        )  # fmt: skip
        for n, person in enumerate(p for company in self.members[:4] for p in self.people(company, 5)):
            self.join(pool, person, began + timedelta(hours=n), paid=True)
        pool = self.locked(pool, began + timedelta(days=5, minutes=1))
        self.arrive(pool, began + timedelta(days=17), self.members)
        self.collected(pool, began + timedelta(days=18), 1)
        employee_money.close(actor=self.staff, pool=pool, at=began + timedelta(days=20))

    def changed_pool(self) -> None:
        """Ordered; the supplier has one unit less and another make, and somebody has to decide."""
        began = self.at - timedelta(days=9)
        pool = self.pool(
            "Ampoules LED pour la maison", "Lot de six, 9 W, culot E27.", began, began + timedelta(days=5),
            [Offered("Lot de 6 ampoules", ((4, 1_890), (12, 1_590)), 2000, "", 4)],
        )  # fmt: skip
        for n, person in enumerate(p for company in self.members[:3] for p in self.people(company, 3)):
            self.join(pool, person, began + timedelta(hours=n), paid=True)
        pool = self.locked(pool, began + timedelta(days=5, minutes=1))
        line = pool.order.lines.get()
        answer = Answer(
            timezone.localdate(self.at) + timedelta(days=6), "AR-2307", "Le modèle dépoli remplace le clair.",
            {line.pk: (line.quantity - 1, line.unit_price_e4)}, {line.pk: "Lot de 6 ampoules dépolies"},
        )  # fmt: skip
        employee_supplier.acknowledge(order=pool.order, answer=answer, at=self.at - timedelta(hours=3))

    def failed_pool(self) -> None:
        """Too few joined: nobody paid."""
        began = self.at - timedelta(days=40)
        pool = self.pool(
            "Vélos à assistance", "Cadre mixte, garantie deux ans.", began, began + timedelta(days=5),
            [Offered("Vélo à assistance", ((8, 129_000),), 2000, "", 1)],
        )  # fmt: skip
        for n, person in enumerate(self.people(self.members[1], 2)):
            self.join(pool, person, began + timedelta(hours=n), paid=False)
        employee_lock.decide(pool, began + timedelta(days=5, minutes=1))

    def own_draft(self) -> None:
        """Written down by the demo's company for its own people, not opened yet."""
        home, closes = self.world.home, self.at + timedelta(days=16)
        frame = Frame("Chocolats de Noël", "Ballotins d’un artisan de Romans.", closes)
        pool = employee_pool.save(actor=self.hr(home), company=home, frame=frame, at=self.at - timedelta(days=1))
        offered = Offered("Ballotin de 500 g", ((10, 2_450), (30, 2_190)), 550, "", 5)
        employee_pool.offer(actor=self.hr(home), pool=pool, offered=offered, at=self.at - timedelta(days=1))


def _picture(shapes: Shape) -> bytes:
    """A drawn stand-in for a photo."""
    image = Image.new("RGB", (640, 360), "#efe6d8")
    pen = ImageDraw.Draw(image)
    for kind, box, colour in shapes:
        getattr(pen, kind)(box, fill=colour, outline="#6b4a2b", width=3)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()
