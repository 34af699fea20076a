"""Pages of API lists."""

from typing import Any

from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request


class Pages(CursorPagination):
    """Cursor pages by primary key, newest first: stable while rows arrive, constant cost at any depth."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    ordering = "-pk"

    def decode_cursor(self, request: Request) -> Any:
        """A cursor stands at a primary key; a forged one is refused before it reaches the database."""
        cursor: Cursor | None = super().decode_cursor(request)
        position = None if cursor is None or cursor.position is None else str(cursor.position)
        if position is not None and not (position.isdecimal() and position.isascii() and len(position) < 20):
            raise NotFound(self.invalid_cursor_message)
        return cursor
