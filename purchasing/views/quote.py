"""The supplier's pages: a signed link instead of an account, one question at a time, every step saved."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from companies.errors import DomainError
from companies.forms import form_error
from purchasing.forms import quote as forms
from purchasing.models import PoolLine, Quote, QuoteLine, TenderInvitation, TenderQuestion
from purchasing.services import question as questions
from purchasing.services import quote as service
from purchasing.states import QuoteState
from purchasing.views.doors import attempt

View = Callable[..., HttpResponse]


def by_link(view: View) -> View:
    """Give the view the invitation behind the link; refuse with a page that says what to do."""

    @wraps(view)
    def inner(request: HttpRequest, token: str, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            invitation = service.find(token, at=timezone.now())
        except DomainError as error:
            return render(request, "purchasing/link_refused.html", {"sentence": error.sentence}, status=error.status)
        response = view(request, token, invitation, *args, **kwargs)
        response["Referrer-Policy"] = "same-origin"  # a form needs its origin; other sites learn nothing
        response["X-Robots-Tag"] = "noindex"
        return response

    return never_cache(login_not_required(inner))


def _version(invitation: TenderInvitation) -> Quote | None:
    """What the supplier sees as its answer: the draft, else what was sent last."""
    return invitation.quotes.order_by("-version").prefetch_related("lines__tiers", "lines__pool_line").first()


def _rows(invitation: TenderInvitation, quote: Quote | None) -> list[dict[str, Any]]:
    offers = {line.pool_line_id: line for line in quote.lines.all()} if quote else {}
    rows = []
    for number, line in enumerate(service.open_lines(invitation), start=1):
        offer: QuoteLine | None = offers.get(line.pk)
        tiers = sorted(offer.tiers.all(), key=lambda t: t.from_qty) if offer else []
        state = "priced" if tiers else "declined" if offer else "open"
        rows.append({"number": number, "line": line, "offer": offer, "tiers": tiers, "state": state})
    return rows


def _next_open(rows: list[dict[str, Any]], after: int = 0) -> int | None:
    later = [row["number"] for row in rows if row["state"] == "open" and row["number"] > after]
    first = [row["number"] for row in rows if row["state"] == "open"]
    return (later or first or [None])[0]


@by_link
@require_GET
def quote(request: HttpRequest, token: str, invitation: TenderInvitation) -> HttpResponse:
    """What is asked, until when, and how far the answer is."""
    version = _version(invitation)
    rows = _rows(invitation, version)
    sent = invitation.quotes.submitted().order_by("-version").first()
    context = {
        "token": token,
        "invitation": invitation,
        "tender": invitation.tender,
        "rows": rows,
        "version": version,
        "sent": sent,
        "draft": version if version and version.submitted_at is None else None,
        "editable": service.is_editable(invitation),
        "next": _next_open(rows),
        "done": sum(row["state"] != "open" for row in rows),
        "late": timezone.now() >= invitation.tender.deadline,
        "won": _won(invitation),
        "questions": TenderQuestion.objects.readable_by(invitation),
        "may_ask": invitation.tender.state == "open" and timezone.now() < invitation.tender.deadline,
        "can_withdraw": invitation.state in (QuoteState.SUBMITTED, QuoteState.SHORTLISTED, QuoteState.LATE),
    }
    return render(request, "purchasing/quote.html", context)


def _won(invitation: TenderInvitation) -> list[QuoteLine]:
    if invitation.state not in (QuoteState.AWARDED, QuoteState.PART_AWARDED):
        return []
    lines = QuoteLine.objects.filter(
        quote__invitation=invitation, award_lines__award__state="confirmed"
    ).select_related("pool_line")
    return list(lines)


@by_link
@require_http_methods(["GET", "POST"])
def quote_line(request: HttpRequest, token: str, invitation: TenderInvitation, number: int) -> HttpResponse:
    """One article: its price tiers, pack and minimum. Leaving and returning loses nothing."""
    if not service.is_editable(invitation):
        return redirect("purchasing:quote", token)
    service.mark_opened(invitation=invitation, at=timezone.now())
    version = _version(invitation)
    rows = _rows(invitation, version)
    if not 1 <= number <= len(rows):
        return redirect("purchasing:quote", token)
    row = rows[number - 1]
    line: PoolLine = row["line"]
    form = forms.OfferForm(
        request.POST or None, pool_line=line, initial=forms.initial_offer(row["offer"] if row["tiers"] else None, line)
    )
    skip = request.POST.get("action") == "skip"
    if request.method == "POST" and (skip or form.is_valid()):
        offer = service.OfferDraft(line, []) if skip else form.draft()
        if not skip and not offer.tiers:
            form.add_error("price1", _("Give a price, or say that you do not offer this article."))
        else:
            try:
                service.save_offer(invitation=invitation, offer=offer, at=timezone.now())
            except DomainError as error:
                form_error(form, error)
            else:
                return _after(token, _rows(invitation, _version(invitation)), number)
    context = {
        "token": token,
        "invitation": invitation,
        "tender": invitation.tender,
        "form": form,
        "row": row,
        "count": len(rows),
        "percent": round(100 * (number - 1) / (len(rows) + 1)),
    }
    return render(request, "purchasing/quote_line.html", context)


def _after(token: str, rows: list[dict[str, Any]], number: int) -> HttpResponse:
    following = _next_open(rows, number)
    if following is None:
        return redirect("purchasing:quote_terms", token)
    return redirect("purchasing:quote_line", token, following)


@by_link
@require_http_methods(["GET", "POST"])
def quote_terms(request: HttpRequest, token: str, invitation: TenderInvitation) -> HttpResponse:
    """Minimum, freight, free freight, validity, delay: saved as a draft, or sent."""
    if not service.is_editable(invitation):
        return redirect("purchasing:quote", token)
    version = _version(invitation)
    rows = _rows(invitation, version)
    form = forms.TermsForm(request.POST or None, initial=forms.initial_terms(version))
    if request.method == "POST" and form.is_valid():
        at = timezone.now()
        try:
            service.save_terms(invitation=invitation, draft=forms.terms_draft(form), at=at)
            if request.POST.get("action") == "send":
                service.submit(invitation=invitation, at=at)
                messages.success(request, _("Your quote is sent. You get a receipt by mail."))
            else:
                messages.success(request, _("Saved. You can come back with the same link."))
        except DomainError as error:
            form_error(form, error)
        else:
            return redirect("purchasing:quote", token)
    context = {
        "token": token,
        "invitation": invitation,
        "tender": invitation.tender,
        "form": form,
        "rows": rows,
        "priced": sum(row["state"] == "priced" for row in rows),
        "next": _next_open(rows),
        "late": timezone.now() >= invitation.tender.deadline,
    }
    return render(request, "purchasing/quote_terms.html", context)


@by_link
@require_POST
def quote_question(request: HttpRequest, token: str, invitation: TenderInvitation) -> HttpResponse:
    """Ask something; the answer goes to all who were asked, without saying who wanted to know."""
    text = request.POST.get("question", "")
    attempt(
        request,
        lambda: questions.ask(invitation=invitation, text=text, at=timezone.now()),
        _("Your question is sent. The answer comes by mail, to all who were asked."),
    )
    return redirect("purchasing:quote", token)


@by_link
@require_POST
def quote_decline(request: HttpRequest, token: str, invitation: TenderInvitation) -> HttpResponse:
    reason = request.POST.get("reason", "")[:2000]
    attempt(
        request,
        lambda: service.decline(invitation=invitation, reason=reason, at=timezone.now()),
        _("Thank you for telling us. You can still answer until the deadline if you change your mind."),
    )
    return redirect("purchasing:quote", token)


@by_link
@require_POST
def quote_withdraw(request: HttpRequest, token: str, invitation: TenderInvitation) -> HttpResponse:
    reason = request.POST.get("reason", "")[:2000]
    attempt(
        request,
        lambda: service.withdraw(invitation=invitation, reason=reason, at=timezone.now()),
        _("Your quote is withdrawn."),
    )
    return redirect("purchasing:quote", token)
