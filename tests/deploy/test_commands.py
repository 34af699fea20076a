"""Commands an operator runs rarely and must be able to trust."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from benefit_card import credential, keyring
from benefit_card.models import SigningKey
from benefit_card.services import keys
from companies.models import AuditEntry, StaffRole


def run(*words, **options):
    said = StringIO()
    call_command(*words, stdout=said, **options)
    return said.getvalue()


@pytest.mark.django_db
class TestFirstStaff:
    def test_makes_the_first_account_and_says_how_it_signs_in(self):
        said = run("first_staff", "Animation@ERB.example", "Claire Animatrice")
        role = StaffRole.objects.select_related("user").get()
        assert (role.user.email, role.user.full_name) == ("animation@erb.example", "Claire Animatrice")
        assert not role.user.has_usable_password() and "code" in said
        assert AuditEntry.objects.filter(action="staffrole.granted", target_id=str(role.pk)).exists()

    def test_makes_no_second_one(self):
        run("first_staff", "one@erb.example", "One")
        with pytest.raises(CommandError, match="already"):
            run("first_staff", "two@erb.example", "Two")
        assert StaffRole.objects.count() == 1


@pytest.mark.django_db
class TestWithdrawKey:
    @pytest.fixture(autouse=True)
    def _keys(self, settings, tmp_path):
        settings.CARD_KEY_DIR = str(tmp_path / "card-keys")

    @pytest.fixture
    def kid(self):
        return keys.reserve_print_key(cards=3, at=timezone.now()).kid

    def test_lists_the_keys_with_the_cards_they_signed(self, kid):
        assert f"{kid:>3}  print" in run("withdraw_key") and "3 cards" in run("withdraw_key")

    def test_makes_every_card_of_the_key_refused(self, kid):
        now = timezone.now()
        token = credential.print_token(
            key=keyring.private_key(use="print", kid=kid),
            kid=kid,
            index=7,
            expires_on=now.date() + timedelta(days=9),
            generation=0,
        )
        text = credential.to_text(token)
        assert credential.verify(text, keys=keys.current_keys(), at=now).verdict == "valid"
        run("withdraw_key", kid, reason="a copy was found")
        assert credential.verify(text, keys=keys.current_keys(), at=now).verdict == "unknown_key"
        assert AuditEntry.objects.get(action="signingkey.withdrawn").reason == "a copy was found"

    def test_asks_why_and_changes_nothing_without_an_answer(self, kid):
        with pytest.raises(CommandError, match="why"):
            run("withdraw_key", kid)
        assert SigningKey.objects.get(pk=kid).withdrawn_at is None

    def test_says_when_there_is_no_such_key(self):
        with pytest.raises(CommandError, match="no such key"):
            run("withdraw_key", 99, reason="typing mistake")
