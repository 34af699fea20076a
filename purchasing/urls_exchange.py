"""The buyers' exchange. Appended to the room's addresses."""

from django.urls import path

from purchasing.views import buyer_question, exchange, moderation, review

EXCHANGE = "company/<int:company>/exchange/"

urlpatterns = [
    path(EXCHANGE, exchange.exchange, name="exchange"),
    path(f"{EXCHANGE}offers/new/", exchange.offer_new, name="offer_new"),
    path(f"{EXCHANGE}offers/rest/<int:commitment>/", exchange.offer_rest, name="offer_rest"),
    path(f"{EXCHANGE}offers/<int:pk>/", exchange.offer, name="exchange_offer"),
    path(f"{EXCHANGE}offers/<int:pk>/<slug:action>/", exchange.offer_act, name="offer_act"),
    path(f"{EXCHANGE}reservations/<int:pk>/<slug:action>/", exchange.reservation_act, name="reservation_act"),
    path(f"{EXCHANGE}questions/", buyer_question.question_list, name="question_list"),
    path(f"{EXCHANGE}questions/new/", buyer_question.question_new, name="question_new"),
    path(f"{EXCHANGE}questions/<int:pk>/", buyer_question.question, name="question"),
    path(f"{EXCHANGE}questions/<int:pk>/<slug:action>/", buyer_question.question_act, name="question_act"),
    path(f"{EXCHANGE}suppliers/", review.rated_suppliers, name="rated_suppliers"),
    path(f"{EXCHANGE}suppliers/<int:pk>/", review.rated_supplier, name="rated_supplier"),
    path(f"{EXCHANGE}reviews/<int:order>/", review.review_write, name="review_write"),
    path("q/review/<str:token>/", review.supplier_review, name="supplier_review"),
    path("erb/exchange/", moderation.staff_exchange, name="staff_exchange"),
    path("erb/exchange/<slug:kind>/<int:pk>/<slug:action>/", moderation.staff_exchange_act, name="staff_exchange_act"),
]
