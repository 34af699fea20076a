"""What the clock does: reminders to suppliers, quotes that expire, needs nobody pooled in time."""

from datetime import timedelta
from importlib import import_module
from importlib.util import find_spec

from celery import shared_task
from django.utils import timezone

from purchasing.models import PurchaseRequest, TenderInvitation
from purchasing.services import request as requests
from purchasing.services import tender as tenders
from purchasing.states import LineState, RequestState, TenderState

REMIND_BEFORE = timedelta(days=2)


@shared_task(name="purchasing.remind_suppliers")
def remind_suppliers(**_later: object) -> int:
    """Write once to suppliers that have not answered two days before the deadline. Safe to run at any time."""
    at = timezone.now()
    rows = TenderInvitation.objects.filter(
        tender__state=TenderState.OPEN,
        tender__deadline__gt=at,
        tender__deadline__lte=at + REMIND_BEFORE,
        state__in=tenders.SILENT,
        reminded_at__isnull=True,
        revoked_at__isnull=True,
    )
    ids = list(rows.values_list("pk", flat=True))
    for invitation in TenderInvitation.objects.filter(pk__in=ids).order_by("pk"):
        tenders.remind(invitation=invitation, at=at)
    return len(ids)


@shared_task(name="purchasing.expire_needs")
def expire_needs(**_later: object) -> int:
    """Close approved lines whose date has passed without a pool."""
    at = timezone.now()
    rows = PurchaseRequest.objects.filter(
        state=RequestState.APPROVED, lines__state=LineState.APPROVED, lines__needed_by__lt=timezone.localdate(at)
    ).distinct()
    found = list(rows.order_by("pk"))
    for request in found:
        requests.expire(request=request, at=at)
    return len(found)


if find_spec("purchasing.tasks_back"):
    import_module("purchasing.tasks_back")  # commitments, orders and deliveries: registered with these
