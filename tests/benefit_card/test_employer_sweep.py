"""No way from a role in a company to a redemption: every address, export and refusal, read as every such role."""

from __future__ import annotations

import io
import zipfile

import pytest
from django.db import transaction

from benefit_card.models import Redemption
from companies.models import Role
from merchants.models import Merchant, Shop
from tests.access import Visit
from tests.factories.companies import member
from tests.test_access import answer, browser, visits, world  # noqa: F401 - the fixture

pytestmark = pytest.mark.django_db
MARK = "Boulangerie-Témoin-4711"
ROOMS = ("benefit_card:", "companies:", "merchants:", "home")


def everything_in(response) -> str:
    """The text of an answer, of its headers, and of what a zip holds."""
    content = b"".join(response.streaming_content) if response.streaming else response.content
    if content[:2] == b"PK":
        archive = zipfile.ZipFile(io.BytesIO(content))
        content = b"".join(archive.read(name) for name in archive.namelist())
    return content.decode(errors="replace") + str(dict(response.headers))


def touched(visit: Visit, role: str) -> bool:
    """Every address for somebody who holds all roles; the rooms that know people for each role alone."""
    return role == "employer" or visit.name.startswith(ROOMS)


@pytest.mark.parametrize("role", ["employer", *Role.values])
def test_no_employer_role_meets_a_redemption_at_any_address_export_or_refusal(role, world):  # noqa: F811  # the fixture of that name
    """Threat: employer tracks a person — role API sweep."""
    sale = Redemption.objects.select_related("merchant", "card").get(pk=world.redemption.pk)
    Merchant.objects.filter(pk=sale.merchant_id).update(name=MARK)
    Shop.objects.filter(merchant=sale.merchant_id).update(name=MARK, street=MARK)
    world.users["employer"] = member(world.company, *Role)
    marks = (MARK, str(sale.client_id))
    own = browser(world, "employee").get("/me/redemptions/").content.decode()
    assert MARK in own, "the mark must be there to be found"
    client, read = browser(world, role), 0
    for visit in visits():
        if not touched(visit, role) or visit.name in {"redemption_void", "merchants:offers", "benefit_card:offers"}:
            continue  # the first has the id in its address; the second lists merchants for everybody, with no sale
        before = transaction.savepoint()
        response = answer(client, visit, world)
        text = everything_in(response)
        read += response.status_code == 200
        transaction.savepoint_rollback(before)
        found = [mark for mark in marks if mark in text]
        assert not found, f"{role} reads {found} at {visit.name} ({response.status_code})"
    assert read >= 3
