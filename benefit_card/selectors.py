"""Reading redemptions: a merchant's own day, a holder's own history. There is no reading by company, on purpose."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from benefit_card.credential import PARIS
from benefit_card.models import Card, Redemption
from benefit_card.models.redemption import RedemptionQuerySet
from benefit_card.services.voids import VOID_WITHIN
from companies.models import Person, User
from merchants import words
from merchants.models import Merchant, Till


@dataclass(frozen=True)
class Line:
    """One sale of a merchant's list. `alias` names the card to this merchant only; two merchants cannot compare."""

    client_id: str
    time: datetime
    shop: str
    till: str
    offer_title: str
    shown: str
    alias: str
    gross_cents: int
    discount_cents: int
    given: str
    gift: str
    voided_at: datetime | None
    can_void: bool

    @property
    def to_pay_cents(self) -> int:
        return self.gross_cents - self.discount_cents


def alias(merchant: Merchant, card_id: int | None) -> str:
    """How a merchant sees a card: six letters under the merchant's own key.

    The same card has another alias at another merchant.
    """
    if card_id is None:
        return "—"
    return hmac.digest(bytes(merchant.alias_key), str(card_id).encode(), hashlib.sha256)[:3].hex().upper()


def redemptions_of_merchant_today(merchant: Merchant, at: datetime, *, till: Till | None = None) -> list[Line]:
    """Today's sales of a merchant (Europe/Paris), newest first; with `till` those of its shop. Voids are marked, not listed.

    One query. Money and times only: no name, no employer.
    """
    start = datetime.combine(at.astimezone(PARIS).date(), time.min, PARIS)
    rows = merchant_redemptions(merchant).between(start, start + timedelta(days=1, hours=3))
    if till is not None:
        rows = rows.filter(till__shop_id=till.shop_id)
    return [line(row, merchant=merchant, at=at) for row in rows.order_by("-at", "-pk")]


def merchant_redemptions(merchant: Merchant) -> RedemptionQuerySet:
    """All sales of a merchant with what a line needs; voids are joined to what they undo."""
    return (
        Redemption.objects.filter(merchant=merchant, voids__isnull=True)
        .select_related("offer_version", "till__shop", "undone")
        .only(
            "client_id", "at", "shown", "card_id", "gross_cents", "discount_cents", "offer_version__title",
            "offer_version__kind", "offer_version__gift", "till__name", "till__shop__name", "undone__at",
        )
    )  # fmt: skip


def line(row: Redemption, *, merchant: Merchant, at: datetime) -> Line:
    undone = getattr(row, "undone", None)
    return Line(
        client_id=str(row.client_id),
        time=timezone.localtime(row.at),
        shop=row.till.shop.name,
        till=row.till.name,
        offer_title=row.offer_version.title,
        shown=row.get_shown_display(),
        alias=alias(merchant, row.card_id),
        gross_cents=row.gross_cents,
        discount_cents=row.discount_cents,
        given=words.given(row.offer_version, row.discount_cents),
        gift=row.offer_version.gift,
        voided_at=undone.at if undone else None,
        can_void=undone is None and at - row.at <= VOID_WITHIN,
    )


def card_of(user: User) -> Card | None:
    """The card a person holds now; None for people without one."""
    return (
        Card.objects.current()
        .select_related("person", "batch")
        .filter(person__user=user, person__erased_at=None)
        .first()
    )


def history_of(user: User) -> "QuerySet[Redemption]":
    """A holder's own redemptions, newest first, undone ones included and marked by `undone`."""
    return (
        Redemption.objects.visible_to(user)
        .filter(voids__isnull=True)
        .select_related("merchant", "offer_version", "till__shop", "undone")
        .order_by("-at", "-pk")
    )


def employers_of(person: Person, at: datetime) -> list[str]:
    """Names of the companies that give the person the right to the card today."""
    today = at.astimezone(PARIS).date()
    rows = person.employments.current(on=today).select_related("company").order_by("company__name")
    return [row.company.name for row in rows if row.company.is_member]
