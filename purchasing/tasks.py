"""What the clock does: reminders to suppliers, quotes that expire, needs nobody pooled in time."""

import logging
from datetime import timedelta
from importlib import import_module
from importlib.util import find_spec

from celery import shared_task
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from companies import jobs
from purchasing.models import PurchaseRequest, Tender, TenderInvitation
from purchasing.services import award_study as studies
from purchasing.services import request as requests
from purchasing.services import tender as tenders
from purchasing.states import LineState, QuoteState, RequestState, TenderState

logger = logging.getLogger(__name__)

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


@shared_task(name="purchasing.close_tenders")
def close_tenders(**_later: object) -> int:
    """Note the tenders whose time to answer is over, once per deadline."""
    at = timezone.now()
    rows = Tender.objects.filter(state=TenderState.OPEN, deadline__lte=at).select_related("pool").order_by("pk")
    return sum(tenders.close(tender=tender, at=at) for tender in list(rows))


@shared_task(name="purchasing.expire_quotes")
def expire_quotes(**_later: object) -> int:
    """Note the quotes whose prices no longer hold, and the suppliers whose link ended without an answer."""
    at = timezone.now()
    open_ = TenderInvitation.objects.filter(tender__state__in=[TenderState.OPEN, TenderState.OPENED])
    silent = Q(state__in=tenders.SILENT, expires_at__lte=at)
    ran_out = Q(
        state__in=[*tenders.ANSWERED, QuoteState.LATE],
        quotes__submitted_at__isnull=False,
        quotes__valid_until__lt=timezone.localdate(at),
    )
    rows = open_.filter(silent | ran_out).select_related("tender").distinct().order_by("pk")
    return sum(tenders.expire(invitation=invitation, at=at) for invitation in list(rows))


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


@shared_task(name=studies.TASK)
def solve_award_study(*, job_id: str, **_later: object) -> None:
    """Compute the cheapest award of a tender, with its proof; run again, it goes on from the best award stored."""
    job = jobs.begin(job_id)
    if job is None:
        return
    try:
        studies.work(job=job, now=timezone.now)
    except Exception:
        logger.exception("award study of job %s", job_id)
        studies.give_up(job=job, at=timezone.now())
        jobs.fail(job_id, _("The computation failed. Start it again; if it fails again, tell ERB."))
        return
    jobs.finish(job_id)


import_module("purchasing.tasks_exchange")  # offers and reservations between members
import_module("purchasing.tasks_needs")  # price lists and recurring needs
if find_spec("purchasing.tasks_back"):
    import_module("purchasing.tasks_back")  # commitments, orders and deliveries: registered with these
import_module("purchasing.tasks_employees")  # employee pools
