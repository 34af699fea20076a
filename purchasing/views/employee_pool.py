"""Employee pools for who opens, runs, subsidises and counts them: the association's staff and companies' HR."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from companies import audit, documents
from companies.access import is_staff, require
from companies.errors import DomainError
from companies.forms import form_error
from companies.models import Company
from companies.once import once
from purchasing import employee_access as access
from purchasing import employee_pages as pages
from purchasing.forms.employees import ArticleForm, CountForm, FrameForm, SubsidyForm
from purchasing.models import EmployeeArticle, EmployeeOrder, EmployeePayBack, EmployeePool
from purchasing.services import employee_goods as goods
from purchasing.services import employee_lock, employee_money
from purchasing.services import employee_pool as service
from purchasing.states_employees import EmployeePoolState
from purchasing.views.doors import attempt, reader

EDITING = (EmployeePoolState.DRAFT,)


def run(request: HttpRequest, pk: int) -> EmployeePool:
    """A pool the reader runs: 404 for those who do not see it, 403 for those who only subsidise it."""
    user = reader(request)
    pool = get_object_or_404(EmployeePool.objects.visible_to(user).select_related("company", "supplier"), pk=pk)
    require(access.can_run(user, pool))
    return pool


def keeper(request: HttpRequest, company: int) -> Company:
    """A company whose people the reader keeps."""
    row = get_object_or_404(Company.objects.visible_to(reader(request)), pk=company)
    require(access.keeps_people(reader(request), row))
    return row


def at_work(request: HttpRequest, company: int) -> Company:
    """A company where the reader counts and hands out: its own people, or the association's staff."""
    row = get_object_or_404(Company.objects.visible_to(reader(request)), pk=company)
    require(access.can_count(reader(request), row))
    return row


# Lists ----------------------------------------------------------------------------------------------------------------
@require_GET
def staff_list(request: HttpRequest) -> HttpResponse:
    """All employee pools, for the association's staff."""
    require(is_staff(reader(request)))
    rows = EmployeePool.objects.select_related("company", "supplier").order_by("-created_at", "-pk")
    page = Paginator(rows, 30).get_page(request.GET.get("page"))
    return render(request, "purchasing/employees/list.html", {"page": page, "company": None})


@require_GET
def company_list(request: HttpRequest, company: int) -> HttpResponse:
    """Pools open to a company's people: to subsidise, and those it opened itself."""
    row = keeper(request, company)
    rows = (
        EmployeePool.objects.visible_in(row, reader(request)).select_related("company").order_by("-created_at", "-pk")
    )
    page = Paginator(rows, 30).get_page(request.GET.get("page"))
    return render(request, "purchasing/employees/list.html", {"page": page, "company": row})


# Writing --------------------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@once
def staff_new(request: HttpRequest) -> HttpResponse:
    require(access.can_open(reader(request), None))
    return _frame(request, None, None)


@require_http_methods(["GET", "POST"])
@once
def company_new(request: HttpRequest, company: int) -> HttpResponse:
    row = keeper(request, company)
    require(access.can_open(reader(request), row))
    return _frame(request, row, None)


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    pool = run(request, pk)
    if pool.state not in EDITING:
        messages.error(request, service.PoolOpened().sentence)
        return redirect("purchasing:employee_pool", pool.pk)
    return _frame(request, pool.company, pool)


def _frame(request: HttpRequest, company: Company | None, pool: EmployeePool | None) -> HttpResponse:
    initial = FrameForm.initial_of(pool) if pool else {}
    form = FrameForm(request.POST or None, own=company is not None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            saved = service.save(
                actor=reader(request), frame=form.frame(), company=company, pool=pool, at=timezone.now()
            )
        except DomainError as error:
            if error.status == 403:
                raise
            form_error(form, error)
        else:
            if pool is None:
                return redirect("purchasing:employee_article_new", saved.pk)
            return redirect("purchasing:employee_pool", saved.pk)
    return render(request, "purchasing/employees/frame.html", {"form": form, "pool": pool, "company": company})


@require_http_methods(["GET", "POST"])
def article(request: HttpRequest, pk: int, article: int | None = None) -> HttpResponse:
    """Add an article to a draft, or change one."""
    pool = run(request, pk)
    row = get_object_or_404(EmployeeArticle, pk=article, pool=pool) if article else None
    initial = ArticleForm.initial_of(row) if row else {"vat_bp": 2000, "from0": 1, "pack": 1}
    form = ArticleForm(request.POST or None, request.FILES or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            service.offer(actor=reader(request), pool=pool, offered=form.offered(), article=row, at=timezone.now())
        except DomainError as error:
            if error.status == 403:
                raise
            form_error(form, error)
        else:
            return redirect("purchasing:employee_pool", pool.pk)
    return render(request, "purchasing/employees/article.html", {"form": form, "pool": pool, "article": row})


@require_POST
def article_remove(request: HttpRequest, pk: int, article: int) -> HttpResponse:
    pool = run(request, pk)
    row = get_object_or_404(EmployeeArticle, pk=article, pool=pool)
    attempt(
        request,
        lambda: service.remove(actor=reader(request), article=row, at=timezone.now()),
        _("The article is taken out."),
    )
    return redirect("purchasing:employee_pool", pool.pk)


# Running --------------------------------------------------------------------------------------------------------------
@require_GET
def pool(request: HttpRequest, pk: int) -> HttpResponse:
    """The runner's page: where it stands, what comes next, what has not arrived, refunds to decide."""
    row, user = run(request, pk), reader(request)
    order = EmployeeOrder.objects.filter(pool=row).select_related("supplier").first()
    context = {
        "pool": row,
        "offers": pages.offers(row),
        "places": row.places.select_related("company", "invoice"),
        "editing": row.state in EDITING,
        "order": order,
        "answer": order.acknowledgements.prefetch_related("lines__order_line").last() if order else None,
        "short": pages.short_of(row) if row.ordered_at else [],
        "rest": employee_money.rest_rows(row) if row.locked_at else [],
        "refunds": pages.refunds_to_decide(row),
        "unpaid": row.purchases.filter(state="locked", payment__state="failed").count(),
        "closable": row.state in goods.ARRIVING and employee_money.can_close(row),
        "staff": is_staff(user),
        "history": audit.history(row),
    }
    return render(request, "purchasing/employees/pool.html", context)


@require_POST
def act(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    """Open, cancel, order or close a pool."""
    row, user, at = run(request, pk), reader(request), timezone.now()
    reason = request.POST.get("reason", "").strip()
    calls = {
        "publish": (lambda: service.publish(actor=user, pool=row, at=at), _("The pool is open.")),
        "cancel": (
            lambda: employee_lock.cancel(actor=user, pool=row, reason=reason, at=at),
            _("The pool is cancelled; cards are released or paid back."),
        ),
        "order": (lambda: goods.order(actor=user, pool=row, at=at), _("The order has left.")),
        "close": (
            lambda: employee_money.close(actor=user, pool=row, at=at),
            _("The pool is closed and the companies are invoiced for what they added."),
        ),
    }
    if action not in calls:
        raise Http404
    call, done = calls[action]
    attempt(request, call, done)
    return redirect("purchasing:employee_pool", row.pk)


@require_GET
def order_file(request: HttpRequest, pk: int) -> HttpResponse:
    row = run(request, pk)
    if row.order_file is None:
        raise Http404
    return documents.download(row.order_file)


@require_POST
def short(request: HttpRequest, pk: int, company: int, article: int) -> HttpResponse:
    """The rest of an article does not come any more."""
    row = run(request, pk)
    require(access.can_decide_refunds(reader(request)))
    at_company = get_object_or_404(Company, pk=company)
    what = get_object_or_404(EmployeeArticle, pk=article, pool=row)
    attempt(
        request,
        lambda: goods.close_short(actor=reader(request), pool=row, company=at_company, article=what, at=timezone.now()),
        _("Who waits for it is paid back."),
    )
    return redirect("purchasing:employee_pool", row.pk)


@require_POST
def refund(request: HttpRequest, pk: int, refund: int) -> HttpResponse:
    """Grant or decline a refund proposed at a pick-up."""
    row = run(request, pk)
    require(access.can_decide_refunds(reader(request)))
    back = get_object_or_404(EmployeePayBack, pk=refund, line__purchase__pool=row)
    granted = request.POST.get("verdict") == "grant"
    attempt(
        request,
        lambda: employee_money.decide(
            actor=reader(request), row=back, granted=granted, reason=request.POST.get("reason", ""), at=timezone.now()
        ),
        _("The refund is on its way.") if granted else _("The refund is declined."),
    )
    return redirect("purchasing:employee_pool", row.pk)


# A company's side -----------------------------------------------------------------------------------------------------
def at_company(request: HttpRequest, company: Company, pk: int) -> EmployeePool:
    """A pool of or for this very company."""
    rows = EmployeePool.objects.visible_in(company, reader(request)).select_related("company")
    return get_object_or_404(rows, pk=pk)


@require_http_methods(["GET", "POST"])
def company_pool(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """What the company adds, how many take part (never who chose what), what to count and hand out."""
    firm = at_work(request, company)
    row = at_company(request, firm, pk)
    place = row.places.filter(company=firm).select_related("invoice").first()
    form = SubsidyForm(request.POST or None, initial=SubsidyForm.initial_of(place))
    if request.method == "POST" and form.is_valid():
        try:
            service.subsidise(actor=reader(request), pool=row, company=firm, subsidy=form.subsidy(), at=timezone.now())
        except DomainError as error:
            if error.status == 403:
                raise
            form_error(form, error)
        else:
            messages.success(request, _("Your people see what you add from now on."))
            return redirect("purchasing:company_employee_pool", firm.pk, row.pk)
    return render(request, "purchasing/employees/company_pool.html", _company_page(request, firm, row, form))


def _company_page(request: HttpRequest, firm: Company, row: EmployeePool, form: SubsidyForm) -> dict[str, object]:
    expected = {pk: units for pk, units in goods.to_come(row, firm).items() if units}
    articles = list(row.articles.filter(pk__in=expected).order_by("position"))
    initial = {"number": goods.next_number(row, firm)} | {f"count{pk}": units for pk, units in expected.items()}
    place = row.places.filter(company=firm).select_related("invoice").first()
    return {
        "company": firm,
        "pool": row,
        "place": place,
        "promised": service.promised(place) if place and pages.people_in(row, firm) else None,
        "form": form,
        "open": row.state in (EmployeePoolState.DRAFT, EmployeePoolState.OPEN)
        and access.can_subsidise(reader(request), firm),
        "keeps": access.keeps_people(reader(request), firm),
        "arriving": row.state in goods.ARRIVING and articles,
        "count_form": CountForm(articles=articles, prefix_name="count", initial=initial),
        "people": pages.people_in(row, firm),
        "few": pages.FEW,
        "offers": pages.offers(row),
        "parcels": pages.to_collect(row, firm) if row.ordered_at else [],
        "runs": access.can_run(reader(request), row),
    }


@require_POST
def arrive(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """Count what arrived; the same form twice counts once."""
    firm = at_work(request, company)
    row = at_company(request, firm, pk)
    articles = list(row.articles.order_by("position"))
    form = CountForm(request.POST, articles=articles, prefix_name="count")
    if form.is_valid() and form.cleaned_data.get("number"):
        attempt(
            request,
            lambda: goods.arrive(
                actor=reader(request),
                pool=row,
                company=firm,
                counts=form.counts(),
                number=form.cleaned_data["number"],
                at=timezone.now(),
            ),
            _("Counted. Whoever has something waiting was told."),
        )
    else:
        messages.error(request, _("Write whole numbers."))
    return redirect("purchasing:company_employee_pool", firm.pk, row.pk)


def told(units: int) -> str:
    """What to say after a hand-over."""
    if not units:
        return _("Nothing was waiting: it has been handed over before.")
    return ngettext("%(n)s unit handed over.", "%(n)s units handed over.", units) % {"n": units}
