"""Erasing a person: name, history and card go; sums and counters stay, and name nobody."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from benefit_card.models import ActivationCode, Card, CardBatch, HolderPhone, Redemption, Signal
from benefit_card.services import holders
from companies import audit
from companies.errors import DomainError
from companies.models import Document, Person, User
from companies.services.erasure import forget_account, forget_person
from merchants.models import DigestChoice, Favourite, MerchantRole


class LastOwner(DomainError):
    """A merchant would stay without anybody."""

    code = "last_owner"
    message = _("You are the only owner of %(name)s. Ask ERB to end the merchant or to name another owner first.")


class NotConfirmed(DomainError):
    """Erasing needs a clear yes."""

    code = "not_confirmed"
    message = _("Tick the box to confirm. Erasing cannot be undone.")
    status = 400


@transaction.atomic(durable=True)
def erase_oneself(*, actor: User, confirmed: bool, at: datetime) -> None:
    """Erase one's own account, card and history. Uses already made still count for whoever enrols again."""
    if not confirmed:
        raise NotConfirmed(field="confirmed")
    for role in MerchantRole.objects.filter(user=actor).select_related("merchant"):
        if not MerchantRole.objects.filter(merchant=role.merchant).exclude(user=actor).exists():
            raise LastOwner(name=role.merchant.name)
    person = Person.objects.select_for_update().filter(user=actor).first()
    if person is not None:
        forget(person, at=at, why="asked")
    for kept in (MerchantRole, Favourite, DigestChoice):
        kept.objects.filter(user=actor).delete()
    forget_account(actor, at=at)


def forget(person: Person, *, at: datetime, why: str) -> None:
    """Erase a person inside the caller's transaction: `why` is "asked" or "left"."""
    holders.remember(person, at=at)
    Redemption.objects.filter(person=person).update(person=None)
    Redemption.objects.filter(card__in=list(person.cards.values_list("pk", flat=True))).update(card=None)
    Signal.objects.filter(card__person=person).update(words="")
    ActivationCode.objects.filter(card__person=person).delete()
    HolderPhone.objects.filter(person=person).delete()
    # Sheets and letters name everybody of a batch; they are made again for those who stay.
    batches = CardBatch.objects.filter(people__contains=[person.pk])
    files = {pk for kinds in batches.values_list("sheet", "letters", "printer") for pk in kinds if pk}
    batches.update(sheet=None, letters=None, printer=None)
    Document.objects.filter(pk__in=files).delete()
    Card.objects.filter(person=person, blocked_at=None).update(blocked_at=at, block_reason="other")
    forget_person(person, at=at)
    audit.record("person.erased", target=person, at=at, actor=None, actor_label="system", data={"why": why})
    from benefit_card.tasks import publish_revocations, tell_google, tell_wallets

    publish_revocations.delay_on_commit()
    held = list(person.cards.values_list("pk", flat=True))
    tell_wallets.delay_on_commit(cards=held)
    tell_google.delay_on_commit(cards=held)
