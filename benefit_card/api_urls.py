from django.urls import path

from benefit_card import api, api_offline, api_statements

urlpatterns = [
    path("scans/", api.Scans.as_view(), name="scans"),
    path("redemptions/", api.Redemptions.as_view(), name="redemptions"),
    path("redemptions/<uuid:client_id>/void/", api.Void.as_view(), name="redemption_void"),
    path("redemptions/sync/", api_offline.Sync.as_view(), name="redemption_sync"),
    path("tills/device-key/", api_offline.DeviceKey.as_view(), name="till_device_key"),
    path("tills/cashier/", api_offline.CashierSignIn.as_view(), name="till_cashier"),
    path("tills/pack/", api_offline.Pack.as_view(), name="till_pack"),
    path("merchants/<int:merchant>/statements/", api_statements.Statements.as_view(), name="merchant_statements"),
    path("card-keys/", api.CardKeys.as_view(), name="card_keys"),
    path("revocations/", api.Revocations.as_view(), name="revocations"),
    path("revocations/<int:number>/changes/", api.RevocationChanges.as_view(), name="revocation_changes"),
]
