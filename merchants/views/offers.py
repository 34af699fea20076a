"""A merchant's offers: list, form with preview, publish, pause, end."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from companies.audit import history
from companies.errors import DomainError
from companies.forms import form_error
from companies.views.doors import me
from merchants import selectors, services, words
from merchants.forms import OfferForm
from merchants.models import OfferVersion
from merchants.views.owner import merchant_of


def offer_list(request: HttpRequest, merchant: int) -> HttpResponse:
    row = merchant_of(request, merchant)
    return render(request, "merchants/offer_list.html", {"merchant": row, "offers": selectors.offers_of(row)})


def offer_edit(request: HttpRequest, merchant: int, pk: int | None = None) -> HttpResponse:
    """Write an offer or give one a new version."""
    row = merchant_of(request, merchant)
    offer = get_object_or_404(row.offers.select_related("current"), pk=pk) if pk else None
    initial: dict[str, Any] = {} if offer else {"starts_on": timezone.localdate()}
    form = OfferForm(
        request.POST or None, version=offer.current if offer else None, **({"initial": initial} if not offer else {})
    )
    if request.method == "POST" and form.is_valid():
        try:
            saved = services.save_offer(
                actor=me(request), merchant=row, offer=offer, terms=form.terms(), at=timezone.now()
            )
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(request, _("The offer is saved."))
            return redirect("merchants:offer", row.pk, saved.pk)
    preview = _preview(form) if form.is_bound or offer else None
    return render(
        request, "merchants/offer_edit.html", {"merchant": row, "offer": offer, "form": form, "preview": preview}
    )


@require_POST
def offer_preview(request: HttpRequest, merchant: int) -> HttpResponse:
    """What the form says so far, in words and numbers; asked for by the page while one types."""
    merchant_of(request, merchant)
    return render(request, "merchants/offer_preview.html", {"preview": _preview(OfferForm(request.POST))})


def _preview(form: OfferForm) -> dict[str, Any] | None:
    """Words for the terms typed so far; None while something is missing."""
    if form.is_bound:
        if not form.is_valid():
            return None
        terms = form.terms()
        try:
            terms.check()
        except DomainError:
            return None
        version = OfferVersion(**{name: getattr(terms, name) for name in terms.__dataclass_fields__})
    else:
        version = OfferVersion(**{name: form.initial[name] for name in services.OfferTerms.__dataclass_fields__})
    return {
        "version": version,
        "worth": words.worth(version),
        "example": words.example(version),
        "conditions": words.conditions(version),
    }


def offer(request: HttpRequest, merchant: int, pk: int) -> HttpResponse:
    """One offer: what it says, its state, its history."""
    row = merchant_of(request, merchant)
    found = get_object_or_404(row.offers.select_related("current", "merchant"), pk=pk)
    return render(
        request, "merchants/offer.html", {"merchant": row, "offer": found, "entries": words.timeline(history(found))}
    )


@require_POST
def offer_move(request: HttpRequest, merchant: int, pk: int, step: str) -> HttpResponse:
    """Publish, pause or end."""
    row = merchant_of(request, merchant)
    found = get_object_or_404(row.offers.select_related("current", "merchant"), pk=pk)
    service, sentence = {
        "publish": (services.publish, _("The offer is published. Card holders see it now.")),
        "pause": (services.pause, _("The offer is paused. Tills refuse it until you publish it again.")),
        "end": (services.end, _("The offer has ended.")),
    }[step]
    try:
        service(actor=me(request), offer=found, at=timezone.now())
    except DomainError as error:
        messages.error(request, error.sentence)
    else:
        messages.success(request, sentence)
    return redirect("merchants:offer", row.pk, found.pk)
