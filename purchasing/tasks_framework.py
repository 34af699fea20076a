"""What the clock does with framework agreements."""

from celery import shared_task
from django.utils import timezone

from purchasing.services import framework_watch


@shared_task(name="purchasing.watch_frameworks")
def watch_frameworks() -> int:
    """End agreements whose last day is over, and tell of those that end soon. Safe to run twice."""
    return framework_watch.watch(at=timezone.now())
