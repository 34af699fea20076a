"""An offer in words and numbers, the same on every screen."""

from collections.abc import Iterable, Sequence
from datetime import date, time
from typing import Protocol

from babel.dates import format_time, get_day_names
from babel.lists import format_list
from django.utils.translation import get_language, ngettext, pgettext
from django.utils.translation import gettext as _

from companies import audit_words
from companies.models import AuditEntry
from companies.templatetags.ui import day, euros
from merchants.models import Combine, Contract, Kind, OfferVersion, Period
from merchants.pricing import discount

EXAMPLE_CENTS = 8_000
EVERY_DAY = 127


def worth(version: OfferVersion) -> str:
    """The few characters that make somebody look: `−10 %`, `−5,00 €` or the gift."""
    if version.kind == Kind.PERCENT:
        return f"−{version.percent}\u00a0%"
    if version.kind == Kind.FIXED:
        return f"−{euros(version.amount_cents)}"
    return version.gift


def given(version: OfferVersion, discount_cents: int) -> str:
    """What a line of a history says was given: an amount off, or the gift, which takes nothing off the price."""
    return _("Free: %(gift)s") % {"gift": version.gift} if version.kind == Kind.GIFT else str(euros(discount_cents))


def example(version: OfferVersion) -> str:
    """A sum anybody can check: `On 80,00 € you pay 72,00 €`."""
    gross = max(EXAMPLE_CENTS, version.min_spend_cents)
    if version.kind == Kind.GIFT:
        if version.min_spend_cents:
            return _("From %(price)s the customer receives: %(gift)s.") % {
                "price": euros(version.min_spend_cents),
                "gift": version.gift,
            }
        return _("The customer receives: %(gift)s.") % {"gift": version.gift}
    if version.kind == Kind.FIXED and not version.min_spend_cents:
        gross = max(EXAMPLE_CENTS, (version.amount_cents or 0) * 2)
    off = discount(
        kind=version.kind,
        percent=version.percent,
        amount_cents=version.amount_cents,
        cap_cents=version.cap_cents,
        min_spend_cents=version.min_spend_cents,
        gross_cents=gross,
    )
    return _("On %(price)s the customer pays %(pay)s.") % {"price": euros(gross), "pay": euros(gross - off)}


def conditions(version: OfferVersion) -> list[str]:
    """What limits the offer, one short phrase each; empty when nothing does."""
    found = []
    if version.cap_cents is not None:
        found.append(_("%(amount)s off at most") % {"amount": euros(version.cap_cents)})
    if version.min_spend_cents:
        found.append(_("from %(amount)s of purchases") % {"amount": euros(version.min_spend_cents)})
    if when := hours(version):
        found.append(when)
    if version.first_visit:
        found.append(_("first visit only"))
    elif version.per_person_limit:
        found.append(limit(version.per_person_limit, version.period, version.window_days))
    if version.stock is not None:
        found.append(ngettext("%(n)s use in all", "%(n)s uses in all", version.stock) % {"n": version.stock})
    if version.combine != Combine.ANY:
        found.append(
            _("not together with another offer the same day")
            if version.combine == Combine.ALONE
            else _("the same day together with gifts only")
        )
    if version.restricted:
        found.append(audience(version))
    if version.ends_on:
        found.append(_("until %(day)s") % {"day": day(version.ends_on)})
    if version.excluded:
        found.append(_("not on %(days)s") % {"days": ", ".join(_spans(version.excluded))})
    return found


def audience(version: OfferVersion, names: Sequence[str] = ()) -> str:
    """Whom an offer is for; with the names of employers on the owner's own page."""
    parts = []
    if names:
        parts.append(_("for employees of %(names)s") % {"names": ", ".join(names)})
    elif version.companies or version.sites:
        parts.append(_("for employees of certain companies"))
    if version.sizes:
        sizes = ", ".join(size.replace("-", "–") for size in version.sizes)
        parts.append(_("for companies with %(sizes)s employees") % {"sizes": sizes})
    if version.contract != Contract.ANY:
        parts.append(str(Contract(version.contract).label))
    return " · ".join(parts)


def _spans(excluded: Sequence[Sequence[str]]) -> list[str]:
    days = [(date.fromisoformat(first), date.fromisoformat(last)) for first, last in excluded]
    return [
        day(first) if first == last else _("%(first)s to %(last)s") % {"first": day(first), "last": day(last)}
        for first, last in days
    ]


def sums(version: OfferVersion) -> list[tuple[str, str]]:
    """Some prices with what is paid, so that minimum and ceiling show; empty for a gift, which changes no price."""
    if version.kind == Kind.GIFT:
        return []
    least = version.min_spend_cents
    prices = {2_000, EXAMPLE_CENTS, 15_000}
    if least:
        prices |= {least - 100, least} - {0}
    if version.kind == Kind.PERCENT and version.cap_cents:
        prices.add(-(-version.cap_cents * 100 // (version.percent or 1)))
    rows = []
    for gross in sorted(price for price in prices if price > 0)[:5]:
        off = discount(
            kind=version.kind, percent=version.percent, amount_cents=version.amount_cents, cap_cents=version.cap_cents,
            min_spend_cents=least, gross_cents=gross,
        )  # fmt: skip
        rows.append((euros(gross), euros(gross - off)))
    return rows


def limit(uses: int, period: str, window: int | None = None) -> str:
    """`twice a month`, in figures."""
    counted = ngettext("%(n)s use", "%(n)s uses", uses) % {"n": uses}
    if window:
        return ngettext(
            "%(uses)s in any %(days)s day per person", "%(uses)s in any %(days)s days in a row per person", window
        ) % {"uses": counted, "days": window}
    return _("%(uses)s %(period)s per person") % {"uses": counted, "period": str(Period(period).label)}


class Times(Protocol):
    """What is read of an offer to say when it holds."""

    @property
    def weekdays(self) -> int: ...
    @property
    def hours(self) -> Sequence[Sequence[str]]: ...


def hours(version: Times) -> str:
    """Weekdays and hours; empty when the offer holds all week, all day."""
    locale = "fr_FR" if (get_language() or "fr").startswith("fr") else "en_GB"
    parts = []
    if version.weekdays != EVERY_DAY:
        names = get_day_names("wide", locale=locale)
        parts.append(", ".join(names[bit] for bit in range(7) if version.weekdays >> bit & 1))
    if spans := [_span(start, end, locale) for start, end in version.hours]:
        parts.append(format_list(spans, locale=locale))
    return " ".join(parts)


def _span(start: str, end: str, locale: str) -> str:
    if end == "24:00":
        return _("from %(start)s on") % {"start": _time(start, locale)}
    if start == "00:00":
        return _("before %(end)s") % {"end": _time(end, locale)}
    return _("from %(start)s to %(end)s") % {"start": _time(start, locale), "end": _time(end, locale)}


def _time(clock: str, locale: str) -> str:
    value = time.fromisoformat(clock)
    if locale == "fr_FR":
        return f"{value.hour}\u00a0h" + (f"\u00a0{value:%M}" if f"{value:%M}" != "00" else "")
    return str(format_time(value, "HH:mm", locale=locale))


def actions() -> dict[str, str]:
    """What the audit log's actions of this room are called on a page."""
    return {
        "merchant.applied": pgettext("merchant", "Applied"),
        "merchant.active": pgettext("merchant", "Approved"),
        "merchant.suspended": pgettext("merchant", "Suspended"),
        "merchant.refused": pgettext("merchant", "Refused"),
        "merchant.agreed": _("Agreement accepted"),
        "offer.version": _("Terms saved"),
        "offer.draft": _("Terms prepared"),
        "offer.planned": pgettext("offer", "Planned"),
        "offer.plan_dropped": _("Plan dropped"),
        "offer.published": pgettext("offer", "Published"),
        "offer.paused": _("Paused"),
        "offer.ended": pgettext("offer", "Ended"),
    }


def timeline(entries: Iterable[AuditEntry]) -> list[dict[str, object]]:
    """Audit entries as the timeline component wants them, newest first."""
    names = actions()
    return [
        {
            "at": entry.at,
            "words": names.get(entry.action, entry.action),
            "actor_name": str(entry.actor or audit_words.actor(entry.actor_label)),
            "reason": entry.reason,
        }
        for entry in reversed(list(entries))
    ]
