"""What of the buyers' exchange needs somebody now."""

from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from companies.models import Company, User
from companies.shell import Todo
from purchasing.models import Reservation
from purchasing.states_exchange import ReservationState


def for_company(user: User, company: Company, roles: set[str], at: datetime) -> list[Todo]:
    """Buyers: to hand over, to collect, to confirm."""
    if "buyer" not in roles:
        return []
    return _to_move(company)


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
