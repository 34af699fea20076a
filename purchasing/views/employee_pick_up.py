"""The moment an employee collects at work: the code is scanned or typed, or the name is picked from the list; once."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from companies.access import is_staff
from companies.errors import DomainError
from purchasing import employee_access as access
from purchasing.models import EmployeePickUp, EmployeePurchase
from purchasing.services import employee_goods as goods
from purchasing.views.doors import reader
from purchasing.views.employee_pool import at_company, at_work, told


@never_cache
@require_http_methods(["GET", "POST"])
def pick_up(request: HttpRequest, code: str) -> HttpResponse:
    """Where the code of an employee leads: the hand-over for who hands out, the own purchase for the employee."""
    row = goods.read_code(code)
    if row is None:
        raise Http404
    user = reader(request)
    if access.can_count(user, row.company):
        return _hand_over(request, row, scanned=True)
    if access.is_self(user, row.person):
        return redirect("purchasing:my_pool_code", row.pool_id)
    raise Http404


@never_cache
@require_http_methods(["GET", "POST"])
def scan(request: HttpRequest, company: int) -> HttpResponse:
    """The camera of who hands out, over all group purchases of a company; the code can always be typed instead."""
    firm = at_work(request, company)
    given, problem = request.POST.get("code", "").strip()[:60], ""
    if request.method == "POST":
        row = goods.read_code(given)
        if row is not None and row.company_id == firm.pk:
            return redirect("purchasing:employee_pick_up", goods.code_for(row))
        problem = _("This code is of no parcel here.")
    words = {
        "starting": _("The camera is starting…"),
        "scanning": _("Hold the code into the square."),
        "hint": _("Nothing read yet: come closer, or make the phone brighter."),
        "denied": _("The camera is not allowed. Allow it in the browser's address bar, or type the code."),
        "missing": _("No camera found. Type the code."),
        "insecure": _("The camera needs a secure address (https). Type the code."),
        "lost": _("The camera has stopped. Start it again, or type the code."),
        "foreign": _("This is not a code for a pick-up."),
        "found": _("Read. One moment…"),
    }
    staff = is_staff(reader(request))
    back = (
        reverse("purchasing:employee_pools") if staff else reverse("purchasing:company_employee_pools", args=[firm.pk])
    )
    context = {"company": firm, "typed": given, "problem": problem, "words": words, "back": back}
    response = render(request, "purchasing/employees/scan.html", context)
    response["Permissions-Policy"] = "camera=(self)"
    return response


@require_POST
def typed(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """The code read out or typed when no camera helps."""
    firm = at_work(request, company)
    pool = at_company(request, firm, pk)
    code = request.POST.get("code", "").strip().lower().replace(" ", "")[:60]
    row = goods.read_code(code)
    if row is None or row.company_id != firm.pk or row.pool_id != pool.pk:
        messages.error(request, _("This code is of no parcel here."))
        return redirect("purchasing:company_employee_pool", firm.pk, pool.pk)
    return redirect("purchasing:employee_pick_up", code)


@never_cache
@require_http_methods(["GET", "POST"])
def by_name(request: HttpRequest, company: int, pk: int, purchase: int) -> HttpResponse:
    """The hand-over without the phone: the person is picked from the list."""
    firm = at_work(request, company)
    pool = at_company(request, firm, pk)
    rows = EmployeePurchase.objects.select_related("pool", "person", "company")
    return _hand_over(request, get_object_or_404(rows, pk=purchase, pool=pool, company=firm, state="locked"))


def _hand_over(request: HttpRequest, row: EmployeePurchase, *, scanned: bool = False) -> HttpResponse:
    problem = ""
    lines = list(row.lines.select_related("article").order_by("pk"))
    if request.method == "POST":
        refused = {}
        for line in lines:
            text = request.POST.get(f"refused{line.pk}", "").strip() or "0"
            refused[line.pk] = int(text) if text.isdecimal() and len(text) < 6 else -1
        try:
            units = goods.hand_over(
                actor=reader(request),
                purchase=row,
                refused=refused,
                reason=request.POST.get("reason", ""),
                method=EmployeePickUp.Method.SCAN if scanned else EmployeePickUp.Method.BUTTON,
                at=timezone.now(),
            )
        except DomainError as error:
            if error.status == 403:
                raise
            problem = error.sentence
        else:
            any_refused = any(refused.values())
            messages.success(request, _("The refusal is noted.") if any_refused and not units else told(units))
            return redirect(request.path)
    for line in lines:
        line.typed = request.POST.get(f"refused{line.pk}", "")  # type: ignore[attr-defined]  # shown again, nothing is lost
    context = {
        "row": row,
        "lines": lines,
        "waiting": any(line.ready for line in lines),
        "problem": problem,
        "reason": request.POST.get("reason", ""),
        "done": EmployeePickUp.objects.filter(line__purchase=row).select_related("by", "line__article"),
        "staff": is_staff(reader(request)),
    }
    return render(request, "purchasing/employees/pick_up.html", context)
