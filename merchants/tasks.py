"""Background work of the room."""

from celery import shared_task
from django.utils import timezone

from merchants import services
from merchants.services import discovery


@shared_task(name="merchants.send_digests")
def send_digests() -> None:
    """The monthly mail of new offers: in the first days of the month, by day, once for each person."""
    now = timezone.now()
    if timezone.localdate(now).day <= 7:
        discovery.send_digests(at=now)


@shared_task(name="merchants.follow_plans")
def follow_plans() -> None:
    """Publish offers and put terms in force at the moment their owner planned; end offers whose last day is over."""
    services.follow_plans(at=timezone.now())


@shared_task(name="merchants.forget_pictures")
def forget_pictures() -> None:
    """Delete pictures that no running, waiting or prepared terms show any more."""
    services.forget_pictures(at=timezone.now())


@shared_task(name="merchants.ask_for_agreement")
def ask_for_agreement() -> None:
    """Tell owners of a new text of the agreement, and once more before it counts."""
    services.ask_for_agreement(at=timezone.now())
