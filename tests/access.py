"""The contract of the access tables: every room lists its addresses, `test_access.py` visits each as every role.

A room's `tests/<room>/access_table.py` holds `VISITS` and, when its visits need rows, `prepare(w)` which adds them to the
world `w` (attributes: company, foreign_company, users by role in `w.users`, and whatever prepare sets).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

ROLES = [
    "stranger",
    "buyer",
    "approver",
    "hr",
    "accountant",
    "admin",
    "staff",
    "employee",
    "merchant",
    "foreign",
    "till",
]
COMPANY_ROLES = {"buyer", "approver", "hr", "accountant", "admin"}
SIGNED_IN = set(ROLES) - {"stranger", "till"}
EVERYBODY = set(ROLES)


@dataclass(frozen=True)
class Visit:
    """One address, the roles it answers, and how to build it.

    Everybody else gets 404 or 403; a stranger is sent to sign in (pages) or gets 401/403 (API); `foreign`, who holds every
    role in another company, gets exactly 404 unless allowed.
    """

    name: str
    allowed: set[str] = field(default_factory=set)
    args: Callable[[Any], dict[str, Any]] = lambda w: {}
    method: str = "get"
    data: Callable[[Any], dict[str, Any]] = lambda w: {}
