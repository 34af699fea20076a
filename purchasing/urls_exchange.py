"""The buyers' exchange. Appended to the room's addresses."""

from django.urls import path

from purchasing.views import exchange

EXCHANGE = "company/<int:company>/exchange/"

urlpatterns = [
    path(EXCHANGE, exchange.exchange, name="exchange"),
    path(f"{EXCHANGE}offers/new/", exchange.offer_new, name="offer_new"),
    path(f"{EXCHANGE}offers/rest/<int:commitment>/", exchange.offer_rest, name="offer_rest"),
    path(f"{EXCHANGE}offers/<int:pk>/", exchange.offer, name="exchange_offer"),
    path(f"{EXCHANGE}offers/<int:pk>/<slug:action>/", exchange.offer_act, name="offer_act"),
    path(f"{EXCHANGE}reservations/<int:pk>/<slug:action>/", exchange.reservation_act, name="reservation_act"),
]
