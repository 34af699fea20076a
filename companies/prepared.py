"""What a till asks at every scan, made ready once: by PostgreSQL for each connection, by Django for each process.

For the long statement a till waits for: planning it takes three times as long as running it. Django writes values into the
text of a statement, so that it is another one each time; here they stay parameters, and psycopg prepares the statement
when it is first used on a connection. A pooler between Django and PostgreSQL has to keep prepared statements
(PgBouncer from 1.21 does); Django's own pool does.
"""

from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.backends.utils import CursorWrapper
from django.db.models import Model, QuerySet
from django.db.models.query import get_related_populators

Row = TypeVar("Row", bound=Model)


def cursor() -> CursorWrapper:
    """A cursor on the current connection and in its transaction. Use it as a context manager.

    `None` needs a cast in the statement: PostgreSQL has to know the type of each parameter beforehand.
    """
    if connection.queries_logged:  # whoever reads the statements wants them with their values
        return connection.cursor()
    connection.close_if_health_check_failed()  # as every cursor of Django does first
    connection.ensure_connection()
    raw = connection.connection
    raw.prepare_threshold = 0  # cursors that write values into the text never prepare, whatever stands here
    made = ServerBindingCursor(raw)  # type: ignore[call-arg]  # the stubs do not know psycopg's constructor
    wrapped: CursorWrapper = connection._prepare_cursor(made)  # type: ignore[attr-defined]  # counts and translates errors
    return wrapped


class Found(Generic[Row]):
    """The row that a queryset with one open value finds, with what it selects beside it; None when there is none.

    Django turns a queryset into SQL each time it is asked, which takes longer than PostgreSQL does to answer. Here that is done once:
    `queryset` holds `OPEN` where the value goes.
    """

    OPEN = "\u241f open \u241f"

    def __init__(self, queryset: QuerySet[Row]) -> None:
        compiler = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
        self.sql, self.parameters = compiler.as_sql()
        if list(self.parameters).count(self.OPEN) != 1:
            raise ValueError("exactly one value has to be open")
        info: Any = compiler.klass_info
        self.first, last = info["select_fields"][0], info["select_fields"][-1]
        self.model: type[Row] = info["model"]
        self.names = [column[0].target.attname for column in compiler.select[self.first : last + 1]]
        self.related = get_related_populators(info, compiler.select, DEFAULT_DB_ALIAS)  # type: ignore[call-arg]  # stubs of a later Django
        self.annotations = dict(compiler.annotation_col_map or {})
        self.converters = compiler.get_converters([column[0] for column in compiler.select])

    def of(self, value: str) -> Row | None:
        with cursor() as opened:
            opened.execute(self.sql, [value if given == self.OPEN else given for given in self.parameters])
            row = opened.fetchone()
        if row is None:
            return None
        values = list(row)
        for place, (converters, expression) in self.converters.items():
            for convert in converters:
                values[place] = convert(values[place], expression, connection)
        found = self.model.from_db(DEFAULT_DB_ALIAS, self.names, values[self.first : self.first + len(self.names)])
        for populator in self.related:
            populator.populate(values, found)
        for name, place in self.annotations.items():
            setattr(found, name, values[place])
        return found
