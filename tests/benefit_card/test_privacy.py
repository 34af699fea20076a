"""Where a card was used: its holder's business, and the merchant's own till roll. Nobody else's."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.urls import get_resolver

from benefit_card import selectors
from benefit_card.models import Redemption
from benefit_card.services import redemption
from companies.models import AuditEntry, Company, Role
from merchants.models import MerchantRole
from tests.factories.benefit_card import TillFactory, card, offer, print_code
from tests.factories.companies import UserFactory, member, staff

pytestmark = pytest.mark.django_db
SHOP = "Cordonnerie-Témoin-4711"


@pytest.fixture
def sale():
    """One redemption of one employee, at a merchant with a name that stands nowhere else."""
    import uuid

    made = card()
    made.person.user = UserFactory()
    made.person.save()
    till = TillFactory(shop__merchant__name=SHOP, shop__name=SHOP)
    row = offer(till.merchant, title=SHOP)
    redemption.redeem(
        till=till, client_id=uuid.uuid4(), code=print_code(made), offer_id=row.pk, amount_cents=4711, version=None,
        at=datetime.now(UTC),
    )  # fmt: skip
    return Redemption.objects.select_related("person__user", "merchant").get()


class TestEmployer:
    def test_has_no_way_from_a_company_to_a_redemption(self):
        fields = {field.related_model for field in Redemption._meta.get_fields() if field.is_relation}
        assert Company not in fields

    def test_sees_no_redemption_through_any_role(self, sale):
        company = sale.person.employments.get().company
        for user in (member(company, *Role), staff()):
            assert not Redemption.objects.visible_to(user).exists()
            assert not Redemption.objects.of_merchant(user, sale.merchant).exists()
            assert not selectors.history_of(user).exists()

    def test_finds_the_merchant_on_none_of_its_pages(self, sale, client):
        company = sale.person.employments.get().company
        client.force_login(member(company, *Role))
        client.raise_request_exception = False
        seen = 0
        for path in company_paths(company.pk, sale.card_id):
            answer = client.get(path)
            text = answer.content.decode(errors="replace") if not answer.streaming else ""
            seen += answer.status_code == 200
            assert SHOP not in text and "47.11" not in text and "47,11" not in text, path
        assert seen >= 2

    def test_is_not_named_in_the_audit_row_of_a_sale(self, sale):
        entry = AuditEntry.objects.get(action="redemption.accepted")
        assert entry.company_id is None
        assert set(entry.data) == {"gross", "offer", "version", "discount"}
        assert sale.person.last_name not in str(entry.data) + entry.actor_label


def company_paths(company: int, card: int) -> list[str]:
    """Every GET address below /company/<company>/ that needs no other id, and the page of the card."""
    found = [f"/company/{company}/cards/{card}/"]
    for pattern in get_resolver().url_patterns:
        for inner in getattr(pattern, "url_patterns", [pattern]):
            route = str(inner.pattern)
            if route.startswith("company/<int:company>/") and route.count("<") == 1:
                found.append("/" + route.replace("<int:company>", str(company)))
    return found


class TestMerchant:
    def test_cannot_see_or_compare_another_merchant_s_customers(self, sale):
        """Case: Merchant A and merchant B: the alias of the same card differs between them."""
        other = TillFactory().merchant
        assert selectors.alias(sale.merchant, sale.card_id) != selectors.alias(other, sale.card_id)
        assert selectors.redemptions_of_merchant_today(other, datetime.now(UTC)) == []
        owner = UserFactory()
        MerchantRole.objects.create(user=owner, merchant=other)
        assert not Redemption.objects.of_merchant(owner, sale.merchant).exists()

    def test_sees_amounts_and_no_name(self, sale):
        (line,) = selectors.redemptions_of_merchant_today(sale.merchant, datetime.now(UTC))
        assert (line.gross_cents, line.to_pay_cents, line.can_void) == (4711, 4240, True)
        assert sale.person.first_name not in str(line)


class TestHolder:
    def test_sees_the_own_history_and_nobody_else_does(self, sale, client):
        client.force_login(sale.person.user)
        assert SHOP in client.get("/me/redemptions/").content.decode()
        stranger = card()
        stranger.person.user = UserFactory()
        stranger.person.save()
        client.force_login(stranger.person.user)
        assert SHOP not in client.get("/me/redemptions/").content.decode()


class TestLanding:
    def test_tells_nothing_and_remembers_nothing(self, client):
        """Case: native phone camera opens the landing page: no name, status or cookie, `Referrer-Policy: no-referrer`."""
        answer = client.get("/C")
        assert answer.status_code == 200
        assert not answer.cookies
        assert answer.headers["Referrer-Policy"] == "no-referrer"


class TestRedemption:
    def test_is_never_edited(self, sale):
        from django.db import DatabaseError, transaction

        with pytest.raises(DatabaseError), transaction.atomic():
            Redemption.objects.update(gross_cents=1)
        Redemption.objects.update(person=None, card=None)  # retention may forget who it was
