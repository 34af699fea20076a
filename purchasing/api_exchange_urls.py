"""REST routes of the buyers' exchange, appended to the room's."""

from django.urls import path

from purchasing.api import exchange

EXCHANGE = "companies/<int:company>/exchange/"

urlpatterns = [
    path(f"{EXCHANGE}offers/", exchange.OfferList.as_view(), name="exchange_offers"),
    path(f"{EXCHANGE}offers/<int:pk>/", exchange.OfferDetail.as_view(), name="exchange_offer"),
    path(f"{EXCHANGE}offers/<int:pk>/reservations/", exchange.Reserve.as_view(), name="exchange_reserve"),
    path(f"{EXCHANGE}ratings/", exchange.RatingList.as_view(), name="exchange_ratings"),
    path(f"{EXCHANGE}reservations/", exchange.ReservationList.as_view(), name="exchange_reservations"),
    path(
        f"{EXCHANGE}reservations/<int:pk>/<slug:action>/",
        exchange.ReservationAct.as_view(),
        name="exchange_reservation",
    ),
]
