"""When all together cost more than everybody alone: who orders together, and who better orders alone.

The participation problem: min cost − Σ s_j b_j, where b_j says whether member j takes part, the demand of a product is that
of the members that do, and s_j is what j pays alone. Nobody taking part is worth 0, so the total, the cost of those who take
part plus the price alone of the others, never exceeds Σ s_j. Costs come from the exact evaluator.
"""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from purchasing.rules.award import highs
from purchasing.rules.award.evaluate import Evaluation, evaluate
from purchasing.rules.award.instance import Instance, dump
from purchasing.rules.award.model import Model, build
from purchasing.rules.award.sizes import SECOND_SOLVE_COLUMNS

logger = logging.getLogger(__name__)
GRACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Member:
    """What a member needs (product index → units) and pays alone, as the instance counts money; None: it cannot buy alone."""

    needs: Mapping[int, int]
    alone: int | None


@dataclass(frozen=True, slots=True)
class Participation:
    """`together` are the indices of those who order together for `cost`; all pay `total`, the others alone.

    `proven`: no other choice of members and packs makes the total smaller.
    """

    together: tuple[int, ...]
    packs: Mapping[int, int]
    cost: int
    total: int
    proven: bool


def participate(
    instance: Instance, members: Sequence[Member], *, known: Mapping[int, int] | None = None, seconds: float = 20.0
) -> Participation | None:
    """The cheapest total found in about `seconds`, over everybody in (`known` packs), nobody in, and the solver's answers.

    None when some member cannot buy alone and no award for all is known or found.
    """
    wide = widened(instance)
    choices: list[tuple[tuple[int, ...], Mapping[int, int]]] = [((), {})]
    everybody = tuple(range(len(members)))
    if known:
        choices.append((everybody, known))
    proofs: list[tuple[int, float]] = []
    for presolve in ("choose", "off") if _small(wide, members) else ("choose",):
        said = _ask(wide, members, presolve, seconds)
        if said is None:
            continue
        together = tuple(sorted(int(j) for j in said.get("members", ())))
        choices.append((together, {int(o): n for o, n in said.get("packs", {}).items()}))
        if said.get("end") == highs.OPTIMAL and said.get("bound") is not None:
            proofs.append((len(choices) - 1, said["bound"]))
    found = [_judged(wide, members, together, packs) for together, packs in choices]
    legal = [row for row in found if row is not None]
    if not legal:
        return None
    best = min(legal, key=lambda row: (row.total, -len(row.together)))
    whole = sum(member.alone or 0 for member in members)
    agreed = proofs and all(best.total - whole - bound < instance.scale for _n, bound in proofs)
    tried = 2 if _small(wide, members) else 1
    return replace(best, proven=bool(agreed) and len(proofs) == tried)


def widened(instance: Instance) -> Instance:
    """With room for the pack that fewer members would leave open."""
    packs = [[offer.pack for offer in row] for row in instance.by_product()]
    products = tuple(
        replace(p, max_surplus=max(p.max_surplus, max(row, default=1) - 1))
        for p, row in zip(instance.products, packs, strict=True)
    )
    return replace(instance, products=products)


def with_members(instance: Instance, members: Sequence[Member]) -> tuple[Model, list[int]]:
    """The award's model with a column for each member; the demand is that of those who take part."""
    model = build(instance)
    columns = [model.column(1, -(member.alone or 0)) for member in members]
    bought: list[dict[int, int]] = [{} for _ in instance.products]
    for (offer, _tier), column in model.x.items():
        bought[instance.offers[offer].product][column] = instance.offers[offer].pack
    for k, product in enumerate(instance.products):
        row = model.demand[k]
        model.row_lower[row] = 0  # the demand of all no longer binds
        wanted = {column: -m.needs[k] for column, m in zip(columns, members, strict=True) if m.needs.get(k)}
        model.row({**bought[k], **wanted}, lower=0, upper=product.max_surplus)
    for column, member in zip(columns, members, strict=True):
        if member.alone is None:
            model.row({column: 1}, lower=1)
    return model, columns


def reduced_to(instance: Instance, members: Sequence[Member], together: Sequence[int]) -> Instance:
    """The award of those who take part."""
    wanted = [sum(members[j].needs.get(k, 0) for j in together) for k in range(len(instance.products))]
    products = tuple(replace(p, demand=n) for p, n in zip(instance.products, wanted, strict=True))
    return replace(instance, products=products)


def _judged(
    instance: Instance, members: Sequence[Member], together: tuple[int, ...], packs: Mapping[int, int]
) -> Participation | None:
    """An answer, priced exactly; None when it breaks a rule or leaves out who cannot buy alone."""
    out = [member.alone for j, member in enumerate(members) if j not in together]
    if any(alone is None for alone in out):
        return None
    found = evaluate(reduced_to(instance, members, together), packs)
    if not isinstance(found, Evaluation):
        if together:
            logger.info("participation: an answer breaks %s and is not used", found.rule)
        return None if together else Participation((), {}, 0, sum(a or 0 for a in out), False)
    total = found.cost_cents + sum(alone or 0 for alone in out)
    return Participation(together, {o: n for o, n in packs.items() if n}, found.cost_cents, total, False)


def _small(instance: Instance, members: Sequence[Member]) -> bool:
    return len(build(instance).cost) + len(members) < SECOND_SOLVE_COLUMNS


def _ask(instance: Instance, members: Sequence[Member], presolve: str, seconds: float) -> dict[str, Any] | None:
    """One run of the solver in a process of its own; None when it gave no answer."""
    task = {
        "instance": dump(instance),
        "members": [{"needs": {str(k): n for k, n in m.needs.items()}, "alone": m.alone} for m in members],
        "options": {**highs.options(presolve, seconds), "mip_abs_gap": 0.5 * instance.scale},
        "memory_bytes": highs.MEMORY_BYTES,
        "start": {},
    }
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "purchasing.rules.award.worker"],
            input=json.dumps(task) + "\n",
            capture_output=True,
            text=True,
            cwd=highs.ROOT,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            timeout=seconds + GRACE_SECONDS,
            check=False,
        )
        return dict(json.loads(ended.stdout.splitlines()[-1]))
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError) as error:
        logger.warning("participation: no answer: %s", error)
        return None
