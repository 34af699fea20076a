"""The employee's pages, on the phone first: pools open to them, what it costs, their card, their code for the pick-up."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from companies import documents, mail
from companies.billing import personal
from companies.billing.payments import PaymentServiceDown
from companies.errors import DomainError
from companies.forms import form_error
from companies.models import Person
from purchasing import employee_pages as pages
from purchasing import labels
from purchasing.forms.employees import CountForm
from purchasing.models import EmployeeArticle, EmployeePool, EmployeePurchase
from purchasing.models.employee_purchase import ACTIVE
from purchasing.services import employee_goods as goods
from purchasing.services import employee_purchase as service
from purchasing.states_employees import EmployeePoolState, PurchaseState
from purchasing.views.doors import attempt, reader


def me(request: HttpRequest) -> Person:
    """The reader as an employee; 404 for accounts that are no employee's."""
    person = getattr(reader(request), "person", None)
    if person is None:
        raise Http404
    return person


def pool_for(request: HttpRequest, pk: int) -> EmployeePool:
    return get_object_or_404(EmployeePool.objects.open_to(me(request), timezone.now()), pk=pk)


@require_GET
def my_pools(request: HttpRequest) -> HttpResponse:
    """Pools open to the reader and those they have joined."""
    rows = pages.my_list(me(request), timezone.now())
    page = Paginator(rows, 20).get_page(request.GET.get("page"))
    return render(request, "purchasing/employees/mine.html", {"page": page})


@never_cache
@require_http_methods(["GET", "POST"])
def my_pool(request: HttpRequest, pk: int) -> HttpResponse:
    """One pool: what is offered, what one has said, what it costs now and at most, what the employer adds."""
    pool, person, at = pool_for(request, pk), me(request), timezone.now()
    offers = pages.offers(pool)
    row = pages.mine(person, pool)
    alive = row is not None and row.state in ACTIVE
    said = dict(row.lines.values_list("article", "quantity")) if row and alive else {}
    more = dict(row.lines.values_list("article", "tolerance")) if row and alive else {}
    form = CountForm(
        request.POST or None,
        articles=[offer.article for offer in offers],
        initial={f"quantity{pk}": units for pk, units in said.items()}
        | {f"more{pk}": units for pk, units in more.items() if units},
    )
    open_now = pool.state == EmployeePoolState.OPEN and at < pool.closes_at
    preview = None
    if request.method == "POST" and form.is_valid():
        if request.POST.get("action") == "preview":
            preview = _preview(form, person, pool)
        elif address := _commit(request, form, person, pool):
            return redirect(address)
    context = {
        "pool": pool,
        "rows": [
            (
                offer,
                form[f"quantity{offer.article.pk}"],
                form[f"more{offer.article.pk}"] if offer.article.pack > 1 else "",
            )
            for offer in offers
        ],
        "packs": any(offer.article.pack > 1 for offer in offers),
        "form": form,
        "row": row,
        "lines": row.lines.select_related("article") if row else [],
        "back": _refunds(row),
        "alive": alive,
        "open": open_now,
        "payable": row is not None and service.payable(row, at),
        "reserved": row is not None and row.payment is not None and row.payment.state == "authorised",
        "waiting": row is not None and row.state == PurchaseState.LOCKED and any(x.ready for x in row.lines.all()),
        "preview": preview,
        "today": _quote(person, pool, said, more) if open_now and said else None,
        "place": pool.places.filter(company=row.company_id).first() if row else _place(person, pool),
    }
    return render(request, "purchasing/employees/my_pool.html", context)


def _refunds(row: EmployeePurchase | None) -> list[dict[str, Any]]:
    if row is None:
        return []
    found: list[dict[str, Any]] = []
    for line in row.lines.select_related("article").prefetch_related("pay_backs__refund"):
        found += [{"article": line.article, "row": back, "refund": back.refund} for back in line.pay_backs.all()]
    return found


def _place(person: Person, pool: EmployeePool) -> object:
    try:
        return pool.places.filter(company=service.employer_in(person, pool, timezone.now())).first()
    except service.NotInvited:
        return None


def _quote(person: Person, pool: EmployeePool, wanted: dict[int, int], more: dict[int, int]) -> service.Quote | None:
    """What one's word costs at the price of today; None for who has left the company in the meantime."""
    try:
        return service.quote(person=person, pool=pool, wanted=wanted, more=more, at=timezone.now())
    except service.NotInvited:
        return None


def _preview(form: CountForm, person: Person, pool: EmployeePool) -> service.Quote | None:
    wanted, at = {pk: units for pk, units in form.counts().items() if units}, timezone.now()
    try:
        return service.quote(person=person, pool=pool, wanted=wanted, more=form.more(), at=at) if wanted else None
    except DomainError as error:
        form_error(form, error)
        return None


def _commit(request: HttpRequest, form: CountForm, person: Person, pool: EmployeePool) -> str:
    """Commit, then go to the card's page when it can be asked; empty when the form is to be shown again."""
    at, user = timezone.now(), reader(request)
    try:
        row = service.commit(actor=user, person=person, pool=pool, wanted=form.counts(), more=form.more(), at=at)
    except DomainError as error:
        if error.status == 403:
            raise
        form_error(form, error)
        return ""
    here = request.path
    if not service.payable(row, at):
        messages.success(request, _("You are in. We write to you when your card can be asked."))
        return here
    return _to_card(request, row) or here


def _to_card(request: HttpRequest, row: EmployeePurchase) -> str:
    try:
        payment = service.pay(actor=reader(request), row=row, at=timezone.now())
    except (DomainError, PaymentServiceDown) as error:
        messages.error(request, getattr(error, "sentence", "") or str(error))
        return ""
    if payment.state == "authorised":
        messages.success(request, _("Everything is arranged: there is nothing else to do until the pool closes."))
        return ""
    return payment.url


@require_POST
def my_pool_pay(request: HttpRequest, pk: int) -> HttpResponse:
    """To the page on which the card is reserved."""
    pool = pool_for(request, pk)
    row = pages.mine(me(request), pool)
    if row is None:
        raise Http404
    address = _to_card(request, row)
    return redirect(address) if address else redirect("purchasing:my_pool", pool.pk)


@require_POST
def my_pool_withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Take one's word back."""
    pool, user = pool_for(request, pk), reader(request)
    attempt(
        request,
        lambda: service.withdraw(actor=user, person=me(request), pool=pool, at=timezone.now()),
        _("You have left the pool. What was reserved on your card is released."),
    )
    return redirect("purchasing:my_pool", pool.pk)


@never_cache
@require_GET
def my_pool_paid(request: HttpRequest, pk: int) -> HttpResponse:
    """Where the card's page sends the payer back: Stripe is asked at once, so that nobody waits for an event."""
    pool = pool_for(request, pk)
    row = pages.mine(me(request), pool)
    if row is not None and row.payment is not None:
        try:
            payment = personal.look(payment=row.payment, at=timezone.now())
        except PaymentServiceDown:
            messages.info(request, _("Your bank's answer is on its way. This page will say so."))
        else:
            if payment.state in ("authorised", "captured"):
                messages.success(request, _("Your card is reserved. Nothing is charged before the pool closes."))
            else:
                messages.warning(request, _("Your card was not reserved. Without it your part does not count."))
    return redirect("purchasing:my_pool", pool.pk)


@never_cache
@require_GET
def my_pool_code(request: HttpRequest, pk: int) -> HttpResponse:
    """The code to show at the pick-up, large, dark on white."""
    pool = pool_for(request, pk)
    row = pages.mine(me(request), pool)
    if row is None or row.state != PurchaseState.LOCKED:
        raise Http404
    code = goods.code_for(row)
    place = pool.places.filter(company=row.company_id).first()
    context = {
        "pool": pool,
        "row": row,
        "lines": [line for line in row.lines.select_related("article") if line.ready],
        "svg": labels.svg(mail.absolute(goods.path_of(code))),
        "code": code,
        "place": place,
    }
    return render(request, "purchasing/employees/my_code.html", context)


@require_GET
def photo(request: HttpRequest, pk: int, article: int) -> HttpResponse:
    """An article's photo, for whoever sees the pool."""
    user, at = reader(request), timezone.now()
    seen = EmployeePool.objects.visible_to(user).filter(pk=pk).exists()
    person = getattr(user, "person", None)
    if not seen and (person is None or not EmployeePool.objects.open_to(person, at).filter(pk=pk).exists()):
        raise Http404
    row = get_object_or_404(EmployeeArticle.objects.select_related("photo"), pk=article, pool=pk)
    if row.photo is None:
        raise Http404
    return documents.download(row.photo)
