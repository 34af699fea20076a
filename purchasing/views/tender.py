"""The tender of a pool: prepared, sent, followed, opened."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from companies.errors import DomainError
from companies.forms import form_error
from purchasing import selectors
from purchasing.forms import tender as forms
from purchasing.forms.pool import evening
from purchasing.models import Pool, Tender, TenderInvitation, TenderQuestion
from purchasing.services import question as questions
from purchasing.services import tender as service
from purchasing.states import PoolState, TenderState
from purchasing.steps import steps_of
from purchasing.views.doors import attempt, led_pool, led_tender, reader


@require_http_methods(["GET", "POST"])
def tender(request: HttpRequest, pk: int) -> HttpResponse:
    """Prepare the tender, see whom it goes to, follow the answers. Prices are never on this page."""
    pool = led_pool(request, pk)
    row = selectors.tender_of(pool)
    form = forms.TenderForm(request.POST or None, initial=_initial(row))
    if request.method == "POST" and form.is_valid():
        try:
            service.prepare(actor=reader(request), pool=pool, at=timezone.now(), **form.cleaned_data)
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(request, _("The tender is saved. Now choose the suppliers."))
            return redirect("purchasing:tender", pk)
    return render(request, "purchasing/tender.html", _context(pool, row, form))


def _initial(row: Tender | None) -> dict[str, Any]:
    if row is not None:
        return {name: getattr(row, name) for name in ("deadline", "sealed", "deliver_to", "message")}
    return {"deadline": evening(timezone.now(), 10), "sealed": True, "deliver_to": _("Pôle Sud, Romans-sur-Isère")}


def _context(pool: Pool, row: Tender | None, form: forms.TenderForm) -> dict[str, Any]:
    invitations = list(row.invitations.select_related("supplier", "contact").order_by("supplier__name")) if row else []
    now = timezone.now()
    silent = any(i.state in service.SILENT and i.revoked_at is None for i in invitations)
    return {
        "pool": pool,
        "tender": row,
        "form": form,
        "steps": steps_of(pool),
        "invitations": [(invitation, service.has_late_answer(invitation)) for invitation in invitations],
        "invite": forms.InviteForm(tender=row) if row and row.state in ("draft", "open") else None,
        "answers": selectors.answer_counts(row) if row else None,
        "preparing": pool.state in (PoolState.DRAFT, PoolState.GATHERING),
        "can_open": bool(row and row.state == TenderState.OPEN and not (row.sealed and now < row.deadline and silent)),
        "waits": bool(row and row.state == TenderState.OPEN and row.sealed and now < row.deadline and silent),
        "questions": row.questions.select_related("invitation__supplier") if row else [],
        "postpone": forms.PostponeForm() if row and row.state == TenderState.OPEN else None,
    }


@require_POST
def tender_invite(request: HttpRequest, pk: int) -> HttpResponse:
    """Add the suppliers that were ticked."""
    pool = led_pool(request, pk)
    row = led_tender(request, pool)
    form = forms.InviteForm(request.POST, tender=row)
    if not form.is_valid():
        messages.error(request, _("Tick at least one supplier."))
        return redirect("purchasing:tender", pk)
    for supplier in form.cleaned_data["suppliers"]:
        attempt(
            request,
            lambda supplier=supplier: service.invite(  # type: ignore[misc]  # the default binds the value of this turn
                actor=reader(request), tender=row, supplier=supplier, at=timezone.now()
            ),
        )
    return redirect("purchasing:tender", pk)


@require_POST
def tender_send(request: HttpRequest, pk: int) -> HttpResponse:
    row = led_tender(request, led_pool(request, pk))
    attempt(
        request,
        lambda: service.send(actor=reader(request), tender=row, at=timezone.now()),
        _("Each supplier gets its own link by mail."),
    )
    return redirect("purchasing:tender", pk)


@require_POST
def tender_open(request: HttpRequest, pk: int) -> HttpResponse:
    """Unseal the quotes."""
    row = led_tender(request, led_pool(request, pk))
    opened = attempt(
        request,
        lambda: service.open_quotes(actor=reader(request), tender=row, at=timezone.now()),
        _("The quotes are opened. It is recorded that you opened them."),
    )
    return redirect("purchasing:comparison" if opened else "purchasing:tender", pk)


@require_POST
def tender_postpone(request: HttpRequest, pk: int) -> HttpResponse:
    row = led_tender(request, led_pool(request, pk))
    form = forms.PostponeForm(request.POST)
    if form.is_valid():
        deadline = form.cleaned_data["deadline"]
        attempt(
            request,
            lambda: service.postpone(actor=reader(request), tender=row, deadline=deadline, at=timezone.now()),
            _("The deadline is moved for all suppliers."),
        )
    else:
        messages.error(request, _("Choose a date and a time."))
    return redirect("purchasing:tender", pk)


@require_POST
def tender_answer(request: HttpRequest, pk: int, question: int) -> HttpResponse:
    """Answer a supplier's question, for all."""
    pool, user = led_pool(request, pk), reader(request)
    rows = TenderQuestion.objects.visible_to(user).select_related("tender__pool")
    row = get_object_or_404(rows, pk=question, tender__pool=pool)
    text, wording = request.POST.get("answer", ""), request.POST.get("wording", "")
    attempt(
        request,
        lambda: questions.answer(actor=user, question=row, text=text, wording=wording, at=timezone.now()),
        _("All invited suppliers get the question and your answer by mail."),
    )
    return redirect("purchasing:tender", pk)


@require_POST
def invitation(request: HttpRequest, pk: int, invitation: int, action: str) -> HttpResponse:
    """What can be done about one invited supplier: send again, revoke, remove, accept a late answer, shortlist, negotiate."""
    pool = led_pool(request, pk)
    row = get_object_or_404(TenderInvitation.objects.select_related("tender__pool"), pk=invitation, tender__pool=pool)
    reason, user, at = request.POST.get("reason", ""), reader(request), timezone.now()
    calls: dict[str, tuple[Callable[[], Any], str]] = {
        "resend": (
            lambda: service.resend(actor=user, invitation=row, at=at),
            _("A new link is on its way; the earlier one no longer works."),
        ),
        "revoke": (
            lambda: service.revoke(actor=user, invitation=row, reason=reason, at=at),
            _("The link no longer works."),
        ),
        "remove": (lambda: service.uninvite(actor=user, invitation=row, at=at), _("The supplier is off the list.")),
        "accept-late": (
            lambda: service.accept_late(actor=user, invitation=row, reason=reason, at=at),
            _("The late answer competes now."),
        ),
        "shortlist": (
            lambda: service.shortlist(actor=user, invitation=row, at=at),
            _("The quote is on the shortlist."),
        ),
        "negotiate": (
            lambda: service.negotiate(actor=user, invitation=row, message=reason, at=at),
            _("The supplier is asked for a new version."),
        ),
    }
    if action not in calls:
        raise Http404
    call, done = calls[action]
    attempt(request, call, done)
    return redirect("purchasing:comparison" if action in ("negotiate", "shortlist") else "purchasing:tender", pk)
