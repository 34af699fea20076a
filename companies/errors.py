"""Refusals that people and programs can read."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _


class DomainError(Exception):
    """A rule of the house said no. Nothing was changed.

    Subclasses stand beside the function that raises them and set a stable `code`, a translated `message` that says what
    to do next (with %(name)s placeholders filled from `params`) and the HTTP `status` of the answer. `field` names the
    input at fault, when there is one.
    """

    code: ClassVar[str] = "refused"
    message: Any = _("This is not possible.")
    status: ClassVar[int] = 409

    def __init__(self, message: Any = None, *, field: str = "", **params: Any) -> None:
        self.params: Mapping[str, Any] = params
        self.field = field or getattr(type(self), "field", "")
        if message is not None:
            self.message = message
        super().__init__(self.code)

    @property
    def sentence(self) -> str:
        """The message in the reader's language."""
        text = str(self.message)
        return text % self.params if self.params else text

    def __str__(self) -> str:
        return self.sentence


class NotAllowed(DomainError):
    """The actor may not do this."""

    code = "not_allowed"
    message = _("You are not allowed to do this. Ask an administrator of your company for the role it needs.")
    status = 403


class Invalid(DomainError):
    """An input is not what it should be."""

    code = "invalid"
    message = _("This value is not valid.")
    status = 400
