"""The terms of an offer, and whether they make sense."""

from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from companies.errors import DomainError
from merchants import pricing
from merchants.models import Combine, Contract, Kind, OfferVersion, OfflinePolicy, Period
from merchants.models.offer import LONGEST_WINDOW, MOST_IN_WINDOW, MOST_SPANS


class OfferRefused(DomainError):
    """The terms of an offer contradict each other or say nothing."""

    code = "offer_refused"
    status = 400


@dataclass(frozen=True, kw_only=True)
class OfferTerms:
    """Everything an offer version says. Amounts in cents; `weekdays` is a bit mask with Monday = 1.

    `hours` are spans of a day, `["11:30", "12:15"]`; none for the whole day; past midnight when the end is the smaller.
    """

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
    hours: list[list[str]] = field(default_factory=list)
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
    picture_id: UUID | None = None

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
        self._check_hours()
        if self.per_person_limit == 0:
            raise OfferRefused(
                _("A limit of zero uses helps nobody. Leave it empty for no limit."), field="per_person_limit"
            )
        if not pricing.ever_open(self):
            raise OfferRefused(
                _("On these days the offer would never hold. Look at weekdays and excluded days."), field="excluded"
            )
        self._check_counting()

    def _check_hours(self) -> None:
        if any(start == end for start, end in self.hours):
            raise OfferRefused(
                _("The hours begin and end at the same time. Leave them empty for the whole day."), field="hours"
            )
        if len(self.hours) > MOST_SPANS:
            raise OfferRefused(_("Give six spans of hours at most."), field="hours")
        if pricing.overlapping(self.hours):
            raise OfferRefused(_("Two of these spans of hours overlap. Make one of them."), field="hours")

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

    def as_version(self, **values: Any) -> OfferVersion:
        """A version that says this; not written."""
        return OfferVersion(**asdict(self), **values)


def terms_of(said: dict[str, Any]) -> OfferTerms:
    """Terms as JSON kept them."""
    values = dict(said)
    for name in ("starts_on", "ends_on"):
        values[name] = values[name] and date.fromisoformat(values[name])
    values["picture_id"] = values["picture_id"] and UUID(values["picture_id"])
    return OfferTerms(**values)
