"""The computed award: started, watched, compared with what-ifs, accepted."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from companies.errors import DomainError
from companies.forms import form_error
from purchasing import access, award_words, selectors
from purchasing.award_case import Options
from purchasing.forms.tender import StudyForm
from purchasing.models import AwardStudy, Pool, Tender
from purchasing.services import award_measure
from purchasing.services import award_study as service
from purchasing.states import AwardState, TenderState
from purchasing.steps import steps_of
from purchasing.views.doors import attempt, led_pool, led_tender, reader


@require_http_methods(["GET", "POST"])
def study_list(request: HttpRequest, pk: int) -> HttpResponse:
    """Every computation of a tender side by side; POST starts one more."""
    pool = led_pool(request, pk)
    tender = led_tender(request, pool)
    form = StudyForm(request.POST or None, tender=tender)
    if request.method == "POST" and form.is_valid():
        try:
            made = service.start(
                actor=reader(request),
                tender=tender,
                options=form.options(),
                seconds=form.cleaned_data["seconds"],
                at=timezone.now(),
            )
        except DomainError as error:
            if error.status == 403:
                raise
            form_error(form, error)
        else:
            return redirect("purchasing:award_study", pk, made.pk)
    if tender.state in (TenderState.DRAFT, TenderState.OPEN):
        messages.info(request, _("The quotes are not opened yet."))
        return redirect("purchasing:tender", pk)
    context = _context(pool, tender, form)
    return render(request, "purchasing/award_study.html", context, status=400 if form.errors else 200)


def _context(pool: Pool, tender: Tender, form: StudyForm, chosen: AwardStudy | None = None) -> dict[str, Any]:
    studies = list(tender.studies.order_by("pk"))
    names: dict[int, str] = {}
    if studies:
        names = award_words.supplier_names(studies[0])
    best = award_measure.yardstick(tender)
    rows = [
        {
            "study": row,
            "sure": award_words.sure(row),
            "words": award_words.assumptions(Options.read(row.options), names),
            "more_cents": row.cost_cents - best.cost_cents if best and row.cost_cents and best.cost_cents else None,
            "suppliers": len(row.result.get("suppliers", ())),
        }
        for row in studies
    ]
    return {
        "pool": pool,
        "tender": tender,
        "form": form,
        "rows": rows,
        "best": best,
        "steps": steps_of(pool),
        "chosen": chosen,
    }


def _study(request: HttpRequest, pool: Pool, pk: int) -> AwardStudy:
    rows = AwardStudy.objects.visible_to(reader(request)).select_related("tender__pool", "created_by", "job")
    return get_object_or_404(rows, pk=pk, tender__pool=pool)


@require_GET
def study(request: HttpRequest, pk: int, study: int) -> HttpResponse:
    """One computation: its progress, or the combination with what it saves and why the others lost."""
    pool = led_pool(request, pk)
    row = _study(request, pool, study)
    options = Options.read(row.options)
    initial = {**options.as_json(), "local_percent": options.local_percent or None, "seconds": row.seconds}
    context = _context(pool, row.tender, StudyForm(initial=initial, tender=row.tender), row)
    names = award_words.supplier_names(row)
    context |= {"silent": service.is_silent(row, at=timezone.now())}
    context |= {"sure": award_words.sure(row), "words": award_words.assumptions(options, names)}
    if row.is_over:
        companies = selectors.companies_in(pool)
        seen = access.sees_members(reader(request))
        context["shown"] = award_words.show(
            row, companies_shown=selectors.may_see_total(companies, staff=seen), members_shown=seen
        )
        current = row.has_award and award_measure.is_current(row)
        waiting = row.tender.awards.filter(state=AwardState.PROPOSED).exists()
        context["stale"] = row.has_award and not current
        context["may_accept"] = current and row.tender.state == TenderState.OPENED and not waiting
    return render(request, "purchasing/award_study.html", context)


@require_GET
def progress(request: HttpRequest, pk: int, study: int) -> HttpResponse:
    """The moving part alone; once over, it asks the page to load its result."""
    row = _study(request, led_pool(request, pk), study)
    response = render(
        request,
        "purchasing/parts/study_progress.html",
        {"study": row, "pool": row.tender.pool, "silent": service.is_silent(row, at=timezone.now())},
    )
    if row.is_over:
        response["HX-Refresh"] = "true"
    return response


@require_POST
def stop(request: HttpRequest, pk: int, study: int) -> HttpResponse:
    """Stop the computation and keep the best it has found."""
    row = _study(request, led_pool(request, pk), study)
    attempt(
        request,
        lambda: service.cancel(actor=reader(request), study=row, at=timezone.now()),
        _("The computation stops. The best combination found so far is kept."),
    )
    return redirect("purchasing:award_study", pk, study)


@require_POST
def accept(request: HttpRequest, pk: int, study: int) -> HttpResponse:
    """Award the combination as computed."""
    row = _study(request, led_pool(request, pk), study)
    accepted: list[str] = []

    def call() -> None:
        reason = request.POST.get("reason", "")
        made = service.accept(actor=reader(request), study=row, reason=reason, at=timezone.now())
        accepted.append(made.state)

    if not attempt(request, call):
        return redirect("purchasing:award_study", pk, study)
    if accepted == [AwardState.CONFIRMED]:
        messages.success(request, _("The award is recorded and all suppliers are told."))
        return redirect("purchasing:pool", pk)
    messages.info(request, _("You opened the quotes: a second person must confirm. They are asked by mail."))
    return redirect("purchasing:comparison", pk)
