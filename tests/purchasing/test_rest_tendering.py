"""A member's program before commitments: it changes its draft, joins and runs a pool, and hears of the tender.

Sealed quotes never leave by any of these doors.
"""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from companies import audit
from companies.models import AuditEntry, Role, WebhookDelivery, WebhookEndpoint
from companies.services import tokens, webhooks
from purchasing import tasks
from purchasing.models import PurchaseRequest, RequestLine, TenderInvitation
from purchasing.services import award as awards
from purchasing.services import pool as pools
from purchasing.services import quote as quotes
from purchasing.services import request as requests
from purchasing.services import tender as tenders
from tests.factories.companies import CompanyFactory, member, staff
from tests.factories.purchasing import ArticleFactory, RequestFactory, RequestLineFactory, SupplierFactory, needs

pytestmark = pytest.mark.django_db


def url(name, **args):
    return reverse(f"purchasing_api:{name}", kwargs=args)


class Program:
    """A buyer's token of one company, and what its address was sent."""

    def __init__(self, client, **company):
        self.client, self.company = client, CompanyFactory(**company)
        self.user = member(self.company, Role.ADMIN, Role.BUYER)
        scopes = ["requests:write", "pools:write"]
        at = timezone.now()
        _row, token = tokens.create(company=self.company, name="ERP", scopes=scopes, actor=self.user, at=at)
        self.head = {"Authorization": f"Bearer {token}"}
        self.endpoint = WebhookEndpoint.objects.create(
            company=self.company, url="https://erp.example.org", topics=["tenders"], secret="whsec_", position=0,
            created_by=self.user, created_at=at,
        )  # fmt: skip

    def call(self, method, name, data=None, **args):
        if method == "get":
            return self.client.get(url(name, **args), headers=self.head)
        return getattr(self.client, method)(
            url(name, **args), data or {}, content_type="application/json", headers=self.head
        )

    def own(self, method, name, data=None, **args):
        return self.call(method, name, data, company=self.company.pk, **args)

    def hears(self):
        """Everything that is or was on its way to it, oldest first."""
        audit.seal()
        webhooks.feed(at=timezone.now())
        return list(WebhookDelivery.objects.filter(endpoint=self.endpoint).order_by("seq"))


class TestALineOfADraft:
    def test_is_added_changed_and_taken_out_the_others_as_they_are(self, client):
        erp = Program(client)
        article = ArticleFactory(unit="pair", pack=12)
        made = erp.own("post", "requests", {"title": "Gants", "lines": [
            {"text": "Gants fins", "quantity": 10, "ref_price": "3.4917"}, {"article": article.pk, "quantity": 24}
        ]}).json()  # fmt: skip
        first, second = (line["id"] for line in made["lines"])
        one = {"pk": made["id"]}
        changed = erp.own(
            "put", "request_line", {"article": article.pk, "quantity": 2, "unit": "pack"}, **one, line=second
        )
        assert changed.status_code == 200
        assert [(row["text"], row["quantity"]) for row in changed.json()["lines"]] == [
            ("Gants fins", 10), (article.name, 24),
        ]  # fmt: skip
        added = erp.own("post", "request_lines", {"text": "Colle", "quantity": 3, "ref_price": "2.0000"}, **one)
        assert (added.status_code, added.json()["amount"], len(added.json()["lines"])) == (201, "189.72", 3)
        gone = added.json()["lines"][1]["id"]
        left = erp.own("delete", "request_line", **one, line=gone).json()["lines"]
        assert [row["text"] for row in left] == ["Gants fins", "Colle"] and left[0]["ref_price"] == "3.4917"
        assert erp.own("put", "request_line", {"text": "x", "quantity": 1}, **one, line=first).status_code == 404
        unknown = erp.own("post", "request_lines", {"article": 10**9, "quantity": 1}, **one)
        assert unknown.status_code == 400 and RequestLine.objects.count() == 2
        requests.submit(actor=erp.user, request=PurchaseRequest.objects.get(), at=timezone.now())
        late = erp.own("delete", "request_line", **one, line=left[0]["id"])
        assert (late.status_code, late.json()["code"]) == (409, "request_not_editable")


class TestAPoolInPreparation:
    def test_is_joined_regrouped_and_described_by_programs(self, client):
        """A lead buyer's program runs it; another company's joins; nobody reads whose need is how large (I13)."""
        lead, other = Program(client), Program(client)
        rows = needs(2, text="Gants nitrile taille M", quantity=40)
        body = {"title": "Gants", "shortage": "first_come", "lines": [
            {"text": "Gants nitrile taille M", "needs": [rows[0].pk]}, {"text": "Gants en nitrile M", "needs": [rows[1].pk]},
        ]}  # fmt: skip
        pool = lead.call("post", "pools", body).json()
        at = {"pk": pool["id"]}
        first, second = (line["id"] for line in pool["lines"])
        carried = lead.call("get", "pool_needs", **at).json()
        assert [(row["line"], row["company"], row["quantity"]) for row in carried] == [
            (first, None, None),
            (second, None, None),
        ]
        moved = lead.call("post", "pool_need_move", {"line": first}, **at, need=carried[1]["id"]).json()
        assert [line["id"] for line in moved["lines"]] == [first]
        (extra,) = needs(1, text="Colle", quantity=5)
        grown = lead.call("post", "pool_needs", {"needs": [extra.pk], "text": "Colle"}, **at)
        assert (grown.status_code, [line["text"] for line in grown.json()["lines"]][1]) == (201, "Colle")
        glue = lead.call("get", "pool_needs", **at).json()[-1]["id"]
        lead.call("post", "pool_need_remove", {"reason": "hors sujet"}, **at, need=glue)
        extra.refresh_from_db()
        assert extra.state == "approved"
        said = {"text": "Gants nitrile M", "details": "EN 374", "pack": 10, "vat_bp": 2000}
        assert lead.call("put", "pool_line", said, **at, line=first).json()["lines"][0]["details"] == "EN 374"
        policies = lead.call("put", "pool", {"title": "Gants 2027", "freight": "quantity"}, **at).json()
        assert (policies["title"], policies["freight"], policies["shortage"]) == (
            "Gants 2027",
            "quantity",
            "proportional",
        )
        for method, name, extra_args in [
            ("put", "pool", {}), ("put", "pool_line", {"line": first}), ("get", "pool_needs", {}),
            ("post", "pool_need_move", {"need": carried[0]["id"]}), ("post", "pool_need_remove", {"need": carried[0]["id"]}),
        ]:  # fmt: skip
            assert other.call(method, name, **at, **extra_args).status_code == 404
        lead.call("post", "pool_publish", **at)
        self.joins(other, pool["id"], first)

    def joins(self, erp, pool, line):
        own = RequestFactory(company=erp.company, requester=erp.user, approved=True)
        need = RequestLineFactory(request=own, state="approved", text="Nitrile M, gants", quantity=30)
        (shown, *_rest) = erp.own("get", "pool_join", pk=pool).json()
        assert (shown["line"], shown["joined"], shown["joinable"]) == (line, [], [need.pk])
        foreign = needs(1)[0]
        assert erp.own("post", "pool_join", {"line": line, "need": foreign.pk}, pk=pool).status_code == 404
        done = erp.own("post", "pool_join", {"line": line, "need": need.pk}, pk=pool)
        assert (done.status_code, done.json()[0]["joined"], done.json()[0]["joinable"]) == (201, [need.pk], [])
        twice = erp.own("post", "pool_join", {"line": line, "need": need.pk}, pk=pool)
        assert (twice.status_code, twice.json()["code"]) == (409, "need_taken")


class TestATender:
    PRICES = (41_717, 38_383)  # figures that stand nowhere else

    def test_is_told_to_programs_step_by_step_and_seals_its_quotes(self, client):
        """Suppliers asked, quotes received, closed, opened, awarded: kind and number, never a figure of a quote."""
        lead, taking_part, stranger = Program(client), Program(client), Program(client)
        at = timezone.now()
        own = RequestFactory(company=taking_part.company, requester=taking_part.user, approved=True)
        ids = [
            RequestLineFactory(request=own, state="approved", text="Gants", quantity=30).pk,
            needs(1, text="Gants")[0].pk,
        ]
        draft = pools.PoolDraft(title="Gants", lead=lead.user)
        pool = pools.open_pool(actor=lead.user, draft=draft, lines=[pools.LineDraft(text="Gants", needs=ids)], at=at)
        tender = tenders.prepare(actor=lead.user, pool=pool, deadline=at + timedelta(days=1), at=at)
        for name in ("Alpha", "Bêta"):
            tenders.invite(actor=lead.user, tender=tender, supplier=SupplierFactory(name=name), at=at)
        tender = tenders.send(actor=lead.user, tender=tender, at=at)
        tenders.postpone(actor=lead.user, tender=tender, deadline=at + timedelta(days=2), at=at)
        self.answer(tender, at)
        tender.refresh_from_db()
        self.gives_nothing_away([lead, taking_part], tender)
        type(tender).objects.filter(pk=tender.pk).update(deadline=at - timedelta(minutes=1))
        assert (tasks.close_tenders(), tasks.close_tenders()) == (1, 0)
        self.gives_nothing_away([lead, taking_part], tender)
        tender = tenders.open_quotes(actor=lead.user, tender=tender, at=timezone.now())
        lost = taking_part.own("get", "company_tender", pk=tender.pk).json()
        assert lost["state"] == "opened" and lost["lines"][0]["supplier"] is None and not lost["lines"][0]["tiers"]
        line = pool.lines.get()
        cheap = line.quote_lines.get(quote__invitation__supplier__name="Bêta")
        awards.decide(actor=staff(), tender=tender, choices={line.pk: cheap.pk}, reason="Moins cher", at=timezone.now())
        won = taking_part.own("get", "company_tender", pk=tender.pk).json()
        assert (won["state"], won["pool"]) == ("awarded", pool.pk)
        (row,) = won["lines"]
        assert (row["supplier"], row["quantity"]) == ("Bêta", 30)
        assert row["tiers"] == [{"from_quantity": 1, "unit_price": "3.8383"}]
        steps = ["sent", "postponed", "closed", "opened", "awarded"]
        assert [row.event for row in taking_part.hears()] == [f"companytender.{step}" for step in steps]
        heard = [row.event.partition(".")[2] for row in lead.hears()]
        assert heard == ["sent", "postponed", "quote_received", "quote_received", "closed", "opened", "awarded"]
        assert stranger.hears() == []
        assert {row.payload["data"]["id"] for row in lead.hears()} == {str(tender.pk)}
        self.says_that_a_pool_was_given_up(lead, at)

    def answer(self, tender, at):
        line = tender.pool.lines.get()
        until = at.date() + timedelta(days=90)
        for invitation, price in zip(TenderInvitation.objects.order_by("pk"), self.PRICES, strict=True):
            offers = [quotes.OfferDraft(line, [(1, price)], note="Stock à Valence")]
            draft = quotes.QuoteDraft(offers=offers, valid_until=until, freight_cents=1_779, terms="Franco de Vienne")
            quotes.submit(invitation=invitation, draft=draft, at=at)

    def gives_nothing_away(self, programs, tender):
        """Every address under a pool and a tender that a program may ask, and all that it was sent."""
        pool = {"pk": tender.pool_id}
        for erp in programs:
            answers = [
                erp.call("get", "pool", **pool), erp.call("get", "pools"), erp.call("get", "tender", **pool),
                erp.call("get", "pool_needs", **pool), erp.call("get", "comparison", **pool),
                erp.call("get", "award_studies", **pool), erp.call("post", "award_studies", **pool),
                erp.call("get", "tender_questions", **pool), erp.own("get", "pool_join", **pool),
                erp.own("get", "company_tender", pk=tender.pk),
            ]  # fmt: skip
            said = " ".join(answer.content.decode() for answer in answers)
            said += " ".join(str(row.payload) for row in erp.hears())
            said += " ".join(str(row.data) + row.reason for row in AuditEntry.objects.filter(company=erp.company))
            assert answers[0].status_code == 200 and answers[-1].json()["state"] == "open"
            for secret in ("4.1717", "41717", "4,1717", "3.8383", "38383", "17.79", "1779", "Valence", "Vienne"):
                assert secret not in said, secret

    def says_that_a_pool_was_given_up(self, lead, at):
        ids = [need.pk for need in needs(1, text="Colle")]
        draft = pools.PoolDraft(title="Colle", lead=lead.user)
        pool = pools.open_pool(actor=lead.user, draft=draft, lines=[pools.LineDraft(text="Colle", needs=ids)], at=at)
        tender = tenders.prepare(actor=lead.user, pool=pool, deadline=at + timedelta(days=1), at=at)
        hidden = lead.own("get", "company_tender", pk=tender.pk)
        assert hidden.status_code == 404, "nothing was sent yet"
        tenders.invite(actor=lead.user, tender=tender, supplier=SupplierFactory(), at=at)
        tenders.send(actor=lead.user, tender=tender, at=at)
        pools.cancel(actor=lead.user, pool=pool, reason="Plus de besoin", at=at)
        assert [row.event for row in lead.hears()][-2:] == ["companytender.sent", "companytender.cancelled"]
