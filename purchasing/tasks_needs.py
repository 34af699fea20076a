"""What runs beside the clock for the catalogue and for needs that come back. Each task may run twice."""

from celery import shared_task
from django.utils import timezone

from purchasing.services import price_list, recurring


@shared_task(name="purchasing.read_price_list")
def read_price_list(*, job_id: str) -> None:
    """Compare a supplier's list with its current prices."""
    price_list.run_reading(job_id)


@shared_task(name="purchasing.apply_price_list")
def apply_price_list(*, job_id: str) -> None:
    """Write a list's prices, all or none."""
    price_list.run_applying(job_id)


@shared_task(name="purchasing.write_recurring_needs")
def write_recurring_needs() -> int:
    """Write the requests that come back today, each period once."""
    return recurring.write_due(at=timezone.now())
