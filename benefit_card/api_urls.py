from django.urls import path

from benefit_card import api

urlpatterns = [
    path("scans/", api.Scans.as_view(), name="scans"),
    path("redemptions/", api.Redemptions.as_view(), name="redemptions"),
    path("redemptions/<uuid:client_id>/void/", api.Void.as_view(), name="redemption_void"),
    path("card-keys/", api.CardKeys.as_view(), name="card_keys"),
    path("revocations/", api.Revocations.as_view(), name="revocations"),
]
