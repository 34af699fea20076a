"""The association's page of the exchange: what is new, what suppliers complain of, and hiding for a reason."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from companies.access import is_staff
from purchasing.models import BuyerAnswer, BuyerQuestion, ExchangeOffer, SupplierReview
from purchasing.services import buyer_question, review, surplus
from purchasing.views.doors import attempt, reader

SHOWN = 12


@require_GET
def staff_exchange(request: HttpRequest) -> HttpResponse:
    """Questions without an answer, complaints, latest reviews, answers and offers."""
    if not is_staff(reader(request)):
        raise Http404
    questions = BuyerQuestion.objects.select_related("company", "author", "supplier", "article", "pool")
    reviews = SupplierReview.objects.select_related("company", "supplier", "order")
    context = {
        "complaints": reviews.filter(complained_at__isnull=False, settled_at__isnull=True).order_by("complained_at"),
        "questions": Paginator(questions, SHOWN).get_page(request.GET.get("page")),
        "answers": BuyerAnswer.objects.select_related("company", "author", "question").order_by("-at", "-pk")[:SHOWN],
        "reviews": reviews[:SHOWN],
        "offers": ExchangeOffer.objects.select_related("company").exclude(state="closed")[:SHOWN],
    }
    return render(request, "purchasing/staff_exchange.html", context)


@require_POST
def staff_exchange_act(request: HttpRequest, kind: str, pk: int, action: str) -> HttpResponse:
    """Hide or show an offer, a question, an answer, a review or a reply; answer a question for the association."""
    user, at = reader(request), timezone.now()
    if not is_staff(user):
        raise Http404
    if (kind, action) == ("question", "answer"):
        row = get_object_or_404(BuyerQuestion, pk=pk)
        text = request.POST.get("text", "")
        attempt(
            request,
            lambda: buyer_question.answer(actor=user, company=None, question=row, text=text, at=at),
            _("The answer of ERB is published."),
        )
        return redirect("purchasing:staff_exchange")
    if action not in ("hide", "show"):
        raise Http404
    more: dict[str, Any] = {"actor": user, "hide": action == "hide", "reason": request.POST.get("reason", ""), "at": at}
    call = _door(kind, pk, more)
    if attempt(request, call):
        messages.success(request, _("Hidden. The person concerned reads why.") if more["hide"] else _("Shown."))
    return redirect("purchasing:staff_exchange")


def _door(kind: str, pk: int, more: dict[str, Any]) -> Callable[[], Any]:
    """The service that hides or shows a row of this kind."""
    if kind == "offer":
        offer = get_object_or_404(ExchangeOffer, pk=pk)
        return lambda: surplus.moderate(offer=offer, **more)
    if kind == "question":
        question = get_object_or_404(BuyerQuestion, pk=pk)
        return lambda: buyer_question.moderate(question=question, **more)
    if kind == "answer":
        answer = get_object_or_404(BuyerAnswer.objects.select_related("question"), pk=pk)
        return lambda: buyer_question.moderate_answer(answer=answer, **more)
    if kind in ("review", "reply"):
        row = get_object_or_404(SupplierReview, pk=pk)
        service = review.moderate if kind == "review" else review.moderate_reply
        return lambda: service(review=row, **more)
    raise Http404
