"""What the clock does for the buyers' exchange. May run twice."""

from celery import shared_task
from django.utils import timezone

from purchasing.services import surplus


@shared_task(name="purchasing.sweep_exchange")
def sweep_exchange() -> int:
    """End reservations that were not collected and offers whose time is over."""
    return surplus.sweep(at=timezone.now())
