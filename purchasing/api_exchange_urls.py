"""REST routes of the buyers' exchange, appended to the room's."""

from django.urls import path, re_path

from purchasing.api import buyer_questions, exchange, moderation, reviews

EXCHANGE = "companies/<int:company>/exchange/"

urlpatterns = [
    path("exchange/complaints/", moderation.ComplaintList.as_view(), name="exchange_complaints"),
    path("exchange/questions/<int:pk>/answer/", moderation.AnswerForAll.as_view(), name="exchange_answer"),
    re_path(
        r"^exchange/(?P<kind>offer|question|answer|review|reply)/(?P<pk>[0-9]{1,18})/(?P<action>hide|show)/$",
        moderation.Moderate.as_view(),
        name="exchange_moderate",
    ),
    path(f"{EXCHANGE}offers/", exchange.OfferList.as_view(), name="exchange_offers"),
    path(f"{EXCHANGE}offers/<int:pk>/", exchange.OfferDetail.as_view(), name="exchange_offer"),
    path(f"{EXCHANGE}offers/<int:pk>/reservations/", exchange.Reserve.as_view(), name="exchange_reserve"),
    path(f"{EXCHANGE}questions/", buyer_questions.BuyerQuestionList.as_view(), name="buyer_questions"),
    path(f"{EXCHANGE}questions/<int:pk>/", buyer_questions.BuyerQuestionDetail.as_view(), name="buyer_question"),
    path(
        f"{EXCHANGE}questions/<int:pk>/answers/",
        buyer_questions.BuyerQuestionAnswers.as_view(),
        name="buyer_question_answers",
    ),
    path(
        f"{EXCHANGE}questions/<int:pk>/<slug:action>/",
        buyer_questions.BuyerQuestionAct.as_view(),
        name="buyer_question_act",
    ),
    path(f"{EXCHANGE}reviews/", reviews.ReviewList.as_view(), name="exchange_reviews"),
    path(f"{EXCHANGE}reviewable-orders/", reviews.ReviewableOrders.as_view(), name="exchange_reviewable"),
    path(f"{EXCHANGE}ratings/", exchange.RatingList.as_view(), name="exchange_ratings"),
    path(f"{EXCHANGE}reservations/", exchange.ReservationList.as_view(), name="exchange_reservations"),
    path(
        f"{EXCHANGE}reservations/<int:pk>/<slug:action>/",
        exchange.ReservationAct.as_view(),
        name="exchange_reservation",
    ),
]
