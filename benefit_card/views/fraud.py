"""Signals of misuse: the queue of the association's staff, and the holder's "this was not me"."""

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from benefit_card.models import Signal, SignalKind
from benefit_card.services import fraud
from benefit_card.views.privacy import only_staff
from companies.errors import DomainError
from companies.views.doors import me, page_number, refused
from merchants.models import Merchant

PAGE = 20


@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    """What waits for a judgement, then what was decided. Cards are numbers here; no name is shown."""
    only_staff(request)
    rows = Signal.objects.visible_to(request.user).select_related(
        "merchant", "redemption__merchant", "redemption__offer_version", "decided_by"
    )
    waiting = list(rows.waiting().order_by("raised_at")[:100])
    page = Paginator(rows.exclude(pk__in=[row.pk for row in waiting]), PAGE).get_page(page_number(request))
    named = {pk for row in [*waiting, *page] for pk in row.facts.get("merchants", [])}
    names = dict(Merchant.objects.filter(pk__in=named).values_list("pk", "name"))
    labels = {
        "online_only": _("Only with network from now on"),
        "block": _("Block the card"),
        "void": _("Undo the use: a correction on the next statement"),
        "noted": _("Settled by talking"),
    }
    context = {
        "waiting": [
            (row, _words(row, names), [(name, labels[name]) for name in fraud.MEASURES[SignalKind(row.kind)]])
            for row in waiting
        ],
        "page": page,
        "decided": [(row, _words(row, names)) for row in page],
    }
    return render(request, "benefit_card/fraud/queue.html", context)


def _words(row: Signal, names: dict[int, str]) -> str:
    """What is known, in a sentence."""
    facts = row.facts
    shops = ", ".join(names.get(pk, "?") for pk in facts.get("merchants", []))
    match SignalKind(row.kind):
        case SignalKind.ELSEWHERE:
            return _("%(shops)s: %(n)s seconds apart.") % {"shops": shops, "n": facts.get("seconds", "?")}
        case SignalKind.PARALLEL:
            return _("The same phone code at %(shops)s. The second scan was refused.") % {"shops": shops}
        case SignalKind.TYPED:
            said = {"n": facts.get("sales", 0), "typed": facts.get("typed", 0), "merchant": str(row.merchant)}
            return _("%(merchant)s: %(n)s uses in 30 days, none by phone, %(typed)s typed.") % said
        case SignalKind.CONFLICTS:
            return _("%(n)s uses beyond the limit without network in 90 days.") % {"n": facts.get("conflicts", "?")}
    return row.words


@require_POST
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Dismiss, or take a measure; both with a reason."""
    only_staff(request)
    row = get_object_or_404(Signal.objects.visible_to(request.user).select_related("card__person", "redemption"), pk=pk)
    try:
        fraud.decide(
            actor=me(request), signal=row, measure=request.POST.get("measure", ""),
            reason=request.POST.get("reason", ""), at=timezone.now(),
        )  # fmt: skip
    except DomainError as error:
        refused(request, error)
    else:
        messages.success(request, _("Your decision is kept."))
    return redirect("benefit_card:signals")


@require_POST
def contest(request: HttpRequest, client_id: UUID) -> HttpResponse:
    """The holder contests a use from the own history."""
    try:
        fraud.contest(actor=me(request), client_id=client_id, words=request.POST.get("words", ""), at=timezone.now())
    except DomainError as error:
        if error.status == 404:
            return HttpResponse(error.sentence, status=404)
        refused(request, error)
    else:
        messages.success(request, _("ERB looks into it. You read the outcome under “My data”."))
    return redirect("benefit_card:my_redemptions")
