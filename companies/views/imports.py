"""The import wizard: send a file, review line by line, apply, undo."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from companies.employees.sheets import sheet
from companies.employees.table import MAX_BYTES
from companies.errors import DomainError
from companies.forms import form_error
from companies.import_wording import FIELD_NAMES, file_sentence, problem_sentence
from companies.models import Company
from companies.models.imports import EmployeeImport, ImportRow, ImportState
from companies.services import imports as service
from companies.services.import_effects import REFUSALS
from companies.views.doors import company_for_people, me, page_number, refused
from companies.views.employees import DayField, counted, download

PAGE = 100
KINDS = {
    "error": (_("Errors"), "danger", "circle-alert"),
    "joiner": (_("Joiners"), "success", "user-plus"),
    "change": (_("Changes"), "info", "pencil"),
    "leaver": (_("Leavers"), "warning", "log-out"),
    "unchanged": (_("Unchanged"), "muted", "equal"),
}
KIND_WORDS = {
    "error": _("Error"), "joiner": _("Joins"), "change": _("Is changed"), "leaver": _("Leaves"), "unchanged": _("Unchanged"),
}  # fmt: skip


class UploadForm(forms.Form):
    file = forms.FileField(label=_("File"), error_messages={"required": _("Choose the file to import.")})
    full = forms.ChoiceField(
        label=_("What does the file contain?"),
        choices=[
            ("no", _("Some employees: those who are missing stay as they are")),
            ("yes", _("All employees: those who are missing leave")),
        ],
        widget=forms.RadioSelect,
        initial="no",
    )
    leave_on = DayField(label=_("Last day of those who are missing"), required=False, help_text=_("Today when empty."))


@require_GET
def index(request: HttpRequest, company: int) -> HttpResponse:
    """Every import of the company, latest first."""
    owner = company_for_people(request, company)
    rows = (
        EmployeeImport.objects.visible_to(request.user)
        .filter(company=owner)
        .select_related("created_by")
        .defer("content")
    )
    page = Paginator(rows, 50).get_page(page_number(request))
    for row in page:
        row.summary = _summary(row)  # type: ignore[attr-defined]  # for the template
    return render(request, "companies/imports/list.html", {"company": owner, "page": page})


def new(request: HttpRequest, company: int) -> HttpResponse:
    """Send a file."""
    owner = company_for_people(request, company)
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        sent, values = form.cleaned_data["file"], form.cleaned_data
        try:
            found = service.upload(
                company=owner, name=sent.name, content=sent.read(MAX_BYTES + 1), full=values["full"] == "yes",
                leave_on=values["leave_on"], actor=me(request), at=timezone.now(),
            )  # fmt: skip
        except DomainError as error:
            form_error(form, error)
        else:
            return redirect("companies:import", owner.pk, found.pk)
    return render(request, "companies/imports/new.html", {"company": owner, "form": form, "steps": _steps(None)})


@require_GET
def review(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """Where an import stands, and every line of it with what it does or what is wrong."""
    owner = company_for_people(request, company)
    found = _import(request, owner, pk)
    kind = request.GET.get("kind") or ""
    if kind not in KINDS:
        kind = "error" if found.errors else ""
    rows = found.rows.select_related("employment__person").exclude(kind="" if kind else "unchanged")
    page = Paginator(rows.filter(kind=kind) if kind else rows, PAGE).get_page(page_number(request))
    sites = {site.pk: site.name for site in owner.sites.all()}
    for row in page:
        _describe(row, sites)
    figures = [
        {
            "kind": key,
            "label": label,
            "tone": tone if found.counts.get(key) else "muted",
            "icon": icon,
            "count": found.counts.get(key, 0),
        }
        for key, (label, tone, icon) in KINDS.items()
    ]
    counts = [int(found.counts.get(key, 0)) for key in ("joiner", "change", "leaver")]
    context = {
        "company": owner, "found": found, "page": page, "kind": kind, "figures": figures, "steps": _steps(found),
        "trouble": _trouble(found), "summary": counted(*counts), "job": found.job,
        "busy": found.state in (ImportState.READING, ImportState.APPLYING, ImportState.UNDOING),
    }  # fmt: skip
    return render(request, "companies/imports/review.html", context)


@require_GET
def errors(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """The lines with errors as a file, to correct beside one's own."""
    owner = company_for_people(request, company)
    found = _import(request, owner, pk)
    heading = [_now("Line"), _now("Last name"), _now("First name"), _now("Error")]
    rows = (
        found.rows.filter(kind="error")
        .values_list("line", "last_name", "first_name", "problems")
        .iterator(chunk_size=2_000)
    )
    lines = ([line, last, first, " ".join(map(problem_sentence, problems))] for line, last, first, problems in rows)
    return download(sheet(heading, lines), _now("errors") + f"-{found.pk}.csv")


@require_POST
def apply(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """Begin to apply what was reviewed."""
    confirmed = request.POST.get("confirmed") == "yes"
    return _do(request, company, pk, lambda found, **by: service.start_applying(found=found, confirmed=confirmed, **by))


@require_POST
def undo(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """Begin to put everything back."""
    return _do(request, company, pk, lambda found, **by: service.start_undoing(found=found, **by))


@require_POST
def check(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """Repeat the dry run."""
    return _do(request, company, pk, lambda found, **by: service.check_again(found=found, **by))


@require_POST
def cancel(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """Give the import up."""
    owner = company_for_people(request, company)
    try:
        service.cancel(found=_import(request, owner, pk), actor=me(request), at=timezone.now())
        messages.success(request, _now("The import is given up. Nothing was changed."))
    except DomainError as error:
        refused(request, error)
    return redirect("companies:import_list", owner.pk)


def _do(request: HttpRequest, company: int, pk: int, step: Callable[..., Any]) -> HttpResponse:
    owner = company_for_people(request, company)
    found = _import(request, owner, pk)
    try:
        step(found, actor=me(request), at=timezone.now())
    except DomainError as error:
        refused(request, error)
    return redirect("companies:import", owner.pk, found.pk)


def _import(request: HttpRequest, company: Company, pk: int) -> EmployeeImport:
    rows = EmployeeImport.objects.visible_to(request.user).filter(company=company).defer("content")
    return get_object_or_404(rows.select_related("job", "created_by", "applied_by", "company"), pk=pk)


def _steps(found: EmployeeImport | None) -> list[dict[str, Any]]:
    state = found.state if found else ""
    over = state in (ImportState.APPLIED, ImportState.UNDOING, ImportState.UNDONE)
    at = 0 if not found or state in (ImportState.UNREADABLE, ImportState.CANCELLED) else 3 if over else 1
    labels = [_now("Send the file"), _now("Review"), _now("Apply")]
    return [
        {"label": label, "state": "done" if i < at else "current" if i == at else "todo"}
        for i, label in enumerate(labels)
    ]


def _trouble(found: EmployeeImport) -> str:
    if not found.trouble:
        return ""
    if refusal := REFUSALS.get(str(found.trouble.get("code"))):
        return refusal(found.trouble.get("people", [])).sentence
    return file_sentence(found.trouble)


def _summary(found: EmployeeImport) -> str:
    return counted(*(int(found.counts.get(key, 0)) for key in ("joiner", "change", "leaver")))


def _describe(row: ImportRow, sites: dict[int, str]) -> None:
    """Put on the row what the page shows: its word, its changes, its errors."""
    row.word, (_label, row.tone, row.icon) = KIND_WORDS[row.kind], KINDS[row.kind]  # type: ignore[attr-defined]  # for the template
    row.sentences = [problem_sentence(problem) for problem in row.problems]  # type: ignore[attr-defined]  # for the template

    def shown(name: str, value: Any) -> str:
        if name == "site":
            return sites.get(value, "")
        if name in ("starts_on", "ends_on") and value:
            return "/".join(reversed(str(value).split("-")))
        return str(value or "")

    row.changes = [  # type: ignore[attr-defined]  # for the template
        (label, shown(name, row.before.get(name)), shown(name, value))
        for name, label in FIELD_NAMES.items()  # one order on every line: the database keeps none
        if name in row.values
        for value in [row.values[name]]
        if row.kind != "joiner" or (value and name not in ("first_name", "last_name"))
    ]
