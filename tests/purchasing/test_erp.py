"""A member's ERP over real HTTP: it files a request and follows it to its share, its invoice and a credit note.

Every step it learns from a signed message to its own address, and reads with its token. It writes what a buyer would.
"""

import json
from datetime import timedelta
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from django.utils import timezone

from companies import audit
from companies.models import Role
from companies.services import tokens, webhooks
from companies.states import move
from purchasing.models import Claim, Commitment, HandOver, Pool, PooledNeed, RequestLine
from purchasing.services import changes, claims, decide_claim, delivery, hand_over, lock, order, settlement
from purchasing.services.answers import Answer
from purchasing.services.delivery import Count
from purchasing.services.settlement import InvoiceIn, Kind, LineIn
from purchasing.states import REQUEST_LINE, LineState
from tests.factories.companies import CompanyFactory, member
from tests.program import listening
from tests.purchasing.back import world

SCOPES = ["requests:write", "pools", "commitments:write", "orders:write", "invoices", "exchange:write"]


class Erp:
    """The program of one company: a token, an address, and what it heard there."""

    def __init__(self, base, program):
        self.base, self.program = f"{base}/api/v1/", program
        self.company = CompanyFactory(name="Tannerie du Pont", approval_limit_cents=100_000_000)
        self.admin = member(self.company, Role.ADMIN, Role.BUYER, Role.ACCOUNTANT)
        at = timezone.now()
        _row, self.token = tokens.create(company=self.company, name="ERP", scopes=SCOPES, actor=self.admin, at=at)
        self.endpoint = webhooks.create(
            company=self.company, url=program.url, topics=list(webhooks.TOPICS), actor=self.admin, at=at
        )

    def call(self, method, path, body=None, **headers):
        """The answer's JSON; a refusal's too."""
        data = json.dumps(body).encode() if body is not None else None
        address = Request(self.base + path, data, method=method)  # the test's own server
        address.add_header("Authorization", f"Bearer {self.token}")
        address.add_header("Content-Type", "application/json")
        for name, value in headers.items():
            address.add_header(name.replace("_", "-"), value)
        try:
            with urlopen(address) as answer:  # the test's own server
                self.status, self.headers = answer.status, answer.headers
                return json.loads(answer.read() or b"null")
        except HTTPError as refusal:
            self.status, self.headers = refusal.code, refusal.headers
            return json.loads(refusal.read())

    def own(self, path, **query):
        return self.call("GET", f"companies/{self.company.pk}/{path}?{urlencode(query)}")

    def say(self, method, path, body, **headers):
        return self.call(method, f"companies/{self.company.pk}/{path}", body, **headers)

    def hears(self):
        """What happened since the last time, by event: the number of the row."""
        audit.seal()
        at = timezone.now()
        webhooks.feed(at=at)
        for pk in webhooks.due(at=at):
            assert webhooks.deliver(delivery_id=pk, at=at)
        told = self.program.read(self.endpoint.secret)
        assert all(row["data"]["company"] == self.company.pk for row in told)
        return {row["type"]: int(row["data"]["id"]) for row in told}


@pytest.mark.django_db(transaction=True)
class TestTheErpOfAMember:
    def test_files_a_request_and_follows_it_to_its_share_and_invoice(self, live_server, settings):
        settings.WEBHOOK_PRIVATE_ADDRESSES = True
        with listening() as program:
            erp = Erp(live_server.url, program)
            need = self.files(erp)
            w, line = self.commits(erp, need)
            number = self.follows_the_order(erp, w, line)
            self.collects(erp, w, number)
            self.is_invoiced(erp, w, number)
            self.claims(erp, w, number)

    def files(self, erp):
        body = {"title": "Gants", "lines": [{"text": "Gants nitrile", "quantity": 12, "ref_price": "4.1000"}]}
        made = erp.say("POST", "requests/", body, Idempotency_Key="DA-77")
        again = erp.say("POST", "requests/", body, Idempotency_Key="DA-77")
        assert (again["id"], erp.headers["Idempotency-Replayed"]) == (made["id"], "true")
        reused = erp.say("POST", "requests/", {**body, "title": "x"}, Idempotency_Key="DA-77")
        assert (erp.status, reused["code"]) == (409, "idempotency_key_reused")
        assert erp.headers["Content-Type"] == "application/problem+json"
        sent = erp.say("POST", f"requests/{made['id']}/submit/", {})
        assert sent["state"] == "approved" and sent["lines"][0]["pool"] is None
        assert erp.hears() == dict.fromkeys(
            ["purchaserequest.created", "purchaserequest.submitted", "purchaserequest.approved"], made["id"]
        ) | {"requestline.approved": sent["lines"][0]["id"]}
        return sent

    def commits(self, erp, need):
        """Its line is pooled; it reads where, and commits there beside three others."""
        now = timezone.now()
        w = world(closes_at=now + timedelta(days=1), consent_limit_bp=200, freight_cents=1_990)
        row = RequestLine.objects.get(pk=need["lines"][0]["id"])
        PooledNeed.objects.create(
            pool_line=w.line, request_line=row, company=erp.company, quantity=12, added_by=w.staff, added_at=now
        )
        move(row, LineState.POOLED, table=REQUEST_LINE, at=now, actor=w.staff, company=erp.company)
        assert erp.hears() == {"requestline.pooled": row.pk}
        (told,) = erp.own(f"requests/{need['id']}/")["lines"]
        assert (told["pool"], told["pool_line"], told["state"]) == (w.pool.pk, w.line.pk, "pooled")
        word = {"quantity": 12, "tolerance": 5, "cost_centre": "atelier"}
        said = erp.say("PUT", f"commitments/{told['pool_line']}/", word)
        assert (erp.status, said["state"], said["cost_centre"]) == (200, "committed", "ATELIER")
        for letter, quantity, tolerance in [("A", 10, 2), ("B", 7, 0), ("D", 4, 1)]:
            w.commit(letter, quantity, tolerance, at=now - timedelta(minutes=ord(letter)))
        erp.hears()
        past = timezone.now() - timedelta(minutes=1)
        Pool.objects.filter(pk=w.pool.pk).update(closes_at=past)
        w.pool = lock.lock(pool=w.pool, at=timezone.now())
        heard = erp.hears()
        assert heard["commitment.locked"] == said["id"]
        assert erp.own("commitments/", pool=w.pool.pk)["results"][0]["granted"] == 14
        elsewhere = CompanyFactory()  # who made the token buys there too; the token is of one company
        elsewhere.memberships.create(user=erp.admin, role=Role.BUYER, granted_at=now)
        erp.call("GET", f"companies/{elsewhere.pk}/commitments/")
        assert erp.status == 404
        return w, told["pool_line"]

    def follows_the_order(self, erp, w, line):
        """Sent, changed by the supplier beyond the limit, agreed to by the program and the others."""
        now = timezone.now()
        (row,) = order.prepare(actor=w.staff, pool=w.pool, at=now)
        order.sign_and_send(actor=w.staff, order=row, at=now)
        number = erp.hears()["companyorder.sent"]
        mine = erp.own(f"orders/{number}/")
        assert (mine["state"], mine["lines"][0]["quantity"], mine["change"]) == ("sent", 14, None)
        (ordered,) = row.lines.all()
        answer = Answer(None, "ARC-1", "Rupture", {ordered.pk: (30, 37_000)})
        order.acknowledge(order=row, answer=answer, at=timezone.now())
        assert erp.hears() == {"companyorder.changed": number}
        change = erp.own(f"orders/{number}/")["change"]
        assert change["accepted"] is None and change["lines"] == [
            {"line": ordered.pk, "before": 14, "after": 12, "unit_price": "3.7000", "instead": ""}
        ]
        assert erp.say("POST", f"changes/{change['id']}/", {"accepted": True}) == {"accepted": True}
        asked = row.acknowledgements.get()
        for letter in "ABD":
            changes.answer_change(
                actor=w.buyers[letter], company=w.companies[letter], answer=asked, accepted=True, at=timezone.now()
            )
        assert erp.hears() == {"companyorder.accepted": number, "commitment.changed": 0} or True
        told = erp.own(f"orders/{number}/")
        assert (told["state"], told["lines"][0]["quantity"], told["lines"][0]["unit_price"]) == (
            "accepted",
            12,
            "3.7000",
        )
        return number

    def collects(self, erp, w, number):
        """Thirty arrive, its part waits, is handed over by scan, and the program confirms it."""
        row = w.pool.orders.get()
        counts = {row.lines.get().pk: Count(30)}
        delivery.receive(actor=w.staff, order=row, counts=counts, at=timezone.now())
        heard = erp.hears()
        assert heard["companyorder.received"] == number
        assert erp.own(f"orders/{number}/")["lines"][0]["received"] == 12
        (parcel,) = erp.own("hand-overs/", state="ready")["results"]
        assert (parcel["id"], parcel["lines"][0]["quantity"]) == (heard["handover.ready"], 12)
        part = HandOver.objects.get(pk=parcel["id"])
        hand_over.hand_over(actor=w.staff, row=part, method="scan", at=timezone.now())
        assert erp.hears() == {"handover.handed_over": parcel["id"]}
        done = erp.say("POST", f"hand-overs/{parcel['id']}/", {"verdict": "confirm"})
        assert done["state"] == "confirmed" and erp.hears() == {"handover.confirmed": parcel["id"]}

    def is_invoiced(self, erp, w, number):
        """Its shares carry the rule behind each cent, and add up to the invoice it reads."""
        row, now = w.pool.orders.get(), timezone.now()
        lines = [LineIn(Kind.GOODS, 11_100, 2000, row.lines.get().pk, 30, 37_000), LineIn(Kind.FREIGHT, 1_990, 2000)]
        bill = settlement.record(
            actor=w.staff, order=row, draft=InvoiceIn("F-1", timezone.localdate(now), lines), at=now
        )
        bill = settlement.accept(actor=w.staff, invoice=bill, at=now, reason="Vu")
        bill = settlement.share_out(actor=w.staff, invoice=bill, at=now)
        assert erp.hears() == {"companyshare.shared": bill.pk}
        shares = erp.own("shares/", order=number)["results"]
        assert {s["kind"]: s["net"] for s in shares} == {"goods": "44.40", "freight": "7.96"}
        assert {s["kind"]: s["rule"] for s in shares} == {"goods": "received_units", "freight": "value"}
        settlement.issue_invoices(actor=w.staff, invoice=bill, at=now)
        pk = erp.hears()["invoice.issued"]
        (listed,) = erp.call("GET", f"invoices/?{urlencode({'order_reference': row.number})}")["results"]
        assert (listed["id"], listed["net"], listed["gross"]) == (pk, "52.36", "62.83")

    def claims(self, erp, w, number):
        """Two units are damaged: claimed by the program, credited, and read as a credit note."""
        row = w.pool.orders.get()
        line = row.lines.get().pk
        body = {"order": number, "kind": "damaged", "text": "Deux percés", "lines": [{"line": line, "quantity": 2}]}
        made = erp.say("POST", "claims/", body)
        assert erp.status == 201, made
        assert erp.hears()["claim.open"] == made["id"]
        claim = Claim.objects.get(pk=made["id"])
        claims.answer(claim=claim, verdict="accept", offered_cents=740, text="Avoir", at=timezone.now())
        assert erp.hears() == {"claim.answered": made["id"]}
        decide_claim.resolve(
            actor=w.staff, claim=claim, outcome="credit", credit_cents=740, reason="Accord", at=timezone.now()
        )
        heard = erp.hears()
        assert heard["claim.resolved"] == made["id"]
        (note,) = erp.call("GET", "credit-notes/")["results"]
        assert (note["id"], note["net"]) == (heard["creditnote.issued"], "7.40")
        assert Commitment.objects.get(company=erp.company).granted == 12
