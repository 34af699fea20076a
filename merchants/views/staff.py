"""The association's pages about merchants."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from companies.audit import history
from companies.errors import DomainError
from companies.views.doors import me
from merchants import access, agreement, selectors, services, words
from merchants.models import Merchant, MerchantStatus


def _only_staff(request: HttpRequest) -> None:
    if not access.can_approve(request.user):
        raise Http404


def staff_list(request: HttpRequest) -> HttpResponse:
    """Applications on top, then every merchant."""
    _only_staff(request)
    text, status = request.GET.get("q", ""), request.GET.get("status", "")
    rows = selectors.merchants_for_staff(
        me(request), text=text, status=status if status in MerchantStatus.values else ""
    )
    page = Paginator(rows, 50).get_page(request.GET.get("page"))
    waiting = (
        Merchant.objects.filter(status=MerchantStatus.APPLIED)
        .select_related("category")
        .prefetch_related("shops")
        .order_by("pk")
    )
    context = {"page": page, "q": text, "status": status, "statuses": MerchantStatus.choices, "waiting": waiting}
    return render(request, "merchants/staff_list.html", context)


def staff_merchant(request: HttpRequest, pk: int) -> HttpResponse:
    """One merchant as the association sees it. No redemption is shown here."""
    _only_staff(request)
    merchant = get_object_or_404(Merchant.objects.visible_to(request.user).select_related("category"), pk=pk)
    context = {
        "merchant": merchant,
        "shops": selectors.open_shops(merchant),
        "offers": selectors.offers_of(merchant),
        "tills": selectors.tills_of(merchant),
        "roles": merchant.roles.select_related("user"),
        "entries": words.timeline(history(merchant)),
        "current_agreement": agreement.CURRENT,
    }
    return render(request, "merchants/staff_merchant.html", context)


@require_POST
def staff_move(request: HttpRequest, pk: int, step: str) -> HttpResponse:
    """Approve, refuse or suspend."""
    _only_staff(request)
    merchant = get_object_or_404(Merchant.objects.visible_to(request.user), pk=pk)
    now = timezone.now()
    try:
        if step == "approve":
            services.approve(actor=me(request), merchant=merchant, at=now)
            messages.success(
                request, _("%(name)s is approved. Its owner has been told by e-mail.") % {"name": merchant.name}
            )
        elif step == "refuse":
            services.refuse(actor=me(request), merchant=merchant, reason=request.POST.get("reason", "")[:400], at=now)
            messages.success(
                request, _("%(name)s is refused. Its owner reads why in a mail.") % {"name": merchant.name}
            )
        else:
            services.suspend(actor=me(request), merchant=merchant, reason=request.POST.get("reason", "")[:400], at=now)
            messages.success(
                request, _("%(name)s is suspended. Its tills refuse every card from now on.") % {"name": merchant.name}
            )
    except DomainError as error:
        messages.error(request, error.sentence)
    return redirect("merchants:staff_merchant", merchant.pk)
