"""The end of framework agreements, watched by the clock."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from companies.models import Company
from purchasing import mails_framework
from purchasing.models import FrameworkAgreement
from purchasing.services.framework import end_expired

LAST_CALL = 14


def watch(*, at: datetime) -> int:
    """End what is over; warn of what ends, at the agreement's own number of days and two weeks before. Once each.

    Returns how many were ended. A letter has its threshold in its key, so that the same one is never queued twice.
    """
    ended = end_expired(at=at)
    today = timezone.localdate(at)
    for row in FrameworkAgreement.objects.running_on(today).select_related("responsible", "supplier").order_by("pk"):
        left = (row.ends_on - today).days
        reached = [days for days in {row.alert_days, LAST_CALL} if left <= days]
        if reached:
            _warn(row, min(reached), at=at)
    return ended


@transaction.atomic(durable=True)
def _warn(agreement: FrameworkAgreement, days: int, *, at: datetime) -> None:
    drew = Company.objects.members().filter(call_offs__agreement=agreement).distinct().order_by("pk")
    mails_framework.ending(agreement, list(drew), days, at=at)
