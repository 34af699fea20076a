"""One way through every state machine: a table of allowed moves and a guarded update."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.errors import DomainError
from companies.models import Company, User

Transitions = Mapping[Any, frozenset[Any]]


class StateRefused(DomainError):
    """The row is not in a state from which this move is allowed."""

    code = "state_refused"
    message = _("This is no longer possible: the state is now “%(state)s”. Reload the page to see what changed.")


def move(
    row: models.Model,
    to: str,
    *,
    table: Transitions,
    at: datetime,
    actor: User | None,
    reason: str = "",
    actor_label: str = "",
    company: Company | None = None,
    field: str = "state",
    data: dict[str, Any] | None = None,
    **changes: Any,
) -> None:
    """Move a row to another state, exactly once, with its audit entry. Call it inside the service's transaction.

    The update only matches a row that is still in the state the caller saw, so of two concurrent moves one wins and the
    other raises `StateRefused`. `changes` are other fields set by the same update.
    """
    was = getattr(row, field)
    if to not in table.get(was, frozenset()):
        raise StateRefused(state=_state_label(row, field, was))
    manager = type(row)._default_manager
    if manager.filter(pk=row.pk, **{field: was}).update(**{field: to}, **changes) != 1:
        current = manager.filter(pk=row.pk).values_list(field, flat=True).first()
        raise StateRefused(state=_state_label(row, field, current or was))
    setattr(row, field, to)
    for name, value in changes.items():
        setattr(row, name, value)
    audit.record(
        f"{row._meta.model_name}.{to}",
        target=row,
        at=at,
        actor=actor,
        actor_label=actor_label,
        company=company,
        reason=reason,
        data={"from": str(was), **(data or {})},
    )


def _state_label(row: models.Model, field: str, value: str) -> str:
    choices: dict[Any, Any] = dict(row._meta.get_field(field).flatchoices)  # type: ignore[union-attr]  # a state always is a field with choices
    return str(choices.get(value, value))
