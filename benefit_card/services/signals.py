"""Signals of misuse, kept for people to judge. Nothing is decided by a machine."""

from datetime import datetime

from django.db import transaction
from django.urls import reverse

from benefit_card.models import Card, Signal, SignalKind
from companies import audit, mail
from companies.models import AuditEntry


@transaction.atomic(durable=True)
def seen_elsewhere(*, status_index: int, slot: int, first: int, second: int, at: datetime) -> None:
    """One phone code at two merchants within three minutes: keep it once, tell the holder once."""
    card = Card.objects.select_related("person__user").filter(status_index=status_index).first()
    if card is None:
        return
    data = {"slot": slot, "merchants": sorted([first, second])}
    same = AuditEntry.objects.filter(
        action="card.seen_elsewhere", target_type=audit.label(card), target_id=str(card.pk)
    )
    if same.filter(data=data).exists():
        return
    Signal.objects.get_or_create(
        key=f"parallel:{card.pk}:{slot}",
        defaults={"kind": SignalKind.PARALLEL, "card": card, "facts": data, "raised_at": at},
    )
    audit.record("card.seen_elsewhere", target=card, at=at, actor=None, actor_label="system", data=data)
    user = card.person.user
    if user is not None:
        mail.queue(
            to=user.email,
            template="benefit_card/mail/seen_elsewhere",
            context={"name": card.person.first_name, "address": mail.absolute(reverse("benefit_card:card"))},
            key=f"seen-elsewhere:{card.pk}:{slot}",
            language=user.language,
            at=at,
        )
