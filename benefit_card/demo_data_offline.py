"""A market stall of the demo's merchant that seldom has a network: two cashiers, sales that arrived later, some to decide."""

import random
import uuid
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.contrib.auth.hashers import make_password
from django.utils import translation

from benefit_card import credential, refusals
from benefit_card.credential import PARIS
from benefit_card.models import Card, EntryVerdict, LateDecision, OfflineEntry, Redemption, Shown, Standing
from benefit_card.services import cards
from companies.demo_data import World
from merchants.models import Cashier, Merchant, OfferVersion, Shop, Till
from merchants.pricing import discount
from merchants.services.tills import digest

CASHIERS = (("Nadia", "2580"), ("Marc", "7391"))
WEEKS = 10
MORNING = {1: 4, 5: 7}  # sales of a market morning: Tuesday, Saturday


def seed(*, rng: random.Random, world: World, at: datetime) -> None:
    """The stall, its people and what its till did without network."""
    merchant = Merchant.objects.filter(pk=world.notes.get("merchant", 0)).first()
    versions = list(
        OfferVersion.objects.filter(
            current_of__merchant=merchant, current_of__state="published", per_person_limit=None, stock=None, hours=[]
        ).exclude(offline="online").order_by("offline", "pk")
    )  # fmt: skip
    people = list(Card.objects.current().filter(blocked_at=None).select_related("person").order_by("pk")[:400])
    if merchant is None or not versions or not people:
        return
    till, cashiers = _stall(rng, merchant, at)
    world.notes["cashier_pins"] = dict(CASHIERS)
    sold = _mornings(rng, till, cashiers, versions, people, at)
    Redemption.objects.bulk_create(sold)
    OfflineEntry.objects.bulk_create(_entry(till, number, row) for number, row in enumerate(sold, 1))
    _to_decide(rng, till, versions[0], people, len(sold) + 1, at)


def _stall(rng: random.Random, merchant: Merchant, at: datetime) -> tuple[Till, list[Cashier]]:
    shop = Shop.objects.create(
        merchant=merchant, name="Étal du marché", street="Place Jean-Jaurès", postcode="26100",
        city="Romans-sur-Isère", hours={"2": [["07:30", "13:00"]], "6": [["07:30", "13:00"]]},
    )  # fmt: skip
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    since = at - timedelta(weeks=WEEKS + 1)
    till = Till.objects.create(
        shop=shop, name="Téléphone de l’étal", token_hash=digest(f"{rng.getrandbits(160):040x}"), paired_at=since,
        last_seen_at=at - timedelta(days=1), device_key=point,
    )  # fmt: skip
    return till, [
        Cashier.objects.create(shop=shop, name=name, pin_hash=make_password(pin), created_at=since)
        for name, pin in CASHIERS
    ]


def _mornings(
    rng: random.Random, till: Till, cashiers: Sequence[Cashier], versions: Sequence[OfferVersion],
    people: Sequence[Card], at: datetime,
) -> list[Redemption]:  # fmt: skip
    """Sales of market mornings, sent from home in the afternoon."""
    rows = []
    today = at.astimezone(PARIS).date()
    for back in range(WEEKS * 7, 0, -1):
        day = today - timedelta(days=back)
        for _sale in range(MORNING.get(day.weekday(), 0)):
            moment = datetime.combine(day, time(rng.randrange(8, 13), rng.randrange(60)), PARIS)
            card = rng.choice(people)
            if card.created_at < moment:
                row = _sold(rng, till, rng.choice(versions), card, moment)
                row.cashier, row.arrived_at = rng.choice(cashiers), datetime.combine(day, time(14, 20), PARIS)
                rows.append(row)
    return rows


def _market(at: datetime, *, past: int, number: int) -> datetime:
    """A quarter past nine of a market day, `number` market days before the last that is `past` days ago or more."""
    day = at.astimezone(PARIS).date() - timedelta(days=past)
    for _step in range(60):
        if day.weekday() in MORNING:
            if not number:
                break
            number -= 1
        day -= timedelta(days=1)
    return datetime.combine(day, time(9, 15), PARIS)


def _sold(rng: random.Random, till: Till, version: OfferVersion, card: Card, moment: datetime) -> Redemption:
    gross = max(version.min_spend_cents, rng.randrange(300, 4_500, 5))
    off = discount(
        kind=version.kind, percent=version.percent, amount_cents=version.amount_cents, cap_cents=version.cap_cents,
        min_spend_cents=version.min_spend_cents, gross_cents=gross,
    )  # fmt: skip
    return Redemption(
        client_id=uuid.UUID(int=rng.getrandbits(128), version=4), card=card, person=card.person,
        merchant_id=till.shop.merchant_id, till=till, offer_id=version.offer_id, offer_version=version, shown=Shown.PRINT,
        gross_cents=gross, discount_cents=off, period="ever", at=moment,
    )  # fmt: skip


def _entry(till: Till, seq: int, row: Redemption, **more: Any) -> OfflineEntry:
    """What the till's queue said of a sale."""
    said = {
        "seq": seq, "offer": row.offer_id, "offer_version": row.offer_version.number,
        "amount": f"{row.gross_cents / 100:.2f}", "scanned_at": row.at.isoformat(), "list_number": 1,
        "list_issued_at": (row.at - timedelta(hours=3)).isoformat(), "cashier": "", "undone": False,
    }  # fmt: skip
    facts = {"verdict": EntryVerdict.ACCEPTED, "received_at": row.arrived_at, "response": {"title": ""}, **more}
    return OfflineEntry(
        client_id=row.client_id, till=till, seq=seq, body_hash=f"{row.client_id.hex:0<64}", evidence=b"", said=said,
        scanned_at=row.at, **facts,
    )  # fmt: skip


def _to_decide(
    rng: random.Random, till: Till, version: OfferVersion, people: Sequence[Card], seq: int, at: datetime
) -> None:
    """Three sales that arrived too late, one of them decided, and two conflicts of a card blocked meanwhile."""
    with translation.override("fr"):
        late, refused = refusals.TooLate().sentence, refusals.CardRefused().sentence
    arrived = at - timedelta(hours=20)
    decided = {"decided_at": at - timedelta(hours=2), "reason": "Téléphone de l’étal en réparation pendant dix jours."}
    for number in range(3):
        row = _sold(rng, till, version, people[number], _market(at, past=8, number=number))
        row.arrived_at = arrived
        more: dict[str, Any] = {"verdict": EntryVerdict.LATE, "code": "too_late", "response": {"title": late}}
        if number == 2:
            more |= decided | {"decision": LateDecision.HONOURED}
            row.save()
        entry = _entry(till, seq + number, row, **more)
        entry.evidence = credential.from_text(cards.print_text(people[number]))
        entry.save()
    for number in range(2):
        row = _sold(rng, till, version, people[10], _market(at, past=1, number=0) + timedelta(minutes=95 * number))
        row.arrived_at, row.standing = row.at + timedelta(hours=4), Standing.CONFLICT
        row.save()
        _entry(
            till, seq + 3 + number, row, verdict=EntryVerdict.CONFLICT, code="card_refused", response={"title": refused}
        ).save()  # fmt: skip
