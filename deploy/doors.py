"""The way in: pages by every layer of `MIDDLEWARE`, what a till waits for by the few of `TILL_MIDDLEWARE`.

A till shows a token and no cookie. Sessions, accounts, forms, messages and what else stands before a page have nothing to do for it,
and cost a sixth of a sale.
"""

from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.utils.module_loading import import_string

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]
TILL_DOORS = {"/api/v1/scans/", "/api/v1/redemptions/", "/api/v1/redemptions/sync/"}


class TillHandler(WSGIHandler):
    """Django's handler with the layers of `TILL_MIDDLEWARE`, none of which looks at views, templates or exceptions."""

    def load_middleware(self, is_async: bool = False) -> None:
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        handler = convert_exception_to_response(self._get_response)  # type: ignore[attr-defined]  # the stubs leave it out
        for name in reversed(settings.TILL_MIDDLEWARE):
            handler = convert_exception_to_response(import_string(name)(handler))
        self._middleware_chain = handler


def application(pages: Application) -> Application:
    """Tills without a cookie take the short way, everybody else the whole."""
    tills = TillHandler()

    def enter(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        short = environ["PATH_INFO"] in TILL_DOORS and "HTTP_COOKIE" not in environ
        return (tills if short else pages)(environ, start_response)

    return enter
