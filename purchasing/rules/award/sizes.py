"""Sizes at which the award is solved in another way. Knows no solver."""

# Beyond so many columns whole packs at given tiers take too long for a search over tiers: another process buys them.
BUY_COLUMNS = 10_000
