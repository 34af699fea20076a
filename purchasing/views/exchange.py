"""The buyers' exchange: what members offer each other, reservations and their hand-over."""

from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.contrib.postgres.search import SearchQuery, SearchVector
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from companies.access import has_role, require
from companies.errors import DomainError
from companies.forms import form_error
from companies.models import Company, Role
from companies.once import once
from companies.views.doors import words_of
from purchasing import access, history
from purchasing.forms.exchange import OfferChangeForm, OfferForm, ReserveForm, end_of
from purchasing.models import Category, Commitment, ExchangeOffer, Reservation
from purchasing.services import surplus
from purchasing.states_exchange import OfferState
from purchasing.views.doors import attempt, company_of, reader


def searched(rows: QuerySet[Any], words: str, *fields: str, **also: str) -> QuerySet[Any]:
    """Rows with the words, by French stems or as they are written."""
    if not words:
        return rows
    found = Q(stems=SearchQuery(words, config="erb_french")) | Q(**{f"{fields[0]}__icontains": words})
    return rows.annotate(stems=SearchVector(*fields, config="erb_french")).filter(found)


@require_GET
def exchange(request: HttpRequest, company: int) -> HttpResponse:
    """What other members offer, the company's own offers, and what it reserved."""
    row, user = company_of(request, company), reader(request)
    words, category = words_of(request), request.GET.get("category", "")
    rows = ExchangeOffer.objects.on_offer().exclude(company=row).select_related("company", "article", "site")
    if category in Category.values:
        rows = rows.filter(article__category=category)
    mine = ExchangeOffer.objects.filter(company=row).exclude(state=OfferState.CLOSED)
    kept = Reservation.objects.of(row).select_related("offer__company", "company")
    context = {
        "company": row,
        "tab": "offers",
        "page": Paginator(searched(rows, words, "text", "description"), 24).get_page(request.GET.get("page")),
        "words": words,
        "category": category,
        "categories": Category.choices,
        "mine": mine[:20],
        "moving": kept.filter(state__in=["reserved", "given", "received"])[:20],
        "may": access.can_request(user, row),
    }
    return render(request, "purchasing/exchange.html", context)


@require_http_methods(["GET", "POST"])
@once
def offer_new(request: HttpRequest, company: int) -> HttpResponse:
    """Offer units to the other members."""
    row, user = company_of(request, company), reader(request)
    require(access.can_request(user, row))
    form = OfferForm(request.POST or None, company=row, initial={"text": request.GET.get("text", "")[:200]})
    if request.method == "POST" and form.is_valid():
        try:
            made = surplus.offer(actor=user, company=row, draft=form.draft(), at=timezone.now())
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(request, _("Your offer is out. Members that ask for the same are told."))
            return redirect("purchasing:exchange_offer", row.pk, made.pk)
    return render(request, "purchasing/offer_form.html", {"company": row, "form": form, "tab": "offers"})


@require_POST
def offer_rest(request: HttpRequest, company: int, commitment: int) -> HttpResponse:
    """Offer the rest of a share in one tap."""
    row, user = company_of(request, company), reader(request)
    require(access.can_request(user, row))
    held = Commitment.objects.filter(company=row).select_related("company", "site", "pool_line__article")
    share = get_object_or_404(held, pk=commitment)
    try:
        made = surplus.offer_rest(actor=user, commitment=share, at=timezone.now())
    except DomainError as error:
        messages.error(request, error.sentence)
        return redirect("purchasing:delivery_list", row.pk)
    messages.success(request, _("The rest is on offer at the price of the pool. Change price and quantity here."))
    return redirect("purchasing:exchange_offer", row.pk, made.pk)


def _offer_of(company: Company, pk: int) -> ExchangeOffer:
    rows = ExchangeOffer.objects.visible_in(company).select_related("company", "article", "site", "author")
    return get_object_or_404(rows, pk=pk)


@require_GET
def offer(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """One offer: for the others what is left of it, for its member all of it."""
    row = company_of(request, company)
    return _show(request, row, _offer_of(row, pk))


def _show(request: HttpRequest, company: Company, found: ExchangeOffer, **forms: Any) -> HttpResponse:
    user, own = reader(request), found.company_id == company.pk
    kept = found.reservations.select_related("company", "author", "offer__company")
    if not own:
        kept = kept.filter(company=company)  # what others reserve is not for everybody's eyes (I13)
    change = {"quantity": found.quantity, "price": found.unit_price_e4}
    context = {
        "company": company,
        "tab": "offers",
        "offer": found,
        "own": own,
        "reservations": kept,
        "may": has_role(user, company, Role.BUYER),
        "can_reserve": not own and found.state == OfferState.OPEN and found.left and access.can_request(user, company),
        "reserve_form": ReserveForm(initial={"client_id": uuid4(), "quantity": found.left}),
        "change_form": OfferChangeForm(initial={**change, "expires_on": timezone.localtime(found.expires_at).date()}),
        "hold_days": surplus.HOLD_DAYS,
        "history": history.of(found) if own else [],
        **forms,
    }
    return render(request, "purchasing/offer.html", context)


@require_POST
def offer_act(request: HttpRequest, company: int, pk: int, action: str) -> HttpResponse:
    """Reserve, change or take off an offer."""
    row, user, at = company_of(request, company), reader(request), timezone.now()
    found = _offer_of(row, pk)
    if action == "reserve":
        require(access.can_request(user, row))
        return _reserve(request, row, found)
    if found.company_id != row.pk:
        raise Http404
    require(has_role(user, row, Role.BUYER))
    if action == "change":
        return _change(request, row, found)
    if action != "withdraw":
        raise Http404
    attempt(request, lambda: surplus.withdraw(actor=user, offer=found, at=at), _("The offer is taken off."))
    return redirect("purchasing:exchange", row.pk)


def _reserve(request: HttpRequest, company: Company, found: ExchangeOffer) -> HttpResponse:
    form = ReserveForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        try:
            surplus.reserve(actor=reader(request), company=company, offer=found, quantity=data["quantity"],
                            client_id=data["client_id"], at=timezone.now())  # fmt: skip
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(request, _("Reserved. The other company is told; agree with it when you collect."))
            return redirect("purchasing:exchange_offer", company.pk, found.pk)
    return _show(request, company, _offer_of(company, found.pk), reserve_form=form)


def _change(request: HttpRequest, company: Company, found: ExchangeOffer) -> HttpResponse:
    form = OfferChangeForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        try:
            surplus.change(actor=reader(request), offer=found, quantity=data["quantity"], unit_price_e4=data["price"],
                           expires_at=end_of(data["expires_on"]), at=timezone.now())  # fmt: skip
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(request, _("Changed. Reservations keep their price."))
            return redirect("purchasing:exchange_offer", company.pk, found.pk)
    return _show(request, company, found, change_form=form)


@require_POST
def reservation_act(request: HttpRequest, company: int, pk: int, action: str) -> HttpResponse:
    """Confirm or deny a hand-over, or call a reservation off."""
    row, user, at = company_of(request, company), reader(request), timezone.now()
    require(has_role(user, row, Role.BUYER))
    kept = get_object_or_404(Reservation.objects.of(row).select_related("offer__company", "company"), pk=pk)
    note = request.POST.get("note", "")[:200]
    if action == "confirm":
        attempt(request, lambda: surplus.confirm(actor=user, company=row, reservation=kept, at=at), _("Noted."))
    elif action == "deny":
        attempt(
            request,
            lambda: surplus.deny(actor=user, company=row, reservation=kept, note=note, at=at),
            _("The other company is told. The units stay reserved."),
        )
    elif action == "cancel":
        attempt(
            request,
            lambda: surplus.cancel(actor=user, reservation=kept, note=note, at=at),
            _("The reservation is called off and the other company is told."),
        )
    else:
        raise Http404
    return redirect("purchasing:exchange_offer", row.pk, kept.offer_id)
