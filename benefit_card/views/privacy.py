"""One's own data, for everybody who signs in; and the doors of the association's staff, which leave a trace."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from benefit_card import limits
from benefit_card.models import RetentionReport, Signal
from benefit_card.services import erasure, personal_data, retention
from companies.access import is_staff
from companies.errors import DomainError
from companies.views.doors import me, refused


def only_staff(request: HttpRequest) -> None:
    """404 for everybody but the association's staff."""
    if not is_staff(request.user):
        raise Http404


@require_GET
@never_cache
def my_data(request: HttpRequest) -> HttpResponse:
    """What we know of the reader, who looked, and the two rights: take it along, have it erased."""
    user = me(request)
    context = {
        "looks": personal_data.looks_at(user)[:50],
        "person": getattr(user, "person", None),
        "roles": user.memberships.select_related("company"),
        "signals": Signal.objects.filter(card__person__user=user)[:20],
    }
    return render(request, "benefit_card/privacy/my_data.html", context)


@require_POST
def my_data_export(request: HttpRequest) -> HttpResponse:
    """The zip, at most ten times an hour."""
    try:
        limits.spend(limits.EXPORTS_PER_ACCOUNT, f"data:{me(request).pk}")
    except DomainError as error:
        refused(request, error)
        return redirect("benefit_card:my_data")
    response = HttpResponse(personal_data.export(me(request), at=timezone.now()), content_type="application/zip")
    response.headers["Content-Disposition"] = 'attachment; filename="erb-data.zip"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


@require_POST
def my_data_erase(request: HttpRequest) -> HttpResponse:
    """Erase the reader and sign them out."""
    try:
        erasure.erase_oneself(actor=me(request), confirmed=bool(request.POST.get("confirmed")), at=timezone.now())
    except DomainError as error:
        refused(request, error)
        return redirect("benefit_card:my_data")
    logout(request)
    messages.success(request, _("Your data is erased. The card no longer works."))
    return redirect("home")


@require_http_methods(["GET", "POST"])
@never_cache
def staff_person(request: HttpRequest) -> HttpResponse:
    """Open one person's redemptions: exact address or card code, a reason, and a trace that the person sees."""
    only_staff(request)
    context: dict[str, Any] = {"wanted": request.POST.get("wanted", "")[:254], "reason": request.POST.get("reason", "")}
    if request.method == "POST":
        try:
            limits.spend(limits.PEOPLE_OPENED_PER_ACCOUNT, me(request).pk)
            person, rows = personal_data.break_glass(
                actor=me(request), wanted=context["wanted"], reason=context["reason"], at=timezone.now()
            )
            context |= {"person": person, "rows": [(row, getattr(row, "undone", None)) for row in rows]}
        except DomainError as error:
            context["problem"] = error.sentence
    status = 400 if "problem" in context else 200
    return render(request, "benefit_card/privacy/staff_person.html", context, status=status)


@require_http_methods(["GET", "POST"])
def staff_retention(request: HttpRequest) -> HttpResponse:
    """What was forgotten each night; a button runs it now."""
    only_staff(request)
    if request.method == "POST":
        report = retention.run(at=timezone.now(), actor=me(request))
        done = sum(report.counts.values())
        messages.success(request, _("Retention has run: %(n)s rows forgotten.") % {"n": done})
        return redirect("benefit_card:staff_retention")
    names = {
        "redemptions": _("Redemptions older than 24 months: person removed"),
        "scans": _("Refused scans older than 7 days"),
        "leavers": _("People who left, erased"),
        "import_lines": _("Lines of staff lists older than 90 days"),
        "counters": _("Use counters of past periods"),
        "erased_holders": _("Counters of erased people"),
        "texts": _("Codes sent by text message"),
        "wallets": _("Wallets of erased people"),
    }
    reports = [
        (
            report,
            [(label, report.counts.get(name, 0)) for name, label in names.items()],
            sum(report.counts.get(name, 0) for name in names),
        )
        for report in RetentionReport.objects.select_related("actor")[:30]
    ]
    return render(request, "benefit_card/privacy/staff_retention.html", {"reports": reports, "names": names.values()})
