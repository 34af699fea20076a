"""Needs that come back, and the files of a request."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from companies.access import require
from companies.documents import download
from companies.errors import DomainError
from companies.forms import form_error
from purchasing import access
from purchasing.forms import supplier as forms
from purchasing.models import RecurringNeed, RequestFile
from purchasing.services import recurring as service
from purchasing.services import request_file as files
from purchasing.views.doors import attempt, company_of, reader, request_of


@require_GET
def recurring_list(request: HttpRequest, company: int) -> HttpResponse:
    """What comes back, when next, and what was written so far."""
    row, user = company_of(request, company), reader(request)
    rows = RecurringNeed.objects.visible_to(user).filter(company=row).select_related("pattern", "requester")
    rows = rows.prefetch_related("runs__request")
    context = {
        "company": row,
        "living": [r for r in rows if r.ended_at is None],
        "ended": [r for r in rows if r.ended_at is not None],
        "may": access.can_request(user, row),
    }
    return render(request, "purchasing/recurring_list.html", context)


@require_POST
def recurring_end(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    row, user = company_of(request, company), reader(request)
    found = get_object_or_404(RecurringNeed.objects.visible_to(user), pk=pk, company=row)
    attempt(
        request,
        lambda: service.end(actor=user, recurring=found, at=timezone.now()),
        _("It no longer comes back. What was written stays."),
    )
    return redirect("purchasing:recurring_list", row.pk)


@require_http_methods(["GET", "POST"])
def recurring_start(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """Let this request come back every month or quarter."""
    row, user = company_of(request, company), reader(request)
    require(access.can_request(user, row))
    purchase = request_of(request, row, pk)
    form = forms.RecurringForm(request.POST or None, initial={"starts_on": timezone.localdate()})
    if request.method == "POST" and form.is_valid():
        try:
            service.start(actor=user, pattern=purchase, at=timezone.now(), **form.cleaned_data)
            messages.success(request, _("This request comes back by itself from now on."))
            return redirect("purchasing:recurring_list", row.pk)
        except DomainError as error:
            form_error(form, error)
    return render(request, "purchasing/recurring_form.html", {"company": row, "purchase": purchase, "form": form})


@require_POST
def file_add(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    row, user = company_of(request, company), reader(request)
    require(access.can_request(user, row))
    purchase = request_of(request, row, pk)
    sent = request.FILES.get("file")
    if sent is None:
        messages.error(request, _("Choose a file first."))
        return redirect("purchasing:request", row.pk, purchase.pk)
    number = request.POST.get("line", "")
    line = purchase.lines.filter(pk=number).first() if number.isdecimal() and len(number) < 19 else None
    content, name = sent.read(files.MAX_FILE + 1), str(sent.name)
    attempt(
        request,
        lambda: files.add(actor=user, request=purchase, name=name, content=content, line=line, at=timezone.now()),
        _("The file is kept with the request."),
    )
    return redirect("purchasing:request", row.pk, purchase.pk)


@require_GET
def file_get(request: HttpRequest, company: int, pk: int, file: int) -> HttpResponse:
    """A file, handed out as a download: what others sent is never shown inside our pages."""
    row = company_of(request, company)
    purchase = request_of(request, row, pk)
    found = get_object_or_404(RequestFile.objects.select_related("document"), pk=file, request=purchase)
    return download(found.document, inline=False)
