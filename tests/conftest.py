"""What every test shares: compiled translations, a reader of French, a browser that knows where Chromium is."""

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.test import TransactionTestCase
from hypothesis import HealthCheck, settings

from tests.migrated import Migrated

# A loaded machine is slow, not wrong: the clock decides no property.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")
CHROMIUM = (
    os.environ.get("CHROMIUM")
    or shutil.which("chromium")
    or shutil.which("chromium-browser")
    or shutil.which("google-chrome")
)


def pytest_configure(config: pytest.Config) -> None:
    stale = [
        po
        for po in Path(__file__).resolve().parent.parent.glob("*/**/locale/fr/LC_MESSAGES/django.po")
        if not po.with_suffix(".mo").exists() or po.with_suffix(".mo").stat().st_mtime < po.stat().st_mtime
    ]
    if stale and not os.environ.get("PYTEST_XDIST_WORKER"):
        import django

        django.setup()
        call_command("translations", "--compile", verbosity=0)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Benchmarks run only when asked for; browser tests need a Chromium and say so when there is none."""
    selected, deselected = [], []
    for item in items:
        (deselected if "bench" in item.keywords and "bench" not in (config.option.markexpr or "") else selected).append(
            item
        )
        if "browser" in item.keywords and not CHROMIUM:
            item.add_marker(pytest.mark.skip(reason="no Chromium on this machine: install it or set CHROMIUM"))
    if deselected:
        config.hook.pytest_deselected(items=deselected)
        items[:] = selected
    _tell_stories_in_order(items)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """A story split between two workers fails for reasons nobody finds: refuse to begin.

    What was collected stays to the end: a garbage collector that looks through it again and again takes a seventh of all time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    if not session.config.getoption("loadgroup", False):
        return
    lost = [item.nodeid for item in session.items if "@" not in item.nodeid and item.get_closest_marker("xdist_group")]
    if lost:
        raise pytest.UsageError(f"pytest-xdist lost the group of {len(lost)} tests; see pyproject.toml: {lost[0]}")


def _tell_stories_in_order(items: list[pytest.Item]) -> None:
    """Tests run shuffled, but the journeys share one running product, and what one has done the next one finds.

    The longest group begins, and seeds the association that the other groups wait for; meanwhile there is other work.
    """
    places = [place for place, item in enumerate(items) if "journeys" in item.path.parts]
    stories = sorted((items[place] for place in places), key=lambda item: (str(item.path), item.reportinfo()[1] or 0))
    for place, story in zip(places, stories, strict=True):
        items[place] = story
    groups = [item.get_closest_marker("xdist_group") for item in items]
    names = [group.args[0] if group else "" for group in groups]
    first = [item for item, name in zip(items, names, strict=True) if name == "survives"]
    later = [item for item, name in zip(items, names, strict=True) if name not in ("", "survives")]
    alone = [item for item, name in zip(items, names, strict=True) if not name]
    items[:] = [*first, *alone[:MEANWHILE], *later, *alone[MEANWHILE:]]


MEANWHILE = 300  # a minute and a half of two workers
KEPT = {"django_migrations", "django_content_type", "auth_permission"}  # what migrating wrote, the same for every test


def _empty_database(self: TransactionTestCase) -> None:
    """Delete the rows a test left, in the tables that have any.

    Django truncates every table and writes all permissions anew: half a second with 180 tables, five hundred times. Triggers
    rest meanwhile, or append-only tables would keep their rows.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        tables = [quote(name) for (name,) in cursor.fetchall() if name not in KEPT]
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in tables))
        deletes = "; ".join(f"DELETE FROM {name}" for (name,) in cursor.fetchall())
        cursor.execute(f"SET session_replication_role = replica; {deletes}; SET session_replication_role = DEFAULT")


def quote(name: str) -> str:
    return connection.ops.quote_name(name)


@pytest.fixture(scope="session")
def migrated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Migrated | None:
    """How this worker comes to its database; None when it works alone or is told to begin anew."""
    alone = worker_id == "master" or request.config.getvalue("create_db")
    return None if alone else Migrated(tmp_path_factory.getbasetemp().parent)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None, migrated: Migrated | None) -> None:
    if migrated:
        migrated.before(connection.settings_dict["TEST"]["NAME"])


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any, migrated: Migrated | None) -> None:
    if migrated:
        with django_db_blocker.unblock():
            connection.close()
        migrated.after(connection.settings_dict["NAME"])


@pytest.fixture(autouse=True, scope="session")
def _quick_emptying() -> Iterator[None]:
    with patch.object(TransactionTestCase, "_fixture_teardown", _empty_database):
        yield


@pytest.fixture(autouse=True)
def _fresh_cache() -> Iterator[None]:
    """Rate limits, cached answers and keys of cards never leak from one test into the next."""
    from benefit_card.services.keys import remembered

    yield
    cache.clear()
    remembered.forget()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Callable[[Path], Path]:
    """Fills an empty state directory with a small association, seeded once for all workers of the run."""
    from tests.journeys.prepared import copy_to

    here = tmp_path_factory.getbasetemp()
    shared = (here if worker_id == "master" else here.parent) / "prepared"

    def fill(state_dir: Path) -> Path:
        state_dir.mkdir(exist_ok=True)
        copy_to(state_dir, shared)
        return state_dir

    return fill


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Debian's Chromium, quiet and offline."""
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    flags += ["--disable-component-update", "--disable-sync"]
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": flags}
