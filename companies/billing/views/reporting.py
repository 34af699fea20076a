"""E-reports of sales outside e-invoicing, and the central directory, for the association's staff."""

from datetime import date

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from companies.billing import directory, ereporting
from companies.billing.channel.port import channel
from companies.billing.models import EReport, ReportKind, ReportState
from companies.billing.views.staff import staff_user
from companies.documents import download
from companies.errors import DomainError
from companies.models import Company

PER_PAGE = 40
TONES = {
    ReportState.WAITING: ("info", "clock"),
    ReportState.SENT: ("info", "send"),
    ReportState.ACCEPTED: ("success", "circle-check"),
    ReportState.REJECTED: ("danger", "circle-alert"),
}


def _toned(row: EReport) -> EReport:
    row.tone, row.icon = TONES[ReportState(row.state)]  # type: ignore[attr-defined]  # for the template
    return row


@require_safe
def reports(request: HttpRequest) -> HttpResponse:
    """Reports by period, those to correct first, and the periods that run."""
    staff_user(request)
    at, today = timezone.now(), timezone.localdate()
    page = Paginator(EReport.objects.all(), PER_PAGE).get_page(request.GET.get("page"))
    periods = [(kind.label, ereporting.period_of(kind, today, ereporting.regime())) for kind in ReportKind]
    context = {
        "page": page,
        "reports": [_toned(row) for row in page.object_list],
        "to_correct": ereporting.to_correct(at=at),
        "periods": periods,
        "starts": ereporting.starts(),
    }
    return render(request, "billing/ereports.html", context)


@require_safe
def report(request: HttpRequest, pk: int) -> HttpResponse:
    """One report: what it tells, where it stands."""
    staff_user(request)
    row = _toned(get_object_or_404(EReport, pk=pk))
    newest = not EReport.objects.filter(
        kind=row.kind, period_start=row.period_start, revision__gt=row.revision
    ).exists()
    told = newest and row.state != ReportState.WAITING
    context = {
        "report": row,
        "correctable": told and (row.state == ReportState.REJECTED or ereporting.changed(row)),
        "days": [one | {"day": date.fromisoformat(one["day"])} for one in row.content["days"]],
        "invoices": [
            one | {"day": date.fromisoformat(one.get("paid_on", one["day"]))} for one in row.content["invoices"]
        ],
        "history": ereporting.timeline(row),
    }
    return render(request, "billing/ereport.html", context)


@require_safe
def report_file(request: HttpRequest, pk: int) -> HttpResponse:
    """The XML as it was told."""
    staff_user(request)
    return download(get_object_or_404(EReport.objects.select_related("document"), pk=pk).document, inline=False)


@require_POST
def report_correct(request: HttpRequest, pk: int) -> HttpResponse:
    """Tell the period anew."""
    user = staff_user(request)
    row = get_object_or_404(EReport, pk=pk)
    try:
        made = ereporting.correct(report=row, actor=user, at=timezone.now())
    except DomainError as error:
        messages.error(request, error.sentence)
        return redirect("billing:ereport", row.pk)
    messages.success(request, _("The corrected report is made. It is sent by itself within minutes."))
    return redirect("billing:ereport", made.pk)


@require_safe
def directory_search(request: HttpRequest) -> HttpResponse:
    """Who receives where: by SIREN, SIRET or electronic address."""
    staff_user(request)
    text = request.GET.get("q", "").strip()[:140]
    lines, problem, member = None, "", None
    if text:
        try:
            lines = [directory.in_words(line) for line in directory.search(channel(), text)]
        except DomainError as error:
            problem = error.sentence
        member = Company.objects.filter(siren="".join(text.split())[:9]).first()
    context = {"text": text, "lines": lines, "problem": problem, "member": member}
    return render(request, "billing/directory.html", context)


@require_POST
def directory_look_up(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask the directory about a company now."""
    staff_user(request)
    company = get_object_or_404(Company, pk=pk)
    try:
        row = directory.look_up(channel(), company, at=timezone.now())
        if row is None:
            raise directory.NoDirectory
    except DomainError as error:
        messages.error(request, error.sentence)
    else:
        messages.success(request, _("The directory answered: %(n)s addresses.") % {"n": len(row.lines)})
    return redirect("billing:e_address", company.pk)
