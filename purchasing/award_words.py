"""A study in words: who wins what, what it saves, and for every losing quote a sentence with its numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from companies.models import Company
from companies.templatetags.ui import euros, percent
from purchasing import losing_words
from purchasing.award_case import Options
from purchasing.models import AwardMeasure, AwardStudy, Pool, PoolLine, PoolTogether, Quote, QuoteLine, Supplier
from purchasing.selectors import companies_in, current_quotes, may_see_total, pool_lines
from purchasing.states import AwardState, StudyState


@dataclass(slots=True)
class Loser:
    supplier: str
    sentence: str


@dataclass(slots=True)
class Won:
    """One line of the combination, and why each other quote for it lost."""

    line: PoolLine
    offer: QuoteLine
    supplier: str
    units: int
    surplus: int
    goods_cents: int
    losers: list[Loser] = field(default_factory=list)


@dataclass(slots=True)
class Part:
    """What one supplier delivers and costs."""

    supplier: str
    lines: int
    goods_cents: int
    freight_cents: int

    @property
    def total_cents(self) -> int:
        return self.goods_cents + self.freight_cents


@dataclass(slots=True)
class Saving:
    """An easier way to choose, what it would cost, and what the combination saves against it."""

    title: str
    cents: int | None
    saves_cents: int | None
    note: str = ""


@dataclass(slots=True)
class Together:
    """All together would pay more than everybody alone. `rows` (company, alone, more) only for who may see members (I13)."""

    excess_cents: int
    count: int
    total_cents: int
    proven: bool
    rows: list[tuple[str, int, int]]
    leaving: list[str]
    at: datetime | None = None  # computed from the commitments of then; None: from the needs, with the award


@dataclass(slots=True)
class Shown:
    study: AwardStudy
    won: list[Won]
    parts: list[Part]
    savings: list[Saving]
    unused: list[Loser]
    open_lines: list[PoolLine]
    reason: str = ""
    together: Together | None = None


def sure(study: AwardStudy) -> str:
    """How sure a study is, in the three words of the design: proven, within x %, best found."""
    if study.state == StudyState.WITHIN and study.gap_bp is not None:
        return _("Within %(gap)s of the cheapest") % {"gap": percent(study.gap_bp)}
    return str(study.get_state_display())


def assumptions(options: Options, names: Mapping[int, str]) -> str:
    """What a study assumes, in one line."""
    words = []
    if options.exclude:
        who = ", ".join(names.get(pk, "?") for pk in options.exclude)
        words.append(_("without %(who)s") % {"who": who})
    if options.max_suppliers:
        n = options.max_suppliers
        words.append(ngettext("one supplier at most", "%(n)d suppliers at most", n) % {"n": n})
    if options.local_percent:
        where = f" ({options.local_postcode}…)" if options.local_postcode else ""
        words.append(
            _("local suppliers%(where)s preferred up to %(n)d %%") % {"where": where, "n": options.local_percent}
        )
    return " · ".join(words) or _("All quotes, no assumption")


def supplier_names(study: AwardStudy) -> dict[int, str]:
    asked = study.tender.invitations.values("supplier")
    return dict(Supplier.objects.filter(pk__in=asked).values_list("pk", "name"))


def show(study: AwardStudy, *, companies_shown: bool, members_shown: bool = False) -> Shown:
    """The words of a finished study. `companies_shown`: whether the total of the companies alone may be told (I13).

    `members_shown`: whether the reader sees which company needs how much.
    """
    quotes = {quote.pk: quote for quote in current_quotes(study.tender)}
    lines = {line.pk: line for line in pool_lines(study.tender.pool)}
    open_lines = [lines[pk] for pk in study.result.get("open_lines", ()) if pk in lines]
    shown = Shown(study, [], [], [], [], open_lines, _impossible(study, lines))
    if not study.has_award:
        return shown
    names = _names(study, quotes)
    offers = {offer.pk: offer for quote in quotes.values() for offer in quote.lines.all()}
    missing = set(study.offers) - set(offers)
    if missing:  # a newer version has replaced a quote since
        replaced = QuoteLine.objects.filter(pk__in=missing).select_related("quote__invitation__supplier")
        offers |= {offer.pk: offer for offer in replaced}
    suppliers = _supplier_of(study)
    counts: dict[int, int] = {}
    for row in study.result["lines"]:
        offer = offers[study.offers[row["offer"]]]
        line = lines.get(offer.pool_line_id)
        who = suppliers[row["offer"]]
        counts[who] = counts.get(who, 0) + 1
        if line is not None:
            won = Won(line, offer, names[who], row["units"], row["surplus"], row["goods_cents"])
            shown.won.append(won)
    _tell_losers(study, shown, offers, suppliers, names, quotes)
    for part in study.result["suppliers"]:
        who = part["supplier"]
        shown.parts.append(Part(names[who], counts.get(who, 0), part["goods_cents"], part["freight_cents"]))
    shown.unused = _without_award(study, names, quotes)
    shown.savings = _savings(study, names, companies_shown)
    if companies_shown:
        shown.together = _together(study, members_shown)
    return shown


def _together(study: AwardStudy, members_shown: bool) -> Together | None:
    found = study.result.get("together")
    if not found:
        return None
    names, rows, leaving = {}, [], []
    if members_shown:
        names = dict(Company.objects.filter(pk__in=study.result["alone"]["companies"]).values_list("pk", "name"))
        prices = study.result["alone"]["companies"]
        rows = [(names[int(pk)], prices[pk], more) for pk, more in found["over"].items() if int(pk) in names]
        rows.sort(key=lambda row: (-row[2], row[0]))
        leaving = sorted(names[pk] for pk in found["alone"] if pk in names)
    count = len(found["over"])
    return Together(found["excess_cents"], count, found["total_cents"], found["proven"], rows, leaving)


def together_for(company: Company, pool: Pool) -> Together | None:
    """What is known of the pool's commitments, before these of its award, with the reader's own company alone (I13).

    None where the promise can be kept, where the award is not the computed one, or where few companies take part.
    """
    if pool.fairness != Pool.Fairness.STAND_ALONE_CAP:
        return None
    if (row := PoolTogether.objects.filter(pool=pool).first()) is not None:
        return together_now(row, own=company)
    awarded = AwardMeasure.objects.filter(award__tender__pool=pool, award__state=AwardState.CONFIRMED, follows=True)
    said = awarded.values_list("study__result__together", "study__result__alone__companies").first()
    if not said or not said[0] or not may_see_total(companies_in(pool), staff=False):
        return None
    found, alone = said
    own = found["over"].get(str(company.pk))
    rows = [(company.name, alone[str(company.pk)], own)] if own else []
    return Together(found["excess_cents"], len(found["over"]), found["total_cents"], found["proven"], rows, [])


def together_now(row: PoolTogether, *, own: Company | None = None, members: bool = False) -> Together | None:
    """What the commitments say: `own` sees itself, `members` all companies, others the count; nothing of few (I13)."""
    found = row.found
    if not found or not may_see_total(len(found["prices"]), staff=members):
        return None
    shown = set(found["over"]) if members else {str(own.pk)} & set(found["over"]) if own else set()
    asked = set(found["prices"]) if members else shown
    names = dict(Company.objects.filter(pk__in=asked).values_list("pk", "name"))
    rows = [(names[int(pk)], found["prices"][pk], found["over"][pk]) for pk in shown]
    rows.sort(key=lambda line: (-line[2], line[0]))
    leaving = sorted(names[pk] for pk in found["alone"]) if members else []
    more = (found["total_cents"], found["proven"], rows, leaving, row.at)
    return Together(found["excess_cents"], len(found["over"]), *more)


def _names(study: AwardStudy, quotes: Mapping[int, Quote]) -> list[str]:
    """Supplier names by their index in the instance."""
    ids = [int(row["id"]) for row in study.instance["suppliers"]]
    gone = [pk for pk in ids if pk not in quotes]
    old = Quote.objects.filter(pk__in=gone).select_related("invitation__supplier") if gone else []
    known = {**quotes, **{quote.pk: quote for quote in old}}
    return [known[pk].invitation.supplier.name for pk in ids]


def _supplier_of(study: AwardStudy) -> list[int]:
    """Offer index → supplier index."""
    return [i for i, row in enumerate(study.instance["suppliers"]) for _offer in row["offers"]]


def _tell_losers(
    study: AwardStudy,
    shown: Shown,
    offers: Mapping[int, QuoteLine],
    suppliers: list[int],
    names: list[str],
    quotes: Mapping[int, Quote],
) -> None:
    by_line = {won.line.pk: won for won in shown.won}
    assumed = bool(Options.read(study.options).local_percent)
    for row in study.result["lost"]:
        won = by_line.get(offers[study.offers[row["offer"]]].pool_line_id)
        if won is not None:
            other = names[row["other"]] if row["other"] is not None else ""
            sentence = losing_words.of_line(row, other, assumed=assumed)
            won.losers.append(Loser(names[suppliers[row["offer"]]], sentence))
    for pk, why in study.result.get("out", {}).items():
        offer = offers.get(int(pk))
        if offer is None or offer.pool_line_id not in by_line or offer.quote_id not in quotes:
            continue
        quote, won = quotes[offer.quote_id], by_line[offer.pool_line_id]
        sentence = losing_words.out_of_it(why, offer, quote, won.line.asked_quantity)
        won.losers.append(Loser(quote.invitation.supplier.name, sentence))


def _without_award(study: AwardStudy, names: list[str], quotes: Mapping[int, Quote]) -> list[Loser]:
    """Every supplier that was asked and wins nothing: those whose quote competed, then those without a quote that could."""
    assumed = bool(Options.read(study.options).local_percent)
    told = []
    for row in study.result["unused"]:
        other = names[row["other"]] if row.get("other") is not None else ""
        told.append(Loser(names[row["supplier"]], losing_words.of_supplier(row, other, assumed=assumed)))
    by_invitation = {quote.invitation_id: quote for quote in quotes.values()}
    out: dict[int, list[str]] = {}
    for pk, offered_in in QuoteLine.objects.filter(pk__in=study.result.get("out", {})).values_list("pk", "quote"):
        out.setdefault(offered_in, []).append(study.result["out"][str(pk)])
    competed = Quote.objects.filter(pk__in=[int(row["id"]) for row in study.instance["suppliers"]])
    asked = study.tender.invitations.exclude(pk__in=competed.values("invitation")).select_related("supplier")
    for invitation in asked.order_by("supplier__name"):
        quote = by_invitation.get(invitation.pk)
        why = out.get(quote.pk, []) if quote else []
        told.append(Loser(invitation.supplier.name, losing_words.without_a_chance(invitation, quote, why)))
    return told


def _savings(study: AwardStudy, names: list[str], companies_shown: bool) -> list[Saving]:
    cost, result = study.cost_cents or 0, study.result
    rows = []
    one = result["one_supplier"]
    if one:
        title = _("Everything from one supplier: %(name)s") % {"name": names[one["supplier"]]}
        rows.append(Saving(title, one["cents"], one["cents"] - cost))
    else:
        rows.append(
            Saving(_("Everything from one supplier"), None, None, _("No supplier can deliver everything alone."))
        )
    found = result["line_by_line"]
    title = _("Each line at the lowest unit price")
    if found and found["cents"] is not None:
        rows.append(Saving(title, found["cents"], found["cents"] - cost))
    elif found and found["supplier"] is not None:
        note = _("Not possible: %(name)s’s minimum order is missed by %(amount)s.") % {
            "name": names[found["supplier"]],
            "amount": euros(found["missing_cents"]),
        }
        rows.append(Saving(title, None, None, note))
    else:
        rows.append(Saving(title, None, None, _("Not possible under the rules of the tender.")))
    rows.append(_alone(result["alone"], cost, companies_shown))
    return rows


def _alone(alone: Mapping[str, Any], cost: int, companies_shown: bool) -> Saving:
    title = _("Each company alone, at the same quotes")
    values = alone["companies"].values()
    without = sum(value is None for value in values)
    if not companies_shown:
        return Saving(title, None, None, _("Not shown: with so few companies it would give one away."))
    if without:
        note = ngettext(
            "%(n)d company could not buy its needs alone: minimum orders stand in the way.",
            "%(n)d companies could not buy their needs alone: minimum orders stand in the way.",
            without,
        ) % {"n": without}
        return Saving(title, None, None, note)
    note = _("at least, proven for each") if alone.get("at_least", True) else _("proven for each")
    return Saving(title, alone["total_cents"], alone["total_cents"] - cost, note)


def _impossible(study: AwardStudy, lines: Mapping[int, PoolLine]) -> str:
    """Why there is no combination, said so that one can change it."""
    reason = study.result.get("reason")
    if not reason:
        return ""
    product = reason.get("product")
    line = lines.get(int(product)) if product and str(product).isdecimal() else None
    words = {
        "max_suppliers": _("So few suppliers cannot deliver everything. Allow one more."),
        "minimum_order": _("A supplier would be needed whose minimum order is not reached."),
        "product_max_suppliers": _("A line would have to be split between suppliers."),
        "time": _("No combination was found in the time given. Allow more time."),
        "availability": _("%(line)s: too little is available.") % {"line": line or ""},
        "packs": _("%(line)s: no number of packs fits.") % {"line": line or ""},
    }
    return words.get(reason["code"], _("Only several rules together make it impossible: limits, minimums and packs."))
