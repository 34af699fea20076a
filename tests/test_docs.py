"""Documentation that is checked: what the code reads, offers and says is written down."""

import ast
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import get_commands
from django.urls import reverse

from companies.errors import DomainError
from deploy import api_docs
from deploy.celery import app as celery

ROOT = Path(settings.BASE_DIR)
ROOMS = ["companies", "merchants", "benefit_card", "purchasing", "deploy"]
RUNBOOK = (ROOT / "deploy/runbook.md").read_text()
README = (ROOT / "README.md").read_text()
READ = re.compile(
    r"""(?:\benv(?:\.\w+)?\(|_secret\(|os\.environ(?:\.get|\.setdefault)?[(\[])\s*["']([A-Z][A-Z0-9_]+)["']"""
)
OF_THE_PLATFORM = {"DJANGO_SETTINGS_MODULE", "PATH", "PYTHONPATH", "PYTEST_XDIST_WORKER"}
TOP_LEVEL = {
    *("pyproject.toml", "uv.lock", "manage.py", "Makefile", "README.md", "LICENSE", "CONTRIBUTING.md", "CHANGELOG.md"),
    *("purchasing", "benefit_card", "merchants", "companies", "tests", "deploy"),
    *("package.json", "package-lock.json"),  # the browser's files, locked
}


def sources():
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def variables():
    files = [*sources(), ROOT / "tests/conftest.py"]
    found = {name for path in files for name in READ.findall(path.read_text())}
    return sorted(found - OF_THE_PLATFORM)


def named(name, text):
    """Whether a text names something as code, alone or with arguments or neighbours."""
    return re.search(rf"`(?:[^`\n]*[ ,])?{re.escape(name)}(?:[ ,][^`\n]*)?`", text) is not None


def our_modules():
    for room in ROOMS:
        yield room
        for module in walk_packages([str(ROOT / room)], f"{room}."):
            if ".management" not in module.name and "__main__" not in module.name and ".migrations." not in module.name:
                yield module.name


def kinds(kind):
    yield kind
    for child in kind.__subclasses__():
        yield from kinds(child)


class TestTheRunbook:
    @pytest.mark.parametrize("name", variables())
    def test_explains_every_variable_of_the_environment(self, name):
        assert named(name, RUNBOOK), f"{name} is read from the environment: add it to deploy/runbook.md"

    def test_explains_no_variable_that_nothing_reads(self):
        table = RUNBOOK.partition("## Environment")[2].partition("\n## ")[0]
        names = {
            name for row in re.findall(r"^\| (`[^|]+) \|", table, re.M) for name in re.findall(r"`([A-Z_]+)`", row)
        }
        everything = "".join(path.read_text() for path in [*sources(), ROOT / "tests/conftest.py"])
        assert {name for name in names if f'"{name}"' not in everything} == set()

    @pytest.mark.parametrize(
        "name", sorted(name for name, owner in get_commands().items() if str(owner).partition(".")[0] in ROOMS)
    )
    def test_explains_every_command(self, name):
        assert named(name, RUNBOOK), f"manage.py {name} is missing from deploy/runbook.md"

    @pytest.mark.parametrize("name", ["demo", "serve", "test", "lint", "bench"])
    def test_or_the_readme_explains_every_target_of_make(self, name):
        assert re.search(rf"^{name}:", (ROOT / "Makefile").read_text(), re.M)
        assert f"make {name}" in RUNBOOK + README

    def test_explains_every_background_task(self):
        celery.loader.import_default_modules()
        ours = {name for name in celery.tasks if name.partition(".")[0] in {*ROOMS, "billing"}}
        assert ours and {name for name in ours if not named(name, RUNBOOK)} == set()

    def test_says_what_runs_when(self):
        scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
        assert {name for name in scheduled if not named(name, RUNBOOK)} == set()


class TestTheReadme:
    @pytest.mark.parametrize(
        "room", sorted(config.name for config in apps.get_app_configs() if config.name.partition(".")[0] in ROOMS)
    )
    def test_shows_every_room(self, room):
        assert f"`{room.replace('.', '/')}/`" in README

    @pytest.mark.parametrize("text", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "deploy/runbook.md"])
    def test_and_the_other_documents_link_to_what_exists(self, text):
        links = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", (ROOT / text).read_text())
        assert [link for link in links if not ((ROOT / text).parent / link).exists()] == []


class TestTheTopLevel:
    def test_holds_only_what_the_house_lists(self):
        done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip("not a git checkout")
        names = {line.partition("/")[0] for line in done.stdout.splitlines()}
        assert {name for name in names if not name.startswith(".")} <= TOP_LEVEL


class TestTheListOfErrorCodes:
    def test_has_every_code_that_a_program_may_meet(self):
        """Asked of a fresh process: there only what the addresses import is known."""
        script = "import django; django.setup(); import deploy.urls; from deploy.api_docs import error_codes\n"
        script += "from django.urls import get_resolver; get_resolver().url_patterns; print(*[row[0] for row in error_codes()])"
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, env=self.environment(), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        for name in our_modules():
            import_module(name)
        ours = {kind.code for kind in kinds(DomainError) if kind.__module__.partition(".")[0] in ROOMS}
        assert ours - set(done.stdout.split()) == set()

    @staticmethod
    def environment():
        import os

        return os.environ | {"DJANGO_SETTINGS_MODULE": "deploy.settings"}

    def test_has_the_codes_of_answers_that_no_class_of_ours_makes(self):
        listed = {row[0] for row in api_docs.error_codes()}
        assert self.written_out() - listed == set()

    @staticmethod
    def written_out():
        """Codes given as words to the functions that make problem answers."""
        found = set()
        for path in sources():
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Call):
                    continue
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name in {"problem", "json_problem", "AuthenticationFailed"}:
                    found |= {
                        k.value.value for k in node.keywords if k.arg == "code" and isinstance(k.value, ast.Constant)
                    }
                if name == "_error" and len(node.args) > 2 and isinstance(node.args[2], ast.Constant):
                    found.add(node.args[2].value)
        return found

    def test_gives_each_code_a_stable_form_and_a_sentence(self):
        for code, status, sentence in api_docs.error_codes():
            assert re.fullmatch(r"[a-z][a-z0-9_]*", code) and 400 <= status < 600 and sentence

    @pytest.mark.django_db
    def test_stands_on_a_page_that_needs_no_sign_in(self, client):
        page = client.get(reverse("api_docs")).content.decode()
        assert all(f'id="{code}"' in page for code, _status, _sentence in api_docs.error_codes())


@pytest.mark.django_db
def test_the_reference_is_a_page_in_the_readers_language_with_parameters_set_as_code(client):
    page = client.get("/api/v1/docs/", headers={"Accept-Language": "en"}).content.decode()
    assert '<html lang="fr">' in page and "<code>?current=1</code>" in page and "`" not in page.split("<h2>")[1]
