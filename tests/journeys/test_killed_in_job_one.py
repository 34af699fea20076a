"""The first main job, killed in the middle of each of its steps: half a step leaves nothing, and the step done again is done once."""

import json
import uuid
from datetime import date, timedelta

import pytest
import requests
from django.utils import timezone

from tests.journeys.killing import (
    ask,
    asleep,
    changed,
    fingerprint,
    held,
    kill_worker,
    killed_half_way,
    manage,
    one,
    stands_still,
    until,
    worker_killed_half_way,
)
from tests.journeys.mails import link_in, mails_to

pytestmark = pytest.mark.xdist_group("survives")
ROOMS = "purchasing|billing"
RUN = uuid.uuid4().hex[:4]
ARTICLE = f"Servante d’atelier {RUN}"


class Caller:
    """Somebody's program: a session that speaks JSON, and asks again when the server died."""

    def __init__(self, stack, door=""):
        self.stack, self.session = stack, requests.Session()
        if door:
            assert self.session.get(door, timeout=60).status_code == 200

    def send(self, method, path, body, key=""):
        headers = {"X-CSRFToken": self.session.cookies.get("csrftoken") or "", "Content-Type": "application/json"}
        headers |= {"Idempotency-Key": key} if key else {}
        data = json.dumps(body) if body is not None else None
        return self.session.request(method, f"{self.stack.base}/api/v1/{path}", data=data, headers=headers, timeout=120)


class KilledTwice:
    """Does a step three times: killed in the middle, then for good, then once more as an impatient hand would."""

    def __init__(self, stack):
        self.stack, self.steps = stack, 0
        self.last_invoice = one(stack, "SELECT coalesce(max(id), 0) FROM billing_invoice")

    def __call__(self, caller, method, path, body=None):
        self.steps += 1
        key = str(uuid.uuid4())
        until(self.typeset)  # what a calm step before this one left to the worker
        before = killed_half_way(self.stack, lambda: caller.send(method, path, body, key), ROOMS)
        answer = caller.send(method, path, body, key)
        assert answer.status_code < 300, f"{path}: {answer.status_code} {answer.text[:400]}"
        until(self.typeset)
        done = fingerprint(self.stack, ROOMS)
        assert changed(before, done) != []
        again = caller.send(method, path, body, key)
        assert again.status_code == answer.status_code and again.json() == answer.json()
        assert changed(done, fingerprint(self.stack, ROOMS)) == [], f"{path} was done twice"
        return answer.json()

    def typeset(self):
        """True once the worker has written every invoice that was issued and every proof of what was said."""
        files = "SELECT count(*) FROM billing_invoice WHERE (document_id IS NULL OR state = 'issued') AND id > %s"
        proofs = "SELECT count(*) FROM purchasing_commitmentproof WHERE document_id IS NULL"
        return one(self.stack, files, self.last_invoice) == one(self.stack, proofs) == 0


@pytest.fixture(scope="module")
def cast(survivor):
    """Who plays: buyers and approvers of two companies, two people of the association, an accountant."""
    doors = [line for line in survivor.lines if "Buyer," in line]
    names = [line.split("Buyer, ")[1].split("http")[0].strip() for line in doors]
    found = {
        "buyers": [Caller(survivor, "http" + line.split("http")[1].strip()) for line in doors],
        "approvers": [Caller(survivor, survivor.door(f"Approver, {name}")) for name in names],
        "staff": Caller(survivor, survivor.door("Association staff")),
        "second": Caller(survivor, survivor.door("Association staff, second person")),
        "supplier": Caller(survivor),
    }
    found["companies"] = [one(survivor, "SELECT id FROM companies_company WHERE name = %s", name) for name in names]
    yield found
    for caller in [*found["buyers"], *found["approvers"], found["staff"], found["second"], found["supplier"]]:
        caller.session.close()


def day(days):
    return (date.today() + timedelta(days=days)).isoformat()


class TestTheWebServerOfAPooledOrder:
    def test_killed_at_each_step_loses_nothing_and_doubles_nothing(self, survivor, cast):
        step = KilledTwice(survivor)
        needs = self.needs(survivor, cast, step)
        pool, line = self.pool(survivor, cast, step, needs)
        self.award(survivor, cast, step, pool, line)
        self.commitments(survivor, cast, step, pool, line)
        order = self.order(survivor, cast, step, pool)
        self.goods_and_money(survivor, cast, step, order)
        assert step.steps == 23

    def needs(self, survivor, cast, step):
        """Requests of two companies, approved; the first one's steps are killed."""
        ids = []
        for number, company in enumerate(cast["companies"]):
            do = step if number == 0 else calmly
            body = {
                "title": ARTICLE,
                "needed_by": day(90),
                "lines": [{"text": ARTICLE, "quantity": 10 + 10 * number, "tolerance": 2, "ref_price": "400.00"}],
            }
            asked = do(cast["buyers"][number], "POST", f"companies/{company}/requests/", body)
            path = f"companies/{company}/requests/{asked['id']}/"
            sent = do(cast["buyers"][number], "POST", f"{path}submit/")
            if sent["state"] == "submitted":
                sent = do(cast["approvers"][number], "POST", f"{path}decide/", {"verdict": "approved"})
            elif number == 0:
                step.steps += 1  # below the limit nobody is asked
            assert sent["state"] == "approved"
            ids += [row["id"] for row in sent["lines"]]
        return ids

    def pool(self, survivor, cast, step, needs):
        staff = cast["staff"]
        body = {"title": ARTICLE, "lines": [{"text": ARTICLE, "needs": needs, "pack": 12}]}
        pool = step(staff, "POST", "pools/", body)
        step(staff, "POST", f"pools/{pool['id']}/publish/")
        supplier, self.mailbox = ask(
            survivor,
            "SELECT c.supplier_id, c.email FROM purchasing_suppliercontact c JOIN purchasing_supplier s "
            "ON s.id = c.supplier_id WHERE c.receives_tenders AND s.active ORDER BY c.id LIMIT 1",
        )[0]
        deadline = {"deadline": (timezone.now() + timedelta(days=7)).isoformat()}
        step(staff, "PUT", f"pools/{pool['id']}/tender/", deadline)
        step(staff, "POST", f"pools/{pool['id']}/tender/suppliers/", {"suppliers": [supplier]})
        step(staff, "POST", f"pools/{pool['id']}/tender/send/")
        return pool["id"], pool["lines"][0]["id"]

    def award(self, survivor, cast, step, pool, line):
        mail = until(lambda: self.mail_about(survivor, ARTICLE))
        token = link_in(mail, "/q/").rstrip("/").rpartition("/")[2]
        tiers = [{"from_quantity": 1, "unit_price": "400.00"}, {"from_quantity": 30, "unit_price": "349.17"}]
        quote = {
            "offers": [{"line": line, "tiers": tiers, "pack": 12}],
            "valid_until": day(60),
            "lead_days": 15,
            "freight": "199.00",
            "signatory": "Service commercial",
        }
        step(cast["supplier"], "POST", f"quotes/{token}/", quote)
        step(cast["staff"], "POST", f"pools/{pool}/tender/open/")
        found = one(survivor, "SELECT id FROM purchasing_quoteline WHERE pool_line_id = %s", line)
        choice = {"choices": [{"line": line, "quote_line": found}], "reason": "Seule offre."}
        award = step(cast["staff"], "POST", f"pools/{pool}/award/", choice)
        assert award["state"] != "confirmed"  # at this amount two people sign
        step(cast["second"], "POST", f"pools/{pool}/award/{award['id']}/confirm/")

    def mail_about(self, survivor, words):
        for mail in mails_to(survivor, self.mailbox):
            if words in str(mail["subject"]) + mail.get_body().get_content():
                return mail
        return None

    def commitments(self, survivor, cast, step, pool, line):
        closing = {"closes_at": (timezone.now() + timedelta(days=2)).isoformat()}
        step(cast["staff"], "POST", f"pools/{pool}/open/", closing)
        for number, company in enumerate(cast["companies"]):
            do = step if number == 0 else calmly
            word = {"quantity": 10 + 10 * number, "tolerance": 4, "price_cap": "360.00"}
            said = do(cast["buyers"][number], "PUT", f"companies/{company}/commitments/{line}/", word)
            if said["state"] == "to_approve":
                calmly(
                    cast["approvers"][number],
                    "POST",
                    f"companies/{company}/pools/{pool}/decide/",
                    {"verdict": "approve"},
                )
        with asleep(survivor, "celery -A deploy beat"):  # the clock must not be quicker than the hand of this story
            ask(survivor, "UPDATE purchasing_pool SET closes_at = now() WHERE id = %s", pool)
            locked = step(cast["staff"], "POST", f"pools/{pool}/lock/")
        assert (locked["state"], locked["lines"][0]["ordered"]) == ("locked", 36)

    def order(self, survivor, cast, step, pool):
        order = step(cast["staff"], "POST", f"pools/{pool}/orders/")[0]
        step(cast["staff"], "POST", f"orders/{order['id']}/send/")
        until(lambda: self.mail_about(survivor, order["number"]))
        step(cast["staff"], "POST", f"orders/{order['id']}/acknowledge/", {})
        return order

    def goods_and_money(self, survivor, cast, step, order):
        staff, line = cast["staff"], order["lines"][0]["id"]
        counted = {"number": 1, "lines": [{"line": line, "counted": 36}]}
        step(staff, "POST", f"orders/{order['id']}/receipts/", counted)
        bill = {
            "number": f"F-{RUN}",
            "issued_on": day(0),
            "due_on": day(30),
            "lines": [
                {
                    "kind": "goods",
                    "line": line,
                    "quantity": 36,
                    "unit_price": "349.17",
                    "net": "12570.12",
                    "vat_bp": 2000,
                },
                {"kind": "freight", "net": "199.00", "vat_bp": 2000},
            ],
        }
        invoice = step(staff, "POST", f"orders/{order['id']}/invoices/", bill)
        step(staff, "POST", f"supplier-invoices/{invoice['id']}/accept/")
        step(staff, "POST", f"supplier-invoices/{invoice['id']}/share/")
        issued = step(staff, "POST", f"supplier-invoices/{invoice['id']}/issue/")
        assert len(set(issued["member_invoices"])) == 2


def calmly(caller, method, path, body=None):
    """A step that nobody disturbs."""
    answer = caller.send(method, path, body)
    assert answer.status_code < 300, f"{path}: {answer.status_code} {answer.text[:400]}"
    return answer.json()


def now_is_later(stack, change):
    """Let minutes pass at once for what the sweepers look at, then sweep as beat would."""
    ask(stack, f"SET session_replication_role = replica; {change}")
    tasks = "companies.tasks import sweep_mail; from companies.billing.tasks import sweep"
    done = manage(stack, "shell", "-c", f"from {tasks}; sweep_mail(); sweep()")
    assert done.returncode == 0, done.stderr


class TestTheWorkerOfAPooledOrder:
    """Goes on with the invoices of the story above: mailed, typeset, paid, with the worker killed in each."""

    def test_killed_before_a_mail_sends_it_once(self, survivor, cast):
        order = "FROM purchasing_purchaseorder o JOIN purchasing_pool p ON p.id = o.pool_id WHERE p.title = %s"
        number = one(survivor, f"SELECT o.number {order}", ARTICLE)
        unsent = "SELECT count(*) FROM companies_outboxmail WHERE strpos(subject, %s) > 0 AND sent_at IS NULL"
        ask(
            survivor,
            "UPDATE companies_outboxmail SET sent_at = NULL, attempts = 0 WHERE strpos(subject, %s) > 0",
            number,
        )
        before = self.mails(survivor, number)
        with held(survivor, "companies_outboxmail", "EXCLUSIVE"):
            pks = ask(survivor, "SELECT id FROM companies_outboxmail WHERE strpos(subject, %s) > 0", number)
            sends = "; ".join(f"send_mail.delay(mail_id={pk})" for (pk,) in pks)
            assert manage(survivor, "shell", "-c", f"from companies.tasks import send_mail; {sends}").returncode == 0
            until(lambda: stands_still(survivor))
            kill_worker(survivor)
        assert one(survivor, unsent, number) == len(pks) and self.mails(survivor, number) == before
        now_is_later(survivor, "UPDATE companies_outboxmail SET queued_at = queued_at - interval '1 minute'")
        until(lambda: one(survivor, unsent, number) == 0)
        assert self.mails(survivor, number) == before + len(pks)

    @staticmethod
    def mails(survivor, number):
        return sum(number in path.read_text(errors="replace") for path in (survivor.state_dir / "mails").glob("*.eml"))

    def test_killed_while_typesetting_makes_one_file(self, survivor, cast):
        pk = self.invoice(survivor)
        files = f"SELECT count(*) FROM companies_document WHERE id IN (SELECT document_id FROM billing_invoice WHERE id = {pk})"
        ask(
            survivor,
            f"SET session_replication_role = replica; UPDATE billing_invoice SET document_id = NULL, state = 'issued' WHERE id = {pk}",
        )
        count = one(survivor, "SELECT count(*) FROM companies_document WHERE kind = 'invoice'")
        task = f"from companies.billing.tasks import render_invoice; render_invoice.delay(invoice_id={pk})"
        worker_killed_half_way(survivor, task, "companies_document")
        assert one(survivor, files) == 0
        now_is_later(
            survivor, f"UPDATE billing_invoice SET issued_at = issued_at - interval '2 minutes' WHERE id = {pk}"
        )
        until(lambda: one(survivor, files) == 1)
        assert one(survivor, "SELECT count(*) FROM companies_document WHERE kind = 'invoice'") == count + 1

    def test_killed_while_booking_a_payment_books_it_once(self, survivor, cast):
        pk = self.invoice(survivor)
        company = one(survivor, "SELECT company_id FROM billing_invoice WHERE id = %s", pk)
        accountant = Caller(survivor, survivor.door("Accountant"))
        token = {"csrfmiddlewaretoken": accountant.session.cookies["csrftoken"]}
        page = accountant.session.post(f"{survivor.base}/company/{company}/invoices/{pk}/pay/", data=token, timeout=60)
        card = {"type": "card", "number": "4242 4242 4242 4242", "expiry": "12 / 34", "cvc": "123"}
        with held(survivor, "billing_payment"):
            accountant.session.post(page.url, data=card, timeout=60, allow_redirects=False)
            until(lambda: stands_still(survivor))
            kill_worker(survivor)
        accountant.session.close()
        state = f"SELECT state FROM billing_invoice WHERE id = {pk}"
        assert one(survivor, state) != "paid"
        now_is_later(survivor, "UPDATE billing_stripeevent SET received_at = received_at - interval '2 minutes'")
        until(lambda: one(survivor, state) == "paid")
        booked = (
            "SELECT count(*) FROM billing_ledgertransaction t JOIN billing_payment p ON t.key = 'payment-' || p.id "
            "WHERE p.invoice_id = %s"
        )
        assert one(survivor, booked, pk) == 1
        assert manage(survivor, "check_ledger").returncode == 0

    @staticmethod
    def invoice(survivor):
        """The first member invoice of the story, of the company whose accountant has a door."""
        found = "SELECT i.id FROM billing_invoice i WHERE i.company_id = %s ORDER BY i.id DESC LIMIT 1"
        return one(survivor, found, survivor.facts["home_company"])
