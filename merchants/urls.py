from django.urls import path

from merchants.views import cashiers, discovery, offers, owner, public, staff

app_name = "merchants"
urlpatterns = [
    path("merchants/apply/", public.apply, name="apply"),
    path("me/offers/", discovery.offers, name="offers"),
    path("me/offers/sw.js", discovery.worker, name="offers_worker"),
    path("me/offers/digest/", discovery.digest, name="digest"),
    path("me/offers/<int:merchant>/favourite/", discovery.favourite, name="favourite"),
    path("offers/stop/<str:token>/", discovery.digest_stop, name="digest_stop"),
    path("merchant/<int:merchant>/", owner.home, name="home"),
    path("merchant/<int:merchant>/agreement.pdf", owner.agreement, name="agreement"),
    path("merchant/<int:merchant>/agreement/", owner.agreement_accept, name="agreement_accept"),
    path("offers/pictures/<uuid:pk>.jpg", offers.picture, name="picture"),
    path("merchant/<int:merchant>/shops/", owner.shop_list, name="shop_list"),
    path("merchant/<int:merchant>/shops/new/", owner.shop_edit, name="shop_new"),
    path("merchant/<int:merchant>/shops/<int:pk>/", owner.shop_edit, name="shop_edit"),
    path("merchant/<int:merchant>/shops/<int:pk>/close/", owner.shop_close, name="shop_close"),
    path("merchant/<int:merchant>/tills/", owner.till_list, name="till_list"),
    path("merchant/<int:merchant>/tills/<int:pk>/revoke/", owner.till_revoke, name="till_revoke"),
    path("merchant/<int:merchant>/cashiers/", cashiers.cashier_list, name="cashier_list"),
    path("merchant/<int:merchant>/cashiers/<int:pk>/pin/", cashiers.cashier_pin, name="cashier_pin"),
    path("merchant/<int:merchant>/cashiers/<int:pk>/remove/", cashiers.cashier_remove, name="cashier_remove"),
    path("merchant/<int:merchant>/offers/", offers.offer_list, name="offer_list"),
    path("merchant/<int:merchant>/offers/new/", offers.offer_edit, name="offer_new"),
    path("merchant/<int:merchant>/offers/preview/", offers.offer_preview, name="offer_preview"),
    path("merchant/<int:merchant>/offers/<int:pk>/", offers.offer, name="offer"),
    path("merchant/<int:merchant>/offers/<int:pk>/edit/", offers.offer_edit, name="offer_edit"),
    path(
        "merchant/<int:merchant>/offers/<int:pk>/publish/", offers.offer_move, {"step": "publish"}, name="offer_publish"
    ),
    path("merchant/<int:merchant>/offers/<int:pk>/pause/", offers.offer_move, {"step": "pause"}, name="offer_pause"),
    path("merchant/<int:merchant>/offers/<int:pk>/end/", offers.offer_move, {"step": "end"}, name="offer_end"),
    path("merchant/<int:merchant>/offers/<int:pk>/force/", offers.offer_move, {"step": "force"}, name="offer_force"),
    path("merchant/<int:merchant>/offers/<int:pk>/drop/", offers.offer_move, {"step": "drop"}, name="offer_drop"),
    path("merchant/<int:merchant>/offers/<int:pk>/plan/", offers.offer_plan, name="offer_plan"),
    path("erb/merchants/", staff.staff_list, name="staff_list"),
    path("erb/merchants/<int:pk>/", staff.staff_merchant, name="staff_merchant"),
    path("erb/merchants/<int:pk>/approve/", staff.staff_move, {"step": "approve"}, name="staff_approve"),
    path("erb/merchants/<int:pk>/suspend/", staff.staff_move, {"step": "suspend"}, name="staff_suspend"),
    path("erb/merchants/<int:pk>/refuse/", staff.staff_move, {"step": "refuse"}, name="staff_refuse"),
]
