"""The promise "nobody pays more than alone" in words: the same on the pages of a pool, on the proof sheet and on paper."""

from django.utils.translation import gettext as _

from companies.templatetags.ui import euros
from purchasing.models import Pool
from purchasing.savings import Alone


def promise(pool: Pool) -> str:
    """The rule of the pool, for its buyers."""
    if pool.fairness_mix:
        return _(
            "%(percent)s\u00a0%% of what the pool saves is shared in proportion to what each would pay alone, the rest "
            "goes by one price for all; nobody ever pays more than buying alone."
        ) % {"percent": pool.fairness_mix}
    return _(
        "Everybody pays the same pooled price; nobody ever pays more than buying alone, and what this guarantee costs is "
        "carried by the others in proportion to what they save."
    )


def condition() -> str:
    """When no rule can keep the promise (C > Σ s): beside it wherever it is given before the goods have come."""
    return _(
        "One exception: where all companies together pay more than everybody alone would, no way to share exists in which "
        "nobody pays more than alone. Then everybody pays the same pooled price."
    )


def title(found: Alone) -> str:
    """The two numbers, and whether the first is exact."""
    facts = {"alone": amount(found.alone), "pooled": amount(found.pooled)}
    if found.proven is False:
        return _("Alone at least %(alone)s, in the pool %(pooled)s") % facts
    return _("Alone %(alone)s, in the pool %(pooled)s") % facts


def sentences(found: Alone, pool: Pool) -> list[str]:
    """Whether the promise holds, how sure the price alone is, and for which units."""
    said = []
    if found.kept:
        said.append(promise(pool))
    else:
        said.append(
            _(
                "This time all companies together pay more than everybody alone would have: no way to share exists in "
                "which nobody pays more. Everybody pays the same pooled price."
            )
        )
    if found.proven:
        said.append(_("Proven: at these quotes no purchase of your units costs less."))
    elif found.proven is False:
        said.append(_("At least: it is proven that your units would have cost so much or more alone."))
    if found.short:
        said.append(_("Less came than you were granted: both numbers are about the units you received."))
    return said


def amount(cents: int) -> str:
    return euros(cents)
