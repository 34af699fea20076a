"""Every address and API route, visited as every role and as a stranger."""

import json
import re
from http.cookies import SimpleCookie
from importlib import import_module
from itertools import cycle
from pathlib import Path
from random import Random
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve, reverse

from companies.models import Role
from deploy import http
from tests.access import ROLES, SIGNED_IN, Visit
from tests.factories.companies import CompanyFactory, EmploymentFactory, SiteFactory, member, staff
from tests.garbage import FILES, JSON_BODIES, LISTED, NAMES, RAW, VALUES, forms_of, spoilt, typed

ROOMS = ["companies", "billing", "merchants", "benefit_card", "purchasing", "deploy"]
TABLES = [
    f"tests.{room}.{path.stem}"
    for room in ROOMS
    for path in sorted((Path(__file__).parent / room).glob("access_table*.py"))
]
# django-allauth's own pages are its own matter: they never show a row of ours.
OURS = re.compile(
    "companies:(employee|import|role|account)|merchants:|benefit_card:|till|redemption|scan"
    "|purchasing:(request|approv|budget|level|delegat)|billing"
)
FOREIGN_NAMESPACES = ("account_", "mfa_", "usersessions_", "socialaccount_")


def visits():
    for table in TABLES:
        yield from import_module(table).VISITS


def addresses(patterns=None, namespace=""):
    """The name of every address of the project; an address without a name is reported by its pattern."""
    for pattern in patterns if patterns is not None else get_resolver().url_patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from addresses(pattern.url_patterns, inner)
        elif isinstance(pattern, URLPattern):
            yield f"{namespace}{pattern.name or pattern.pattern}"


class Browser(Client):
    """A client that is remembered by its role."""

    role = ""


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    """One company with every role, another company whose only person holds every role, and rows of each room.

    Made once for all visits, each of which is rolled back: making it takes a hundred times longer than one visit.
    """
    with django_db_blocker.unblock():
        frame = transaction.atomic()
        frame._from_testcase = True  # as Django's TestCase does: the services insist on the outermost transaction
        with frame:
            yield _world()
            transaction.set_rollback(True)


def _world():
    w = SimpleNamespace(company=CompanyFactory(name="Own"), foreign_company=CompanyFactory(name="Foreign"))
    SiteFactory(company=w.company)
    w.users = {role.value: member(w.company, role) for role in Role}
    w.users["staff"] = staff()
    w.users["foreign"] = member(w.foreign_company, *Role)
    w.employment = EmploymentFactory(company=w.company)
    w.users["employee"] = member(CompanyFactory())  # no role anywhere
    w.employment.person.user = w.users["employee"]
    w.employment.person.save()
    w.users["merchant"] = member(CompanyFactory())
    w.till_token = ""
    for table in TABLES:
        if hasattr(import_module(table), "prepare"):
            import_module(table).prepare(w)
    w.cookies = {role: signed_in(w.users[role]) for role in ROLES if role not in {"stranger", "till"}}
    return w


def signed_in(user):
    """The cookies of somebody who signed in, with a second factor."""
    client = Client()
    client.force_login(user)
    session = client.session
    session["account_authentication_methods"] = [{"method": "mfa", "type": "totp", "at": 0, "reauthenticated": False}]
    session["demo_second_factor"] = True
    session.save()
    return client.cookies


def browser(w, role):
    """A browser of its own for each visit: what one visit leaves in it, the next one must not find."""
    headers = {"authorization": f"Till {w.till_token}"} if role == "till" and w.till_token else None
    client = Browser(raise_request_exception=False, headers=headers)
    client.cookies = SimpleCookie({name: cookie.value for name, cookie in w.cookies.get(role, {}).items()})
    client.role = role
    return client


def answer(client, visit: Visit, w):
    address = reverse(visit.name, kwargs=visit.args(w))
    if visit.method == "get":
        return client.get(address)
    if address.startswith("/api/"):
        return getattr(client, visit.method)(address, visit.data(w), content_type="application/json")
    return getattr(client, visit.method)(address, visit.data(w))


def sent_to_sign_in(response):
    return response.status_code == 302 and urlsplit(response.headers["Location"]).path.startswith("/accounts/")


def wrong(response, role, visit: Visit):
    """What is wrong with an answer, in words; empty when it is right."""
    status = response.status_code
    refused = status in {401, 403, 404} or sent_to_sign_in(response)
    if status >= 500:
        return f"{role} broke {visit.name}: {status}"
    if role in visit.allowed:
        return f"{role} was refused at {visit.name}: {status}" if refused else ""
    if not refused:
        return f"{role} got into {visit.name}: {status}"
    if role == "foreign" and "company" in str(visit.name) and status not in {403, 404}:
        return f"foreign learned that {visit.name} exists: {status}"
    return ""


@pytest.fixture
def _bare_refusals(monkeypatch):
    """A refusal is its status here: drawing its page, the same at every address, took a third of all visits."""
    monkeypatch.setattr(http, "refusal", lambda request, *, status, sentence: HttpResponse(sentence, status=status))


@pytest.mark.django_db
class TestAccess:
    @pytest.mark.usefixtures("_bare_refusals")
    @pytest.mark.parametrize("visit", list(visits()), ids=lambda visit: f"{visit.method} {visit.name}")
    def test_opens_an_address_to_the_roles_it_is_for_and_to_no_other(self, visit, world):
        mistakes = []
        for role in ROLES:
            before = transaction.savepoint()  # not `atomic`: the services insist on the outermost transaction
            response = answer(browser(world, role), visit, world)
            if mistake := wrong(response, role, visit):
                mistakes.append(mistake)
            transaction.savepoint_rollback(before)
        assert not mistakes

    @pytest.mark.parametrize("role", ROLES)
    def test_draws_the_page_of_a_refusal_for_everybody(self, role, world):
        response = browser(world, role).get("/nowhere/")
        assert response.status_code == 404 and "<h1" in response.content.decode()

    def test_lists_every_address_of_the_project(self):
        listed = {visit.name for visit in visits()}
        missing = [name for name in addresses() if name not in listed and not name.startswith(FOREIGN_NAMESPACES)]
        assert not missing

    def test_knows_only_roles_that_exist(self):
        assert all(visit.allowed <= set(ROLES) for visit in visits())
        assert set(ROLES) > SIGNED_IN


def doors(method):
    """Each address of ours once, with the first of its readers."""
    readers, seen = ["till", "hr", "approver", "merchant", "employee", "accountant", "staff"], set()
    for visit in visits():
        role = next((role for role in readers if role in visit.allowed), None)
        if role and visit.method == method and OURS.match(visit.name) and visit.name not in seen:
            seen.add(visit.name)
            yield role, visit


def broken(send, *what, **more):
    """Whether the server answered with an error of its own; nothing that was sent stays."""
    before = transaction.savepoint()
    status = send(*what, **more).status_code
    transaction.savepoint_rollback(before)
    return status >= 500


@pytest.mark.django_db
@pytest.mark.usefixtures("_bare_refusals")
class TestGarbage:
    def test_is_refused_by_every_form(self, world):
        """Threat: stored XSS, image bomb, malicious CSV; a million signs, NUL, foreign ids, numbers and files of all kinds."""
        found, chance, files = [], Random(4), cycle(FILES.items())
        for role, visit in doors("post"):
            address = reverse(visit.name, kwargs=visit.args(world))
            if address.startswith("/api/") or visit.name.startswith("billing:"):  # money has its own, below
                continue
            bodies = [typed(chance), dict.fromkeys(RAW, "9" * 5_000)]
            name, content = next(files)
            bodies.append({key: SimpleUploadedFile(name, content) for key in ("file", "picture")} | {"full": "no"})
            for body in bodies:
                if broken(browser(world, role).post, address, body):
                    found += [f"{role} {visit.name}"]
        assert not found

    def test_is_refused_by_every_form_of_money(self, world):
        """Each form as it stands on its page, with rows of its own in its names: spoilt whole, and field by field."""
        found, chance, seen = [], Random(7), set()
        for role, visit in doors("get"):
            if not visit.name.startswith("billing:"):
                continue
            address = reverse(visit.name, kwargs=visit.args(world))
            page = browser(world, role).get(address)
            if not page.headers["Content-Type"].startswith("text/html"):
                continue
            for target, fields in forms_of(page.content.decode(), address):
                if (
                    not fields
                    or (known := (target, *fields)) in seen
                    or not resolve(target).view_name.startswith("billing:")
                ):
                    continue
                seen.add(known)
                send = browser(world, role).post
                found += [
                    f"{role} {target} {str(body)[:300]}"
                    for body in spoilt(fields, chance)
                    if broken(send, target, body)
                ]
        assert not found and len(seen) > 20, len(seen)

    @pytest.mark.parametrize("reason", ["\0", "x" * 3 * 10**6], ids=["NUL", "three million signs"])
    def test_is_refused_whole_when_it_cannot_be_kept(self, world, reason):
        for name, role in (("benefit_card:issue", "hr"), ("merchants:shop_close", "merchant")):
            visit = next(one for one in visits() if one.name == name)
            answer = browser(world, role).post(reverse(name, kwargs=visit.args(world)), {"reason": reason})
            assert answer.status_code == 400

    def test_is_refused_by_every_api(self, world):
        found, chance = [], Random(5)
        for role, visit in (door for method in ("post", "put", "patch") for door in doors(method)):
            address = reverse(visit.name, kwargs=visit.args(world))
            if not address.startswith("/api/"):
                continue
            mixed = [{name: chance.choice(VALUES) for name in NAMES} for _round in range(2)]
            for body in [*JSON_BODIES, *map(json.dumps, mixed), *map(json.dumps, map(typed, [chance] * 2))]:
                send = getattr(browser(world, role), visit.method)
                if broken(send, address, body, content_type="application/json"):
                    found += [f"{role} {visit.name} {body[:60]}"]
        assert not found

    def test_is_refused_by_every_list(self, world):
        found, chance = [], Random(6)
        for role, visit in doors("get"):
            query = {name: text[:60] for name, text in typed(chance).items() if name in LISTED}
            address = reverse(visit.name, kwargs=visit.args(world))
            if broken(browser(world, role).get, address, query):
                found += [f"{role} {visit.name} {query}"]
        assert not found
