"""Human resources: who has a card, batches, print sheets and letters, one card at a time. Never where a card was used."""

from typing import Any

from django.contrib import messages
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from benefit_card import enrolment
from benefit_card.credential import PARIS
from benefit_card.models import Card, CardBatch
from benefit_card.services import activation, cards, printing, renewals
from companies import documents
from companies.errors import DomainError
from companies.models import Company, Document, Employment
from companies.views.doors import company_for_people, me, page_number, refused, words_of

PAGE = 50
SHOWN = [
    ("without", _("Without a card")),
    ("all", _("Everybody")),
    ("ready", _("Not opened yet")),
    ("blocked", _("Blocked")),
    ("ending", _("Card ends before the contract")),
]
TONES = {"active": "success", "ready": "info", "blocked": "danger", "replaced": "muted"}
STATE_WORDS = {
    "active": _("On the phone"),
    "ready": _("Printed card"),
    "blocked": _("Blocked"),
    "replaced": _("Replaced"),
}
REASONS = ["lost", "stolen", "other"]


def _employed(company: Company) -> "QuerySet[Employment]":
    today = timezone.now().astimezone(PARIS).date()
    return Employment.objects.filter(company=company).current(on=today)


def _holds(**more: Any) -> Exists:
    return Exists(Card.objects.current().filter(person=OuterRef("person"), **more))


@require_GET
def company_cards(request: HttpRequest, company: int) -> HttpResponse:
    """Who has a card and who has none; issue for all or for those ticked."""
    row = company_for_people(request, company)
    employed, now = _employed(row), timezone.now()
    counts = enrolment.counts(row, at=now)
    words = words_of(request)
    show = request.GET.get("show") or ("without" if counts["without"] and not words else "all")
    match show:
        case "without":
            employed = employed.exclude(_holds())
        case "ready":
            employed = employed.filter(_holds(activated_at=None, blocked_at=None))
        case "blocked":
            employed = employed.filter(_holds(blocked_at__isnull=False))
        case "ending":
            employed = employed.filter(person__in=renewals.ending_in(row, at=now).values("person"))
        case _:
            show = "all"
    for word in words.split():
        employed = employed.filter(Q(person__last_name__icontains=word) | Q(person__first_name__icontains=word))
    known = None if words or show == "ending" else counts[show]
    page = enrolment.page(employed, page_number(request), size=PAGE, count=known)
    held = {card.person_id: card for card in Card.objects.current().filter(person__in=[e.person_id for e in page])}
    people = [(employment, held.get(employment.person_id)) for employment in page]
    batches = CardBatch.objects.filter(company=row).select_related("job", "sheet").order_by("-pk")[:8]
    context = {
        "company": row, "counts": counts, "page": page, "people": people, "batches": batches, "show": show,
        "shown": SHOWN, "words": words, "tones": TONES, "state_words": STATE_WORDS,
    }  # fmt: skip
    return render(request, "benefit_card/company_cards.html", context)


@require_POST
def issue(request: HttpRequest, company: int) -> HttpResponse:
    """Make cards for everybody without one, or for those ticked."""
    row = company_for_people(request, company)
    ticked = [int(pk) for pk in request.POST.getlist("person") if pk.isdecimal() and len(pk) < 19]
    people = ticked if request.POST.get("who") == "ticked" else None
    try:
        batch = cards.request_batch(actor=me(request), company=row, people=people, at=timezone.now())
    except DomainError as error:
        refused(request, error)
        return redirect("benefit_card:company_cards", company)
    return redirect("benefit_card:batch", company, batch.pk)


@require_POST
def renew(request: HttpRequest, company: int) -> HttpResponse:
    """Prolong the cards that end before the contract of their holder."""
    row = company_for_people(request, company)
    try:
        batch = renewals.request(actor=me(request), company=row, at=timezone.now())
    except DomainError as error:
        refused(request, error)
        return redirect("benefit_card:company_cards", company)
    return redirect("benefit_card:batch", company, batch.pk)


def _batch(request: HttpRequest, company: int, pk: int) -> CardBatch:
    row = company_for_people(request, company)
    return get_object_or_404(
        CardBatch.objects.select_related("company", "job", "sheet_job", "letters_job", "printer_job", "created_by"),
        company=row,
        pk=pk,
    )


@require_GET
def batch(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """A batch: its progress, then its print sheet and letters."""
    row = _batch(request, company, pk)
    usable = row.cards.current().filter(blocked_at=None)
    waiting = usable.filter(activated_at=None)
    with_address = waiting.filter(
        Exists(Employment.objects.filter(person=OuterRef("person"), company=row.company).exclude(email=""))
    ).count()
    context = {"company": row.company, "batch": row, "waiting": waiting.count(), "with_address": with_address}
    context["usable"] = usable.count()
    return render(request, "benefit_card/batch.html", context)


@require_POST
def batch_print(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """Start the job that makes the print sheet or the letters."""
    row = _batch(request, company, pk)
    asked = request.POST.get("what", "")
    what = asked if asked in {"letters", "printer"} else "sheet"
    names = request.POST.get("names") == "on"
    printing.request(actor=me(request), batch=row, what=what, names=names, at=timezone.now())
    return redirect("benefit_card:batch", company, pk)


@require_POST
def batch_links(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """Mail activation links to the work addresses."""
    row = _batch(request, company, pk)
    holders = row.cards.current().filter(activated_at=None, blocked_at=None).select_related("person")
    sent = activation.send_links(actor=me(request), company=row.company, cards=holders, at=timezone.now())
    messages.success(request, ngettext("%(n)s link sent.", "%(n)s links sent.", sent) % {"n": sent})
    return redirect("benefit_card:batch", company, pk)


def _download(request: HttpRequest, document: Document | None, *, back: CardBatch) -> HttpResponse:
    if document is None:
        messages.info(request, _now("This file is not ready yet."))
        return redirect("benefit_card:batch", back.company_id, back.pk)
    return documents.download(document, inline=False)


@require_GET
def batch_sheet(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    row = _batch(request, company, pk)
    return _download(request, row.sheet, back=row)


@require_GET
def batch_printer(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    row = _batch(request, company, pk)
    return _download(request, row.printer, back=row)


@require_GET
def batch_letters(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    row = _batch(request, company, pk)
    return _download(request, row.letters, back=row)


def _card(request: HttpRequest, company: int, pk: int) -> tuple[Company, Card]:
    row = company_for_people(request, company)
    employed = Employment.objects.filter(company=row).values("person")
    card = get_object_or_404(Card.objects.select_related("person", "batch"), person__in=employed, pk=pk)
    return row, card


@require_GET
def company_card(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """One card: its state, blocking and replacing it. Nothing about its use."""
    row, card = _card(request, company, pk)
    newer = None
    if card.replaced_at:
        newer = Card.objects.current().filter(person=card.person_id).first()
    context = {
        "company": row, "card": card, "newer": newer, "tone": TONES[card.state], "state_word": STATE_WORDS[card.state],
        "reasons": Card._meta.get_field("block_reason").choices,
        "reprint": card.batch if card.batch and card.batch.purpose == "reprint" and card.batch.company_id == row.pk else None,
    }  # fmt: skip
    return render(request, "benefit_card/company_card.html", context)


@require_POST
def block(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    _row, card = _card(request, company, pk)
    reason = request.POST.get("reason", "")
    try:
        cards.block(actor=me(request), card=card, reason=reason if reason in REASONS else "other", at=timezone.now())
        messages.success(request, _now("The card is blocked. No till accepts it any more."))
    except DomainError as error:
        refused(request, error)
    return redirect("benefit_card:company_card", company, pk)


@require_POST
def replace(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """Make a new card for the same person and go to its print sheet."""
    row, card = _card(request, company, pk)
    try:
        new = cards.replace(actor=me(request), card=card, company=row, at=timezone.now())
    except DomainError as error:
        refused(request, error)
        return redirect("benefit_card:company_card", company, pk)
    messages.success(request, _now("The new card is made and the old one refused. Print it now."))
    return redirect("benefit_card:batch", company, new.batch_id)
