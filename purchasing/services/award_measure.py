"""People decide: what their decision costs beside the computed award, and accepting the computed one."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone

from purchasing import award_case
from purchasing.award_case import Options
from purchasing.comparison import landed_line
from purchasing.models import Award, AwardLine, AwardMeasure, AwardStudy, QuoteLine, Tender
from purchasing.rules.award import parse


@dataclass(frozen=True, slots=True)
class Proposal:
    """The combination of a study, as the decision wants it: pool line → quote line, and volumes beyond the need."""

    choices: dict[int, int]
    quantities: dict[int, int]


def proposal(study: AwardStudy) -> Proposal:
    """What accepting a study awards. A volume is only given where tolerance was used to buy more than the packs need."""
    chosen: dict[int, int] = {}
    quantities: dict[int, int] = {}
    instance = parse(study.instance)
    rows = {row["offer"]: row for row in study.result.get("lines", ())}
    offers = QuoteLine.objects.filter(pk__in=[study.offers[o] for o in rows]).prefetch_related("tiers")
    by_pk = {offer.pk: offer for offer in offers}
    for index, row in rows.items():
        offer = by_pk[study.offers[index]]
        wanted = instance.products[instance.offers[index].product].demand
        chosen[offer.pool_line_id] = offer.pk
        if row["units"] > landed_line(offer, wanted).ordered:
            quantities[offer.pool_line_id] = row["units"]
    return Proposal(chosen, quantities)


def is_current(study: AwardStudy) -> bool:
    """Whether the tender still has the lines and quotes the study was computed from."""
    now = award_case.build(study.tender, Options.read(study.options), on=timezone.localdate())
    return now.fingerprint == study.fingerprint


def yardstick(tender: Tender) -> AwardStudy | None:
    """The cheapest computed award without assumptions from today's quotes; the newest of equals."""
    found = [
        study
        for study in tender.studies.filter(state__in=["proven", "within", "best_found"]).order_by("-pk")
        if Options.read(study.options).is_plain
    ]
    if not found:
        return None
    today = award_case.build(tender, Options(), on=timezone.localdate()).fingerprint
    current = [study for study in found if study.fingerprint == today and study.cost_cents is not None]
    return min(current, key=lambda study: (study.cost_cents, -study.pk), default=None)


def measure(award: Award, lines: Sequence[AwardLine]) -> AwardMeasure | None:
    """Keep what an award costs more than the computed one. Call it in the transaction that makes the award."""
    study = yardstick(award.tender)
    if study is None:
        return None
    best = proposal(study)
    chosen = {line.pool_line_id: line.quote_line_id for line in lines}
    comparable = set(chosen) == set(best.choices)
    extra = award.value_cents - (study.cost_cents or 0) if comparable else None
    return AwardMeasure.objects.create(award=award, study=study, extra_cents=extra, follows=chosen == best.choices)
