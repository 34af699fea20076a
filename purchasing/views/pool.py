"""Pools as staff and lead buyers run them."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from companies.access import is_staff, require
from companies.errors import DomainError
from companies.forms import form_error
from purchasing import access, history, likeness, selectors
from purchasing.forms import pool as forms
from purchasing.forms.request import ReasonForm
from purchasing.models import Category, Pool, PooledNeed
from purchasing.services import pool as service
from purchasing.states import POOL, PoolState
from purchasing.steps import steps_of
from purchasing.views.doors import attempt, led_pool, reader
from purchasing.views.pages_of_lines import lines_of

# How well the matching does on the labelled set; `tests/purchasing/rules/test_matching.py` holds these floors.
FIGURES = {"together": 97, "found": 89, "needs": 381}
RUNNING = [s for s in PoolState if s not in (PoolState.CLOSED, PoolState.FAILED, PoolState.CANCELLED)]


@require_GET
def staff_pool_list(request: HttpRequest) -> HttpResponse:
    """Pools the reader runs, by state."""
    user = reader(request)
    require(access.can_open_pools(user))
    tab = "done" if request.GET.get("tab") == "done" else "running"
    rows = selectors.pool_list(user).filter(pk__in=Pool.objects.led_by(user).values("pk"))
    rows = rows.filter(state__in=RUNNING) if tab == "running" else rows.exclude(state__in=RUNNING)
    context = {
        "page": Paginator(rows, 30).get_page(request.GET.get("page")),
        "tab": tab,
        "waiting_needs": selectors.open_needs().count(),
        "keeps_catalogue": access.can_keep_catalogue(user),
    }
    return render(request, "purchasing/pool_list.html", context)


@require_GET
def needs(request: HttpRequest) -> HttpResponse:
    """Approved needs in no pool, grouped by what they are; a person chooses what to pool."""
    user = reader(request)
    require(access.can_open_pools(user))
    category, words = request.GET.get("category", ""), request.GET.get("q", "").strip()
    groups = likeness.grouped(selectors.open_needs(category=category, words=words)[:2000])
    pools = Pool.objects.led_by(user).filter(state__in=[PoolState.DRAFT, PoolState.GATHERING])
    context = {
        "groups": groups,
        "suggestions": likeness.suggestions(groups)[:6],
        "figures": FIGURES if is_staff(user) else None,
        "category": category,
        "words": words,
        "categories": Category.choices,
        "pools": pools,
        "sees_members": access.sees_members(user),
    }
    return render(request, "purchasing/needs.html", context)


def _chosen(request: HttpRequest) -> list[selectors.NeedGroup]:
    """The groups ticked on the page of needs; lines may be taken out of a group one by one."""
    ids = {int(value) for value in request.POST.getlist("need") if value.isdecimal() and len(value) < 19}
    for value in request.POST.getlist("group"):
        ids |= {int(part) for part in value.split(",") if part.isdecimal() and len(part) < 19}
    return likeness.grouped(selectors.open_needs().filter(pk__in=ids))


@require_POST
def pool_new(request: HttpRequest) -> HttpResponse:
    """Name a pool and look at its lines before it is opened; or put the needs into a pool that gathers."""
    user, at = reader(request), timezone.now()
    require(access.can_open_pools(user))
    groups = _chosen(request)
    if not groups:
        messages.error(request, _("Choose at least one need for the pool."))
        return redirect("purchasing:needs")
    target = request.POST.get("pool", "")
    if target.isdecimal() and len(target) < 19:
        return _add_to(request, led_pool(request, int(target)), groups)
    opening = request.POST.get("action") == "open"
    first = {"title": groups[0].text[:120], "category": groups[0].category, "lead": user.pk}
    form = forms.PoolForm(request.POST if opening else None, initial=first, staff=is_staff(user))
    lines = [
        forms.PoolLineForm(request.POST if opening else None, prefix=f"line{n}", initial=_line_initial(group))
        for n, group in enumerate(groups)
    ]
    valid = [part.is_valid() for part in (form, *lines)] if opening else [False]
    if all(valid):
        drafts = [
            service.LineDraft(needs=group.ids, article=group.article, **line.cleaned_data)
            for group, line in zip(groups, lines, strict=True)
        ]
        try:
            pool = service.open_pool(actor=user, draft=form.draft(), lines=drafts, at=at)
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(request, _("The pool is prepared. Companies see it once you publish it."))
            return redirect("purchasing:pool", pool.pk)
    rows = list(zip(groups, lines, strict=True))
    context = {"form": form, "rows": rows, "sees_members": access.sees_members(user)}
    return render(request, "purchasing/pool_new.html", context)


def _line_initial(group: selectors.NeedGroup) -> dict[str, Any]:
    article = group.article
    return {
        "text": article.name if article else group.text,
        "pack": article.pack if article else 1,
        "vat_bp": article.vat_bp if article else 2000,
    }


def _add_to(request: HttpRequest, pool: Pool, groups: list[selectors.NeedGroup]) -> HttpResponse:
    """Add needs to the lines of a gathering pool they look like, else to new lines."""
    lines = list(selectors.pool_lines(pool))
    for group in groups:
        line = selectors.line_like(lines, group)
        attempt(
            request,
            lambda group=group, line=line: service.add_needs(  # type: ignore[misc]  # the default binds the value of this turn
                actor=reader(request), pool=pool, needs=group.ids, line=line, text=group.text, at=timezone.now()
            ),
        )
    return redirect("purchasing:pool", pool.pk)


@require_GET
def pool(request: HttpRequest, pk: int) -> HttpResponse:
    """One pool: where it stands, what comes next, its lines and whose needs they carry."""
    user = reader(request)
    row = led_pool(request, pk)
    numbers = lines_of(request, row)
    shown = list(numbers.object_list)
    lines = list(selectors.pool_lines(row).filter(pk__in=shown))
    staff = access.sees_members(user)
    by_line: dict[int, list[dict[str, Any]]] = {}
    said = ("pk", "pool_line_id", "quantity", "company__name", "request_line__text")
    for need in selectors.live_needs(row).filter(pool_line__in=shown).values(*said):
        by_line.setdefault(need["pool_line_id"], []).append(need)
    for line in lines:
        line.shown_needs = by_line.get(line.pk, [])  # type: ignore[attr-defined]  # for the template
        line.total = selectors.total_words(line.asked_quantity, line.company_count, staff=staff)  # type: ignore[attr-defined]  # for the template
    tender = selectors.tender_of(row)
    context = {
        "pool": row,
        "lines": lines,
        "numbers": numbers,
        "tender": tender,
        "steps": steps_of(row),
        "sees_members": staff,
        "editable": row.state in (PoolState.DRAFT, PoolState.GATHERING),
        "can_change": row.state in service.BEFORE_COMMITMENTS,
        "can_cancel": "cancelled" in POOL[row.state],
        "history": history.of(row, tender),
        "answers": selectors.answer_counts(tender) if tender else None,
        "companies": selectors.companies_in(row),
        "calendar": forms.CalendarForm(initial=_calendar()) if row.state == PoolState.OFFER_READY else None,
        "winners": service.winning_lines(row, shown),
        "goods": row.opens_at is not None,
    }
    return render(request, "purchasing/pool.html", context)


def _calendar() -> dict[str, Any]:
    closes = forms.evening(timezone.now(), 10)
    return {"closes_at": closes, "completes_at": forms.evening(timezone.now(), 12), "order_on": None}


@require_http_methods(["GET", "POST"])
def pool_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Words and policies."""
    row, user = led_pool(request, pk), reader(request)
    form = forms.PoolForm(request.POST or None, instance=row, staff=is_staff(user))
    if request.method == "POST" and form.is_valid():
        try:
            service.change(actor=user, pool=row, draft=form.draft(), at=timezone.now())
        except DomainError as error:
            form_error(form, error)
        else:
            return redirect("purchasing:pool", pk)
    return render(request, "purchasing/pool_edit.html", {"pool": row, "form": form})


@require_POST
def pool_publish(request: HttpRequest, pk: int) -> HttpResponse:
    row = led_pool(request, pk)
    attempt(
        request,
        lambda: service.publish(actor=reader(request), pool=row, at=timezone.now()),
        _("All companies see the pool now and can join it."),
    )
    return redirect("purchasing:pool", pk)


@require_POST
def pool_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    row = led_pool(request, pk)
    form = ReasonForm(request.POST)
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    attempt(
        request,
        lambda: service.cancel(actor=reader(request), pool=row, reason=reason, at=timezone.now()),
        _("The pool is cancelled. Companies and suppliers are told, the needs are free again."),
    )
    return redirect("purchasing:pool", pk)


@require_http_methods(["GET", "POST"])
def pool_line(request: HttpRequest, pk: int, line: int) -> HttpResponse:
    """How one line is described to suppliers."""
    row = led_pool(request, pk)
    target = get_object_or_404(row.lines, pk=line)
    initial = {name: getattr(target, name) for name in ("text", "details", "pack", "vat_bp")}
    form = forms.PoolLineForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            service.change_line(actor=reader(request), line=target, at=timezone.now(), **form.cleaned_data)
        except DomainError as error:
            form_error(form, error)
        else:
            return redirect("purchasing:pool", pk)
    return render(request, "purchasing/pool_line.html", {"pool": row, "line": target, "form": form})


@require_POST
def need_move(request: HttpRequest, pk: int, need: int) -> HttpResponse:
    """Put a need on another line of the pool, or take it out."""
    row = led_pool(request, pk)
    target = get_object_or_404(PooledNeed.objects.filter(released_at__isnull=True), pk=need, pool_line__pool=row)
    if request.POST.get("line") == "out":
        attempt(
            request,
            lambda: service.remove_need(actor=reader(request), need=target, reason="regrouped", at=timezone.now()),
            _("The need left the pool. It is free for another one."),
        )
        return redirect("purchasing:pool", pk)
    form = forms.RegroupForm(request.POST, pool=row)
    if form.is_valid():
        line = form.cleaned_data["line"]
        attempt(request, lambda: service.regroup(actor=reader(request), need=target, line=line, at=timezone.now()))
    return redirect("purchasing:pool", pk)


@require_POST
def pool_open(request: HttpRequest, pk: int) -> HttpResponse:
    """Open the awarded pool for commitments."""
    row = led_pool(request, pk)
    form = forms.CalendarForm(request.POST)
    if not form.is_valid():
        for errors in form.errors.values():
            messages.error(request, str(errors[0]))
        return redirect("purchasing:pool", pk)
    attempt(
        request,
        lambda: service.open_commitments(actor=reader(request), pool=row, calendar=form.draft(), at=timezone.now()),
        _("The companies are told: they can commit now."),
    )
    return redirect("purchasing:pool", pk)
