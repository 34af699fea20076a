"""The sheet of a year-end rebate on paper: from the tiers to each company's cents, so that anybody can compute it again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from companies import documents
from companies.billing.seller import seller
from companies.models import Company
from companies.money import unit_price
from companies.templatetags.ui import euros
from purchasing import proof
from purchasing.models import FrameworkAgreement, FrameworkRebate, RebateShare
from purchasing.rules.hints import FEW


@dataclass(frozen=True, slots=True)
class Line:
    """One company's part. `exact` and `of` are empty where they would give another company's figure away (I13)."""

    share: RebateShare
    exact: str
    of: int | None

    @property
    def company(self) -> Company:
        return self.share.company


def lines_of(rebate: FrameworkRebate, company: Company | None = None) -> list[Line]:
    """The parts with the exact share as people check it: all of them, or one company's."""
    parts = list(rebate.shares.select_related("company", "invoice").prefetch_related("notes").order_by("pk"))
    weights = sum(part.weight for part in parts)
    hidden = not weights or (company is not None and few(parts))
    return [
        Line(part, "" if hidden else proof.exact(rebate.whole_cents, part.weight, weights), None if hidden else weights)
        for part in parts
        if company is None or part.company_id == company.pk
    ]


def few(parts: Sequence[RebateShare]) -> bool:
    """Whether so few companies take part that a sum would tell one of them another's figure."""
    return sum(part.weight > 0 for part in parts) <= FEW


def pdf(rebate: FrameworkRebate, company: Company | None, *, at: datetime) -> bytes:
    """The sheet of all companies, for staff, or of one."""
    agreement = rebate.agreement
    found = lines_of(rebate, company)
    open_ = company is None or any(line.of is not None for line in found)
    data = {
        "language": (get_language() or "fr")[:2],
        "title": _("Year-end rebate %(year)s") % {"year": rebate.year},
        "agreement": f"{agreement.number} · {agreement.title} · {agreement.supplier}",
        "company": company.name if company else "",
        "seller": str(seller()["name"]),
        "made": _("Made on %(day)s") % {"day": f"{timezone.localtime(at):%d/%m/%Y %H:%M}"},
        "facts": _facts(rebate) if open_ else [],
        "tiers_title": _("How it is computed"),
        "tiers": [_tier(agreement, *tier) for tier in rebate.tiers],
        "mode": f"{agreement.get_rebate_basis_display()} · {agreement.get_rebate_mode_display()}",
        "how": _(
            "Largest remainder: each exact share is cut to whole cents; the cents left over go one by one to the largest "
            "rests, equal rests to the earliest call-off. The place says in which turn a cent was given."
        ),
        "heads": _heads(),
        "rows": [_row(agreement, line) for line in found],
        "sum_label": _("Total"),
        "sums": [
            _amount(sum(getattr(line.share, name) for line in found))
            for name in ("whole_cents", "before_cents", "net_cents")
        ],
        "documents": _("Documents: %(list)s") % {"list": ", ".join(_documents(found)) or "–"},
    }
    return documents.render_pdf("purchasing/documents/rebate.typ", data)


def _heads() -> list[str]:
    return [
        _("Company"),
        _("Received"),
        _("Claims credited"),
        _("Counted"),
        _("Exact share"),
        _("Place"),
        _("Share of the year"),
        _("Given before"),
        _("Net"),
    ]


def _facts(rebate: FrameworkRebate) -> list[list[str]]:
    facts = [
        [_("Received in the year, credits taken off"), f"{_amount(rebate.value_cents)} · {rebate.volume}"],
        [_("By the tiers"), _amount(rebate.computed_cents)],
        [_("Rebate of the year"), _amount(rebate.whole_cents)],
    ]
    if rebate.sequence > 1:
        facts.append([_("Shared now"), _amount(rebate.amount_cents)])
    if rebate.reason:
        facts.append([_("Reason for another amount"), rebate.reason])
    if rebate.note or rebate.supplier_reference:
        number = rebate.note.number if rebate.note else rebate.supplier_reference
        facts.append([_("Credit note of the supplier"), number])
    return facts


def _tier(agreement: FrameworkAgreement, start: int, rate_bp: int | None, per_unit_e4: int | None) -> list[str]:
    on_value = agreement.rebate_basis == FrameworkAgreement.Basis.VALUE
    from_ = _amount(start) if on_value else str(start)
    per_unit = unit_price(per_unit_e4 or 0).replace(".", ",") + " €"
    rate = f"{(rate_bp or 0) / 100:g} %".replace(".", ",")
    return [_("from %(from)s on") % {"from": from_}, per_unit if rate_bp is None else rate]


def _row(agreement: FrameworkAgreement, line: Line) -> list[str]:
    share = line.share
    gross = _amount(share.value_cents + share.credited_cents)
    on_value = agreement.rebate_basis == FrameworkAgreement.Basis.VALUE
    weight = _amount(share.weight) if on_value else str(share.weight)
    if line.of is not None:
        weight += " / " + (_amount(line.of) if on_value else str(line.of))
    return [
        share.company.name,
        f"{gross} · {share.units}",
        _amount(-share.credited_cents) if share.credited_cents else "–",
        weight,
        line.exact or "–",
        str(share.rank or "–"),
        _amount(share.whole_cents),
        _amount(share.before_cents),
        _amount(share.net_cents),
    ]


def _documents(found: Sequence[Line]) -> list[str]:
    numbers = [note.number for line in found for note in line.share.notes.all()]
    return numbers + [line.share.invoice.number for line in found if line.share.invoice]


def _amount(cents: int) -> str:
    return euros(cents)
