"""What `manage.py check --database default`, and so `migrate`, warns of."""

from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import OperationalError, ProgrammingError

from benefit_card.services import partitions


@register(Tags.database)
def redemptions_lie_in_their_month(app_configs: Any, databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Redemptions that came in a month without a table."""
    try:
        rows = partitions.outside() if databases else 0
    except (OperationalError, ProgrammingError):  # no database, or one that is not migrated yet
        return []
    hint = "See the runbook, \u201cRedemptions by month\u201d."
    return [Warning(f"{rows} redemptions lie in no month's table.", hint=hint, id="benefit_card.W001")] if rows else []
