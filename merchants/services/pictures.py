"""Pictures of offers: written anew when they come, gone when no terms use them any more (decision 0040)."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import CharField, Exists, OuterRef, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from companies.access import require
from companies.documents import store
from companies.models import Document, User
from companies.pictures import PictureRefused, reencoded
from merchants import access
from merchants.models import Merchant, Offer, OfferState, OfferVersion

PICTURE = "offer_picture"
PICTURE_SIDE = 960
UNUSED_FOR = timedelta(days=7)  # a form may stay open for days before its terms are saved


def pictures_of(merchant: Merchant) -> "QuerySet[Document]":
    """Pictures that were uploaded for a merchant's offers."""
    return Document.objects.filter(kind=PICTURE, name=f"offer-{merchant.pk}.jpg")


@transaction.atomic(durable=True)
def keep_picture(*, actor: User, merchant: Merchant, content: bytes, at: datetime) -> UUID:
    """Write a picture anew, small, and keep it for the terms that will name it. Raises `PictureRefused`."""
    require(access.can_manage(actor, merchant))
    try:
        small = reencoded(content, side=PICTURE_SIDE)
    except PictureRefused as error:
        raise PictureRefused(field="picture") from error
    row = store(kind=PICTURE, name=f"offer-{merchant.pk}.jpg", content=small, media_type="image/jpeg", at=at)
    return row.pk


def claim(merchant: Merchant, picture: UUID) -> None:
    """Hold a picture for terms about to be written, so that it is not taken away meanwhile. Raises `PictureRefused`."""
    locked = pictures_of(merchant).filter(pk=picture).select_for_update(of=("self",), no_key=True)
    if locked.values_list("pk", flat=True).first() is None:
        raise PictureRefused(field="picture")


def unused(*, at: datetime) -> "QuerySet[Document]":
    """Pictures older than a week that neither the terms of an offer that has not ended nor prepared terms show."""
    shown = Offer.objects.exclude(state=OfferState.ENDED).filter(current__picture=OuterRef("pk"))
    prepared = Offer.objects.annotate(said=KeyTextTransform("picture_id", "draft")).filter(
        said=Cast(OuterRef("pk"), CharField())
    )
    old = Document.objects.filter(kind=PICTURE, created_at__lte=at - UNUSED_FOR)
    return old.filter(~Exists(shown), ~Exists(prepared))


def forget_pictures(*, at: datetime) -> int:
    """Delete pictures that are no longer used, each in a transaction of its own; return how many went."""
    return sum(_forget(pk, at=at) for pk in unused(at=at).order_by("pk").values_list("pk", flat=True))


@transaction.atomic(durable=True)
def _forget(pk: UUID, *, at: datetime) -> bool:
    mine = Document.objects.select_for_update(of=("self",), skip_locked=True).filter(pk=pk)
    if mine.values_list("pk", flat=True).first() is None or not unused(at=at).filter(pk=pk).exists():
        return False
    OfferVersion.objects.filter(picture=pk).update(picture=None)
    Document.objects.filter(pk=pk).delete()
    return True
