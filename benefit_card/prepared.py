"""A cursor whose statements PostgreSQL plans once for each connection, and not at every scan.

For the one long statement a till waits for: planning it takes three times as long as running it. Django writes values into the
text of a statement, so that it is another one each time; here they stay parameters, and psycopg prepares the statement
when it is first used on a connection. A pooler between Django and PostgreSQL has to keep prepared statements
(PgBouncer from 1.21 does); Django's own pool does.
"""

from django.db import connection
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.backends.utils import CursorWrapper


def cursor() -> CursorWrapper:
    """A cursor on the current connection and in its transaction. Use it as a context manager.

    `None` needs a cast in the statement: PostgreSQL has to know the type of each parameter beforehand.
    """
    if connection.queries_logged:  # whoever reads the statements wants them with their values
        return connection.cursor()
    connection.ensure_connection()
    raw = connection.connection
    raw.prepare_threshold = 0  # cursors that write values into the text never prepare, whatever stands here
    made = ServerBindingCursor(raw)  # type: ignore[call-arg]  # the stubs do not know psycopg's constructor
    wrapped: CursorWrapper = connection._prepare_cursor(made)  # type: ignore[attr-defined]  # counts and translates errors
    return wrapped
