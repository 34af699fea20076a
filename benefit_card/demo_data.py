"""Cards for the demonstration and a year of their use. Believable, invented, deterministic but for the keys.

Rows go in by COPY: 4,000 cards and 40,000 redemptions in a few seconds.
"""

import random
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from itertools import chain
from typing import Any

from django.db import connection

from benefit_card import demo_data_offline, demo_data_shop, short_code
from benefit_card.credential import PARIS
from benefit_card.models import Card, CardBatch, Shown
from benefit_card.months import first_number
from benefit_card.quota import PERSON, STOCK, fits, in_window, period_of, person_key
from benefit_card.services import cards, partitions
from companies.demo_data import World
from companies.models import Company, Employment, User
from merchants.models import OfferVersion, Till
from merchants.pricing import discount, is_open_at

REDEMPTIONS = {"tiny": 1_500, "erb": 40_000, "region": 300_000}
CHUNK = 500
ISSUED = timedelta(days=330)
WITHOUT = 12  # people of the demo's company who joined lately and have no card yet
OPENED = 0.62
ENDING = (24, 45, -4)  # days until these cards end although their holders stay


def seed(*, rng: random.Random, world: World, at: datetime, scale: str) -> None:
    """Cards for nearly everybody, most of them opened on a phone, and a year of redemptions."""
    for company, people in _waiting(world):
        for start in range(0, len(people), CHUNK):
            _issue(rng, world, company, people[start : start + CHUNK], at)
    _ready_to_print(world, at)
    _mishaps(rng, at)
    _ending(world, at)
    holders = list(
        Card.objects.current()
        .filter(blocked_at=None)
        .order_by("pk")
        .values_list("pk", "person_id", "holder_key", "created_at")
    )
    _history(rng, world, holders, at, REDEMPTIONS.get(scale, 1_500))
    demo_data_offline.seed(rng=random.Random(f"stall {scale}"), world=world, at=at)
    demo_data_shop.seed(world=world, at=at, scale=scale)
    samples = Card.objects.current().filter(blocked_at=None, person__employments__company__status="admitted")
    chosen = list(samples.order_by("pk")[:5])
    world.notes["card_codes"] = [cards.print_text(card) for card in chosen]
    world.notes["card_short_codes"] = [short_code.grouped(cards.typed_code(card.status_index)) for card in chosen]


def _waiting(world: World) -> Iterable[tuple[Company | None, list[int]]]:
    """People by company for the detailed companies, then everybody else; one card for each person."""
    done: set[int] = set()
    detailed = {company.pk for company in world.companies}
    for company in world.companies:
        if company.status == "applied":
            continue
        people = _people(company.employments.all(), done)
        if company == world.home:
            last = people[-WITHOUT:]
            people = [person for person in people if person not in last]
            done.difference_update(last)
        yield company, people
    yield None, _people(Employment.objects.exclude(company__in=detailed).exclude(company__status="applied"), done)


def _people(rows: Any, done: set[int]) -> list[int]:
    people = [person for person in rows.order_by("pk").values_list("person_id", flat=True) if person not in done]
    done.update(people)
    return list(dict.fromkeys(people))


def _issue(rng: random.Random, world: World, company: Company | None, people: Sequence[int], at: datetime) -> None:
    issued = (at - ISSUED + timedelta(days=rng.randrange(0, 8))).replace(hour=rng.randrange(7, 16))
    batch = None
    if company is not None:
        hr = world.members.get(company.pk, {}).get("hr", [None])[0]
        batch = CardBatch.objects.create(
            company=company, people=list(people), created_by=hr, created_at=issued, completed_at=issued
        )
    drafts = cards.draft_cards(people, batch=batch, at=issued)
    for card in drafts:
        card.printed_at = issued + timedelta(hours=1)
        if rng.random() < OPENED or (world.employee and card.person_id == world.employee.person.pk):
            card.activated_at = issued + timedelta(days=rng.randrange(1, 120), minutes=rng.randrange(600))
    cards.save_cards(drafts)


def _ready_to_print(world: World, at: datetime) -> None:
    """A batch of this morning in the second company, for whoever opens it: made, not printed yet."""
    if len(world.companies) < 2:
        return
    company = world.companies[1]
    batch = CardBatch.objects.filter(company=company).order_by("-pk").first()
    if batch is not None:
        CardBatch.objects.filter(pk=batch.pk).update(
            created_at=at - timedelta(hours=2), completed_at=at - timedelta(hours=2)
        )
        batch.cards.update(printed_at=None)


def _mishaps(rng: random.Random, at: datetime) -> None:
    """One card in a hundred is blocked, as lost or stolen."""
    every = list(Card.objects.filter(person__user=None).order_by("pk").values_list("pk", flat=True))
    lost = rng.sample(every, len(every) // 100)
    when = at - timedelta(days=rng.randrange(3, 60))
    half = len(lost) // 2
    Card.objects.filter(pk__in=lost[:half]).update(blocked_at=when, block_reason="lost")
    Card.objects.filter(pk__in=lost[half:]).update(blocked_at=when, block_reason="stolen")


def _ending(world: World, at: datetime) -> None:
    """Cards made for a time, whose holders were kept on since: two end soon, one has ended. One of them signs in."""
    held = Card.objects.current().filter(blocked_at=None, person__user=None, activated_at__isnull=False)
    staying = held.filter(person__employments__company=world.home, person__employments__ends_on=None)
    chosen = list(staying.select_related("person").order_by("pk")[: len(ENDING)])
    for card, days in zip(chosen, ENDING, strict=False):
        Card.objects.filter(pk=card.pk).update(valid_until=at.astimezone(PARIS).date() + timedelta(days=days))
    if chosen:
        person = chosen[0].person
        email = person.employments.filter(company=world.home).values_list("email", flat=True)[0]
        person.user = User.objects.create(full_name=str(person), email=email, password="!", date_joined=at)  # noqa: S106 - "!" is no password
        person.save(update_fields=["user"])


# ---------------------------------------------------------------- a year at the tills

Holder = tuple[int, int, str, datetime]


class Town:
    """What may be redeemed where: tills, versions and how much people like them."""

    def __init__(self, rng: random.Random) -> None:
        tills = {till.shop.merchant_id: till for till in Till.objects.select_related("shop").order_by("pk")}
        versions = (  # offers that ask for an employer, a first visit or to stand alone are left to the visitors
            OfferVersion.objects.filter(
                current_of__state="published", combine="any", first_visit=False, companies=[], sizes=[], contract="any"
            )
            .select_related("offer")
            .order_by("pk")
        )
        self.places: list[tuple[Till, OfferVersion]] = [
            (tills[version.offer.merchant_id], version) for version in versions if version.offer.merchant_id in tills
        ]
        self.weights = [rng.lognormvariate(0, 0.9) for _place in self.places]
        self.used: Counter[tuple[str, str, str]] = Counter()
        self.days: dict[tuple[str, str, str], list[date]] = {}

    def allow(self, version: OfferVersion, holder: str, day: date) -> tuple[bool, str, int | None, int | None]:
        """Count a use unless a limit stands in the way: (allowed, period, use of the person, use of the stock)."""
        period = period_of(version.period, day)
        mine = (PERSON, person_key(holder, version.offer_id), period)
        stock = (STOCK, str(version.offer_id), "ever")
        limit, window = version.per_person_limit, version.window_days
        days = self.days.get(mine, []) if window else []
        if limit is not None and not (
            fits(days, day, window=window, limit=limit) if window else self.used[mine] < limit
        ):
            return False, period, None, None
        if version.stock is not None and self.used[stock] >= version.stock:
            return False, period, None, None
        seq = stock_seq = None
        if version.per_person_limit is not None:
            self.used[mine] += 1
            seq = self.used[mine]
        if window:
            self.days[mine] = [*days, day]
            seq = in_window(self.days[mine], day, window)
        if version.stock is not None:
            self.used[stock] += 1
            stock_seq = self.used[stock]
        return True, period, seq, stock_seq


def _history(rng: random.Random, world: World, holders: Sequence[Holder], at: datetime, wanted: int) -> None:
    town = Town(rng)
    if not town.places or not holders:
        return
    keen = [rng.lognormvariate(0, 1.0) for _holder in holders]
    mine = [holder for holder in holders if world.employee and holder[1] == world.employee.person.pk]
    rows = chain(
        _sales(rng, town, rng.choices(holders, weights=keen, k=wanted), at),
        _sales(rng, town, mine * 30, at),
        _today(rng, town, holders, at),
    )
    partitions.ensure(since=min(holder[3] for holder in holders), until=at)
    # One by one into the COPY: a region's year needs no memory.
    _copy("benefit_card_redemption", _COLUMNS, ((first_number(row[-1]) + n, *row) for n, row in enumerate(rows, 1)))
    partitions.count_on()
    quotas = ((*key, used, town.days.get(key)) for key, used in sorted(town.used.items()))
    _copy("benefit_card_quota", ("scope", "key", "period", "used", "days"), quotas)


_COLUMNS = (
    "id", "client_id", "card_id", "person_id", "merchant_id", "till_id", "offer_id", "offer_version_id", "shown", "gross_cents",
    "discount_cents", "period", "seq", "stock_seq", "at",
)  # fmt: skip


def _sales(rng: random.Random, town: Town, holders: Sequence[Holder], at: datetime) -> Iterable[tuple[Any, ...]]:
    """One sale for each holder of the list, on some day since the card was made; more of them before Christmas."""
    picks = rng.choices(town.places, weights=town.weights, k=len(holders))
    for holder, (till, version) in zip(holders, picks, strict=True):
        days = max(1, (at - holder[3]).days)
        day = (at - timedelta(days=1 + int(days * rng.random() ** 1.25))).astimezone(PARIS).date()
        clock = time(
            rng.choice((9, 10, 10, 11, 11, 12, 14, 15, 16, 16, 17, 17, 18)), rng.randrange(60), rng.randrange(60)
        )
        yield from _sale(rng, town, holder, till, version, datetime.combine(day, clock, PARIS))


def _today(rng: random.Random, town: Town, holders: Sequence[Holder], at: datetime) -> Iterable[tuple[Any, ...]]:
    """A few sales of this morning at the merchant that visitors see."""
    till = town.places[0][0]
    offers = [version for other, version in town.places if other.pk == till.pk]
    for minutes in sorted((rng.randrange(3, 170) for _sale_ in range(9)), reverse=True):
        moment = at.astimezone(PARIS) - timedelta(minutes=minutes)
        if moment.date() == at.astimezone(PARIS).date():
            yield from _sale(rng, town, rng.choice(holders), till, rng.choice(offers), moment)


def _sale(
    rng: random.Random, town: Town, holder: Holder, till: Till, version: OfferVersion, moment: datetime
) -> Iterable[tuple[Any, ...]]:
    if not is_open_at(version, moment):
        return
    allowed, period, seq, stock_seq = town.allow(version, holder[2], moment.date())
    if not allowed:
        return
    gross = max(version.min_spend_cents, 0 if version.kind == "gift" else int(rng.lognormvariate(7.9, 0.8)) + 150)
    gross = gross - gross % 5 if rng.random() < 0.7 else gross
    gross = max(gross, version.min_spend_cents)
    off = discount(
        kind=version.kind,
        percent=version.percent,
        amount_cents=version.amount_cents,
        cap_cents=version.cap_cents,
        min_spend_cents=version.min_spend_cents,
        gross_cents=gross,
    )
    shown = rng.choices((Shown.PHONE, Shown.PRINT, Shown.TYPED), weights=(58, 38, 4))[0]
    yield (
        uuid.UUID(int=rng.getrandbits(128), version=4), holder[0], holder[1], till.shop.merchant_id, till.pk,
        version.offer_id, version.pk, shown.value, gross, off, period, seq, stock_seq, moment,
    )  # fmt: skip


def _copy(table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    names = ", ".join(f'"{name}"' for name in columns)
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
