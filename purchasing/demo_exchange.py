"""The buyers' exchange in the demonstration: offers between members in every state, by the real services."""

import random
from datetime import datetime, timedelta
from uuid import UUID

from companies.demo_data import World
from companies.models import Company, User
from purchasing.mails_back import silence
from purchasing.models import Article, Commitment, HandOverLine
from purchasing.services import surplus

OFFERS = [
    ("Bottes de sécurité S3, pointures 45 et 46", "pair", 14, 1, 285_000, 2000,
     "Neuves, dans leur boîte. Commandées pour une équipe qui a changé."),
    ("Étiquettes thermiques 100 × 150 mm, rouleau de 500", "piece", 36, 6, 42_000, 2000,
     "Cartons entiers de 6 rouleaux. Nous avons changé d’imprimante."),
    ("Chutes de cuir tannage végétal, 1,8 à 2,2 mm", "kilo", 40, 5, 0, 2000,
     "Chutes propres, triées par teinte. Parfaites pour la petite maroquinerie."),
    ("Palettes EPAL d’occasion", "piece", 60, 10, 61_000, 2000, "Classe B, à enlever avec votre véhicule."),
]  # fmt: skip


def seed_exchange(*, rng: random.Random, world: World, at: datetime) -> None:
    """After the goods: neighbours offer, the demo's own company reserves, collects and offers the rest of a pack."""
    with silence():
        _offers(rng, world, at)
        _rest(world, at)


def _buyer(world: World, company: Company) -> User:
    return world.one(company, "buyer")


def _offers(rng: random.Random, world: World, at: datetime) -> None:
    home = world.home
    others = [c for c in world.companies if c.is_member and c != home][:6]
    made = []
    for number, (text, unit, quantity, lot, price, vat_bp, words) in enumerate(OFFERS):
        seller = others[number % len(others)]
        draft = surplus.Draft(
            text=text, quantity=quantity, unit_price_e4=price, unit=unit, vat_bp=vat_bp, lot=lot, description=words,
            site=world.sites[seller.pk][0],
        )  # fmt: skip
        when = at - timedelta(days=9 - number * 2, hours=3)
        made.append(surplus.offer(actor=_buyer(world, seller), company=seller, draft=draft, at=when))
    article = Article.objects.filter(active=True, category="hygiene").order_by("pk").first()
    if article is not None:
        draft = surplus.Draft(
            "", 24, article.ref_price_e4 or 10_000, article=article, description="Surplus d’inventaire."
        )
        surplus.offer(actor=_buyer(world, others[-1]), company=others[-1], draft=draft, at=at - timedelta(days=1))
    third = others[2 % len(others)]
    for number, (row, taker, units) in enumerate([(made[0], home, 4), (made[1], home, 12), (made[2], third, 5)]):
        if row.company == taker:
            continue
        kept = surplus.reserve(
            actor=_buyer(world, taker), company=taker, offer=row, quantity=units,
            client_id=UUID(int=rng.getrandbits(128)), at=at - timedelta(days=2 - number * 0.5),
        )  # fmt: skip
        if number == 1:  # waits for the demo's own company to confirm
            surplus.confirm(
                actor=_buyer(world, row.company), company=row.company, reservation=kept, at=at - timedelta(hours=4)
            )


def _rest(world: World, at: datetime) -> None:
    """The demo's own company offers the rest of one pack; other shares can still be offered in one tap."""
    home = world.home
    handed = HandOverLine.objects.filter(hand_over__company=home).values("commitment")
    rows = Commitment.objects.filter(pk__in=handed).select_related("company", "site", "pool_line__article")
    spare = surplus.spare_of(rows.order_by("pk"))
    if len(spare) < 2:
        return
    share = rows.get(pk=next(iter(spare)))
    surplus.offer_rest(actor=_buyer(world, home), commitment=share, at=at - timedelta(hours=20))
