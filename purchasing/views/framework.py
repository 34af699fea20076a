"""Framework agreements for staff: written down, signed, watched, ended."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from companies.access import require
from companies.errors import DomainError
from companies.forms import form_error
from companies.once import once
from purchasing import access, history
from purchasing.forms import framework as forms
from purchasing.models import Award, CallOff, FrameworkAgreement, FrameworkArticle, Supplier
from purchasing.services import framework as service
from purchasing.services import framework_rebate as rebates
from purchasing.services import framework_received
from purchasing.services import framework_use as use
from purchasing.states import FrameworkState
from purchasing.views.doors import attempt, reader

TABS = {
    "running": [FrameworkState.DRAFT, FrameworkState.ACTIVE, FrameworkState.SUSPENDED],
    "done": [FrameworkState.ENDED, FrameworkState.CANCELLED],
}
MOST_CALL_OFFS = 20


def kept(request: HttpRequest, pk: int) -> FrameworkAgreement:
    """An agreement for those who keep them."""
    require(access.can_keep_frameworks(reader(request)))
    rows = FrameworkAgreement.objects.select_related("supplier", "responsible", "signed_by", "award__tender")
    return get_object_or_404(rows, pk=pk)


@require_GET
def framework_list(request: HttpRequest) -> HttpResponse:
    """All agreements, those that end first on top, with what was drawn."""
    require(access.can_keep_frameworks(reader(request)))
    tab = request.GET.get("tab", "running")
    tab = tab if tab in TABS else "running"
    rows = FrameworkAgreement.objects.filter(state__in=TABS[tab]).select_related("supplier")
    order = ("ends_on", "pk") if tab == "running" else ("-ends_on", "-pk")
    page = Paginator(rows.order_by(*order), 30).get_page(request.GET.get("page"))
    listed = list(page.object_list)
    values = use.values([row.pk for row in listed])
    for row in listed:
        row.drawn_cents = values.get(row.pk, 0)  # type: ignore[attr-defined]  # for the template
    context = {"tab": tab, "page": page, "rows": listed, "today": timezone.localdate()}
    return render(request, "purchasing/framework_list.html", context)


@require_http_methods(["GET", "POST"])
@once
def framework_edit(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """Write an agreement down, or change a draft."""
    require(access.can_keep_frameworks(reader(request)))
    row = kept(request, pk) if pk else None
    form = forms.FrameworkForm(request.POST or None, agreement=row)
    if request.method == "POST" and form.is_valid():
        try:
            saved = service.save(actor=reader(request), draft=form.draft(), at=timezone.now(), agreement=row)
        except DomainError as error:
            form_error(form, error)
        else:
            return redirect("purchasing:framework", saved.pk)
    return render(request, "purchasing/framework_form.html", {"form": form, "agreement": row})


@require_GET
def framework(request: HttpRequest, pk: int) -> HttpResponse:
    """One agreement: its terms, what was drawn by whom, its rebates, and the one thing to do next."""
    row, at = kept(request, pk), timezone.now()
    today = timezone.localdate(at)
    found = use.uses([row.pk])
    articles = use.of_articles(use.articles_of(row), found, max(today, row.starts_on), None)
    call_offs = CallOff.objects.filter(agreement=row).select_related("company", "request", "pool")
    drawn = use.value_of(found)
    received = framework_received.received_in(row, today.year) if row.rebate_basis != "none" else []
    context = {
        "agreement": row,
        "articles": articles,
        "quotas": _quotas(articles, found),
        "drawn_cents": drawn,
        "drawn_percent": min(100, drawn * 100 // row.most_cents) if row.most_cents else None,
        "least_missing": max(0, (row.least_cents or 0) - drawn),
        "call_offs": call_offs.prefetch_related("pool__orders")[:MOST_CALL_OFFS],
        "call_off_count": call_offs.count(),
        "tiers": row.rebate_tiers.order_by("start"),
        "year": today.year,
        "year_value": sum(r.value_cents for r in received),
        "year_units": sum(r.units for r in received),
        "year_rebate": rebates.expected(row, received) if received else 0,
        "rebates": row.rebates.order_by("-year", "-sequence"),
        "compute": forms.ComputeForm(agreement=row, initial={"year": row.starts_on.year}),
        "draft": row.state == FrameworkState.DRAFT,
        "days_left": (row.ends_on - today).days,
        "history": history.of(row),
    }
    return render(request, "purchasing/framework.html", context)


def _quotas(articles: list[use.ArticleUse], found: use.Uses) -> list[dict[str, Any]]:
    """Every quota with what its company drew."""
    rows = []
    for row in articles:
        for quota in row.article.quotas.all():
            drawn = found.get((row.article.pk, quota.company_id), use.Use()).drawn
            percent = min(100, drawn * 100 // quota.quantity) if quota.quantity else 100
            rows.append({"article": row.article, "quota": quota, "drawn": drawn, "percent": percent})
    return rows


@require_POST
def framework_act(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    """Sign, suspend, resume, end, cancel."""
    row, user, at = kept(request, pk), reader(request), timezone.now()
    reason = request.POST.get("reason", "")
    to = {"suspend": "suspended", "resume": "active", "end": "ended", "cancel": "cancelled"}
    if action == "sign":
        done = _("The agreement is in force. Companies can draw on it.")
        attempt(request, lambda: service.sign(actor=user, agreement=row, at=at), done)
    elif action in to:
        attempt(
            request,
            lambda: service.set_state(actor=user, agreement=row, to=to[action], reason=reason, at=at),
            _("Done. The reason is kept with the agreement."),
        )
    else:
        raise Http404
    return redirect("purchasing:framework", pk)


def _article(request: HttpRequest, pk: int, article: int) -> tuple[FrameworkAgreement, FrameworkArticle]:
    row = kept(request, pk)
    return row, get_object_or_404(row.articles.select_related("article"), pk=article)


@require_http_methods(["GET", "POST"])
def framework_article(request: HttpRequest, pk: int, article: int | None = None) -> HttpResponse:
    """One article: its terms while the agreement is a draft; afterwards new prices from a later day on. Quotas always."""
    row = kept(request, pk)
    found = _article(request, pk, article)[1] if article else None
    draft = row.state == FrameworkState.DRAFT
    form: Any = (
        forms.FrameworkArticleForm(request.POST or None, article=found)
        if draft or found is None
        else forms.ReviseForm(request.POST or None, article=found)
    )
    if request.method == "POST" and form.is_valid():
        user, at = reader(request), timezone.now()
        try:
            if isinstance(form, forms.ReviseForm):
                assert found is not None
                day, reason = form.cleaned_data["valid_from"], form.cleaned_data["reason"]
                service.revise(actor=user, article=found, valid_from=day, tiers=form.tiers(), reason=reason, at=at)
                messages.success(request, _("The new prices hold from %(day)s on.") % {"day": f"{day:%d/%m/%Y}"})
            else:
                service.put_article(actor=user, agreement=row, draft=form.draft(), at=at, article=found)
        except DomainError as error:
            form_error(form, error)
        else:
            return redirect("purchasing:framework", row.pk)
    context = {
        "agreement": row,
        "article": found,
        "form": form,
        "draft": draft,
        "tier_rows": [(form[f"from{n}"], form[f"price{n}"]) for n in range(forms.TIERS)],
        "prices": found.prices.order_by("-valid_from", "from_qty") if found else [],
        "quotas": found.quotas.select_related("company").order_by("company__name") if found else [],
        "quota_form": forms.QuotaForm() if found else None,
    }
    return render(request, "purchasing/framework_article.html", context)


@require_POST
def framework_article_remove(request: HttpRequest, pk: int, article: int) -> HttpResponse:
    row, found = _article(request, pk, article)
    attempt(request, lambda: service.remove_article(actor=reader(request), article=found, at=timezone.now()))
    return redirect("purchasing:framework", row.pk)


@require_POST
def framework_quota(request: HttpRequest, pk: int, article: int) -> HttpResponse:
    """Set, change or take away a company's quota."""
    row, found = _article(request, pk, article)
    form = forms.QuotaForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        attempt(
            request,
            lambda: service.set_quota(
                actor=reader(request),
                article=found,
                company=data["company"],
                quantity=data["quantity"],
                at=timezone.now(),
            ),
            _("The quota is recorded."),
        )
    else:
        messages.error(request, _("Choose a company and enter a whole number of units."))
    return redirect("purchasing:framework_article", row.pk, found.pk)


@require_http_methods(["GET", "POST"])
def framework_rebate_tiers(request: HttpRequest, pk: int) -> HttpResponse:
    """What a year brings back, while the agreement is a draft."""
    row = kept(request, pk)
    form = forms.RebateTiersForm(request.POST or None, agreement=row)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            service.set_rebate(
                actor=reader(request),
                agreement=row,
                basis=data["basis"],
                mode=data["mode"],
                tiers=form.tiers(),
                at=timezone.now(),
            )
        except DomainError as error:
            form_error(form, error)
        else:
            return redirect("purchasing:framework", row.pk)
    return render(request, "purchasing/framework_rebate_form.html", {"agreement": row, "form": form})


@require_POST
def framework_from_award(request: HttpRequest, pk: int, award: int, supplier: int) -> HttpResponse:
    """Take a confirmed award over as a draft."""
    require(access.can_keep_frameworks(reader(request)))
    row = get_object_or_404(Award.objects.select_related("tender"), pk=award, tender__pool=pk)
    seller = get_object_or_404(Supplier, pk=supplier)
    try:
        made = service.from_award(actor=reader(request), award=row, supplier=seller, at=timezone.now())
    except DomainError as error:
        messages.error(request, error.sentence)
        return redirect("purchasing:comparison", pk)
    return redirect("purchasing:framework", made.pk)
