"""Everything the product needs to run on one machine with no server installed."""
