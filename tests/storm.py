"""Many threads at the same moment, for tests of what has to happen once."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection, connections

from companies.errors import DomainError

THREADS = 16


def storm(*calls: Callable[[], Any], threads: int = THREADS) -> list[Any]:
    """Run the calls in turn on so many threads at once. Answers in the order of the threads; a refusal is its code.

    Anything but a refusal of ours fails the test.
    """
    start, found, broken = threading.Barrier(threads, timeout=60), [None] * threads, list[BaseException]()

    def run(number: int) -> None:
        try:
            connection.ensure_connection()
            start.wait()
            found[number] = calls[number % len(calls)]()
        except DomainError as refusal:
            found[number] = refusal.code
        except BaseException as error:
            broken.append(error)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if broken:
        raise broken[0]
    return found


def meanwhile(call: Callable[[], Any], waiting: Sequence[str] = ("Lock",)) -> threading.Thread:
    """Start a call on a thread of its own and come back when it is done or waits for a lock in the database."""

    def run() -> None:
        try:
            call()
        finally:
            connections.close_all()

    worker = threading.Thread(target=run)
    worker.start()
    watch = connection.copy()
    try:
        while worker.is_alive():
            with watch.cursor() as cursor:
                cursor.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = ANY(%s)",
                    [list(waiting)],
                )
                if cursor.fetchone()[0]:
                    break
            time.sleep(0.005)  # between two looks; nothing depends on its length
    finally:
        watch.close()
    return worker
