"""Quotes side by side, and the decision."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from companies.errors import DomainError
from companies.forms import form_error
from purchasing import access
from purchasing import comparison as comparisons
from purchasing.forms.tender import AwardForm
from purchasing.models import Award, FrameworkAgreement, Pool, Supplier, Tender
from purchasing.services import award as service
from purchasing.services import award_measure
from purchasing.states import AwardState, TenderState
from purchasing.steps import steps_of
from purchasing.views.doors import attempt, led_pool, led_tender, reader


@require_GET
def comparison(request: HttpRequest, pk: int) -> HttpResponse:
    """Every quote against every line, landed, at three volumes; sealed tenders send the reader back."""
    pool = led_pool(request, pk)
    tender = led_tender(request, pool)
    if tender.state in (TenderState.DRAFT, TenderState.OPEN):
        messages.info(request, _("The quotes are not opened yet."))
        return redirect("purchasing:tender", pk)
    return render(request, "purchasing/comparison.html", _context(request, pool, tender, AwardForm(), {}))


def _context(
    request: HttpRequest, pool: Pool, tender: Tender, form: AwardForm, chosen: dict[int, int]
) -> dict[str, Any]:
    found = comparisons.compare(tender, on=timezone.localdate())
    pending = tender.awards.filter(state=AwardState.PROPOSED).select_related("decided_by", "measure").first()
    award = (
        tender.awards.filter(state=AwardState.CONFIRMED).select_related("decided_by", "confirmed_by", "measure").first()
    )
    shown = award or pending
    if shown is not None:
        chosen = {line.pool_line_id: line.quote_line_id for line in shown.lines.all()}
    study = None if chosen or tender.state != TenderState.OPENED else award_measure.yardstick(tender)
    preset = chosen or (award_measure.proposal(study).choices if study else comparisons.suggestion(found))
    for row in found.rows:
        row.chosen = preset.get(row.line.pk)
    return {
        "pool": pool,
        "tender": tender,
        "comparison": found,
        "form": form,
        "steps": steps_of(pool),
        "ticked_study": study,
        "pending": pending,
        "award": award,
        "deciding": tender.state == TenderState.OPENED and pending is None,
        "may_confirm": pending is not None and reader(request).pk not in (pending.decided_by_id, tender.opened_by_id),
        "opened_by_me": tender.opened_by_id == reader(request).pk,
        "frameworks": _frameworks(award) if award and access.can_keep_frameworks(reader(request)) else [],
    }


def _frameworks(award: Award) -> list[tuple[Supplier, FrameworkAgreement | None]]:
    """Each supplier that won, with the framework agreement made of its part, if there is one."""
    won = Supplier.objects.filter(invitations__quotes__lines__award_lines__award=award).distinct().order_by("name")
    made = {row.supplier_id: row for row in award.frameworks.exclude(state="cancelled")}
    return [(supplier, made.get(supplier.pk)) for supplier in won]


@require_POST
def award(request: HttpRequest, pk: int) -> HttpResponse:
    """Record who gets which line, and why."""
    pool = led_pool(request, pk)
    tender = led_tender(request, pool)
    form = AwardForm(request.POST)
    if form.is_valid():
        try:
            made = service.decide(
                actor=reader(request),
                tender=tender,
                choices=form.choices(),
                reason=form.cleaned_data["reason"],
                at=timezone.now(),
            )
        except DomainError as error:
            if error.status == 403:
                raise
            form_error(form, error)
        else:
            if made.state == AwardState.CONFIRMED:
                messages.success(request, _("The award is recorded and all suppliers are told."))
                return redirect("purchasing:pool", pk)
            messages.info(request, _("You opened the quotes: a second person must confirm. They are asked by mail."))
            return redirect("purchasing:comparison", pk)
    if tender.state in (TenderState.DRAFT, TenderState.OPEN):
        return redirect("purchasing:tender", pk)
    context = _context(request, pool, tender, form, form.choices())
    return render(request, "purchasing/comparison.html", context, status=400)


@require_POST
def award_answer(request: HttpRequest, pk: int, award: int, answer: str) -> HttpResponse:
    """The second person confirms or refuses."""
    pool = led_pool(request, pk)
    row = get_object_or_404(Award.objects.select_related("tender__pool"), pk=award, tender__pool=pool)
    user, at = reader(request), timezone.now()
    if answer == "confirm":
        attempt(
            request,
            lambda: service.confirm(actor=user, award=row, at=at),
            _("The award is recorded and all suppliers are told."),
        )
    else:
        reason = request.POST.get("reason", "")
        attempt(
            request,
            lambda: service.refuse(actor=user, award=row, reason=reason, at=at),
            _("The award is refused. The comparison is open again."),
        )
    return redirect("purchasing:comparison", pk)
