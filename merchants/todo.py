"""What needs a merchant, or the association because of merchants, now."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from companies.shell import Todo
from merchants import access, agreement, selectors
from merchants.models import Merchant, MerchantStatus, OfferState

if TYPE_CHECKING:
    from companies.models import User

ENDING = timedelta(days=14)


def for_merchant(user: "User", merchant: Merchant, at: datetime) -> list[Todo]:
    """Steps to the first scan, and offers that end soon."""
    if merchant.status == MerchantStatus.APPLIED:
        return [
            Todo(
                _("ERB is looking at your application"),
                _("You can already prepare your offers. They go live once ERB has approved you."),
                reverse("merchants:offer_list", args=[merchant.pk]),
            )
        ]
    if merchant.status == MerchantStatus.REFUSED:
        return []
    found = []
    if merchant.agreement != agreement.CURRENT and access.owns(user, merchant):
        url = reverse("merchants:agreement_accept", args=[merchant.pk])
        due = timezone.make_aware(datetime.combine(agreement.last_day(), datetime.max.time()))
        found.append(
            Todo(
                _("Accept the new merchant agreement"),
                _("Afterwards no new offer can be published without it; running offers go on."),
                url, due=due, tone="danger" if agreement.overdue(merchant.agreement, at=at) else "warning",
            )
        )  # fmt: skip
    offers = list(selectors.offers_of(merchant))
    live = [offer for offer in offers if offer.state == OfferState.PUBLISHED]
    if not live:
        url = reverse("merchants:offer_list" if offers else "merchants:offer_new", args=[merchant.pk])
        found.append(
            Todo(_("Publish your first offer"), _("Card holders see nothing of you until then."), url, tone="warning")
        )
    if not selectors.tills_of(merchant).exists():
        url = reverse("merchants:till_list", args=[merchant.pk])
        found.append(
            Todo(_("Link a till"), _("A phone or a tablet is enough; it takes one minute."), url, tone="warning")
        )
    today = timezone.localtime(at).date()
    for offer in live:
        last = offer.current.ends_on if offer.current else None
        if offer.current and last and today <= last <= today + ENDING:
            due = timezone.make_aware(datetime.combine(last, datetime.max.time()))
            url = reverse("merchants:offer", args=[merchant.pk, offer.pk])
            found.append(Todo(_("An offer ends soon"), offer.current.title, url, due=due))
    return found


def for_staff(user: "User", at: datetime) -> list[Todo]:
    """Applications that wait."""
    if not access.can_approve(user):
        return []
    waiting = Merchant.objects.filter(status=MerchantStatus.APPLIED).select_related("category").order_by("pk")[:5]
    return [
        Todo(
            _("Approve a merchant: %(name)s") % {"name": merchant.name},
            str(merchant.category),
            reverse("merchants:staff_merchant", args=[merchant.pk]),
            tone="warning",
        )
        for merchant in waiting
    ]
