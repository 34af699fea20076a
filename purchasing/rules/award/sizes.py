"""Sizes at which the award is solved in another way. Knows no solver."""

# Below so many columns a problem is solved twice, with and without presolve.
SECOND_SOLVE_COLUMNS = 3_000
# Beyond so many columns whole packs at given tiers take too long for a search over tiers: another process buys them.
BUY_COLUMNS = 10_000
