"""Pages of API lists."""

from rest_framework.pagination import CursorPagination


class Pages(CursorPagination):
    """Cursor pages by primary key, newest first: stable while rows arrive, constant cost at any depth."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    ordering = "-pk"
