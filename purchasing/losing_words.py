"""Why a quote lost, in a sentence with its numbers: for one line, for a supplier without any, for one that never competed."""

from collections.abc import Collection, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from companies.templatetags.ui import euros, quantity
from purchasing.award_case import EXCLUDED, EXPIRED, NOT_ENOUGH
from purchasing.comparison import terms_of
from purchasing.models import Quote, QuoteLine, TenderInvitation
from purchasing.rules import packs as packing
from purchasing.states import QuoteState


def out_of_it(why: str, offer: QuoteLine, quote: Quote, wanted: int) -> str:
    """Why an offer does not compete for its line, of which `wanted` units are needed."""
    if why == EXPIRED:
        return _expired(quote)
    if why == EXCLUDED:
        return _("Left out by assumption.")
    if why == NOT_ENOUGH and offer.available is not None:
        terms = terms_of(offer)
        least = packing.round_up(max(wanted, terms.least), terms.pack)
        facts = {"n": quantity(offer.available), "least": quantity(least), "pack": quantity(terms.pack)}
        if least > wanted:
            return _("Only %(n)s available: its packs of %(pack)s and its minimum ask for %(least)s.") % facts
        return _("Only %(n)s available of the %(least)s needed.") % facts
    return _("Does not compete.")


def _expired(quote: Quote) -> str:
    return _("The quote expired on %(day)s.") % {"day": f"{quote.valid_until:%d/%m/%Y}"}


def _in_the_way(row: Mapping[str, Any], other: str) -> str:
    """The rule that stands against it; "" for none that is known."""
    n = row.get("missing_units", 0)
    facts = {
        "missing": euros(row.get("missing_cents", 0)),
        "other": other,
        "n": quantity(n),
        "limit": row.get("limit", 0),
    }
    words = {
        "own_minimum": _("Below its minimum order: with this line alone %(missing)s would be missing."),
        "other_minimum": _("Without this line %(other)s would fall %(missing)s below its minimum order."),
        "own_units": ngettext(
            "Below its minimum quantity: with this line alone %(n)s unit would be missing.",
            "Below its minimum quantity: with this line alone %(n)s units would be missing.",
            n,
        ),
        "other_units": ngettext(
            "Without this line %(other)s would fall %(n)s unit below its minimum quantity.",
            "Without this line %(other)s would fall %(n)s units below its minimum quantity.",
            n,
        ),
        "conflict": _("It may not deliver beside %(other)s."),
        "single_source_group": _("Lines that must stay together are with %(other)s."),
        "not_enough": _("Not enough available to deliver the line whole."),
        "no_packs": _("No number of its packs fits the quantity wanted."),
        "max_suppliers": _limit(facts["limit"]),
    }
    sentence = words.get(row["why"])
    return sentence % facts if sentence else ""


def _limit(limit: object) -> str:
    if not limit:  # written down before the limit was
        return _("It would be one supplier more than allowed.")
    return ngettext(
        "Only one supplier is allowed.",
        "It would be one supplier more than the %(limit)d allowed.",
        int(str(limit)),
    )


def of_line(row: Mapping[str, Any], other: str, *, assumed: bool) -> str:
    """Why an offer lost its line. `assumed`: the award was judged by other prices than the real ones."""
    if row["why"] != "dearer":
        return _in_the_way(row, other) or _("A rule of the tender excludes it.")
    extra, goods, freight = row["extra_cents"], row["goods_cents"], row["freight_cents"]
    if extra <= 0:
        return _no_dearer(extra, assumed)
    facts = {"extra": euros(extra), "goods": euros(abs(goods)), "freight": euros(abs(freight))}
    if freight == 0:
        return _("%(extra)s dearer.") % facts
    if goods >= 0 and freight > 0:
        return _("%(extra)s dearer in all: %(goods)s for the goods and %(freight)s for freight.") % facts
    if goods < 0:
        return _("The goods are %(goods)s cheaper, but freight rises by %(freight)s: %(extra)s dearer in all.") % facts
    return _("Freight falls by %(freight)s, but the goods are %(goods)s dearer: %(extra)s dearer in all.") % facts


def _no_dearer(extra: int, assumed: bool) -> str:
    if extra == 0:
        return _("Costs the same in all; the other one was kept.")
    facts = {"amount": euros(-extra)}
    if assumed:
        return _("Would cost %(amount)s less, but the preference for local suppliers speaks against it.") % facts
    return _("Would cost %(amount)s less: the computation ended before it looked there. Give it more time.") % facts


def of_supplier(row: Mapping[str, Any], other: str, *, assumed: bool) -> str:
    """Why a supplier whose quote competed wins nothing."""
    facts = {
        "lines": row["lines"],
        "cheaper": row["cheaper"],
        "saves": euros(row["saves_cents"]),
        "taken": row["taken"],
        "extra": euros(row["extra_cents"]),
        "freight": euros(row["freight_cents"]),
    }
    if row["cheaper"] == 0:
        first = ngettext(
            "Its one line is not cheaper than the one chosen.",
            "None of its %(lines)d lines is cheaper than the one chosen.",
            row["lines"],
        )
    else:
        first = ngettext(
            "Cheaper on %(cheaper)d of its %(lines)d lines, %(saves)s together.",
            "Cheaper on %(cheaper)d of its %(lines)d lines, %(saves)s together.",
            row["cheaper"],
        )
    return f"{first % facts} {_at_its_best(row, other, facts, assumed)}"


def _at_its_best(row: Mapping[str, Any], other: str, facts: Mapping[str, Any], assumed: bool) -> str:
    if row["why"] != "dearer":
        return _even_at_its_best(row, other) or _in_the_way(row, other) or _("A rule of the tender excludes it.")
    if row["extra_cents"] <= 0:
        return _no_dearer(row["extra_cents"], assumed)
    if row["freight_cents"] > 0 and row["cheaper"]:
        return _("But freight would rise by %(freight)s: at its best, %(extra)s dearer in all.") % facts
    return (
        ngettext(
            "At its best, with %(taken)d of its lines, everything would cost %(extra)s more.",
            "At its best, with %(taken)d of its lines, everything would cost %(extra)s more.",
            row["taken"],
        )
        % facts
    )


def _even_at_its_best(row: Mapping[str, Any], other: str) -> str:
    """The minimums that stand against a whole supplier, its own or another's."""
    n = row.get("missing_units", 0)
    facts = {"missing": euros(row["missing_cents"]), "n": quantity(n), "other": other, "taken": row["taken"]}
    words = {
        "own_minimum": _("Even with all of them %(missing)s would be missing to its minimum order."),
        "own_units": ngettext(
            "Even with all of them %(n)s unit would be missing to its minimum quantity.",
            "Even with all of them %(n)s units would be missing to its minimum quantity.",
            n,
        ),
        "other_minimum": ngettext(
            "If it took %(taken)d line, %(other)s would fall %(missing)s below its minimum order.",
            "If it took %(taken)d lines, %(other)s would fall %(missing)s below its minimum order.",
            row["taken"],
        ),
        "other_units": ngettext(
            "If it took %(taken)d line, %(other)s would fall below its minimum quantity (missing: %(n)s).",
            "If it took %(taken)d lines, %(other)s would fall below its minimum quantity (missing: %(n)s).",
            row["taken"],
        ),
    }
    sentence = words.get(row["why"])
    return sentence % facts if sentence else ""


def without_a_chance(invitation: TenderInvitation, quote: Quote | None, why: Collection[str]) -> str:
    """Why nothing of a supplier that was asked competed: `quote` is the one that counts, `why` its lines are out."""
    if quote is not None:
        if EXPIRED in why:
            return _expired(quote)
        if EXCLUDED in why:
            return _("Left out by assumption.")
        return _("Not one of its lines could be delivered whole.")
    if invitation.state == QuoteState.DECLINED:
        reason = invitation.decline_reason.strip()
        return _("Declined: “%(reason)s”") % {"reason": reason} if reason else _("Declined.")
    if invitation.state == QuoteState.WITHDRAWN:
        return _("Withdrew its quote.")
    if invitation.quotes.filter(submitted_at__isnull=False, late=True).exists():
        return _("Its answer came late and was not accepted.")
    return _("Did not answer.")
