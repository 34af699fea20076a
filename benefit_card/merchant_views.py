"""What a merchant's owner sees of the card: figures and the day's list. Only owners, not even the association's staff."""

from datetime import datetime, time, timedelta
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from benefit_card import limits, selectors
from benefit_card.credential import PARIS
from benefit_card.models import Redemption
from benefit_card.services import specimens, voids
from benefit_card.views.privacy import only_staff
from companies.errors import DomainError
from companies.views.doors import me, refused
from merchants.access import owns
from merchants.models import Merchant


def own_merchant(request: HttpRequest, pk: int) -> Merchant:
    """The reader's own merchant, else 404: sales are nobody else's business."""
    merchant: Merchant = get_object_or_404(Merchant.objects.visible_to(request.user), pk=pk)
    if not owns(request.user, merchant):
        raise Http404
    return merchant


@require_safe
@never_cache
def figures(request: HttpRequest, merchant: int) -> HttpResponse:
    """Today and this month, as a fragment of the merchant's home."""
    row = own_merchant(request, merchant)
    today = timezone.now().astimezone(PARIS).date()
    spans = {"today": (today, today + timedelta(days=1)), "month": (today.replace(day=1), today + timedelta(days=1))}
    context: dict[str, object] = {"merchant": row}
    for name, (first, end) in spans.items():
        bounds = [datetime.combine(day, time.min, PARIS) for day in (first, end)]
        sales = Redemption.objects.counted().filter(merchant=row).between(*bounds)
        context[name] = sales.aggregate(
            count=Count("pk"), off=Sum("discount_cents", default=0), gross=Sum("gross_cents", default=0)
        )
    return render(request, "benefit_card/merchant_figures.html", context)


@require_safe
@never_cache
def today(request: HttpRequest, merchant: int) -> HttpResponse:
    """The day's sales at every till of the merchant, with undo while it is allowed."""
    row = own_merchant(request, merchant)
    lines = selectors.redemptions_of_merchant_today(row, timezone.now())
    counted = [line for line in lines if line.voided_at is None]
    totals = {
        "count": len(counted),
        "gross": sum(line.gross_cents for line in counted),
        "off": sum(line.discount_cents for line in counted),
    }
    return render(request, "benefit_card/merchant_today.html", {"merchant": row, "lines": lines, "totals": totals})


@require_POST
def void(request: HttpRequest, merchant: int, client_id: UUID) -> HttpResponse:
    """Undo a sale of the last 15 minutes from the owner's list."""
    row = own_merchant(request, merchant)
    sale = get_object_or_404(Redemption.objects.select_related("till__shop"), client_id=client_id, merchant=row)
    try:
        voids.void(till=sale.till, client_id=client_id, at=timezone.now(), actor=request.user)  # type: ignore[arg-type]  # nobody comes here without signing in
    except DomainError as error:
        messages.error(request, error.sentence)
    else:
        messages.success(request, _("The sale is undone; the customer may use the offer again."))
    return redirect("benefit_card:merchant_today", row.pk)


@require_safe
def specimen_sheet(request: HttpRequest, merchant: int) -> HttpResponse:
    """Specimen cards on paper, for practice at the owner's tills."""
    return _paper(request, "merchants:till_list", own_merchant(request, merchant).pk)


@require_safe
def staff_specimens(request: HttpRequest) -> HttpResponse:
    """The same for the association, to show at a merchant's or at a meeting."""
    only_staff(request)
    return _paper(request, "merchants:staff_list")


def _paper(request: HttpRequest, back: str, *arguments: int) -> HttpResponse:
    try:
        limits.spend(limits.EXPORTS_PER_ACCOUNT, f"specimens:{me(request).pk}")
        content = specimens.sheet(at=timezone.now())
    except DomainError as error:  # too often, or nobody signs at the moment
        refused(request, error)
        return redirect(back, *arguments)
    response = HttpResponse(content, content_type="application/pdf")
    response.headers["Content-Disposition"] = 'attachment; filename="erb-specimens.pdf"'
    return response
