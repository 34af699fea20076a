"""The demonstration's year at the tills: quick, and true to the same rules as a real one."""

import random
import time
from datetime import UTC, datetime

import pytest
from django.db.models import Count, Sum

from benefit_card import demo_data
from benefit_card.case import read
from benefit_card.models import Card, OfflineEntry, Quota, Redemption
from benefit_card.services import late_sales
from companies import demo_data as people
from merchants import demo_data as merchants
from merchants.models import Cashier
from tests.factories.companies import staff

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)


class TestSeed:
    def test_makes_cards_and_a_year_that_keeps_every_limit(self):
        world = people.seed(rng=random.Random(1), scale="tiny", at=NOW)
        merchants.seed(rng=random.Random(2), world=world, at=NOW, scale="tiny")
        started = time.monotonic()
        demo_data.seed(rng=random.Random(3), world=world, at=NOW, scale="tiny")
        assert time.monotonic() - started < 20
        assert Card.objects.count() > 100
        assert Redemption.objects.count() > 500
        assert not Redemption.objects.filter(discount_cents__gt=1_000_000).exists()
        assert (
            Quota.objects.filter(scope="person").aggregate(n=Sum("used"))["n"]
            == Redemption.objects.exclude(seq=None).count()
        )
        limited = Redemption.objects.exclude(seq=None).values(
            "person", "offer", "period", "offer_version__per_person_limit"
        )
        assert all(row["n"] <= row["offer_version__per_person_limit"] for row in limited.annotate(n=Count("pk")))
        stall = Cashier.objects.filter(shop__merchant=world.notes["merchant"])
        assert set(stall.values_list("name", flat=True)) == set(world.notes["cashier_pins"])
        assert Redemption.objects.filter(cashier__in=stall, arrived_at__isnull=False).count() > 40
        late = OfflineEntry.objects.to_judge().values_list("verdict", "decision")
        assert sorted(late) == [("conflict", ""), ("conflict", ""), ("late", ""), ("late", ""), ("late", "honoured")]
        (judged, _twin) = OfflineEntry.objects.filter(verdict="late", decision="").select_related(
            "till__shop__merchant"
        )
        assert late_sales.decide(actor=staff(), entries=[judged], decision="honoured", reason="Vu", at=NOW) == (1, [])
        assert len(world.notes["card_codes"]) == 5
        holder = world.employee.person.cards.get()
        assert holder.activated_at and holder.redemptions.count() > 3
        assert read(merchant_id=world.notes["merchant"], at=NOW, status_index=holder.status_index).employed
