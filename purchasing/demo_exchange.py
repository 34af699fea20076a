"""The buyers' exchange in the demonstration: offers between members in every state, by the real services."""

import random
from datetime import datetime, timedelta
from uuid import UUID

from companies.demo_data import World
from companies.models import Company, User
from purchasing.mails_back import silence
from purchasing.models import Article, Commitment, HandOver, HandOverLine, Pool, PurchaseOrder, Supplier, SupplierReview
from purchasing.models.review import CRITERIA
from purchasing.services import buyer_question, review, surplus

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
    seed_talk(rng=rng, world=world, at=at)


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


QUESTIONS = [
    ("supplier", "Livrent-ils avec un hayon élévateur ?", "Notre quai est en travaux jusqu’à la fin du mois.",
     ["Oui, demandez-le au plus tard la veille avant midi.", "Chez nous le chauffeur a refusé : précisez-le sur le bon."], 0),
    ("article", "Quelle taille prendre entre M et L ?", "Nos équipes portent du 8,5 en gants de cuir.",
     ["Prenez L, le nitrile serre un peu.", "D’accord avec la réponse précédente."], 0),
    ("pool", "Les colis seront-ils étiquetés par site ?", "Nous avons deux adresses à livrer.", [], None),
    ("supplier", "Acceptent-ils le retour des palettes ?", "", ["Oui, consignées, reprises à la livraison suivante."], None),
]  # fmt: skip
REVIEWS = [
    ((5, 4, 5, 4), "Conforme et bien emballé. Un interlocuteur qui rappelle.", "Merci de votre confiance, à bientôt."),
    ((4, 3, 4, 5), "Bon prix. La seconde livraison est arrivée deux jours plus tard que prévu.", ""),
    ((4, 5, 4, 4), "À l’heure, chauffeur aimable, rien à redire.", ""),
    ((2, 3, 2, 4), "Trois cartons humides au fond de la palette, il a fallu insister pour l’avoir.", ""),
]


def seed_talk(*, rng: random.Random, world: World, at: datetime) -> None:
    """Questions with answers, reviews of received orders with a reply, a complaint that waits for the association."""
    with silence():
        _questions(world, at)
        _reviews(rng, world, at)


def _questions(world: World, at: datetime) -> None:
    members = [c for c in world.companies if c.is_member]
    subjects = {
        "supplier": Supplier.objects.filter(orders__isnull=False).order_by("pk").first(),
        "article": Article.objects.filter(active=True, category="protection").order_by("pk").first(),
        "pool": Pool.objects.filter(state="committing").order_by("pk").first(),
    }
    for number, (kind, title, text, answers, helped) in enumerate(QUESTIONS):
        about = subjects[kind]
        if about is None:
            continue
        asking = world.home if number % 2 else members[1 + number]
        when = at - timedelta(days=12 - 3 * number)
        row = buyer_question.ask(
            actor=_buyer(world, asking), company=asking, about=about, title=title, text=text, at=when
        )
        given = []
        for place, words in enumerate(answers):
            company = members[(number + place + 3) % len(members)]
            later = when + timedelta(hours=4 + 20 * place)
            given.append(
                buyer_question.answer(actor=_buyer(world, company), company=company, question=row, text=words, at=later)
            )
        if helped is not None and given:
            buyer_question.accept(actor=_buyer(world, asking), answer=given[helped], at=when + timedelta(days=2))


def _reviews(rng: random.Random, world: World, at: datetime) -> None:
    got = HandOver.objects.filter(state__in=review.GOT).exclude(company=world.home)
    pairs: dict[int, list[int]] = {}
    for order_id, company_id in got.order_by("pk").values_list("receipt__order", "company").distinct():
        if company_id not in pairs.setdefault(order_id, []):
            pairs[order_id].append(company_id)
    companies = {c.pk: c for c in world.companies}
    told = 0
    for order in PurchaseOrder.objects.filter(pk__in=pairs).select_related("supplier").order_by("pk")[:6]:
        for pk in pairs[order.pk][: 2 + rng.randrange(3)]:
            company = companies.get(pk)
            if company is None or not company.is_member:
                continue
            marks, words, reply = REVIEWS[told % len(REVIEWS)]
            scores = dict(zip(CRITERIA, marks, strict=True))
            when = at - timedelta(days=20 - told % 18, hours=2)
            row = review.write(
                actor=_buyer(world, company), company=company, order=order, scores=scores, text=words, at=when
            )
            if reply:
                review.reply(review=row, text=reply, at=when + timedelta(days=1))
            told += 1
    last = SupplierReview.objects.filter(quality=2).order_by("pk").first()
    if last is not None:
        review.complain(
            review=last, text="Les cartons étaient secs au chargement, photos à l’appui.", at=at - timedelta(days=1)
        )
