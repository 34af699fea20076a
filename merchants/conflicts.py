"""What an owner should know before an offer is published: how it meets the merchant's other offers, shops and tills.

Nothing here refuses anything: two offers at the same time may be exactly what an owner wants. Pure but for the words.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from companies.templatetags.ui import euros
from merchants.models import Combine, Contract, Kind, OfferVersion, OfflinePolicy
from merchants.opening import Hours
from merchants.pricing import ALL_DAY, discount

PRICES = (500, 1_000, 2_000, 5_000, 8_000, 10_000, 20_000, 50_000)
LARGE = 40  # per cent off by two offers together that few owners mean
_DAY, _WEEK = 1_440, 10_080


@dataclass(frozen=True)
class Notice:
    """One sentence; `warning` when it is probably not meant so."""

    sentence: str
    warning: bool = False


def notices(version: OfferVersion, others: Iterable[OfferVersion], hours: Sequence[Hours] = ()) -> list[Notice]:
    """Everything an owner should read about a version beside the merchant's other running offers, gravest first."""
    found = []
    if hours and all(hours) and not _meets_hours(version, hours):
        found.append(Notice(_("Your shops are closed at the hours of this offer: nobody can use it."), warning=True))
    apart = []
    for other in others:
        if _same_people(version, other) and _same_dates(version, other) and _overlap(_weekly(version), _weekly(other)):
            between = _between(version, other)
            found += between
            if not between and not _combine(version, other):
                apart.append(_("“%(title)s”") % {"title": other.title})
    if apart:
        sentence = _("Who uses this offer cannot use %(titles)s on the same day, nor the other way round.")
        found.append(Notice(sentence % {"titles": ", ".join(apart)}))
    if version.offline != OfflinePolicy.ONLINE and (blind := _unseen(version)):
        found.append(
            Notice(
                _("Without network a till cannot check: %(rules)s. What was given too much is honoured and stands on your statement.")
                % {"rules": ", ".join(blind)}
            )
        )  # fmt: skip
    return sorted(found, key=lambda notice: not notice.warning)


def _between(version: OfferVersion, other: OfferVersion) -> list[Notice]:
    title = {"title": other.title}
    if _says_the_same(version, other):
        return [
            Notice(_("“%(title)s” gives the same at the same hours. Pause one of the two, or change it.") % title, True)
        ]
    together = _combine(version, other)
    if not together:
        if _always_better(other, version):
            return [
                Notice(
                    _("“%(title)s” always gives at least as much and cannot be combined with this offer: nobody will choose this one.")
                    % title, True,
                )
            ]  # fmt: skip
        return [
            Notice(_("Who uses this offer cannot use “%(title)s” on the same day, nor the other way round.") % title)
        ]
    if Kind.GIFT in (version.kind, other.kind):
        return []
    gross = max(8_000, version.min_spend_cents, other.min_spend_cents)
    first = gross - _off(version, gross)
    pay = first - _off(other, first)
    words = title | {"price": euros(gross), "pay": euros(pay)}
    sentence = _("Who uses this offer and “%(title)s” one after the other pays %(pay)s on %(price)s.") % words
    if (gross - pay) * 100 >= gross * LARGE:
        sentence += " " + _("If that is too much, let one of them be used with no other offer.")
        return [Notice(sentence, True)]
    return [Notice(sentence)]


def _off(version: OfferVersion, gross: int) -> int:
    return discount(
        kind=version.kind, percent=version.percent, amount_cents=version.amount_cents, cap_cents=version.cap_cents,
        min_spend_cents=version.min_spend_cents, gross_cents=gross,
    )  # fmt: skip


def _says_the_same(one: OfferVersion, other: OfferVersion) -> bool:
    names = ("kind", "percent", "amount_cents", "cap_cents", "gift", "min_spend_cents")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _combine(one: OfferVersion, other: OfferVersion) -> bool:
    modes = {one.combine, other.combine}
    if Combine.ALONE in modes:
        return False
    return all(
        mine.combine != Combine.GIFTS or theirs.kind == Kind.GIFT for mine, theirs in ((one, other), (other, one))
    )


def _always_better(one: OfferVersion, other: OfferVersion) -> bool:
    """Whether the first gives as much whenever the second holds, to everybody and as often as they like."""
    if (
        Kind.GIFT in (one.kind, other.kind)
        or one.per_person_limit
        or one.stock is not None
        or one.restricted
        or one.excluded
    ):
        return False
    covers = one.starts_on <= other.starts_on and (one.ends_on is None or (other.ends_on or date.max) <= one.ends_on)
    all_week = all(
        any(start <= begin and end <= finish for start, finish in _weekly(one)) for begin, end in _weekly(other)
    )
    return covers and all_week and all(_off(one, price) >= _off(other, price) for price in PRICES)


def _same_people(one: OfferVersion, other: OfferVersion) -> bool:
    """False when no holder can be meant by both."""
    if {one.contract, other.contract} == {Contract.OPEN, Contract.FIXED}:
        return False
    if one.sizes and other.sizes and not set(one.sizes) & set(other.sizes):
        return False
    both = all(version.companies or version.sites for version in (one, other))
    apart = not set(one.companies) & set(other.companies) and not set(one.sites) & set(other.sites)
    return not (both and apart and not any(one.sites + other.sites))


def _same_dates(one: OfferVersion, other: OfferVersion) -> bool:
    return one.starts_on <= (other.ends_on or date.max) and other.starts_on <= (one.ends_on or date.max)


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _weekly(version: OfferVersion) -> list[tuple[int, int]]:
    """The minutes of a week, from Monday midnight, in which an offer holds; a night of Sunday runs into Monday."""
    spans = []
    for first, last in version.hours or ALL_DAY:
        start, end = _minutes(first), _minutes(last)
        end += _DAY if end <= start else 0
        for bit in range(7):
            if version.weekdays >> bit & 1:
                begin, finish = bit * _DAY + start, bit * _DAY + end
                spans.append((begin, min(finish, _WEEK)))
                if finish > _WEEK:
                    spans.append((0, finish - _WEEK))
    return spans


def _overlap(one: Iterable[tuple[int, int]], other: Sequence[tuple[int, int]]) -> bool:
    return any(begin < finish and start < end for begin, end in one for start, finish in other)


def _meets_hours(version: OfferVersion, hours: Sequence[Hours]) -> bool:
    spans = [
        tuple((int(day) - 1) * _DAY + _minutes(clock) for clock in pair)
        for week in hours
        for day, pairs in week.items()
        for pair in pairs
    ]
    return _overlap(_weekly(version), [(span[0], span[1]) for span in spans])


def _unseen(version: OfferVersion) -> list[str]:
    """Rules that only the server can judge, in words."""
    found = []
    if version.per_person_limit or version.stock is not None:
        found.append(_("uses at other tills"))
    if version.restricted:
        found.append(_("employer and contract"))
    if version.first_visit:
        found.append(_("earlier visits"))
    if version.combine != Combine.ANY:
        found.append(_("other offers of the day"))
    return found
