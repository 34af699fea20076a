"""Believable merchants of Romans-sur-Isère and Bourg-de-Péage. Names, numbers and people are invented."""

import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from companies.demo_data import World, siret
from companies.models import User
from merchants import agreement, demo_data_offers
from merchants.demo_names import CATEGORIES, OWNERS, PLACES, SIGNS, STREETS
from merchants.models import (
    Category,
    DigestChoice,
    Favourite,
    Kind,
    Merchant,
    MerchantRole,
    MerchantStatus,
    Offer,
    OfferState,
    OfferVersion,
    Period,
    Shop,
    Till,
)
from merchants.services.tills import digest

NUMBER = {"tiny": 12, "erb": 150, "region": 2_000}
FIRST_SIRET = 90_000
WAITING, SUSPENDED = 3, 1  # of the last merchants: applications to approve, one that was stopped


def till_token(number: int) -> str:
    """The token of the till of merchant `number` (from 1) in demonstration data; real ones are random."""
    return f"demo-till-{number:04d}-erb-services"


def seed(*, rng: random.Random, world: World, at: datetime, scale: str) -> None:
    """Merchants with an owner, a shop, a till and one to four offers each. `world.notes` gets what a visitor needs."""
    total = NUMBER[scale]
    categories = {
        slug: Category.objects.get_or_create(slug=slug, defaults={"name_fr": fr, "name_en": en})[0]
        for slug, (fr, en, *_rest) in CATEGORIES.items()
    }
    slugs = list(CATEGORIES)
    kinds = [slugs[index % len(slugs)] for index in range(total)]
    merchants = Merchant.objects.bulk_create(_merchants(rng, kinds, categories, at))
    _owners(rng, merchants, world)
    shops = Shop.objects.bulk_create(
        _shop(rng, merchant, kind) for merchant, kind in zip(merchants, kinds, strict=True)
    )
    Till.objects.bulk_create(
        Till(
            shop=shop,
            name="Comptoir",
            token_hash=digest(till_token(number)),
            paired_at=at - timedelta(days=300),
            last_seen_at=at,
        )
        for number, shop in enumerate(shops, start=1)
        if shop.merchant.status == MerchantStatus.ACTIVE
    )
    _offers(rng, merchants, kinds, at)
    demo_data_offers.seed(merchants=merchants, kinds=kinds, world=world, at=at)
    if world.employee is not None:
        live = [merchant for merchant in merchants if merchant.status == MerchantStatus.ACTIVE]
        Favourite.objects.bulk_create(Favourite(user=world.employee, merchant=row) for row in live[:3])
        DigestChoice.objects.create(user=world.employee, since=at - timedelta(days=90))
    world.notes["merchant"] = merchants[0].pk
    world.notes["merchant_name"] = merchants[0].name
    world.notes["merchant_owner"] = merchants[0].email
    world.notes["till_token"] = till_token(1)


def _merchants(rng: random.Random, kinds: list[str], categories: dict[str, Category], at: datetime) -> list[Merchant]:
    taken: set[str] = set()
    rows = []
    for index, kind in enumerate(kinds):
        name = _name(rng, kind, taken)
        last = len(kinds) - index
        applied = last <= WAITING
        suspended = WAITING < last <= WAITING + SUSPENDED
        status = MerchantStatus.APPLIED if applied else MerchantStatus.SUSPENDED if suspended else MerchantStatus.ACTIVE
        since = 2 if applied else rng.randrange(280, 400)
        old = index % 7 == 3 and not applied  # some have not read the new text of the agreement yet
        rows.append(
            Merchant(
                name=name,
                siret=siret(FIRST_SIRET + index),
                category=categories[kind],
                email=f"commerce{index + 1}@commerces.example",
                phone=f"04 75 {rng.randrange(10, 99)} {rng.randrange(10, 99)} {rng.randrange(10, 99)}",
                status=status,
                alias_key=rng.randbytes(32),
                agreed_at=at - timedelta(days=since if old or applied else 1 + since % 20),
                agreement="2026-1" if old else agreement.CURRENT,
            )
        )
    return rows


def _name(rng: random.Random, kind: str, taken: set[str]) -> str:
    shops = CATEGORIES[kind][2]
    for attempt in range(200):
        name = rng.choice(shops).format(sign=rng.choice(SIGNS), owner=rng.choice(OWNERS))
        if attempt > 100:
            name += f" {rng.choice(PLACES)[1]}"
        if name not in taken:
            break
    else:
        name = f"{name} {len(taken)}"
    taken.add(name)
    return name


def _owners(rng: random.Random, merchants: list[Merchant], world: World) -> None:
    users = User.objects.bulk_create(
        User(
            email=merchant.email,
            full_name=f"{rng.choice(['Martine', 'Gilles', 'Sonia', 'Karim', 'Élise', 'Bruno'])} {rng.choice(OWNERS)}",
            password="!",  # noqa: S106 - no password
        )
        for merchant in merchants
    )
    MerchantRole.objects.bulk_create(
        MerchantRole(user=user, merchant=merchant) for user, merchant in zip(users, merchants, strict=True)
    )
    world.notes["merchant_owner_id"] = users[0].pk


def _shop(rng: random.Random, merchant: Merchant, kind: str) -> Shop:
    postcode, city = rng.choices(PLACES, weights=[7, 3])[0]
    street = f"{rng.randrange(1, 90)} {rng.choice(STREETS[postcode])}"
    own = random.Random(f"place {merchant.siret}")
    south, west = (45.0340, 5.0390) if postcode == "26300" else (45.0440, 5.0360)
    return Shop(
        merchant=merchant,
        name=merchant.name,
        street=street,
        postcode=postcode,
        city=city,
        hours=_hours(rng, kind),
        closures=[["2026-12-24", "2027-01-02"]] if own.random() < 0.2 else [],
        lat=Decimal(f"{south + own.random() * 0.0065:.6f}"),
        lon=Decimal(f"{west + own.random() * 0.028:.6f}"),
    )


def _hours(rng: random.Random, kind: str) -> dict[str, list[list[str]]]:
    if kind == "boulangerie":
        closed, day = rng.choice([1, 3]), [["06:30", "13:00"], ["15:30", "19:30"]]
        return {str(n): ([["06:30", "13:00"]] if n == 7 else day) for n in range(1, 8) if n != closed}
    if kind == "restaurant":
        shut: set[int] = rng.choice([{1, 7}, {7}, {3}])
        return {str(n): [["12:00", "14:00"], ["19:00", "22:30"]] for n in range(1, 8) if n not in shut}
    day = [["09:00", "12:00"], ["14:00", rng.choice(["18:30", "19:00"])]]
    return {str(n): ([["09:00", "18:00"]] if n == 6 else day) for n in range(1 if rng.random() < 0.4 else 2, 7)}


def _offers(rng: random.Random, merchants: list[Merchant], kinds: list[str], at: datetime) -> None:
    drafts: list[tuple[Offer, dict[str, Any], OfferState]] = []
    for number, (merchant, kind) in enumerate(zip(merchants, kinds, strict=True)):
        ideas = CATEGORIES[kind][3]
        chosen = rng.sample(ideas, rng.randint(1, min(4, len(ideas))))
        for place, idea in enumerate(chosen if number else ideas[:3]):  # the first merchant is the one visitors see
            live = merchant.status == MerchantStatus.ACTIVE
            state = (
                OfferState.PUBLISHED
                if live and (place == 0 or rng.random() < 0.85)
                else rng.choice([OfferState.DRAFT, OfferState.PAUSED])
            )
            drafts.append((Offer(merchant=merchant), idea, state if live else OfferState.DRAFT))
    offers = Offer.objects.bulk_create([offer for offer, _idea, _state in drafts])
    versions = OfferVersion.objects.bulk_create(
        OfferVersion(
            offer=offer,
            number=1,
            starts_on=timezone.localdate(at - timedelta(days=rng.randrange(250, 380))),
            **_terms(rng, idea, at),
        )
        for offer, idea, _state in drafts
    )
    for offer, version, (_offer, _idea, state) in zip(offers, versions, drafts, strict=True):
        offer.current, offer.state = version, state
    Offer.objects.bulk_update(offers, ["current", "state"], batch_size=1_000)


def _terms(rng: random.Random, idea: dict[str, Any], at: datetime) -> dict[str, Any]:
    """Complete an idea with limits that make sense for it."""
    terms = {"offline": rng.choice(["allow", "dynamic"]), **idea}
    if terms["kind"] != Kind.PERCENT and "per_person_limit" not in terms:
        terms |= {"per_person_limit": rng.choice([1, 2, 4]), "period": Period.MONTH}
    if terms.get("per_person_limit"):
        terms["offline"] = "online"
    if "happy" in terms:
        del terms["happy"]
        terms |= {"hours": [["14:00", "18:00"]], "weekdays": 0b0011110}
    if rng.random() < 0.12:
        terms["ends_on"] = timezone.localdate(at + timedelta(days=rng.randrange(5, 120)))
    return terms
