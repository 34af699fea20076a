"""A till's look-up and redemption: over HTTP through the real server, and the same SQL straight into PostgreSQL."""

import json
import uuid
from collections import Counter
from typing import Any

from tests.bench.book import Book, percentile
from tests.bench.place import Place
from tests.bench.server import Caller, running, together

COUNT = {1: 800, 8: 2_400}  # redemptions by number of clients
LOOKS = 50  # within the limit of a till
RECORDED = 300
ACCEPTS = "INSERT INTO benefit_card_redemptionrequest"


def measure(place: Place, book: Book) -> None:
    _ = place.seed
    _statements(place, book)
    with running("serve", log=place.directory / "serve.log") as (port, _ready):
        looks(place, book, port)
        for clients, count in COUNT.items():
            load(place, port, clients, 100)  # warm
            seconds, latencies = load(place, port, clients, count)
            rate, direct = (
                count / seconds,
                _straight(place, clients),
            )  # one right after the other: the machine's mood is theirs
            name, where = f"redemptions_{clients}_clients", f"{count} sales, 2 web processes × 8 threads, 500 cards"
            book.note("tills", f"{name}_per_second", rate, "1/s", where)
            for part in (50, 95, 99):
                book.note("tills", f"{name}_p{part}", percentile(latencies, part / 100) * 1000, "ms")
            book.note("tills", f"sql_{clients}_clients_per_second", direct, "1/s", "the same SQL by psycopg")
            ratio = f"HTTP ÷ straight SQL, {clients} clients"
            book.note("tills", f"redemption_ratio_{clients}_clients", rate / direct, "", ratio)


def _prepare(place: Place, count: int) -> dict[str, Any]:
    file = place.directory / f"sales-{uuid.uuid4().hex[:8]}.json"
    place.python("manage.py", "bench_redeem", "--count", str(count), "--out", str(file))
    return json.loads(file.read_text())


def load(place: Place, port: int, clients: int, count: int) -> tuple[float, list[float]]:
    sales = _prepare(place, count)
    callers = [Caller(port, sales["headers"]) for _n in range(clients)]
    statuses: Counter[int] = Counter()

    def work(number: int) -> None:
        for body in sales["bodies"][number::clients]:
            statuses[callers[number].post(sales["url"], body)] += 1

    seconds = together([lambda n=n: work(n) for n in range(clients)])
    if statuses != {201: count}:
        raise RuntimeError(f"not every sale was accepted: {dict(statuses)}")
    return seconds, [value for caller in callers for value in caller.seconds]


def looks(place: Place, book: Book, port: int, *, area: str = "tills", name: str = "look_up") -> None:
    sales = _prepare(place, LOOKS)
    caller = Caller(port, sales["headers"])
    for body in sales["bodies"]:
        if (status := caller.post("/api/v1/scans/", {"code": body["code"]})) != 200:
            raise RuntimeError(f"a look-up was answered {status}")
    for part in (50, 95, 99):
        where = f"{LOOKS}, 1 client; target p95 < 150 ms"
        book.note(area, f"{name}_p{part}", percentile(caller.seconds, part / 100) * 1000, "ms", where)


def _client(sales: dict[str, Any]) -> Any:
    from rest_framework.test import APIClient

    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=sales["headers"]["Authorization"], HTTP_HOST="localhost")
    return client


def _statements(place: Place, book: Book) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    sales = _prepare(place, 2)
    client = _client(sales)
    for warm, body in zip((True, False), sales["bodies"], strict=True):
        with CaptureQueriesContext(connection) as queries:
            client.post("/api/v1/scans/", {"code": body["code"]}, format="json")
            answer = client.post(sales["url"], body, format="json")
        if answer.status_code != 201:
            raise RuntimeError(f"{answer.status_code}: {answer.content!r}")
        if not warm:
            real = [query for query in queries if not query["sql"].startswith(("BEGIN", "COMMIT"))]
            book.note(
                "tills", "statements_look_up_and_redemption", len(real), "SQL", "target ≤ 6, BEGIN and COMMIT apart"
            )


def _straight(place: Place, clients: int) -> float:
    """Redemptions a second when the statements of real ones are sent by psycopg alone, under new ids."""
    import psycopg
    from django.conf import settings
    from django.db import connection

    recorded = _record(_prepare(place, RECORDED))
    database = settings.DATABASES["default"]
    lines = [
        psycopg.connect(dbname=database["NAME"], user=database["USER"], host=database["HOST"], autocommit=True)
        for _n in range(clients)
    ]

    def work(number: int, count: int) -> None:
        line = lines[number]
        for turn in range(count):
            for sql, parameters in recorded[(number + turn * clients) % len(recorded)]:
                if ACCEPTS in sql:
                    line.execute(sql, parameters | {"client_id": uuid.uuid4()}).fetchone()  # a transaction by itself
                else:
                    line.execute(sql, parameters).fetchall()

    share = COUNT[clients] // clients
    together([lambda n=n: work(n, 20) for n in range(clients)])  # warm
    seconds = together([lambda n=n: work(n, share) for n in range(clients)])
    for line in lines:
        line.close()
    connection.close()
    return share * clients / seconds


def _record(sales: dict[str, Any]) -> list[list[tuple[str, Any]]]:
    """The statements and parameters of each of some redemptions, taken while they are really made."""
    from django.db import connection

    client, recorded = _client(sales), []
    for body in sales["bodies"]:
        taken: list[tuple[str, Any]] = []

        def keep(execute: Any, sql: str, parameters: Any, many: bool, context: Any, taken: Any = taken) -> Any:
            taken.append((sql, parameters))
            return execute(sql, parameters, many, context)

        with connection.execute_wrapper(keep):
            answer = client.post(sales["url"], body, format="json")
        if answer.status_code != 201:
            raise RuntimeError(f"{answer.status_code}: {answer.content!r}")
        if all(not sql.startswith("UPDATE") for sql, _parameters in taken):  # the till's sign of life, once a minute
            recorded.append(taken)
    return recorded
