"""The order of an employee pool: the supplier's page behind its signed link, and what the runner records and decides."""

from datetime import timedelta

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from companies import documents
from companies.access import require
from companies.errors import DomainError
from companies.forms import form_error
from companies.models import User
from purchasing import employee_access as access
from purchasing.forms_back import AnswerForm
from purchasing.models import EmployeeArticle, EmployeeOrder
from purchasing.services import employee_supplier as service
from purchasing.services.answers import Answer, answerable
from purchasing.views.doors import attempt, reader
from purchasing.views.employee_pool import run


def ordered(request: HttpRequest, pk: int) -> EmployeeOrder:
    """The order of a pool the reader runs."""
    pool = run(request, pk)
    return get_object_or_404(EmployeeOrder.objects.select_related("pool__company", "supplier"), pool=pool)


def record(row: EmployeeOrder, form: AnswerForm, actor: User | None) -> bool:
    """Keep an answer; a refusal goes to the form and nothing typed is lost."""
    data = form.cleaned_data
    answer = Answer(data["delivery_on"], data["reference"], data["note"], form.changes(), form.substitutes())
    try:
        service.acknowledge(order=row, answer=answer, actor=actor, at=timezone.now())
    except DomainError as error:
        if error.status == 403:
            raise
        form_error(form, error)
        return False
    return True


def supplier_side(request: HttpRequest, row: EmployeeOrder, token: str) -> HttpResponse:
    """The supplier's page: one button to acknowledge, and a form for what changes."""
    form = AnswerForm(request.POST or None, order=row)
    if request.method == "POST" and form.is_valid() and record(row, form, None):
        return redirect(request.path)
    row.refresh_from_db()
    context = {
        "order": row,
        "form": form,
        "token": token,
        "answerable": answerable(row),
        "answer": row.acknowledgements.prefetch_related("lines__order_line").last(),
        "soonest": timezone.localdate() + timedelta(days=1),
        "supplier_view": True,
        "of_employees": True,
    }
    return render(request, "purchasing/order_supplier.html", context)


def supplier_paper(row: EmployeeOrder) -> HttpResponse:
    if row.document is None:
        raise Http404
    return documents.download(row.document)


@require_http_methods(["GET", "POST"])
def answer(request: HttpRequest, pk: int) -> HttpResponse:
    """Write down what the supplier said on the telephone."""
    row = ordered(request, pk)
    form = AnswerForm(request.POST or None, order=row)
    if request.method == "POST" and form.is_valid() and record(row, form, reader(request)):
        messages.success(request, _("The supplier's answer is recorded."))
        return redirect("purchasing:employee_pool", pk)
    context = {"order": row, "form": form, "supplier_view": False, "of_employees": True}
    return render(request, "purchasing/order_answer.html", context)


@require_POST
def decide(request: HttpRequest, pk: int, verdict: str) -> HttpResponse:
    """Accept the supplier's change, or ask for another answer."""
    row, accepted = ordered(request, pk), verdict == "accept"
    if verdict not in ("accept", "refuse"):
        raise Http404
    reason = request.POST.get("reason", "")
    attempt(
        request,
        lambda: service.decide_change(
            actor=reader(request), order=row, accepted=accepted, reason=reason, at=timezone.now()
        ),
        _("The change is accepted; what does not come is paid back.") if accepted else _("The change is refused."),
    )
    return redirect("purchasing:employee_pool", pk)


@require_POST
def rest(request: HttpRequest, pk: int, article: int) -> HttpResponse:
    """What was left of the last pack of an article will not come."""
    pool = run(request, pk)
    require(access.can_decide_refunds(reader(request)))
    row = get_object_or_404(EmployeeArticle, pk=article, pool=pool)
    attempt(
        request,
        lambda: service.rest_short(actor=reader(request), pool=pool, article=row, at=timezone.now()),
        _("It will not be invoiced."),
    )
    return redirect("purchasing:employee_pool", pk)
