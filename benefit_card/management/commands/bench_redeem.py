"""Prepare redemptions for a load test: `manage.py bench_redeem --count N --out FILE`."""

from __future__ import annotations

import json
import secrets
import uuid
from datetime import datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from benefit_card.credential import PARIS
from benefit_card.models import Card
from benefit_card.services import cards
from companies.models import Company, CompanyStatus, Employment, Person
from merchants.models import (
    Category,
    Kind,
    Merchant,
    MerchantStatus,
    Offer,
    OfferState,
    OfferVersion,
    OfflinePolicy,
    Period,
    Shop,
    Till,
)
from merchants.services.tills import digest

NAME = "Banc d’essai"
SIRET = "00000000000000"  # no company's
HOLDERS = 500


class Command(BaseCommand):
    help = "Write requests that the running server must accept: each body once gives one redemption."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--count", type=int, required=True)
        parser.add_argument("--out", type=Path, required=True)

    def handle(self, *args: object, **options: Any) -> None:
        now = timezone.now()
        with transaction.atomic():
            token, offer = self.till(now)
            holders = self.holders(options["count"], now)
        bodies = [
            {"client_id": str(uuid.uuid4()), "code": code, "offer": offer.pk, "amount": f"{10 + number % 90}.90"}
            for number, code in enumerate(islice(cycle(holders), options["count"]))
        ]
        content = {"url": reverse("redemptions"), "headers": {"Authorization": f"Till {token}"}, "bodies": bodies}
        options["out"].write_text(json.dumps(content))
        self.stdout.write(f"{len(bodies)} requests over {len(holders)} cards: {options['out']}")

    def till(self, now: datetime) -> tuple[str, Offer]:
        """A till of a merchant of its own, with an offer counted per person whose limit nobody reaches."""
        category, _made = Category.objects.get_or_create(
            slug="banc-d-essai", defaults={"name_fr": NAME, "name_en": "Test bench"}
        )
        merchant, _made = Merchant.objects.get_or_create(
            siret=SIRET, defaults={"name": NAME, "category": category, "status": MerchantStatus.ACTIVE}
        )
        shop, _made = Shop.objects.get_or_create(
            merchant=merchant, name=NAME, defaults={"street": "—", "postcode": "26100", "city": "Romans-sur-Isère"}
        )
        token = secrets.token_urlsafe(32)
        Till.objects.create(shop=shop, name=NAME, token_hash=digest(token), paired_at=now, last_seen_at=now)
        offer = Offer.objects.create(merchant=merchant)
        offer.current = OfferVersion.objects.create(
            offer=offer,
            number=1,
            title=NAME,
            kind=Kind.PERCENT,
            percent=10,
            per_person_limit=32_767,
            period=Period.EVER,
            offline=OfflinePolicy.ALLOW,
            starts_on=now.astimezone(PARIS).date() - timedelta(days=1),
        )
        offer.state = OfferState.PUBLISHED
        offer.save()
        return token, offer

    def holders(self, count: int, now: datetime) -> list[str]:
        """Codes of cards that may be used: those there are, and as many made as are missing (500 at most)."""
        today = now.astimezone(PARIS).date()
        usable = Card.objects.current().filter(
            blocked_at__isnull=True,
            valid_until__gte=today,
            person__employments__in=Employment.objects.current(on=today).filter(
                company__status=CompanyStatus.ADMITTED, company__suspended_at__isnull=True
            ),
        )
        ids = usable.order_by("pk").values_list("pk", flat=True).distinct()[:count]
        found = list(Card.objects.filter(pk__in=list(ids)))
        if len(found) < min(count, HOLDERS):
            found += self.make(min(count, HOLDERS) - len(found), now)
        return [cards.print_text(card) for card in found]

    def make(self, count: int, now: datetime) -> list[Card]:
        company, _made = Company.objects.get_or_create(
            siret=SIRET, defaults={"name": NAME, "siren": SIRET[:9], "status": CompanyStatus.ADMITTED}
        )
        people = Person.objects.bulk_create(Person(first_name="Essai", last_name=f"N{n}") for n in range(count))
        Employment.objects.bulk_create(
            Employment(person=person, company=company, starts_on=now.astimezone(PARIS).date() - timedelta(days=1))
            for person in people
        )
        return cards.make_cards([person.pk for person in people], batch=None, at=now)
