"""The buying centre: requests, pools, tenders, awards, commitments, orders, deliveries and settlement."""
