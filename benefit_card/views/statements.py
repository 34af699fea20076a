"""Statements: a merchant's own with their files, and the sums of all for the association's staff."""

from typing import Any

from django.contrib import messages
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from benefit_card import limits, months
from benefit_card.merchant_views import own_merchant
from benefit_card.models import Statement
from benefit_card.services import statements
from benefit_card.views.privacy import only_staff
from companies.documents import download
from companies.errors import DomainError
from companies.views.doors import me, page_number, refused


@require_safe
@never_cache
def index(request: HttpRequest, merchant: int) -> HttpResponse:
    """A merchant's statements, newest first."""
    row = own_merchant(request, merchant)
    found = Statement.objects.of_merchant(request.user, row)
    return render(request, "benefit_card/statements/index.html", {"merchant": row, "statements": found})


@require_safe
@never_cache
def file(request: HttpRequest, merchant: int, pk: int, kind: str) -> HttpResponse:
    """The PDF or the CSV of one, at most ten an hour."""
    row = own_merchant(request, merchant)
    found = get_object_or_404(Statement.objects.of_merchant(request.user, row), pk=pk)
    document = found.pdf if kind == "pdf" else found.csv
    try:
        limits.spend(limits.EXPORTS_PER_ACCOUNT, f"statement:{me(request).pk}")
    except DomainError as error:
        refused(request, error)
        return redirect("benefit_card:statements", row.pk)
    if document is None:
        messages.info(request, _("The file is being made. Try again in a minute."))
        return redirect("benefit_card:statements", row.pk)
    return download(document, inline=False)


@require_http_methods(["GET", "POST"])
def staff_index(request: HttpRequest) -> HttpResponse:
    """Sums by month, whether they reconcile, and a button for what is missing. No line of a sale is shown here."""
    only_staff(request)
    now = timezone.now()
    if request.method == "POST":
        job = statements.ask(actor=me(request), at=now)
        return redirect("companies:job", job.pk)
    rows: list[Any] = list(
        Statement.objects.values("month")
        .annotate(
            count=Count("pk"), all_sales=Sum("sales"), off=Sum("discount_cents"), gross=Sum("gross_cents"),
            given=Sum("conflicts"), corrected=Sum("corrections"), printed=Count("pdf"),
        )
        .order_by("-month")[:24]
    )  # fmt: skip
    latest = rows[0]["month"] if rows else None
    context = {
        "months": rows,
        "differences": statements.checked(latest, statements=rows[0]["count"]) if latest else [],
        "latest": latest,
        "due": months.last_closed(now),
        "missing": statements.missing(at=now),
        "page": page_number(request),
    }
    return render(request, "benefit_card/statements/staff.html", context)
