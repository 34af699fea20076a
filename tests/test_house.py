"""The habits of the house that a machine can check."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from companies import money
from purchasing.rules.landed import half_up

ROOT = Path(settings.BASE_DIR)
ROOMS = ["companies", "merchants", "benefit_card", "purchasing", "deploy"]
MOST_LINES = 450
DRAWERS = {"core", "common", "shared", "helpers", "utils"}
INLINE = {
    "a script with a body": re.compile(r"<script\b(?![^>]*\bsrc=)(?![^>]*application/(?:ld\+)?json)[^>]*>\s*\S", re.I),
    "a style element": re.compile(r"<style\b", re.I),
    "a style attribute": re.compile(r"<[a-z][^>{%]*\sstyle\s*=", re.I),
    "an event attribute": re.compile(r"<[a-z][^>]*\son[a-z]+\s*=", re.I),
    "a javascript address": re.compile(r"""=\s*["']?\s*javascript:""", re.I),
}


def program(*words, **environment):
    given = {
        key: value for key, value in os.environ.items() if key != "DJANGO_ALLOW_ASYNC_UNSAFE"
    }  # the browser tests'
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=given | environment, capture_output=True, text=True, check=False
    )


def files(ending, *, tests=False):
    """Our files of a kind, without migrations."""
    for room in [*ROOMS, *(["tests"] if tests else [])]:
        for path in sorted((ROOT / room).rglob(f"*.{ending}")):
            if "migrations" not in path.parts:
                yield path


def pages():
    return list(files("html"))


def utc_days(text):
    """The places where a day is taken from a moment as it is stored, in UTC: between midnight and two it is yesterday."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "date":
            of = node.func.value
            name = of.id if isinstance(of, ast.Name) else of.attr if isinstance(of, ast.Attribute) else ""
            if not node.args and (name in ("at", "now") or name.endswith(("_at", "deadline"))):
                yield node.lineno
            if isinstance(of, ast.BinOp | ast.BoolOp):
                yield node.lineno
        if isinstance(node, ast.FormattedValue) and node.format_spec is not None:
            form = ast.unparse(node.format_spec)  # a mark with its seconds may be in UTC, a day or a month may not
            if isinstance(node.value, ast.Name) and node.value.id == "at" and "%m" in form and "%S" not in form:
                yield node.lineno


class TestDays:
    def test_are_those_of_paris(self):
        found = [f"{path.relative_to(ROOT)}:{line}" for path in files("py") for line in utc_days(path.read_text())]
        assert found == []

    @pytest.mark.parametrize(
        "text", ["at.date()", "row.sent_at.date()", "(at - DAY).date()", "(last or now()).date()", "f'{at:%Y-%m}'"]
    )
    def test_check_finds_each_of_them(self, text):
        assert list(utc_days(text)) == [1]
        assert list(utc_days("timezone.localdate(at), at.astimezone(PARIS).date()")) == []


class TestImports:
    def test_point_down(self):
        done = program("-c", "from importlinter.cli import lint_imports_command as lint; lint()")
        assert done.returncode == 0, done.stdout

    def test_keep_the_rules_pure(self):
        """Pure: no Django beyond translated words, no database, no clock."""
        pure = [*(ROOT / "purchasing/rules").glob("*.py"), ROOT / "benefit_card/credential.py"]
        impure = re.compile(
            r"^\s*(?:from|import) (?:django|rest_framework|celery|stripe|psycopg)|\.now\(\)|time\.time\(", re.M
        )
        assert [path.name for path in pure if impure.search(path.read_text())] == []


class TestAFile:
    @pytest.mark.parametrize("ending", ["py", "js", "html", "css"])
    def test_is_short_enough_to_be_read_at_once(self, ending):
        long = {
            str(path.relative_to(ROOT)): count
            for path in files(ending)
            if (count := len(path.read_text().splitlines())) > MOST_LINES
        }
        assert long == {}

    def test_has_a_name_that_says_what_it_holds(self):
        names = {path.stem for path in files("py", tests=True)} | {path.parent.name for path in files("py", tests=True)}
        assert names & DRAWERS == set()

    def test_names_no_second_edition(self):
        assert [
            path.name for path in files("py", tests=True) if re.search(r"\D2\.py$|_new\.py$|_old\.py$", path.name)
        ] == []

    def test_names_no_place_of_one_machine(self):
        places = re.compile(r"/(?:home|Users|work)/\w")
        found = [
            str(path)
            for kind in ("py", "html", "js", "md")
            for path in files(kind, tests=True)
            if places.search(path.read_text())
        ]
        assert [name for name in found if not name.endswith("test_house.py")] == []


class TestATemplate:
    @pytest.mark.parametrize("what", INLINE)
    def test_carries_nothing_that_the_content_security_policy_forbids(self, what):
        assert [str(path.relative_to(ROOT)) for path in pages() if INLINE[what].search(path.read_text())] == []

    @pytest.mark.parametrize(
        "text",
        [
            "<script>alert(1)</script>",
            "<style>p{}</style>",
            '<p class="a" style="x">',
            '<a onclick="x">',
            '<a href="javascript:x">',
        ],
    )
    def test_check_finds_each_of_them(self, text):
        assert any(pattern.search(text) for pattern in INLINE.values())


class TestEverySentence:
    def test_has_french(self, capsys):
        try:
            call_command("translations", check=True)
        except SystemExit:
            pytest.fail(capsys.readouterr().out)


class TestTheModels:
    @pytest.mark.django_db
    def test_have_all_their_migrations(self):
        call_command("makemigrations", check=True, dry_run=True, verbosity=0)


class TestTheSettings:
    def test_are_fit_for_a_production_server(self):
        done = program(
            *("manage.py", "check", "--deploy", "--fail-level", "WARNING"),
            PUBLIC_URL="https://erb.example",
            SECRET_KEY="y7" * 30 + "unlikely to be guessed",
        )
        assert done.returncode == 0, done.stderr

    @pytest.mark.parametrize("missing", ["SECRET_KEY", "STRIPE_WEBHOOK_SECRET"])
    def test_refuse_to_start_a_production_server_without_a_secret(self, missing):
        given = {"DATABASE_URL": "postgresql://a@127.0.0.1/a", "BROKER_URL": "redis://127.0.0.1/0"}
        given |= {"SECRET_KEY": "x" * 60, "STRIPE_WEBHOOK_SECRET": "whsec"}
        environment = {key: value for key, value in (os.environ | given).items() if key != missing}
        done = subprocess.run(
            [sys.executable, "-c", "import deploy.settings"], cwd=ROOT, env=environment, capture_output=True, text=True
        )
        assert done.returncode != 0 and missing in done.stderr

    def test_refuse_a_rule_for_goods_that_nobody_knows(self):
        done = program("-c", "import deploy.settings", GOODS_RELEASE="sometimes")
        assert done.returncode != 0 and "GOODS_RELEASE" in done.stderr and "paid" in done.stderr


class TestRounding:
    @pytest.mark.parametrize("cents", [*range(-120, 121), 10**12 + 50])
    def test_of_the_rules_is_that_of_money(self, cents):
        assert half_up(cents, 100) == money.divide(cents, 100)
