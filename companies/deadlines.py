"""A limit for the whole of a call to another machine: whoever answers byte by byte holds nobody.

Libraries limit each step alone, and an answer has as many steps as it likes. Here the connections of a call are cut when its
time is over, and what was being read ends with `TimeoutError`. Whatever the library, it only has to show its connections.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from contextvars import ContextVar


class Deadline:
    """The time of one call, and the connections it uses."""

    def __init__(self, seconds: float) -> None:
        self.late, self._lock, self._held = threading.Event(), threading.Lock(), list[socket.socket]()
        self._clock = threading.Timer(seconds, self._cut)
        self._clock.daemon = True
        self._clock.start()

    def holds(self, connection: socket.socket) -> None:
        """Cut this connection too when the time is over. A second handle, so that TLS may be put around it meanwhile."""
        if (number := connection.fileno()) < 0:
            return
        with self._lock:
            self._held.append(socket.socket(fileno=os.dup(number)))
        if self.late.is_set():
            self._cut()

    def _cut(self) -> None:
        self.late.set()
        with self._lock:
            for handle in self._held:
                with contextlib.suppress(OSError):  # it has ended just now
                    handle.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        self._clock.cancel()
        with self._lock:
            for handle in self._held:
                handle.close()
            self._held.clear()


_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


@contextlib.contextmanager
def within(seconds: float) -> Iterator[Deadline]:
    """Whatever is read in here ends after so many seconds, with `TimeoutError`; a limit inside another one is part of it."""
    if (around := _current.get()) is not None:
        yield around
        return
    deadline = Deadline(seconds)
    token = _current.set(deadline)
    try:
        yield deadline
    except Exception as error:
        if deadline.late.is_set():
            raise TimeoutError("the answer took too long") from error
        raise
    finally:
        _current.reset(token)
        deadline.end()
    if deadline.late.is_set():  # cut off in the middle of a body, which then seems to end
        raise TimeoutError("the answer took too long")


def hold(connection: socket.socket | None) -> None:
    """Show a connection to the limit that is running, if any."""
    if connection is not None and (deadline := _current.get()) is not None:
        deadline.holds(connection)
