"""Who delivers what, at the lowest total cost: quantity tiers, packs, minimums, freight, limits.

`parse` checks an instance, `evaluate` prices any award exactly, `solve` finds the cheapest one and says what is proven.
The mathematics is in `model.py`; the displayed cost always comes from `evaluate.py`, never from the solver.
"""

from purchasing.rules.award.evaluate import Evaluation, Violation, evaluate
from purchasing.rules.award.instance import Instance, Offer, Product, Scheme, Supplier, parse
from purchasing.rules.award.solve import Result, Watch, solve

__all__ = [
    "Evaluation",
    "Instance",
    "Offer",
    "Product",
    "Result",
    "Scheme",
    "Supplier",
    "Violation",
    "Watch",
    "evaluate",
    "parse",
    "solve",
]
