"""Our stand-in for api.stripe.com: a small stateful program over real HTTP.

    python -m deploy.standalone.stripe_double --port 12111 --state .standalone/stripe.sqlite3 \\
        --webhook http://127.0.0.1:8000/webhooks/stripe/ --secret whsec_demo [--sepa-delay 8]

Default port 12111. `stripe.StripeClient(key, base_addresses={"api": "http://127.0.0.1:12111"})` talks to it; keys must
start with `sk_test_`. State lives in one SQLite file, so a restart keeps customers, payments, undelivered events and
debits that are still on their way. Nothing of the product imports this package.

- `store`: the file; `cards`: test cards and IBANs; `resources`, `payments`, `checkout`: what the API does
- `server`: routes, errors, Idempotency-Key; `pages`: what a payer sees; `control`: levers for tests and demonstrations
- `webhooks`: signed events, sent again until somebody answers 2xx
"""

DEFAULT_PORT = 12111
