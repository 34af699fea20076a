"""Merchants' offers and tills, cards and codes."""

import uuid
from datetime import UTC, date, datetime

import factory
from factory.django import DjangoModelFactory

from benefit_card import credential
from benefit_card.models import Card
from benefit_card.services import cards as card_services
from benefit_card.services.keys import phone_key
from merchants import agreement
from merchants.models import (
    Category,
    Kind,
    Merchant,
    MerchantStatus,
    Offer,
    OfferState,
    OfferVersion,
    OfflinePolicy,
    Shop,
    Till,
)
from merchants.services.tills import digest
from tests.factories.companies import PAST, EmploymentFactory, siret

SEED = bytes(range(16))


class CategoryFactory(DjangoModelFactory):
    class Meta:
        model = Category
        django_get_or_create = ("slug",)

    slug, name_fr, name_en = "chaussures", "Chaussures", "Shoes"


class MerchantFactory(DjangoModelFactory):
    """An active merchant."""

    class Meta:
        model = Merchant

    name = factory.Sequence(lambda n: f"Merchant {n}")
    siret = factory.Sequence(lambda n: siret(500_000 + n))
    category = factory.SubFactory(CategoryFactory)
    status = MerchantStatus.ACTIVE
    agreement = agreement.CURRENT


class ShopFactory(DjangoModelFactory):
    class Meta:
        model = Shop

    merchant = factory.SubFactory(MerchantFactory)
    name = factory.Sequence(lambda n: f"Shop {n}")
    street, postcode, city = "2 place Maurice-Faure", "26100", "Romans-sur-Isère"


class TillFactory(DjangoModelFactory):
    """A paired till whose token is `till-<n>`; `token(till)` gives it back."""

    class Meta:
        model = Till

    shop = factory.SubFactory(ShopFactory)
    name = factory.Sequence(lambda n: f"till-{n}")
    token_hash = factory.LazyAttribute(lambda o: digest(o.name))
    paired_at = PAST
    last_seen_at = factory.LazyFunction(lambda: datetime.now(UTC))


def token(till: Till) -> str:
    return till.name


def offer(merchant: Merchant, **terms: object) -> Offer:
    """A published offer; without terms 10 % off, always, for everybody."""
    row = Offer.objects.create(merchant=merchant, state=OfferState.DRAFT)
    return publish(row, number=1, **terms)


def publish(row: Offer, *, number: int, **terms: object) -> Offer:
    """Put a version of an offer in force."""
    defaults = {"title": "10 % de remise", "kind": Kind.PERCENT, "percent": 10, "starts_on": date(2026, 1, 1)}
    if "kind" in terms:
        defaults.pop("percent")
    defaults["offline"] = OfflinePolicy.ALLOW
    row.current = OfferVersion.objects.create(offer=row, number=number, **{**defaults, **terms})
    row.state = OfferState.PUBLISHED
    row.save()
    return row


def card(at: datetime | None = None, **employment: object) -> Card:
    """A usable card of somebody employed since 2025; keywords go to the employment."""
    person = EmploymentFactory(**employment).person
    (made,) = card_services.make_cards([person.pk], batch=None, at=at or datetime.now(UTC))
    return made


def print_code(made: Card) -> str:
    return card_services.print_text(made)


def typed_code(made: Card) -> str:
    return card_services.typed_code(made.status_index)


def phone_code(made: Card, *, at: datetime, shift: int = 0) -> str:
    """What the holder's phone shows at an instant, `shift` slots off."""
    kid, key = phone_key(at=at)
    slot = credential.absolute_slot(at) + shift
    day, slot = divmod(slot, credential.SLOTS)
    prefix = credential.day_pass(key=key, kid=kid, index=made.status_index, day=day, seed=SEED)
    return credential.to_text(credential.phone_code(prefix, seed=SEED, slot=slot))


def sale(made: Card, row: Offer, *, code: str = "", amount: str = "49.90", **more: object) -> dict[str, object]:
    """The body of a redemption."""
    return {
        "client_id": str(uuid.uuid4()),
        "code": code or print_code(made),
        "offer": row.pk,
        "amount": amount,
        **more,
    }
