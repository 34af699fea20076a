"""The Stripe double and tasks that run where they are queued, as in the room below."""

from tests.billing.conftest import at_once, double  # noqa: F401  # fixtures are found by name
