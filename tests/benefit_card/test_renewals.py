"""Cards that end before their holder's work: apprentices kept on, temporary staff prolonged, the end of a card's years."""

from datetime import UTC, date, datetime, timedelta
from unittest.mock import patch

import pytest
import time_machine
from django.urls import reverse

from benefit_card import credential
from benefit_card.models import Card, WalletRegistration
from benefit_card.services import cards, passes, renewals
from benefit_card.services.keys import current_keys
from benefit_card.tasks import tell_wallets
from companies.errors import NotAllowed
from companies.models import AuditEntry, Role
from tests.factories.benefit_card import TillFactory, card, offer, print_code, sale, typed_code
from tests.factories.companies import UserFactory, member

pytestmark = pytest.mark.django_db
SPRING = datetime(2026, 2, 15, 11, 0, tzinfo=UTC)
ENDS = date(2026, 3, 31)
AFTER = datetime(2026, 4, 1, 11, 0, tzinfo=UTC)


@pytest.fixture
def made():
    """An apprentice's card, and the contract that was prolonged since."""
    found = card(at=SPRING, ends_on=ENDS)
    found.activated_at = SPRING
    found.save()
    found.person.employments.update(ends_on=date(2027, 8, 31))
    return found


@pytest.fixture
def company(made):
    return made.person.employments.get().company


def verdict(text, at):
    return credential.verify(text, keys=current_keys(), at=at).verdict


class TestRenewal:
    def test_prolongs_the_card_itself_and_leaves_the_old_print_its_day(self, made, company, at_till):
        """Issue: apprentices and temporary staff by date; a contract that goes on, and the card with it."""
        hr, old, typed = member(company, Role.HR), print_code(made), typed_code(made)
        WalletRegistration.objects.create(
            card=made, device="d", push_token="p", registered_at=SPRING, changed_at=SPRING
        )
        batch = renewals.request(actor=hr, company=company, at=SPRING)
        Card.objects.update(printed_at=SPRING)
        with patch.object(tell_wallets, "delay_on_commit") as told:
            for _twice in range(2):
                assert cards.issue_batch(batch_id=batch.pk, at=SPRING) == 1
        told.assert_called_once_with(cards=[made.pk])
        again = Card.objects.get()
        assert (again.pk, again.status_index, typed_code(again)) == (made.pk, made.status_index, typed)
        assert (again.valid_until, again.batch, again.printed_at) == (date(2027, 8, 31), batch, None)
        assert AuditEntry.objects.filter(action="card.prolonged").count() == 1
        assert [verdict(text, SPRING) for text in (old, print_code(again))] == ["valid", "valid"]
        assert [verdict(text, AFTER) for text in (old, print_code(again))] == ["expired", "valid"]
        assert len(passes.week(again, at=AFTER)["passes"]) == 7
        till = TillFactory(last_seen_at=AFTER)
        with time_machine.travel(AFTER, tick=False):
            sold = at_till(till).post("/api/v1/redemptions/", sale(again, offer(till.merchant)), format="json")
        assert sold.status_code == 201
        with pytest.raises(renewals.NothingEnds):
            renewals.request(actor=hr, company=company, at=SPRING)

    @pytest.mark.parametrize(
        ("changes", "at", "ends"),
        [
            ({}, SPRING, True),
            ({}, AFTER + timedelta(days=90), True),
            ({"ends_on": None}, SPRING, True),
            ({"ends_on": ENDS}, SPRING, False),
            ({"ends_on": date(2026, 2, 14)}, SPRING, False),
            ({}, SPRING - timedelta(days=17), False),
        ],
    )
    def test_is_for_cards_that_end_within_two_months_of_people_who_stay(self, made, company, changes, at, ends):
        made.person.employments.update(**changes) if changes else None
        assert renewals.ending_in(company, at=at).exists() is ends
        Card.objects.update(blocked_at=SPRING)
        assert not renewals.ending_in(company, at=at).exists()

    def test_is_asked_for_by_those_who_look_after_people(self, made, company):
        for actor in (member(company, Role.BUYER), member(card().person.employments.get().company, Role.HR)):
            with pytest.raises(NotAllowed):
                renewals.request(actor=actor, company=company, at=SPRING)
        with pytest.raises(NotAllowed):
            renewals.renew_own(actor=UserFactory(), card=made, at=SPRING)


class TestPages:
    def test_tell_human_resources_and_prolong_with_one_button(self, made, company, client):
        with time_machine.travel(AFTER, tick=False):
            client.force_login(member(company, Role.HR))
            page = client.get(reverse("benefit_card:company_cards", args=[company.pk]))
            assert "se termine avant le contrat" in page.content.decode()
            client.post(reverse("benefit_card:renew", args=[company.pk]))
            batch = made.person.cards.get().batch or company.card_batches.get()
            assert batch.purpose == "renewal" and batch.people == [made.person_id]

    def test_tell_the_holder_whose_card_goes_on_at_once(self, made, client):
        made.person.user = UserFactory()
        made.person.save()
        client.force_login(made.person.user)
        with time_machine.travel(AFTER, tick=False):
            page = client.get("/me/card/").content.decode()
            assert "Votre carte s’est terminée le" in page and 'btn-primary" href="/card/"' not in page
            client.post("/me/card/renew/")
            assert client.get("/card/").status_code == 200
            assert "s’est terminée" not in client.get("/me/card/").content.decode()
        assert Card.objects.get().valid_until == date(2027, 8, 31)
