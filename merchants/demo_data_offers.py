"""Offers that show every rule: windows, first visits, employers, combinations, nights, excluded days, pictures, plans."""

import hashlib
import io
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

from django.utils import timezone
from PIL import Image, ImageDraw

from companies.demo_data import World
from companies.models import Document
from merchants.models import (
    Combine,
    Kind,
    Merchant,
    MerchantStatus,
    Offer,
    OfferState,
    OfferVersion,
    OfflinePolicy,
    Period,
)
from merchants.services.pictures import PICTURE
from merchants.services.terms import OfferTerms

PAPER, LEATHER, AMBER = "#faf7f2", "#8a4420", "#e0a84c"


def seed(*, merchants: list[Merchant], kinds: list[str], world: World, at: datetime) -> None:
    """A few offers at the merchant visitors see, and one of each other kind around town."""
    first = merchants[0]
    today = timezone.localdate(at)
    _write(first, _plain("15 % sur l'entretien, deux fois en 30 jours", 15, today, per_person_limit=2,
                         period=Period.ROLLING, window_days=30, offline=OfflinePolicy.DYNAMIC), at=at)  # fmt: skip
    _write(first, _plain("40 % sur la fin de série", 40, today, combine=Combine.ALONE, picture_id=_picture(first, at),
                         excluded=_sales(today)), at=at, state=OfferState.DRAFT, due_at=at + timedelta(days=5))  # fmt: skip
    running = (
        first.offers.filter(state=OfferState.PUBLISHED, current__kind=Kind.PERCENT).select_related("current").first()
    )
    if running and running.current:
        names = OfferTerms.__dataclass_fields__
        terms = {name: getattr(running.current, name) for name in names} | {
            "percent": 12,
            "title": "12 % pour les fêtes",
        }
        running.draft, running.due_at = asdict(OfferTerms(**terms)), at + timedelta(days=9)
        running.save(update_fields=["draft", "due_at"])
    for kind, terms in _around_town(world, today).items():
        shop = next((m for m, k in zip(merchants[1:], kinds[1:], strict=True) if k == kind and _live(m)), None)
        if shop is not None:
            picture = {"picture_id": _picture(shop, at)} if kind in ("boulangerie", "restaurant") else {}
            _write(shop, OfferTerms(**terms, **picture), at=at)


def _around_town(world: World, today: date) -> dict[str, dict[str, Any]]:
    base: dict[str, Any] = {"starts_on": today - timedelta(days=60)}
    home = [world.home.pk] if world.companies else []
    return {
        "boulangerie": base | {
            "title": "Bienvenue : un croissant offert", "kind": Kind.GIFT, "gift": "un croissant", "first_visit": True,
            "per_person_limit": 1, "period": Period.EVER, "stock": 500,
        },
        "restaurant": base | {
            "title": "20 % tôt à midi, tard le soir", "kind": Kind.PERCENT, "percent": 20, "cap_cents": 2000, "combine": Combine.ALONE,
            "hours": [["11:30", "12:15"], ["21:30", "01:00"]], "weekdays": 0b0111000, "excluded": _sales(today)[:1],
        },
        "sport": base | {
            "title": "25 % pour les salariés de vos voisins", "kind": Kind.PERCENT, "percent": 25, "companies": home,
            "offline": OfflinePolicy.ALLOW,
        },
        "culture": base | {
            "title": "10 % pour les petites entreprises", "kind": Kind.PERCENT, "percent": 10, "sizes": ["1-9", "10-49"],
        },
        "sante": base | {
            "title": "15 € pour les apprentis et intérimaires", "kind": Kind.FIXED, "amount_cents": 1500,
            "min_spend_cents": 6000, "contract": "fixed", "combine": Combine.GIFTS,
        },
    }  # fmt: skip


def _plain(title: str, percent: int, today: date, **more: Any) -> OfferTerms:
    return OfferTerms(
        title=title, kind=Kind.PERCENT, percent=percent, starts_on=today - timedelta(days=200), cap_cents=4000, **more
    )


def _sales(today: date) -> list[list[str]]:
    """The national day and four weeks of sales, next year."""
    year = today.year + 1
    return sorted([[f"{year}-07-14", f"{year}-07-14"], [f"{year}-01-06", f"{year}-02-02"]])


def _live(merchant: Merchant) -> bool:
    return merchant.status == MerchantStatus.ACTIVE


def _write(
    merchant: Merchant, terms: OfferTerms, *, at: datetime, state: OfferState = OfferState.PUBLISHED,
    due_at: datetime | None = None,
) -> None:  # fmt: skip
    row = Offer.objects.create(merchant=merchant, due_at=due_at)
    row.current = OfferVersion.objects.create(offer=row, number=1, **asdict(terms))
    row.state = state
    row.save(update_fields=["current", "state"])


def _picture(merchant: Merchant, at: datetime) -> Any:
    """A drawing in the colours of the house: what an owner's photo would be."""
    image = Image.new("RGB", (640, 360), PAPER)
    pen = ImageDraw.Draw(image)
    for step in range(-360, 640, 48):
        pen.line([(step, 360), (step + 360, 0)], fill="#efe6da", width=14)
    shift = merchant.pk * 37 % 120
    pen.ellipse([170 + shift, 80, 390 + shift, 300], fill=LEATHER)
    pen.ellipse([230 + shift, 60, 450 + shift, 280], fill=AMBER)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    content = out.getvalue()
    document = Document.objects.create(
        kind=PICTURE, name=f"offer-{merchant.pk}.jpg", media_type="image/jpeg", content=content,
        sha256=hashlib.sha256(content).hexdigest(), created_at=at,
    )  # fmt: skip
    return document.pk
