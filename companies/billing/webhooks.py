"""Where Stripe's events arrive."""

from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from companies.billing import payments
from companies.billing.models import StripeEvent
from companies.billing.tasks import handle_event


@csrf_exempt
@login_not_required  # the signature is the login
@require_POST
def stripe(request: HttpRequest) -> HttpResponse:
    """Keep the event as it came and answer at once. What it means is decided later, in a task."""
    try:
        event = payments.verify(request.body, request.headers.get("Stripe-Signature", ""))
    except payments.SignatureRefused:
        return HttpResponse(status=400)
    with transaction.atomic():
        _row, new = StripeEvent.objects.get_or_create(
            pk=event["id"][:120],
            defaults={"kind": str(event.get("type", ""))[:80], "payload": event, "received_at": timezone.now()},
        )
        if new:
            handle_event.delay_on_commit(event_id=event["id"][:120])
    return HttpResponse(status=200)  # a repeat is also a success, or Stripe would send it again
