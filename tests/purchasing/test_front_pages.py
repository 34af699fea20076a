"""The front half through HTTP: what is typed stays, one link per supplier, one page to decide on."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from companies.models import AuditEntry, Role
from purchasing import tasks
from purchasing.models import Award, Pool, PurchaseRequest, Quote, Tender, TenderInvitation
from purchasing.services import award as awards
from purchasing.services import pool as pools
from purchasing.services import quote as quotes
from purchasing.services import tender as tenders
from purchasing.states import PoolState, QuoteState, RequestState
from tests.factories.companies import CompanyFactory, member, staff
from tests.factories.purchasing import (
    NOW,
    ArticleFactory,
    RequestLineFactory,
    SupplierFactory,
    answer,
    link,
    needs,
    sent_tender,
)

pytestmark = pytest.mark.django_db


def signed_in(user):
    client = Client()
    client.force_login(user)
    session = client.session
    session["account_authentication_methods"] = [{"method": "mfa", "type": "totp", "at": 0, "reauthenticated": False}]
    session["demo_second_factor"] = True
    session.save()
    return client


def typed(action="save", *lines, **head):
    """What the browser sends for a request."""
    data = {"title": "Gants", "needed_by": "", "action": action, "lines-TOTAL_FORMS": 3, "lines-INITIAL_FORMS": 0}
    data.update(head)
    for n, (text, quantity, price) in enumerate(lines):
        data.update({f"lines-{n}-text": text, f"lines-{n}-quantity": quantity, f"lines-{n}-ref_price_e4": price})
        data[f"lines-{n}-unit"] = ""
    return data


@pytest.fixture
def company():
    return CompanyFactory(approval_limit_cents=1_000_000)


@pytest.fixture
def buyer(company):
    return signed_in(member(company, Role.BUYER))


class TestTheRequestForm:
    def test_takes_a_price_with_a_comma_and_free_words(self, company, buyer):
        url = reverse("purchasing:request_new", args=[company.pk])
        buyer.post(url, typed("save", ("Savon", "1 200", "12,50")))
        line = PurchaseRequest.objects.get().lines.get()
        assert (line.text, line.quantity, line.ref_price_e4, line.article) == ("Savon", 1_200, 125_000, None)

    def test_recognises_an_article_whatever_the_case(self, company, buyer):
        article = ArticleFactory(name="Papier A4 80 g")
        url = reverse("purchasing:request_new", args=[company.pk])
        buyer.post(url, typed("save", ("papier a4 80 G", "3", "")))
        assert PurchaseRequest.objects.get().lines.get().article == article

    @pytest.mark.parametrize(
        ("quantity", "price"), [("1e9", "1"), ("-1", "1"), ("2", "nan"), ("2", "-4"), ("2", "1,23456"), ("", "3")]
    )
    def test_refuses_bad_figures_and_keeps_everything_typed(self, company, buyer, quantity, price):
        url = reverse("purchasing:request_new", args=[company.pk])
        page = buyer.post(url, typed("submit", ("Savon d’atelier", quantity, price), cost_centre="ATELIER-7"))
        text = page.content.decode()
        assert page.status_code == 200 and not PurchaseRequest.objects.exists()
        assert "Savon d’atelier" in text and "ATELIER-7" in text and "is-invalid" in text

    def test_adds_rows_without_a_script_and_without_losing_a_word(self, company, buyer):
        url = reverse("purchasing:request_new", args=[company.pk])
        page = buyer.post(url, typed("more", ("Savon", "abc", "")))
        assert page.context["lines"].total_form_count() == 8
        assert 'value="abc"' in page.content.decode() and not PurchaseRequest.objects.exists()

    def test_submits_at_once_within_the_limit(self, company, buyer):
        url = reverse("purchasing:request_new", args=[company.pk])
        page = buyer.post(url, typed("submit", ("Savon", "2", "12,50")))
        request = PurchaseRequest.objects.get()
        assert request.state == RequestState.APPROVED
        assert page.headers["Location"] == reverse("purchasing:request", args=[company.pk, request.pk])


class TestTheRequestList:
    def test_costs_the_same_for_2_and_for_20_requests(self, company, buyer):
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        url = reverse("purchasing:request_list", args=[company.pk])
        counts = []
        for more in (2, 18):
            for _ in range(more):
                RequestLineFactory(request__company=company, request__requester=member(company, Role.BUYER))
            buyer.get(url)
            with CaptureQueriesContext(
                connection,
            ) as found:
                buyer.get(url)
            counts.append(len(found))
        assert counts[0] == counts[1]


class TestTheWholeFrontHalf:
    def test_goes_from_needs_to_commitments_through_the_browser(self):
        lines = needs(3, quantity=40)
        browser = signed_in(staff())
        suppliers = [SupplierFactory(), SupplierFactory()]
        chosen = {"group": ",".join(str(line.pk) for line in lines)}
        assert browser.post(reverse("purchasing:pool_new"), chosen).status_code == 200
        form = {
            "need": [line.pk for line in lines], "action": "open", "title": "Gants", "legal_model": "resale",
            "minimum_missed": "round_down", "shortage": "proportional", "freight": "value",
            "fairness": "stand_alone_cap", "fee_bp": "100", "lead": browser.session["_auth_user_id"],
            "line0-text": "Gants nitrile M", "line0-pack": "10", "line0-vat_bp": "2000",
        }  # fmt: skip
        browser.post(reverse("purchasing:pool_new"), form)
        pool = Pool.objects.get()
        assert (pool.fee_bp, pool.lines.get().asked_quantity, pool.lines.get().pack) == (100, 120, 10)
        at = [pool.pk]
        browser.post(reverse("purchasing:pool_publish", args=at))
        deadline = timezone.localtime() + timedelta(days=3)
        browser.post(reverse("purchasing:tender", args=at), {"deadline": f"{deadline:%Y-%m-%dT%H:%M}", "sealed": "on"})
        browser.post(reverse("purchasing:tender_invite", args=at), {"suppliers": [s.pk for s in suppliers]})
        browser.post(reverse("purchasing:tender_send", args=at))
        for invitation, price in zip(TenderInvitation.objects.order_by("pk"), ("4,20", "3,60"), strict=True):
            self.answer(link(invitation), price)
        sealed = browser.get(reverse("purchasing:comparison", args=at))
        assert sealed.status_code == 302
        browser.post(reverse("purchasing:tender_open", args=at))
        page = browser.get(reverse("purchasing:comparison", args=at))
        row = page.context["comparison"].rows[0]
        assert page.context["comparison"].columns[1].best and row.chosen == row.cells[1].quote_line.pk
        browser.post(reverse("purchasing:award", args=at), {f"line-{row.line.pk}": row.chosen, "reason": "Moins cher"})
        assert Award.objects.get().state == "confirmed"
        closes = timezone.localtime() + timedelta(days=5)
        browser.post(reverse("purchasing:pool_open", args=at), {"closes_at": f"{closes:%Y-%m-%dT%H:%M}"})
        assert Pool.objects.get().state == PoolState.COMMITTING

    def answer(self, token, price):
        phone = Client()
        start = phone.get(reverse("purchasing:quote", args=[token]))
        assert start.status_code == 200 and start.headers["Referrer-Policy"] in ("no-referrer", "same-origin")
        step = phone.post(
            reverse("purchasing:quote_line", args=[token, 1]), {"from1": "1", "price1": price, "pack": "10"}
        )
        assert step.headers["Location"] == reverse("purchasing:quote_terms", args=[token])
        until = timezone.localdate() + timedelta(days=60)
        terms = {"valid_until": f"{until:%Y-%m-%d}", "freight_cents": "18,50", "franco_cents": "500", "action": "send"}
        phone.post(reverse("purchasing:quote_terms", args=[token]), terms)

    def test_refuses_an_award_without_a_reason_and_keeps_the_choice(self):
        from tests.factories.purchasing import opened_tender

        tender = opened_tender(42_000, 36_000)
        line = tender.pool.lines.get()
        dear = line.quote_lines.order_by("-tiers__unit_price_e4").first()
        url = reverse("purchasing:award", args=[tender.pool_id])
        page = signed_in(staff()).post(url, {f"line-{line.pk}": dear.pk, "reason": ""})
        assert page.status_code == 400 and page.context["comparison"].rows[0].chosen == dear.pk
        assert not Award.objects.exists()


class TestTheShortlist:
    def test_marks_a_quote_once_after_the_opening_and_keeps_no_other_from_winning(self):
        """Decision 0056: the button of the comparison; a quote that is not marked may win too."""
        actor = staff()
        tender = sent_tender(actor=actor)
        for invitation, price in zip(tender.invitations.order_by("pk"), (42_000, 36_000), strict=True):
            answer(invitation, price)
        marked, other = tender.invitations.order_by("pk")
        browser, page = signed_in(actor), reverse("purchasing:comparison", args=[tender.pool_id])
        button, another = (
            reverse("purchasing:invitation", args=[tender.pool_id, row.pk, "shortlist"]) for row in (marked, other)
        )
        assert browser.post(button).url == page
        assert TenderInvitation.objects.get(pk=marked.pk).state == QuoteState.SUBMITTED, "sealed"
        tenders.open_quotes(actor=actor, tender=tender, at=NOW + timedelta(days=10))
        assert button in browser.get(page).content.decode()
        for _twice in range(2):
            assert browser.post(button).url == page
        assert TenderInvitation.objects.get(pk=marked.pk).state == QuoteState.SHORTLISTED
        assert AuditEntry.objects.filter(action="tenderinvitation.shortlisted", actor=actor).count() == 1
        shown = browser.get(page).content.decode()
        assert button not in shown and another in shown and "Présélectionné" in shown
        line = tender.pool.lines.get()
        cheap = line.quote_lines.order_by("tiers__unit_price_e4").first()
        awards.decide(actor=staff(), tender=tender, choices={line.pk: cheap.pk}, reason="Moins cher", at=NOW)
        states = tender.invitations.order_by("pk").values_list("state", flat=True)
        assert list(states) == [QuoteState.LOST, QuoteState.AWARDED]


@pytest.fixture
def running():
    """A tender sent now, so that the pages' own clock agrees with it."""
    actor = staff()
    at = timezone.now()
    ids = [line.pk for line in needs(3)]
    pool = pools.open_pool(
        actor=actor, draft=pools.PoolDraft(title="Gants"), lines=[pools.LineDraft(text="Gants", needs=ids)], at=at
    )
    tender = tenders.prepare(actor=actor, pool=pool, deadline=at + timedelta(days=1), at=at)
    tenders.invite(actor=actor, tender=tender, supplier=SupplierFactory(), at=at)
    return tenders.send(actor=actor, tender=tender, at=at)


class TestTheSuppliersLink:
    def test_saves_each_step_and_is_found_again(self, running):
        token = link(running.invitations.get())
        Client().post(reverse("purchasing:quote_line", args=[token, 1]), {"from1": "1", "price1": "12,50"})
        page = Client().get(reverse("purchasing:quote_line", args=[token, 1])).content.decode()
        assert "12,5" in page and Quote.objects.get().submitted_at is None

    def test_says_which_figure_is_wrong_and_keeps_it(self, running):
        token = link(running.invitations.get())
        data = {"from1": "1", "price1": "3,00", "from2": "100", "price2": "4,00"}
        page = Client().post(reverse("purchasing:quote_line", args=[token, 1]), data)
        assert "price2" in page.context["form"].errors and 'value="4,00"' in page.content.decode()
        free = Client().post(reverse("purchasing:quote_line", args=[token, 1]), data | {"price2": "0"})
        assert "article" in free.context["form"].errors["price2"][0] and 'value="0"' in free.content.decode()
        assert not Quote.objects.exists()

    def test_needs_no_script_to_say_that_an_article_is_not_offered(self, running):
        token = link(running.invitations.get())
        Client().post(reverse("purchasing:quote_line", args=[token, 1]), {"action": "skip"})
        assert not Quote.objects.get().lines.get().tiers.exists()

    @pytest.mark.parametrize("token", ["x", "abc.def"])
    def test_that_is_forged_gets_a_sentence_and_404(self, token):
        page = Client().get(reverse("purchasing:quote", args=[token]))
        assert page.status_code == 404 and "ERB" in page.content.decode()

    def test_that_was_revoked_is_gone(self, running):
        invitation = running.invitations.get()
        token = link(invitation)
        tenders.revoke(actor=staff(), invitation=invitation, reason="Erreur", at=timezone.now())
        assert Client().get(reverse("purchasing:quote", args=[token])).status_code == 410

    def test_lets_a_supplier_decline_in_one_step(self, running):
        token = link(running.invitations.get())
        Client().post(reverse("purchasing:quote_decline", args=[token]), {"reason": "Rupture"})
        assert running.invitations.get().state == QuoteState.DECLINED


class TestTheClock:
    def test_reminds_a_silent_supplier_once(self, running):
        assert tasks.remind_suppliers() == 1
        assert tasks.remind_suppliers() == 0

    def test_expires_needs_of_the_past(self):
        RequestLineFactory(approved=True, needed_by=timezone.localdate() - timedelta(days=1))
        assert tasks.expire_needs() == 1
        assert tasks.expire_needs() == 0

    def test_expires_quotes_whose_prices_ended_and_suppliers_whose_link_did(self, monkeypatch):
        """Decision 0056: the last version counts and its last day still holds; the clock says so, once."""
        tender, at = sent_tender(suppliers=6), NOW + timedelta(days=5)
        yesterday, today = timezone.localdate(at) - timedelta(days=1), timezone.localdate(at)
        gone, silent, ended, holds, renewed, withdrawn = tender.invitations.order_by("pk")
        TenderInvitation.objects.filter(pk=gone.pk).update(expires_at=at)
        for row in (ended, renewed, withdrawn):
            answer(row, 40_000, valid_until=yesterday)
        answer(holds, 40_000, valid_until=today)
        answer(renewed, 41_000, valid_until=today)
        quotes.withdraw(invitation=withdrawn, reason="Rupture", at=NOW)
        monkeypatch.setattr(timezone, "now", lambda: at)
        assert (tasks.expire_quotes(), tasks.expire_quotes()) == (2, 0)  # the renewed one is not counted
        found = dict(tender.invitations.values_list("pk", "state"))
        assert [found[row.pk] for row in (gone, silent, ended, holds, renewed, withdrawn)] == [
            "expired", "invited", "expired", "submitted", "submitted", "withdrawn",
        ]  # fmt: skip
        who = AuditEntry.objects.filter(action="tenderinvitation.expired").values_list("actor", "actor_label")
        assert list(who) == [(None, "clock")] * 2


class TestTheApi:
    def test_files_submits_and_reads_a_request(self, company, buyer):
        url = reverse("purchasing_api:requests", args=[company.pk])
        body = {"title": "Gants", "lines": [{"text": "Gants nitrile", "quantity": 100, "ref_price": "6.2000"}]}
        made = buyer.post(url, body, content_type="application/json").json()
        assert (made["state"], made["amount"], made["lines"][0]["ref_price"]) == ("draft", "620.00", "6.2000")
        done = buyer.post(reverse("purchasing_api:request_submit", args=[company.pk, made["id"]]))
        assert done.json()["state"] == "approved"

    def test_answers_a_bad_amount_with_a_problem(self, company, buyer):
        url = reverse("purchasing_api:requests", args=[company.pk])
        body = {"title": "Gants", "lines": [{"text": "Gants", "quantity": 1, "ref_price": "1e9"}]}
        answer = buyer.post(url, body, content_type="application/json")
        assert answer.status_code == 400 and answer.json()["errors"][0]["code"] == "amount_invalid"

    def test_takes_a_quote_by_link_and_tells_a_rising_price(self, running):
        token = link(running.invitations.get())
        url = reverse("purchasing_api:quote", args=[token])
        line = Client().get(url).json()["lines"][0]["line"]
        tiers = [{"from_quantity": 1, "unit_price": "3.60"}, {"from_quantity": 100, "unit_price": "4.20"}]
        until = f"{timezone.localdate() + timedelta(days=30):%Y-%m-%d}"
        body = {"offers": [{"line": line, "tiers": tiers}], "valid_until": until, "freight": "18.50"}
        refused = Client().post(url, body, content_type="application/json")
        assert (refused.status_code, refused.json()["code"]) == (409, "tiers_wrong")
        tiers[1]["unit_price"] = "0"
        refused = Client().put(url, body, content_type="application/json")
        assert (refused.status_code, refused.json()["code"]) == (409, "price_zero")
        tiers[1]["unit_price"] = "3.15"
        assert Client().post(url, body, content_type="application/json").status_code == 201
        assert Quote.objects.get(submitted_at__isnull=False).freight_cents == 1_850

    def test_hides_a_total_that_would_give_a_member_away(self):
        needs(2, quantity=70)
        lead = signed_in(member(CompanyFactory(), Role.BUYER))
        assert lead.get(reverse("purchasing_api:needs")).json()[0]["quantity"] == "100–150"
        assert signed_in(staff()).get(reverse("purchasing_api:needs")).json()[0]["quantity"] == "140"

    def test_never_shows_a_sealed_price(self, running):
        url = reverse("purchasing_api:comparison", args=[running.pool_id])
        answer = signed_in(staff()).get(url)
        assert (answer.status_code, answer.json()["code"]) == (409, "tender_not_opened")
        assert Tender.objects.get().opened_at is None


class TestALeadBuyer:
    def test_runs_a_pool_without_learning_who_needs_how_much(self):
        lead = member(CompanyFactory(), Role.BUYER)
        lines = [RequestLineFactory(approved=True, quantity=7_313) for _ in range(3)]
        draft = pools.LineDraft(text="Gants", needs=[line.pk for line in lines])
        pool = pools.open_pool(actor=lead, draft=pools.PoolDraft(title="Gants"), lines=[draft], at=timezone.now())
        page = signed_in(lead).get(reverse("purchasing:pool", args=[pool.pk])).content.decode()
        assert "21\u202f939" in page and "7\u202f313" not in page and "7313" not in page
        assert not any(line.request.company.name + "<" in page for line in lines)

    def test_sees_a_band_while_two_companies_take_part(self):
        lead = member(CompanyFactory(), Role.BUYER)
        ids = [line.pk for line in needs(2, quantity=70)]
        draft = pools.LineDraft(text="Gants", needs=ids)
        pool = pools.open_pool(actor=lead, draft=pools.PoolDraft(title="Gants"), lines=[draft], at=timezone.now())
        page = signed_in(lead).get(reverse("purchasing:pool", args=[pool.pk])).content.decode()
        assert "100–150" in page and "<strong>140</strong>" not in page

    def test_finds_no_pool_of_somebody_else(self, running):
        lead = signed_in(member(CompanyFactory(), Role.BUYER))
        assert lead.get(reverse("purchasing:pool", args=[running.pool_id])).status_code == 404
