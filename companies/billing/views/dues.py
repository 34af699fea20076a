"""Yearly dues, for the association's staff: brackets, calculation, review, issue or undo."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from companies import money
from companies.billing import dues
from companies.billing.models import DuesRun, DuesState
from companies.billing.views.staff import staff_user
from companies.errors import DomainError
from companies.forms import form_error

PER_PAGE = 100
LOOKS = {
    DuesState.DRAFT: ("warning", "clock"),
    DuesState.ISSUING: ("info", "send"),
    DuesState.ISSUED: ("success", "circle-check"),
    DuesState.UNDONE: ("muted", "undo-2"),
}


class RunForm(forms.Form):
    """Which year, payable when."""

    year = forms.IntegerField(label=gettext_lazy("Year"), min_value=2020, max_value=2100)
    due_on = forms.DateField(
        label=gettext_lazy("Due on"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )


class BracketsForm(forms.Form):
    """One line a bracket: headcount, amount; the last line without a headcount."""

    rows = forms.CharField(
        label=gettext_lazy("Up to this many people; dues of a year in euros"),
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=gettext_lazy(
            "One bracket a line, for example “50; 350,00”. The last line has no number: “; 1500,00”."
        ),
    )

    def clean_rows(self) -> list[tuple[int | None, int]]:
        found: list[tuple[int | None, int]] = []
        for line in self.cleaned_data["rows"].splitlines():
            if not line.strip():
                continue
            limit, _sep, amount = line.partition(";")
            try:
                found.append((int(limit) if limit.strip() else None, money.parse_cents(amount)))
            except (ValueError, DomainError):
                raise forms.ValidationError(_("“%(line)s” is not a bracket.") % {"line": line.strip()[:40]}) from None
        return found


@require_http_methods(["GET", "POST"])
def home(request: HttpRequest) -> HttpResponse:
    """The runs so far, a new one, and the brackets."""
    user = staff_user(request)
    today, at = timezone.localdate(), timezone.now()
    rows = dues.brackets()
    text = "\n".join(f"{row.up_to or ''}; {money.euros(row.net_cents).replace('.', ',')}" for row in rows)
    which = request.POST.get("what", "")
    run_form = RunForm(
        request.POST if which == "run" else None,
        initial={"year": dues.year_to_calculate(today), "due_on": today + timedelta(days=30)},
    )
    bracket_form = BracketsForm(request.POST if which == "brackets" else None, initial={"rows": text})
    if run_form.is_bound and run_form.is_valid():
        try:
            run = dues.prepare(actor=user, at=at, **run_form.cleaned_data)
        except DomainError as error:
            form_error(run_form, error)
        else:
            return redirect("billing:dues_run", run.pk)
    if bracket_form.is_bound and bracket_form.is_valid():
        try:
            dues.set_brackets(rows=bracket_form.cleaned_data["rows"], actor=user, at=at)
        except DomainError as error:
            form_error(bracket_form, error)
        else:
            messages.success(request, _("The brackets are saved. Calculations already made keep their amounts."))
            return redirect("billing:dues")
    runs = DuesRun.objects.annotate(
        companies=Count("lines", filter=Q(lines__included=True)),
        cents=Sum("lines__cents", filter=Q(lines__included=True)),
    )
    runs = runs.order_by("-year", "-pk")[:30]
    for row in runs:
        row.tone, row.icon = LOOKS[DuesState(row.state)]  # type: ignore[attr-defined]  # for the template
    context = {"runs": runs, "run_form": run_form, "bracket_form": bracket_form, "brackets": rows}
    return render(request, "billing/dues.html", context)


@require_http_methods(["GET", "POST"])
def run(request: HttpRequest, pk: int) -> HttpResponse:
    """One run, line by line: leave companies out, issue, or undo."""
    user = staff_user(request)
    found = get_object_or_404(DuesRun.objects.select_related("job"), pk=pk)
    if request.method == "POST":
        try:
            return _act(request, found, user)
        except DomainError as error:
            messages.error(request, error.sentence)
            return redirect("billing:dues_run", pk)
    found.tone, found.icon = LOOKS[DuesState(found.state)]  # type: ignore[attr-defined]  # for the template
    lines = found.lines.select_related("company", "invoice")
    sums = found.lines.filter(included=True).aggregate(cents=Sum("cents"), count=Count("pk"))
    context = {
        "run": found,
        "page": Paginator(lines, PER_PAGE).get_page(request.GET.get("page")),
        "count": sums["count"],
        "cents": sums["cents"] or 0,
        "is_draft": found.state == DuesState.DRAFT,
    }
    return render(request, "billing/dues_run.html", context)


def _act(request: HttpRequest, found: DuesRun, user: Any) -> HttpResponse:
    at = timezone.now()
    if "undo" in request.POST:
        dues.undo(run=found, actor=user, at=at)
        messages.success(request, _("The calculation is undone. Nothing was invoiced."))
        return redirect("billing:dues")
    if "issue" in request.POST:
        job = dues.start_issuing(run=found, actor=user, at=at)
        return redirect("companies:job", job.pk)
    wanted = request.POST.get("line", "")
    line = get_object_or_404(
        found.lines.select_related("company"), pk=int(wanted) if wanted.isdecimal() and len(wanted) < 19 else 0
    )
    dues.include(line=line, included="include" in request.POST, actor=user, at=at)
    return redirect("billing:dues_run", found.pk)
