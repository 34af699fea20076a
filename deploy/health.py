"""`GET /healthz`: whether database, broker, worker and migrations are as they should be."""

from collections.abc import Callable
from datetime import timedelta

from django.contrib.auth.decorators import login_not_required
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils import timezone

from benefit_card.services import lists, partitions
from companies.models import Heartbeat
from deploy.celery import app

WORKER_SILENCE = timedelta(seconds=90)
LIST_AGE = timedelta(minutes=20)  # the signer makes one every five minutes


def _database() -> str:
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def _broker() -> str:
    with app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, timeout=2)
    return "ok"


def _worker() -> str:
    beat = Heartbeat.objects.filter(name="worker").first()
    if beat is None:
        return "no sign of life yet"
    return "ok" if beat.at > timezone.now() - WORKER_SILENCE else f"silent since {beat.at:%Y-%m-%d %H:%M:%S} UTC"


def _migrations() -> str:
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return "ok" if not missing else f"{len(missing)} not applied"


def _months() -> str:
    missing = partitions.missing(at=timezone.now())
    return "ok" if not missing else f"no table for the redemptions of {missing[0]:%Y-%m}"


def _signing() -> str:
    issued = lists.issued_at()
    if issued is None:
        return "no list of blocked cards yet"
    return (
        "ok" if issued > timezone.now() - LIST_AGE else f"no list of blocked cards since {issued:%Y-%m-%d %H:%M:%S} UTC"
    )


CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "broker": _broker,
    "worker": _worker,
    "signing": _signing,
    "migrations": _migrations,
    "months": _months,
}


@login_not_required
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when every check is ok, else 503 with what is wrong."""
    results = {}
    for name, check in CHECKS.items():
        try:
            results[name] = check()
        except Exception as error:
            results[name] = type(error).__name__
    healthy = all(result == "ok" for result in results.values())
    response = JsonResponse(
        {"status": "ok" if healthy else "failing", "checks": results}, status=200 if healthy else 503
    )
    response._has_been_logged = True  # type: ignore[attr-defined] # asked every few seconds: the answer is the report
    return response
