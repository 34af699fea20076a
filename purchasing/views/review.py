"""Suppliers as buyers see them: reviews with averages, the own review of a received order, the supplier's reply."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from companies.access import require
from companies.errors import DomainError
from companies.forms import form_error
from companies.views.doors import words_of
from purchasing import access, ratings
from purchasing.forms.talk import LABELS, ComplaintForm, ReplyForm, ReviewForm
from purchasing.models import BuyerQuestion, Supplier, SupplierReview
from purchasing.models.review import CRITERIA
from purchasing.rules.reviews import LEAST
from purchasing.services import review as service
from purchasing.states_exchange import ReviewState
from purchasing.views.doors import company_of, reader

LATELY = timedelta(days=120)


@require_GET
def rated_suppliers(request: HttpRequest, company: int) -> HttpResponse:
    """All suppliers with what members say of them, and the orders the company may review."""
    row, user, words = company_of(request, company), reader(request), words_of(request)
    rows = Supplier.objects.filter(active=True)
    if words:
        rows = rows.filter(Q(name__icontains=words) | Q(city__icontains=words))
    page = Paginator(rows.annotate(said=Count("reviews")).order_by("-said", "name"), 30).get_page(
        request.GET.get("page")
    )
    found = ratings.of_suppliers([supplier.pk for supplier in page])
    for supplier in page:
        supplier.rating = found[supplier.pk]  # type: ignore[attr-defined]  # for the template
    may = access.can_request(user, row)
    context = {
        "company": row,
        "tab": "suppliers",
        "page": page,
        "words": words,
        "least": LEAST,
        "to_review": service.to_review(row, since=timezone.now() - LATELY)[:6] if may else [],
    }
    return render(request, "purchasing/rated_suppliers.html", context)


@require_GET
def rated_supplier(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """One supplier: averages, reviews with replies, questions about it."""
    row, user = company_of(request, company), reader(request)
    supplier = get_object_or_404(Supplier, pk=pk)
    rows = SupplierReview.objects.filter(supplier=supplier).filter(Q(state=ReviewState.PUBLISHED) | Q(company=row))
    may, at = access.can_request(user, row), timezone.now()
    page = Paginator(rows.select_related("company", "order"), 20).get_page(request.GET.get("page"))
    for review in page:
        review.editable = review.company_id == row.pk and may and service.is_editable(review, at=at)  # type: ignore[attr-defined]  # for the template
        review.marks = [(LABELS[name], getattr(review, name)) for name in CRITERIA]  # type: ignore[attr-defined]  # for the template
    rating = ratings.of_suppliers([supplier.pk])[supplier.pk]
    context = {
        "company": row,
        "tab": "suppliers",
        "supplier": supplier,
        "rating": rating,
        "means": [(LABELS[name], ratings.mark(mark)) for name, mark in rating.marks.items()],
        "least": LEAST,
        "page": page,
        "orders": service.received_orders(row).filter(supplier=supplier).exclude(reviews__company=row) if may else [],
        "questions": BuyerQuestion.objects.visible_to(user).filter(supplier=supplier).select_related("company")[:8],
        "may": may,
    }
    return render(request, "purchasing/rated_supplier.html", context)


@require_http_methods(["GET", "POST"])
def review_write(request: HttpRequest, company: int, order: int) -> HttpResponse:
    """Write the company's review of an order it received, or change it."""
    row, user, at = company_of(request, company), reader(request), timezone.now()
    require(access.can_request(user, row))
    found = get_object_or_404(service.received_orders(row), pk=order)
    known = SupplierReview.objects.filter(order=found, company=row).first()
    initial: dict[str, Any] = {name: getattr(known, name) for name in (*CRITERIA, "text")} if known else {}
    form = ReviewForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            service.write(
                actor=user, company=row, order=found, scores=form.scores(), text=form.cleaned_data["text"], at=at
            )
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(request, _("Your review is published. The supplier may reply to it."))
            return redirect("purchasing:rated_supplier", row.pk, found.supplier_id)
    context = {
        "company": row,
        "tab": "suppliers",
        "order": found,
        "form": form,
        "known": known,
        "editable": known is None or service.is_editable(known, at=at),
        "days": service.EDIT_DAYS,
    }
    return render(request, "purchasing/review_form.html", context)


@login_not_required  # the signed link is the login
@never_cache
@require_http_methods(["GET", "POST"])
def supplier_review(request: HttpRequest, token: str) -> HttpResponse:
    """The supplier's page: the review, its reply, and the way to report what is untrue."""
    row = service.by_token(token, at=timezone.now())
    if row is None:
        return render(request, "purchasing/order_link_dead.html", status=404)
    complains = request.method == "POST" and request.POST.get("what") == "complaint"
    reply = ReplyForm(request.POST if request.method == "POST" and not complains else None)
    complaint = ComplaintForm(request.POST if complains else None)
    form = complaint if complains else reply
    if request.method == "POST" and form.is_valid():
        try:
            if complains:
                service.complain(review=row, text=form.cleaned_data["complaint"], at=timezone.now())
            else:
                service.reply(review=row, text=form.cleaned_data["reply"], at=timezone.now())
        except DomainError as error:
            form_error(form, error)
        else:
            return redirect(request.path)
    context = {
        "review": row,
        "marks": [(LABELS[name], getattr(row, name)) for name in CRITERIA],
        "reply_form": reply,
        "complaint_form": complaint,
    }
    return render(request, "purchasing/review_supplier.html", context)
