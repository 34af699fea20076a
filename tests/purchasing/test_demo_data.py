"""The demonstration's year of buying."""

import random

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from companies import demo_data as companies
from purchasing import demo_data
from purchasing.demo_framework import seed_frameworks
from purchasing.models import (
    Article,
    FrameworkAgreement,
    FrameworkRebate,
    Pool,
    PurchaseOrder,
    PurchaseRequest,
    RequestLine,
    Supplier,
    TenderInvitation,
)
from purchasing.states import LineState, PoolState, RequestState


@pytest.fixture
def world(db, monkeypatch):
    """Eight companies and the front half only."""
    monkeypatch.setattr(demo_data, "find_spec", lambda name: None)
    at = timezone.now()
    made = companies.seed(rng=random.Random(1), scale="tiny", at=at)
    demo_data.seed(rng=random.Random(2), world=made, at=at, scale="tiny")
    return made


class TestTheDemonstration:
    def test_shows_every_state_of_the_front_half(self, world):
        states = set(Pool.objects.values_list("state", flat=True))
        front = [PoolState.DRAFT, PoolState.GATHERING, PoolState.TENDERING, PoolState.OFFER_READY, PoolState.COMMITTING]
        assert states == {*front, PoolState.CANCELLED}
        requests = set(PurchaseRequest.objects.values_list("state", flat=True))
        assert {RequestState.DRAFT, RequestState.SUBMITTED, RequestState.APPROVED, RequestState.RETURNED} <= requests

    def test_has_suppliers_to_ask_and_needs_to_group(self, world):
        assert Supplier.objects.filter(contacts__receives_tenders=True).count() >= 25
        assert RequestLine.objects.poolable().exists()
        assert RequestLine.objects.filter(state=LineState.POOLED).exists()

    def test_opens_a_supplier_link_that_works(self, world):
        page = Client().get(world.notes["supplier_link"])
        assert page.status_code == 200
        assert TenderInvitation.objects.filter(state="submitted").exists()

    def test_lets_nothing_within_the_limit_wait_for_an_approver(self, world):
        waiting = PurchaseRequest.objects.filter(state=RequestState.SUBMITTED).select_related("company")
        assert waiting and all(request.amount_cents > request.company.approval_limit_cents for request in waiting)

    def test_shows_framework_agreements_with_call_offs_and_a_rebate(self, world):
        with connection.cursor() as cursor:  # the planner knows nothing of rows that this test has not committed
            cursor.execute("ANALYZE")
        rows = {"articles": list(Article.objects.all()), "suppliers": list(Supplier.objects.all())}
        seed_frameworks(rng=random.Random(3), world=world, at=timezone.now(), **rows)
        states = set(FrameworkAgreement.objects.values_list("state", flat=True))
        assert states == {"draft", "active", "ended"}
        assert set(PurchaseOrder.objects.filter(pool__call_off__isnull=False).values_list("state", flat=True)) >= {
            "to_sign",
            "sent",
            "received",
            "closed",
        }
        rebates = list(FrameworkRebate.objects.filter(state="issued"))
        assert all(part.notes.exists() for rebate in rebates for part in rebate.shares.all())
        assert sorted(rebate.note is not None for rebate in rebates) == [False, True]  # awaited, and booked
