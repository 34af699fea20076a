"""The product is killed in the middle of its work, without mercy; nothing is lost and nothing is done twice."""

import contextlib
import http.client
import json
import threading
import time
from datetime import UTC, datetime

import pytest
import requests
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benefit_card.offline_entry import CONTEXT
from benefit_card.revocation import b64, canonical
from tests.journeys.killing import PATIENCE, ask, held, kill_worker, manage, one, stands_still, until
from tests.journeys.stack import Stack, free_port

pytestmark = pytest.mark.xdist_group("survives")  # one story about one running product
PEOPLE = 3_000
SALES = 240


class Reader:
    """Somebody in human resources at a browser without JavaScript."""

    def __init__(self, stack):
        self.stack, self.session = stack, requests.Session()
        answer = self.session.get(stack.door("Human resources"), timeout=30)
        assert answer.status_code == 200
        self.company = stack.facts["home_company"]

    def post(self, path, **more):
        address = f"{self.stack.base}/company/{self.company}/{path}"
        token = self.session.cookies.get("csrftoken")
        return self.session.post(address, headers={"X-CSRFToken": token}, timeout=60, **more)

    def open(self, path):
        answer = self.session.get(f"{self.stack.base}/company/{self.company}/{path}", timeout=60)
        assert answer.status_code == 200
        return answer


@pytest.fixture(scope="module")
def reader(survivor):
    found = Reader(survivor)
    yield found
    found.session.close()


def staff_list():
    lines = ["Matricule;Nom;Prénom;Date d'entrée"]
    for n in range(PEOPLE):
        letters = "".join(chr(97 + n // 26**place % 26) for place in range(3))
        lines.append(f"K{n:05d};Survivant{letters};Élodie;02/03/2020")
    return "\n".join(lines).encode()


class TestAKilledWorker:
    """In the order of a day: a list is sent, applied, and its people get cards."""

    def test_leaves_an_import_whole_or_not_at_all_and_ends_it_later(self, survivor, reader):
        company = reader.company
        before = one(survivor, "SELECT count(*) FROM companies_employment WHERE company_id = %s", company)
        reader.open("employees/imports/new/")
        sent = reader.post("employees/imports/new/", data={"full": "no"}, files={"file": ("liste.csv", staff_list())})
        assert sent.status_code == 200 and "/imports/" in sent.url, sent.text[:500]
        number = int(sent.url.rstrip("/").rpartition("/")[2])

        def state():
            return one(survivor, "SELECT state FROM companies_employeeimport WHERE id = %s", number)

        until(lambda: state() == "ready")
        with held(survivor, "companies_employment"):
            assert reader.post(f"employees/imports/{number}/apply/", data={"confirmed": "on"}).status_code == 200
            until(lambda: stands_still(survivor), every=0.01)
            kill_worker(survivor)
        assert state() == "applying", "the worker was quicker than the kill"
        kept = one(survivor, "SELECT count(*) FROM companies_employment WHERE company_id = %s", company)
        assert kept == before, "half a list was applied"
        until(lambda: state() == "applied")
        found = ask(
            survivor,
            "SELECT count(*), count(DISTINCT reference), count(DISTINCT person_id) FROM companies_employment "
            "WHERE company_id = %s AND reference LIKE 'K%%'",
            company,
        )
        assert found == [(PEOPLE, PEOPLE, PEOPLE)]

    def test_leaves_a_card_batch_that_goes_on_where_it_stopped(self, survivor, reader):
        lacking = one(
            survivor,
            "SELECT count(*) FROM companies_employment WHERE company_id = %s AND reference LIKE 'K%%'",
            reader.company,
        )
        assert lacking == PEOPLE, "the import before did not end"
        reader.open("cards/")
        assert reader.post("cards/issue/", data={}).status_code == 200
        batch = one(survivor, "SELECT max(id) FROM benefit_card_cardbatch WHERE company_id = %s", reader.company)
        wanted = one(survivor, "SELECT cardinality(people) FROM benefit_card_cardbatch WHERE id = %s", batch)
        assert wanted >= PEOPLE
        made = "SELECT count(*) FROM benefit_card_card WHERE batch_id = %s"
        until(lambda: one(survivor, made, batch) > 0, every=0.01)
        with held(survivor, "benefit_card_card"):
            kill_worker(survivor)
        assert 0 < one(survivor, made, batch) < wanted, "the worker was quicker than the kill"
        done = "SELECT completed_at IS NOT NULL FROM benefit_card_cardbatch WHERE id = %s"
        until(lambda: one(survivor, done, batch))
        holders = "SELECT count(*), count(DISTINCT person_id) FROM benefit_card_card WHERE batch_id = %s"
        assert ask(survivor, holders, batch) == [(wanted, wanted)]
        twice = (
            "SELECT person_id FROM benefit_card_card WHERE replaced_at IS NULL GROUP BY person_id HAVING count(*) > 1"
        )
        assert ask(survivor, twice) == []
        state = "SELECT j.state FROM companies_job j JOIN benefit_card_cardbatch b ON b.job_id = j.id WHERE b.id = %s"
        until(lambda: one(survivor, state, batch) == "done")


class TestAKilledWebServer:
    def test_loses_and_doubles_no_redemption_when_the_till_asks_again(self, survivor, tmp_path):
        """Case: client times out after commit, retries after server restart → original response."""
        file = tmp_path / "sales.json"
        assert manage(survivor, "bench_redeem", "--count", SALES, "--out", file).returncode == 0
        sales = json.loads(file.read_text())
        answers, troubles, gate = {}, [], threading.Semaphore(0)

        def till(number):
            connection = None
            for body in sales["bodies"][number::4]:
                while True:
                    try:
                        connection = connection or http.client.HTTPConnection("127.0.0.1", survivor.port, timeout=30)
                        connection.request(
                            "POST",
                            sales["url"],
                            json.dumps(body),
                            {"Content-Type": "application/json", **sales["headers"]},
                        )
                        answer = connection.getresponse()
                        content = json.loads(answer.read())
                    except (OSError, http.client.HTTPException, ValueError) as trouble:
                        troubles.append(trouble)
                        if connection:
                            connection.close()
                        connection = None
                        time.sleep(0.1)
                        continue
                    answers[body["client_id"]] = (answer.status, content)
                    gate.release()
                    break
            if connection:
                connection.close()

        tills = [threading.Thread(target=till, args=(number,)) for number in range(4)]
        for thread in tills:
            thread.start()
        for _kill in range(2):
            for _sale in range(SALES // 4):
                assert gate.acquire(timeout=PATIENCE)
            assert survivor.kill("granian") > 0
            survivor.wait_healthy()
        for thread in tills:
            thread.join(PATIENCE)
        assert troubles, "nobody noticed the kill"
        assert {status for status, _content in answers.values()} == {201} and len(answers) == SALES
        ids = [body["client_id"] for body in sales["bodies"]]
        counts = (
            "SELECT count(*), count(DISTINCT client_id) FROM benefit_card_redemption WHERE client_id = ANY(%s::uuid[])"
        )
        assert ask(survivor, counts, ids) == [(SALES, SALES)]
        uses = "SELECT sum(used) FROM benefit_card_quota WHERE key LIKE %s"
        assert one(survivor, uses, f"%:{sales['bodies'][0]['offer']}") == SALES
        logged = (
            "SELECT count(*) FROM companies_auditentry e JOIN benefit_card_redemption r ON e.target_id = r.id::text "
            "WHERE e.action = 'redemption.accepted' AND r.client_id = ANY(%s::uuid[])"
        )
        assert one(survivor, logged, ids) == SALES


class TestAServerKilledMidSync:
    def test_takes_every_entry_of_a_queue_once_when_the_till_sends_again(self, survivor, tmp_path):
        """A till sends 50 sales made without network; the server dies in the middle, twice."""
        file = tmp_path / "sales.json"
        assert manage(survivor, "bench_redeem", "--count", 50, "--out", file).returncode == 0
        sales = json.loads(file.read_text())
        key = ec.generate_private_key(ec.SECP256R1())
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        headers = {**sales["headers"]}
        asked = requests.post(
            f"{survivor.base}/api/v1/tills/device-key/", json={"public_key": b64(point)}, headers=headers, timeout=30
        )
        assert asked.status_code == 200, asked.text
        entries = [signed(key, number, body) for number, body in enumerate(sales["bodies"])]
        address = f"{survivor.base}/api/v1/redemptions/sync/"
        ids = [entry["client_id"] for entry in entries]
        kept = "SELECT count(*) FROM benefit_card_offlineentry WHERE client_id = ANY(%s::uuid[])"
        for _kill in range(2):
            sending = threading.Thread(target=_send, args=(address, entries, headers))
            with held(survivor, "benefit_card_redemption"):
                sending.start()
                until(lambda: stands_still(survivor), every=0.01)
                assert survivor.kill("granian") > 0
            sending.join(PATIENCE)
            survivor.wait_healthy()
        answer = requests.post(address, json={"entries": entries}, headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
        results = answer.json()["results"]
        assert [row["client_id"] for row in results] == ids and {row["first"] for row in results} == {"accepted"}
        assert one(survivor, kept, ids) == 50
        sold = (
            "SELECT count(*), count(DISTINCT client_id) FROM benefit_card_redemption WHERE client_id = ANY(%s::uuid[])"
        )
        assert ask(survivor, sold, ids) == [(50, 50)]


def _send(address, entries, headers):
    with contextlib.suppress(requests.RequestException):
        requests.post(address, json={"entries": entries}, headers=headers, timeout=30)


def signed(key, number, body):
    """An entry of a till's queue as the device writes it."""
    now = datetime.now(UTC).isoformat()
    entry = {
        **{name: body[name] for name in ("client_id", "code", "offer", "amount")},
        "seq": number + 1, "offer_version": body.get("offer_version") or 1, "scanned_at": now, "list_number": 1,
        "list_issued_at": now,
    }  # fmt: skip
    r, s = decode_dss_signature(key.sign(CONTEXT + canonical(entry), ec.ECDSA(hashes.SHA256())))
    return {**entry, "signature": b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))}


class TestAfterAllOfThat:
    @pytest.mark.parametrize("command", ["verify_audit", "check_ledger"])
    def test_the_books_are_intact(self, survivor, command):
        done = manage(survivor, command)
        assert done.returncode == 0, done.stdout + done.stderr

    def test_nothing_waits_for_ever(self, survivor):
        waiting = "SELECT count(*) FROM companies_job WHERE state IN ('queued', 'running')"
        until(lambda: one(survivor, waiting) == 0)


class TestASecondDemo:
    def test_runs_beside_the_first_on_its_own_port_and_state(self, survivor, prepared, tmp_path_factory):
        second = Stack(port=free_port(), state_dir=prepared(tmp_path_factory.mktemp("second")))
        second.start()
        try:
            survivor.wait_healthy()
            second.wait_healthy()
            theirs = "SELECT count(*) FROM companies_employment WHERE reference LIKE 'K%%'"
            assert one(survivor, theirs) == PEOPLE and one(second, theirs) == 0
        finally:
            code = second.stop()
        assert code == 0
        survivor.wait_healthy()
