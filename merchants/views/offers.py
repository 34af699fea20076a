"""A merchant's offers: list, form with preview, what an owner should know before publishing, publish, pause, end, plan."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from companies.audit import history
from companies.documents import download
from companies.errors import DomainError
from companies.forms import form_error
from companies.models import Document
from companies.pictures import MOST_BYTES
from companies.views.doors import me
from merchants import agreement, conflicts, selectors, services, words
from merchants.models import Merchant, Offer, OfferVersion
from merchants.offer_forms import OfferForm, PlanForm
from merchants.services.offers import people_meant
from merchants.services.pictures import PICTURE
from merchants.services.terms import terms_of
from merchants.views.owner import merchant_of


def offer_list(request: HttpRequest, merchant: int) -> HttpResponse:
    row = merchant_of(request, merchant)
    return render(request, "merchants/offer_list.html", {"merchant": row, "offers": selectors.offers_of(row)})


def offer_edit(request: HttpRequest, merchant: int, pk: int | None = None) -> HttpResponse:
    """Write an offer or give one a new version; prepared terms are edited before those in force."""
    row = merchant_of(request, merchant)
    offer = get_object_or_404(row.offers.select_related("current"), pk=pk) if pk else None
    version = None if offer is None else terms_of(offer.draft) if offer.draft else offer.current
    initial: dict[str, Any] = {} if offer else {"starts_on": timezone.localdate()}
    data = request.POST.copy() if request.method == "POST" else None
    refused = None
    upload = request.FILES.get("picture")
    if data is not None and isinstance(upload, UploadedFile):  # kept at once: nothing is lost when another field fails
        content = upload.read(MOST_BYTES + 1)
        try:
            data["picture_id"] = str(
                services.keep_picture(actor=me(request), merchant=row, content=content, at=timezone.now())
            )
        except DomainError as error:
            refused = error
    form = OfferForm(data, version=version, **({} if version else {"initial": initial}))
    if refused:
        form_error(form, refused)
    if data is not None and form.is_valid() and not refused:
        hold = bool(data.get("hold"))
        try:
            saved = services.save_offer(
                actor=me(request), merchant=row, offer=offer, terms=form.terms(), hold=hold, at=timezone.now()
            )
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(request, _("The terms wait as a draft.") if hold else _("The offer is saved."))
            return redirect("merchants:offer", row.pk, saved.pk)
    terms = _typed(form) if form.is_bound else version
    context = {"merchant": row, "offer": offer, "form": form, "preview": _preview(terms, row, offer)}
    return render(request, "merchants/offer_edit.html", context)


@require_POST
def offer_preview(request: HttpRequest, merchant: int) -> HttpResponse:
    """What the form says so far, in words and numbers; asked for by the page while one types."""
    row = merchant_of(request, merchant)
    number = request.POST.get("offer", "")
    offer = row.offers.filter(pk=int(number)).first() if number.isdecimal() and len(number) < 18 else None
    preview = _preview(_typed(OfferForm(request.POST)), row, offer)
    return render(request, "merchants/offer_preview.html", {"preview": preview, "merchant": row})


def _typed(form: OfferForm) -> services.OfferTerms | None:
    """The terms typed so far; None while something is missing or makes no sense."""
    if not form.is_valid():
        return None
    terms = form.terms()
    try:
        terms.check()
    except DomainError:
        return None
    return terms


def _preview(
    terms: services.OfferTerms | OfferVersion | None, merchant: Merchant, offer: Offer | None
) -> dict[str, Any] | None:
    """Words and numbers for terms, and how they meet what the merchant offers already."""
    if terms is None:
        return None
    version = terms.as_version() if isinstance(terms, services.OfferTerms) else terms
    hours = [shop.hours for shop in selectors.open_shops(merchant)]
    names = selectors.employer_names(version.companies, version.sites)
    return {
        "version": version,
        "worth": words.worth(version),
        "example": words.example(version),
        "sums": words.sums(version),
        "conditions": words.conditions(version),
        "audience": words.audience(version, names) if version.restricted else "",
        "people": people_meant(version, at=timezone.now()) if version.restricted else None,
        "notices": conflicts.notices(version, selectors.beside(merchant, offer), hours),
    }


def offer(request: HttpRequest, merchant: int, pk: int) -> HttpResponse:
    """One offer: what it says, what to know before publishing, what waits, its state, its history."""
    row = merchant_of(request, merchant)
    found = get_object_or_404(row.offers.select_related("current", "merchant"), pk=pk)
    context = {
        "merchant": row,
        "offer": found,
        "preview": _preview(found.current, row, found),
        "draft": _preview(terms_of(found.draft), row, found) if found.draft else None,
        "plan": PlanForm(initial={"due_at": found.due_at and timezone.localtime(found.due_at)}),
        "overdue": agreement.overdue(row.agreement, at=timezone.now()),
        "versions": found.versions.order_by("-number")[:20],
        "entries": words.timeline(history(found)),
    }
    return render(request, "merchants/offer.html", context)


@require_POST
def offer_move(request: HttpRequest, merchant: int, pk: int, step: str) -> HttpResponse:
    """Publish, pause, end; put prepared terms in force, or drop them."""
    row = merchant_of(request, merchant)
    found = get_object_or_404(row.offers.select_related("current", "merchant"), pk=pk)
    service, sentence = {
        "publish": (services.publish, _("The offer is published. Card holders see it now.")),
        "pause": (services.pause, _("The offer is paused. Tills refuse it until you publish it again.")),
        "end": (services.end, _("The offer has ended.")),
        "force": (services.put_in_force, _("The new terms hold from the next scan on.")),
        "drop": (services.drop_draft, _("What was prepared or planned is dropped.")),
    }[step]
    try:
        service(actor=me(request), offer=found, at=timezone.now())
    except DomainError as error:
        messages.error(request, error.sentence)
    else:
        messages.success(request, sentence)
    return redirect("merchants:offer", row.pk, found.pk)


@require_POST
def offer_plan(request: HttpRequest, merchant: int, pk: int) -> HttpResponse:
    """Plan when an offer is published, or when its prepared terms come into force."""
    row = merchant_of(request, merchant)
    found = get_object_or_404(row.offers.select_related("current", "merchant"), pk=pk)
    form = PlanForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Give a day and an hour."))
        return redirect("merchants:offer", row.pk, found.pk)
    try:
        services.schedule(actor=me(request), offer=found, due_at=form.cleaned_data["due_at"], at=timezone.now())
    except DomainError as error:
        messages.error(request, error.sentence)
    else:
        messages.success(request, _("Planned. It happens by itself at that moment."))
    return redirect("merchants:offer", row.pk, found.pk)


@require_safe
def picture(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A picture of an offer that card holders see, or of any offer to those who look after it. It never changes."""
    row = get_object_or_404(Document, pk=pk, kind=PICTURE)
    shown = Offer.objects.published().filter(current__picture=row).exists()
    number = row.name.removeprefix("offer-").removesuffix(".jpg")
    if not shown and not Merchant.objects.visible_to(request.user).filter(pk=number).exists():
        raise Http404
    response = download(row)
    response["Cache-Control"] = "private, max-age=31536000, immutable"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    return response
