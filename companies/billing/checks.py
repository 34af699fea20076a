"""What must never be true of a running installation."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


def live_key_in_debug() -> bool:
    """Whether real money could move from a machine that shows its errors to everybody."""
    key = str(settings.STRIPE_API_KEY)
    return bool(settings.DEBUG) and key.startswith(("sk_live_", "rk_live_"))


@register
def stripe_key(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if live_key_in_debug():
        return [Error("A live Stripe key is set while DEBUG is on.", hint="Use a test key.", id="billing.E001")]
    return []
