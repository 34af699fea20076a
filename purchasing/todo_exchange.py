"""What of the buyers' exchange needs somebody now."""

from datetime import datetime, timedelta

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from companies.models import Company, User
from companies.shell import Todo
from purchasing.models import BuyerQuestion, Reservation, SupplierReview
from purchasing.services import review as reviews
from purchasing.states_exchange import ReservationState

REVIEW_WITHIN = timedelta(days=60)


def for_company(user: User, company: Company, roles: set[str], at: datetime) -> list[Todo]:
    """Buyers: to hand over, to collect, to confirm."""
    if "buyer" not in roles:
        return []
    return _to_move(company) + _unanswered(user, company) + _to_review(company, at)


def _unanswered(user: User, company: Company) -> list[Todo]:
    """Own questions with answers of which none is marked. One query."""
    rows = BuyerQuestion.objects.filter(company=company, author=user, state="open", answers__hidden_at__isnull=True)
    return [
        Todo(
            _("Your question was answered"),
            row.title,
            reverse("purchasing:question", args=[company.pk, row.pk]),
        )
        for row in rows.filter(answers__isnull=False).distinct()[:5]
    ]


def _to_review(company: Company, at: datetime) -> list[Todo]:
    """The last received order the company has not reviewed: one invitation at a time."""
    order = reviews.to_review(company, since=at - REVIEW_WITHIN).first()
    if order is None:
        return []
    url = reverse("purchasing:review_write", args=[company.pk, order.pk])
    return [
        Todo(_("How was %(supplier)s?") % {"supplier": order.supplier}, _("Four questions, for the other buyers."), url)
    ]


def for_staff(user: User, at: datetime) -> list[Todo]:
    """Complaints of suppliers about reviews. One query."""
    waiting = SupplierReview.objects.filter(complained_at__isnull=False, settled_at__isnull=True).count()
    if not waiting:
        return []
    words = ngettext("%(n)d complaint about a review", "%(n)d complaints about reviews", waiting) % {"n": waiting}
    return [Todo(words, _("Decide whether it stays."), reverse("purchasing:staff_exchange"), tone="warning")]


def _to_move(company: Company) -> list[Todo]:
    """Reservations that wait for this company. One query."""
    waiting = [ReservationState.RESERVED, ReservationState.GIVEN, ReservationState.RECEIVED]
    rows = Reservation.objects.of(company).filter(state__in=waiting).select_related("offer__company", "company")
    found = []
    for kept in rows.order_by("expires_at", "pk")[:10]:
        giver = kept.offer.company_id == company.pk
        detail = f"{kept.quantity} × {kept.offer} · {kept.company if giver else kept.offer.company}"
        url = reverse("purchasing:exchange_offer", args=[company.pk, kept.offer_id])
        if kept.state == ReservationState.RESERVED:
            words = _("Hand over what a member reserved") if giver else _("Collect what you reserved")
            found.append(Todo(words, detail, url, due=kept.expires_at))
        elif (kept.state == ReservationState.RECEIVED) == giver:
            found.append(Todo(_("Confirm a hand-over between members"), detail, url, tone="warning"))
    return found
