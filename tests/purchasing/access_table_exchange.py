"""Who may open which address of the buyers' exchange."""

from datetime import timedelta
from uuid import uuid4

from django.utils import timezone

from purchasing.models import Commitment
from purchasing.services import surplus
from tests.access import Visit
from tests.purchasing.access_table_back import READERS, A, P, company


def prepare(w):
    """An offer of the own company, another one of a stranger, and a reservation on each."""
    at, draft = timezone.now() - timedelta(hours=1), surplus.Draft("Gants taille S", 10, 15_000)
    seller, buyer = w.users["foreign"], w.users["buyer"]
    w.own_offer = surplus.offer(actor=buyer, company=w.company, draft=draft, at=at)
    w.foreign_offer = surplus.offer(actor=seller, company=w.foreign_company, draft=draft, at=at)
    w.reservation = surplus.reserve(
        actor=buyer, company=w.company, offer=w.foreign_offer, quantity=2, client_id=uuid4(), at=at
    )
    w.own_share = Commitment.objects.filter(company=w.company).first()


def own_offer(w):
    return {"company": w.company.pk, "pk": w.own_offer.pk}


def act(action, offer="foreign_offer"):
    return lambda w: {"company": w.company.pk, "pk": getattr(w, offer).pk, "action": action}


def reservation(w):
    return {"company": w.company.pk, "pk": w.reservation.pk, "action": "confirm"}


def rest(w):
    return {"company": w.company.pk, "commitment": w.own_share.pk}


VISITS = [
    Visit(P + "exchange", READERS, company),
    Visit(P + "offer_new", {"buyer"}, company),
    Visit(P + "offer_rest", {"buyer"}, rest, "post"),
    Visit(P + "exchange_offer", READERS, own_offer),
    Visit(P + "offer_act", {"buyer"}, act("reserve"), "post"),
    Visit(P + "offer_act", {"buyer"}, act("withdraw", "own_offer"), "post"),
    Visit(P + "reservation_act", {"buyer"}, reservation, "post"),
    Visit(A + "exchange_offers", READERS, company),
    Visit(A + "exchange_offers", {"buyer"}, company, "post"),
    Visit(A + "exchange_offer", READERS, own_offer),
    Visit(A + "exchange_offer", {"buyer"}, own_offer, "delete"),
    Visit(A + "exchange_reserve", {"buyer"}, own_offer, "post"),
    Visit(A + "exchange_reservations", READERS, company),
    Visit(A + "exchange_reservation", {"buyer"}, reservation, "post"),
]
