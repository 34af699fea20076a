"""Background work of the room."""

from celery import shared_task
from django.utils import timezone

from merchants.services import discovery


@shared_task(name="merchants.send_digests")
def send_digests() -> None:
    """The monthly mail of new offers: in the first days of the month, by day, once for each person."""
    now = timezone.now()
    if timezone.localdate(now).day <= 7:
        discovery.send_digests(at=now)
