"""The second main job, killed in the middle of each of its steps that `test_survives` does not kill already."""

import json
import re
import uuid
from datetime import date

import lxml.html
import pytest
import requests

from tests.journeys.killing import (
    ask,
    changed,
    fingerprint,
    held,
    kill_worker,
    killed_half_way,
    manage,
    one,
    stands_still,
    until,
)
from tests.journeys.mails import link_in, mails_to

pytestmark = pytest.mark.xdist_group("survives")
ROOMS = "merchants|benefit_card"
RUN = uuid.uuid4().hex[:4]


class Visitor:
    """Somebody at a browser without JavaScript, or a till's program."""

    def __init__(self, stack, door=""):
        self.stack, self.session = stack, requests.Session()
        if door:
            assert self.session.get(door, timeout=60).status_code == 200

    def post(self, path, data=None, **more):
        token = {"X-CSRFToken": self.session.cookies.get("csrftoken") or ""}
        return self.session.post(self.stack.base + path, data=data, headers=token, timeout=120, **more)

    def filled(self, path, marker, **values):
        """A form of a page as a browser would send it, with some fields filled in."""
        page = lxml.html.fromstring(self.session.get(self.stack.base + path, timeout=60).text)
        form = next(form for form in page.forms if marker in form.fields)
        for name, value in values.items():
            form.fields[name] = value
        return dict(form.form_values()) | {"weekdays": [v for n, v in form.form_values() if n == "weekdays"]}

    def call(self, path, body, headers):
        return self.session.post(self.stack.base + path, json=body, headers=headers, timeout=120)


def once(stack, send, good=200, table="companies_auditentry", writes=True, rooms=ROOMS):
    """Kill a step half-way, then let it be done; its answer. `writes` is false for a step that only sends a mail."""
    before = killed_half_way(stack, send, rooms, table)
    answer = send()
    assert answer.status_code == good, answer.text[:400]
    assert bool(changed(before, fingerprint(stack, rooms))) is writes
    return answer


@pytest.fixture
def owner(survivor):
    found = Visitor(survivor, survivor.door("Merchant"))
    home = found.session.get(f"{survivor.base}/", timeout=60).url
    found.merchant = int(re.search(r"/merchant/(\d+)/", home).group(1))
    yield found
    found.session.close()


class TestTheWebServerOfAStaffList:
    def test_killed_as_a_list_is_sent_and_applied_and_cards_are_asked_for_starts_each_once(self, survivor):
        """What is asked for is long work: it is asked for whole, with its job, or not at all."""
        company = survivor.facts["home_company"]
        hr = Visitor(survivor, survivor.door("Human resources"))
        imports = f"/company/{company}/employees/imports/"
        people = "companies(?=_(employeeimport|importrow|job|employment|person)$)"
        file = f"Matricule;Nom;Prénom;Date d'entrée\nZ{RUN};Tardif;Élodie;02/03/2020\n".encode()

        def send():
            return hr.post(f"{imports}new/", {"full": "no"}, files={"file": ("liste.csv", file)})

        answer = once(survivor, send, table="companies_job", rooms=people)
        number = int(answer.url.rstrip("/").rpartition("/")[2])
        state = "SELECT state FROM companies_employeeimport WHERE id = %s"
        until(lambda: one(survivor, state, number) == "ready")
        confirmed = {"confirmed": "on"}
        once(survivor, lambda: hr.post(f"{imports}{number}/apply/", confirmed), table="companies_job", rooms=people)
        until(lambda: one(survivor, state, number) == "applied")
        once(survivor, lambda: hr.post(f"/company/{company}/cards/issue/", {}), table="companies_job")
        batch = one(survivor, "SELECT max(id) FROM benefit_card_cardbatch WHERE company_id = %s", company)
        until(lambda: one(survivor, "SELECT completed_at IS NOT NULL FROM benefit_card_cardbatch WHERE id = %s", batch))
        cards = (
            "SELECT count(*) FROM benefit_card_card c JOIN companies_employment e ON e.person_id = c.person_id "
            "WHERE e.company_id = %s AND e.reference = %s"
        )
        assert one(survivor, cards, company, f"Z{RUN}") == 1
        hr.session.close()


class TestTheWebServerOfACardAtTheTill:
    def test_killed_while_an_offer_is_published_keeps_all_of_it_or_nothing(self, survivor, owner):
        offers = f"/merchant/{owner.merchant}/offers/"
        today = date.today().isoformat()
        words = {"kind": "percent", "percent": "10", "title": f"Dix pour cent {RUN}", "starts_on": today}
        terms = owner.filled(f"{offers}new/", "title", per_person_limit="1", **words)
        once(survivor, lambda: owner.post(f"{offers}new/", terms))
        made = "SELECT offer_id FROM merchants_offerversion WHERE title = %s"
        assert len(ask(survivor, made, terms["title"])) == 1
        pk = one(survivor, made, terms["title"])
        once(survivor, lambda: owner.post(f"{offers}{pk}/publish/"))
        assert one(survivor, "SELECT state FROM merchants_offer WHERE id = %s", pk) == "published"

    def test_killed_while_a_till_is_paired_lets_the_code_be_used_once(self, survivor, owner):
        tills = f"/merchant/{owner.merchant}/tills/"
        page = owner.post(tills, owner.filled(tills, "till_name", till_name=f"Caisse {RUN}")).text
        code = lxml.html.fromstring(page).xpath("//*[@id='pairing']//figcaption")[0].text_content().strip()
        till = Visitor(survivor)
        answer = once(survivor, lambda: till.call("/api/v1/tills/pair/", {"code": code}, {}), good=201)
        assert len(answer.json()["token"]) > 20
        before = fingerprint(survivor, ROOMS)
        assert till.call("/api/v1/tills/pair/", {"code": code}, {}).status_code >= 400
        assert changed(before, fingerprint(survivor, ROOMS)) == []
        till.session.close()

    def test_killed_in_a_sale_and_its_undoing_counts_each_once(self, survivor, tmp_path):
        file = tmp_path / "sale.json"
        assert manage(survivor, "bench_redeem", "--count", 1, "--out", file).returncode == 0
        sale = json.loads(file.read_text())
        body, till = sale["bodies"][0], Visitor(survivor)
        sold = once(survivor, lambda: till.call(sale["url"], body, sale["headers"]), good=201)
        assert till.call(sale["url"], body, sale["headers"]).json() == sold.json()
        undo = f"/api/v1/redemptions/{body['client_id']}/void/"
        once(survivor, lambda: till.call(undo, {}, sale["headers"]))
        before = fingerprint(survivor, ROOMS)
        till.call(undo, {}, sale["headers"])
        assert changed(before, fingerprint(survivor, ROOMS)) == []
        used = "SELECT sum(used) FROM benefit_card_quota WHERE key LIKE %s"
        assert one(survivor, used, f"%:{body['offer']}") == 0
        till.session.close()

    def test_killed_while_a_card_is_opened_on_a_phone_opens_it_once(self, survivor):
        draw = (
            "from benefit_card.models import Card; from benefit_card.services import activation as a; "
            "from django.utils import timezone as t; "
            "card = Card.objects.filter(activated_at=None, replaced_at=None, blocked_at=None).order_by('pk').last(); "
            "print('CODE', a.draw_codes([card], channel='letter', at=t.now())[card.pk])"
        )
        done = manage(survivor, "shell", "-c", draw)
        code = re.search(r"CODE (\S+)", done.stdout).group(1)
        phone, address = Visitor(survivor), f"prive-{RUN}@maison.example"
        phone.session.get(f"{survivor.base}/activate/", timeout=60)
        asked = {"code": code, "email": address}
        once(survivor, lambda: phone.post("/activate/", asked), table="companies_outboxmail", writes=False)
        assert one(survivor, 'SELECT count(*) FROM companies_outboxmail WHERE "to" = %s', address) == 1
        link = link_in(until(lambda: next(mails_to(survivor, address), None)), "/activate/")
        path = link.removeprefix(survivor.base)
        phone.session.get(link, timeout=60)
        once(survivor, lambda: phone.post(path))
        people = "SELECT count(*) FROM companies_user WHERE email = %s"
        assert one(survivor, people, address) == 1
        assert phone.session.get(f"{survivor.base}/me/card/", timeout=60).status_code == 200
        phone.session.close()


class TestTheWorkerOfACardAtTheTill:
    def test_killed_while_typesetting_a_sheet_makes_one(self, survivor):
        reader = Visitor(survivor, survivor.door("Human resources"))
        company = survivor.facts["home_company"]
        batch = one(survivor, "SELECT max(id) FROM benefit_card_cardbatch WHERE company_id = %s", company)
        sheets = "SELECT count(*) FROM companies_document WHERE kind LIKE '%%sheet%%'"
        before = one(survivor, sheets)
        with held(survivor, "companies_document"):
            assert reader.post(f"/company/{company}/cards/batches/{batch}/print/", {"what": "sheet"}).status_code == 200
            until(lambda: stands_still(survivor, "companies_document"))
            kill_worker(survivor)
        assert one(survivor, sheets) == before
        assert manage(survivor, "shell", "-c", "from companies.tasks import sweep_jobs; sweep_jobs()").returncode == 0
        until(lambda: one(survivor, sheets) == before + 1)
        until(lambda: not one(survivor, "SELECT count(*) FROM companies_job WHERE state IN ('queued', 'running')"))
        assert one(survivor, sheets) == before + 1
        reader.session.close()
