"""Reserves made at a delivery: the photos behind them, and the clock to tell the carrier."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from hashlib import sha256

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies import audit, documents
from companies.access import require
from companies.billing import calendar
from companies.errors import DomainError
from companies.models import User
from companies.pictures import reencoded
from purchasing import access
from purchasing.models import Receipt, ReceiptPhoto

CARRIER_DAYS = 3  # article L133-3 of the commercial code: three days, public holidays not counted
MOST_PHOTOS = 12


class TooManyPhotos(DomainError):
    code = "too_many_photos"
    message = _("%(most)s photos are enough for one delivery. Keep the ones that show most.")
    field = "photos"


class NoReserves(DomainError):
    code = "no_reserves"
    message = _("This delivery was accepted without reserves: there is nothing to tell the carrier.")


def deadline(at: datetime) -> datetime:
    """The end of the last day on which the carrier can be told of reserves."""
    day = calendar.days_after(timezone.localdate(at), CARRIER_DAYS)
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))


def keep_photos(
    receipt: Receipt, pictures: Sequence[bytes], *, actor: User, at: datetime, caption: str = ""
) -> list[ReceiptPhoto]:
    """Store pictures that were already written anew, inside the caller's transaction. The same one twice is one."""
    known = {row.document.sha256: row for row in receipt.photos.select_related("document")}
    new = {sha256(content).hexdigest(): content for content in pictures}
    kept = [known[digest] for digest in new if digest in known]
    if len(known) + len(new) - len(kept) > MOST_PHOTOS:
        raise TooManyPhotos(most=MOST_PHOTOS)
    fresh = [content for digest, content in new.items() if digest not in known]
    for number, content in enumerate(fresh, start=len(known) + 1):
        document = documents.store(
            kind="receipt_photo",
            name=f"{receipt.order.number}-{receipt.number}-{number}.jpg",
            content=content,
            media_type="image/jpeg",
            at=at,
        )
        kept.append(
            ReceiptPhoto.objects.create(receipt=receipt, document=document, caption=caption, taken_by=actor, at=at)
        )
    return kept


@transaction.atomic(durable=True)
def add_photo(*, actor: User, receipt: Receipt, content: bytes, caption: str = "", at: datetime) -> ReceiptPhoto:
    """Add one photo to a delivery that is already counted. Photos are never taken away."""
    require(access.can_run_pool(actor, receipt.order.pool))
    picture = reencoded(content)
    receipt = _locked(receipt)
    have = receipt.photos.count()
    (row,) = keep_photos(receipt, [picture], actor=actor, at=at, caption=caption.strip()[:120])
    if receipt.photos.count() > have:
        audit.record("receipt.photo_added", target=receipt, at=at, actor=actor)
    return row


@transaction.atomic(durable=True)
def tell_carrier(*, actor: User, receipt: Receipt, reference: str = "", at: datetime) -> Receipt:
    """Note that the carrier was told of the reserves by registered letter: the clock stops, the first time only."""
    require(access.can_run_pool(actor, receipt.order.pool))
    receipt = _locked(receipt)
    if receipt.reserves_until is None:
        raise NoReserves
    told = Receipt.objects.filter(pk=receipt.pk, carrier_told_at__isnull=True).update(
        carrier_told_at=at, carrier_told_by=actor, carrier_reference=reference.strip()[:60]
    )
    if told:
        late = at >= receipt.reserves_until
        audit.record(
            "receipt.carrier_told",
            target=receipt,
            at=at,
            actor=actor,
            reason=reference.strip()[:60],
            data={"late": late},
        )
    receipt.refresh_from_db()
    return receipt


def _locked(receipt: Receipt) -> Receipt:
    return Receipt.objects.select_for_update(of=("self",)).select_related("order__pool").get(pk=receipt.pk)
