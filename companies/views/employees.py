"""The staff register: a list to search, and one employee at a time."""

from functools import reduce
from operator import or_
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from companies.employees.sheets import sheet
from companies.errors import DomainError
from companies.forms import form_error
from companies.import_wording import FIELD_NAMES
from companies.models import Company, Employment, Site
from companies.services import employees as service
from companies.views.doors import company_for_people, me, page_number, refused, words_of

PAGE = 100
DATE_FORMATS = ["%Y-%m-%d", "%d/%m/%Y"]
STATUSES = [
    ("current", _("At work")),
    ("leaving", _("Leaving")),
    ("future", _("Not begun yet")),
    ("past", _("Gone")),
    ("all", _("Everybody")),
]
SEARCHED = ("person__last_name", "person__first_name", "reference", "email")


class DayField(forms.DateField):
    """A day, by the browser's date picker or typed 31/12/2026."""

    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(input_formats=DATE_FORMATS, **kwargs)


class EmployeeForm(forms.Form):
    last_name = forms.CharField(label=_("Last name"), max_length=80)
    first_name = forms.CharField(label=_("First name"), max_length=80)
    reference = forms.CharField(
        label=_("Staff number"), max_length=40, required=False, help_text=_("Finds the same person in your next file.")
    )
    email = forms.EmailField(
        label=_("Work e-mail"),
        required=False,
        help_text=_("Only to hand out the card. Leave it empty to print a letter instead."),
    )
    site = forms.ModelChoiceField(
        label=_("Site"), queryset=Site.objects.none(), required=False, empty_label=_("No site")
    )
    starts_on = DayField(label=_("First day"))
    ends_on = DayField(
        label=_("Last day"), required=False, help_text=_("The benefit card works until that day included.")
    )

    def __init__(self, *args: Any, company: Company, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["site"].queryset = company.sites.all()  # type: ignore[attr-defined]  # a field of choices has it


class EndForm(forms.Form):
    ends_on = DayField(label=_("Last day"))


@require_GET
def index(request: HttpRequest, company: int) -> HttpResponse:
    """The register, searched and filtered; four queries for the page whatever its length."""
    owner = company_for_people(request, company)
    status = request.GET.get("status") or "current"
    site, words = request.GET.get("site") or "", words_of(request)
    rows = _with_status(
        Employment.objects.visible_to(request.user).filter(company=owner, person__erased_at=None), status
    )
    for word in words.split():
        rows = rows.filter(reduce(or_, (Q(**{f"{name}__icontains": word}) for name in SEARCHED)))
    if site.isdecimal():
        rows = rows.filter(site=int(site[:9]))
    page = Paginator(
        rows.select_related("person", "site").order_by("person__last_name", "person__first_name", "pk"), PAGE
    ).get_page(page_number(request))
    context = {
        "company": owner, "page": page, "q": words, "status": status, "site": site, "statuses": STATUSES,
        "sites": list(owner.sites.all()), "today": timezone.localdate(), "filtered": bool(words or site or status != "current"),
    }  # fmt: skip
    return render(request, "companies/employees/list.html", context)


def _with_status(rows: "QuerySet[Employment]", status: str) -> "QuerySet[Employment]":
    today = timezone.localdate()
    if status == "leaving":
        return rows.filter(ends_on__gte=today)
    if status == "future":
        return rows.filter(starts_on__gt=today)
    if status == "past":
        return rows.filter(ends_on__lt=today)
    if status == "all":
        return rows
    return rows.filter(Q(ends_on__isnull=True) | Q(ends_on__gte=today))


def add(request: HttpRequest, company: int) -> HttpResponse:
    """Add one employee."""
    owner = company_for_people(request, company)
    form = EmployeeForm(request.POST or None, company=owner, initial={"starts_on": timezone.localdate()})
    if request.method == "POST" and form.is_valid():
        try:
            row = service.add(company=owner, actor=me(request), at=timezone.now(), **form.cleaned_data)
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(request, _now("%(name)s is on file.") % {"name": row.person})
            return redirect(
                "companies:employee_add" if "another" in request.POST else "companies:employee_list", owner.pk
            )
    return render(request, "companies/employees/form.html", {"company": owner, "form": form})


def edit(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """Look at one employee and change what is wrong."""
    owner = company_for_people(request, company)
    row = _employee(request, owner, pk)
    initial = {name: getattr(row, name) for name in service.FIELDS}
    initial |= {"first_name": row.person.first_name, "last_name": row.person.last_name}
    form = EmployeeForm(request.POST or None, company=owner, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            service.change(employment=row, actor=me(request), at=timezone.now(), **form.cleaned_data)
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(request, _now("The changes are saved."))
            return redirect("companies:employee_list", owner.pk)
    end_form = EndForm(initial={"ends_on": timezone.localdate()})
    today = timezone.localdate()
    context = {"company": owner, "form": form, "employment": row, "end_form": end_form, "today": today}
    return render(request, "companies/employees/form.html", context)


@require_POST
def end(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """Give an employee a last day."""
    owner = company_for_people(request, company)
    row = _employee(request, owner, pk)
    form = EndForm(request.POST)
    if not form.is_valid():
        messages.error(request, str(form.errors["ends_on"][0]))
        return redirect("companies:employee", owner.pk, row.pk)
    try:
        service.end(employment=row, ends_on=form.cleaned_data["ends_on"], actor=me(request), at=timezone.now())
    except DomainError as error:
        refused(request, error)
        return redirect("companies:employee", owner.pk, row.pk)
    messages.success(request, _now("%(name)s has a last day. The card stops after it.") % {"name": row.person})
    return redirect("companies:employee_list", owner.pk)


@require_GET
def template(request: HttpRequest, company: int) -> HttpResponse:
    """An example file to fill in, with the company's own site names."""
    owner = company_for_people(request, company)
    site = owner.sites.first()
    heading = [
        str(FIELD_NAMES[name])
        for name in ("reference", "last_name", "first_name", "email", "site", "starts_on", "ends_on")
    ]
    example = ["1024", "Martin", "Camille", "camille.martin@exemple.fr", site.name if site else "", "01/09/2025", ""]
    return download(sheet(heading, [example]), _now("employees") + ".csv")


def download(content: bytes, name: str) -> HttpResponse:
    """A CSV to save."""
    return HttpResponse(
        content,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def counted(joiners: int, changes: int, leavers: int) -> str:
    """ "12 join, 3 change, 1 leaves", without what is zero."""
    parts = [
        ngettext("%(n)s joins", "%(n)s join", joiners) % {"n": joiners} if joiners else "",
        ngettext("%(n)s changes", "%(n)s change", changes) % {"n": changes} if changes else "",
        ngettext("%(n)s leaves", "%(n)s leave", leavers) % {"n": leavers} if leavers else "",
    ]
    return ", ".join(part for part in parts if part)


def _employee(request: HttpRequest, company: Company, pk: int) -> Employment:
    rows = Employment.objects.visible_to(request.user).filter(company=company, person__erased_at=None)
    return get_object_or_404(rows.select_related("person", "company", "site"), pk=pk)
