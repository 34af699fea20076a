"""Who may open which address of the room."""

from typing import Any

from django.utils import timezone

from companies.models import Document
from merchants.models import AgreementAcceptance, Cashier, MerchantRole
from merchants.services.discovery import stop_token
from tests.access import EVERYBODY, SIGNED_IN, Visit
from tests.factories.benefit_card import MerchantFactory, ShopFactory, TillFactory, offer, token

OWNER = {"merchant", "staff"}
STAFF = {"staff"}


def prepare(w: Any) -> None:
    w.merchant = MerchantFactory()
    MerchantRole.objects.create(user=w.users["merchant"], merchant=w.merchant)
    w.shop = ShopFactory(merchant=w.merchant)
    w.till = TillFactory(shop=w.shop)
    w.till_token = w.till_token or token(w.till)
    picture = Document.objects.create(
        kind="offer_picture", name=f"offer-{w.merchant.pk}.jpg", media_type="image/jpeg", sha256="0" * 64,
        content=b"\xff\xd8\xff", created_at=timezone.now(),
    )  # fmt: skip
    w.offer = offer(w.merchant, picture=picture)
    proof = Document.objects.create(
        kind="agreement", name="x.pdf", media_type="application/pdf", sha256="0" * 64, content=b"%PDF",
        created_at=timezone.now(),
    )  # fmt: skip
    AgreementAcceptance.objects.create(
        merchant=w.merchant, version="x", sha256="0" * 64, signer="x", email="x@example.org", at=timezone.now(),
        document=proof,
    )  # fmt: skip
    # In a shop of its own: the till of the world goes on without saying who works.
    w.cashier = Cashier.objects.create(
        shop=ShopFactory(merchant=w.merchant), name="Zoé", pin_hash="!", created_at=timezone.now()
    )
    MerchantRole.objects.create(user=w.users["foreign"], merchant=MerchantFactory())


def merchant(w: Any) -> dict[str, Any]:
    return {"merchant": w.merchant.pk}


def shop(w: Any) -> dict[str, Any]:
    return {"merchant": w.merchant.pk, "pk": w.shop.pk}


def till(w: Any) -> dict[str, Any]:
    return {"merchant": w.merchant.pk, "pk": w.till.pk}


def cashier(w: Any) -> dict[str, Any]:
    return {"merchant": w.merchant.pk, "pk": w.cashier.pk}


def its_offer(w: Any) -> dict[str, Any]:
    return {"merchant": w.merchant.pk, "pk": w.offer.pk}


def subject(w: Any) -> dict[str, Any]:
    return {"pk": w.merchant.pk}


VISITS = [
    Visit("merchants:apply", EVERYBODY),
    Visit("merchants:apply", EVERYBODY, method="post"),
    Visit("merchants:offers", SIGNED_IN),
    Visit("merchants:agreement", OWNER, lambda w: {"merchant": w.merchant.pk}),
    Visit("merchants:agreement_accept", OWNER, lambda w: {"merchant": w.merchant.pk}),
    Visit("merchants:agreement_accept", {"merchant"}, lambda w: {"merchant": w.merchant.pk}, "post"),
    Visit("merchants:picture", SIGNED_IN, lambda w: {"pk": w.offer.current.picture_id}),
    Visit("merchants:offers_worker", EVERYBODY),
    Visit("merchants:digest", SIGNED_IN, method="post"),
    Visit("merchants:favourite", {"employee"}, lambda w: {"merchant": w.merchant.pk}, "post"),
    Visit("merchants:digest_stop", EVERYBODY, lambda w: {"token": stop_token(w.users["employee"])}),
    Visit("merchants:home", OWNER, merchant),
    Visit("merchants:shop_list", OWNER, merchant),
    Visit("merchants:shop_new", OWNER, merchant),
    Visit("merchants:shop_edit", OWNER, shop),
    Visit("merchants:shop_edit", OWNER, shop, method="post"),
    Visit("merchants:shop_close", OWNER, shop, method="post"),
    Visit("merchants:till_list", OWNER, merchant),
    Visit("merchants:till_list", OWNER, merchant, method="post", data=lambda w: {"shop": w.shop.pk, "till_name": "A"}),
    Visit("merchants:till_revoke", OWNER, till, method="post"),
    Visit("merchants:cashier_list", OWNER, merchant),
    Visit("merchants:cashier_list", OWNER, merchant, method="post"),
    Visit("merchants:cashier_pin", OWNER, cashier, method="post"),
    Visit("merchants:cashier_remove", OWNER, cashier, method="post"),
    Visit("merchants:offer_list", OWNER, merchant),
    Visit("merchants:offer_new", OWNER, merchant),
    Visit("merchants:offer_new", OWNER, merchant, method="post"),
    Visit("merchants:offer_preview", OWNER, merchant, method="post"),
    Visit("merchants:offer", OWNER, its_offer),
    Visit("merchants:offer_edit", OWNER, its_offer),
    *[
        Visit(f"merchants:offer_{step}", OWNER, its_offer, method="post")
        for step in ("publish", "pause", "end", "force", "drop", "plan")
    ],
    Visit("merchants:staff_list", STAFF),
    Visit("merchants:staff_merchant", STAFF, subject),
    *[Visit(f"merchants:staff_{step}", STAFF, subject, method="post") for step in ("approve", "refuse", "suspend")],
    # The code is the permission: a wrong one is refused as such (409), whoever sends it.
    Visit("till-pair", EVERYBODY, method="post", data=lambda w: {"code": "00000000"}),
]
