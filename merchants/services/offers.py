"""Offers: written as a draft, published, paused, ended. Every change of the terms is a new version."""

from dataclasses import asdict, dataclass, field
from datetime import date, datetime, time

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import require
from companies.errors import DomainError
from companies.models import User
from companies.states import move
from merchants import access
from merchants.models import (
    Combine,
    Contract,
    Kind,
    Merchant,
    MerchantStatus,
    Offer,
    OfferState,
    OfferVersion,
    OfflinePolicy,
    Period,
)
from merchants.models.offer import LONGEST_WINDOW, MOST_IN_WINDOW, TRANSITIONS


class OfferRefused(DomainError):
    """The terms of an offer contradict each other or say nothing."""

    code = "offer_refused"
    status = 400


class OfferOver(DomainError):
    """An ended offer cannot be changed."""

    code = "offer_over"
    message = _("This offer has ended. Create a new one instead.")


class MerchantNotActive(DomainError):
    """The association has not approved the merchant, or has suspended it."""

    code = "merchant_not_active"
    message = _(
        "Your business is not approved yet. You can prepare everything; publishing opens when ERB has approved it."
    )


@dataclass(frozen=True, kw_only=True)
class OfferTerms:
    """Everything an offer version says. Amounts in cents; `weekdays` is a bit mask with Monday = 1."""

    title: str
    kind: str
    starts_on: date
    description: str = ""
    percent: int | None = None
    amount_cents: int | None = None
    cap_cents: int | None = None
    gift: str = ""
    min_spend_cents: int = 0
    weekdays: int = 127
    from_time: time | None = None
    until_time: time | None = None
    ends_on: date | None = None
    per_person_limit: int | None = None
    period: str = Period.EVER
    stock: int | None = None
    offline: str = OfflinePolicy.ONLINE
    window_days: int | None = None
    combine: str = Combine.ANY
    excluded: list[list[str]] = field(default_factory=list)
    first_visit: bool = False
    companies: list[int] = field(default_factory=list)
    sites: list[int] = field(default_factory=list)
    sizes: list[str] = field(default_factory=list)
    contract: str = Contract.ANY

    def check(self) -> None:
        """Raise `OfferRefused` on the field at fault."""
        if self.kind == Kind.PERCENT and not 1 <= (self.percent or 0) <= 100:
            raise OfferRefused(_("Give a percentage between 1 and 100."), field="percent")
        if self.kind == Kind.FIXED and not self.amount_cents:
            raise OfferRefused(_("Give the amount taken off the price."), field="amount_cents")
        if self.kind == Kind.GIFT and not self.gift:
            raise OfferRefused(_("Say what the gift is."), field="gift")
        if self.kind == Kind.FIXED and self.min_spend_cents and self.min_spend_cents < (self.amount_cents or 0):
            raise OfferRefused(_("The minimum purchase is smaller than the discount."), field="min_spend_cents")
        if not 1 <= self.weekdays <= 127:
            raise OfferRefused(_("Choose at least one weekday."), field="days")
        if self.ends_on and self.ends_on < self.starts_on:
            raise OfferRefused(_("The last day lies before the first."), field="ends_on")
        if self.from_time and self.from_time == self.until_time:
            raise OfferRefused(
                _("The hours begin and end at the same time. Leave both empty for the whole day."), field="until_time"
            )
        if self.per_person_limit == 0:
            raise OfferRefused(
                _("A limit of zero uses helps nobody. Leave it empty for no limit."), field="per_person_limit"
            )
        self._check_counting()

    def _check_counting(self) -> None:
        if self.period == Period.ROLLING:
            if not self.per_person_limit or self.per_person_limit > MOST_IN_WINDOW:
                raise OfferRefused(
                    _("Say how many uses fit into these days, between 1 and 100."), field="per_person_limit"
                )
            if not 1 <= (self.window_days or 0) <= LONGEST_WINDOW:
                raise OfferRefused(_("Give a number of days between 1 and 366."), field="window_days")
        elif self.window_days is not None:
            raise OfferRefused(_("Days in a row count only when uses are counted in them."), field="window_days")
        if self.first_visit and (self.per_person_limit, self.period) != (1, Period.EVER):
            raise OfferRefused(_("A first visit happens once: one use per person, in all."), field="per_person_limit")


@transaction.atomic(durable=True)
def save_offer(
    *, actor: User, merchant: Merchant, terms: OfferTerms, at: datetime, offer: Offer | None = None
) -> Offer:
    """Write a new offer as a draft, or give one a new version, in force at once. The same terms again change nothing."""
    require(access.can_manage(actor, merchant))
    terms.check()
    if offer is None:
        offer = Offer.objects.create(merchant=merchant)
        number = 1
    else:
        offer = (
            Offer.objects.select_for_update(of=("self",)).select_related("current").get(pk=offer.pk, merchant=merchant)
        )
        if offer.state == OfferState.ENDED:
            raise OfferOver
        values = asdict(terms)
        if offer.current and all(getattr(offer.current, name) == value for name, value in values.items()):
            return offer
        number = (offer.versions.order_by("-number").values_list("number", flat=True).first() or 0) + 1
    offer.current = OfferVersion.objects.create(offer=offer, number=number, **asdict(terms))
    offer.save(update_fields=["current"])
    audit.record("offer.version", target=offer, at=at, actor=actor, data={"number": number, "title": terms.title})
    return offer


@transaction.atomic(durable=True)
def publish(*, actor: User, offer: Offer, at: datetime) -> None:
    """Show a draft or paused offer to card holders and accept it at the tills."""
    require(access.can_manage(actor, offer.merchant))
    if offer.merchant.status != MerchantStatus.ACTIVE:
        raise MerchantNotActive
    move(offer, OfferState.PUBLISHED, table=TRANSITIONS, at=at, actor=actor, data={"version": offer.current_id})


@transaction.atomic(durable=True)
def pause(*, actor: User, offer: Offer, at: datetime) -> None:
    """Hide a published offer; tills refuse it from the next scan on."""
    require(access.can_manage(actor, offer.merchant))
    move(offer, OfferState.PAUSED, table=TRANSITIONS, at=at, actor=actor)


@transaction.atomic(durable=True)
def end(*, actor: User, offer: Offer, at: datetime) -> None:
    """End an offer for good."""
    require(access.can_manage(actor, offer.merchant))
    move(offer, OfferState.ENDED, table=TRANSITIONS, at=at, actor=actor)
