"""Framework agreements: signed terms, call-offs through approval and budget to the order, quotas under concurrency."""

import threading
from datetime import date

import pytest
from django.db import DatabaseError, connection, transaction

from companies.errors import NotAllowed
from companies.models import Role
from companies.states import StateRefused
from purchasing.models import Budget, CallOff, Commitment, FrameworkPrice, Pool, PurchaseOrder, PurchaseRequest
from purchasing.services import budget, call_off_order, delivery, framework, framework_use, order, request
from purchasing.services.call_off import CallOffEmpty
from purchasing.services.framework import ArticleIn
from tests.factories.companies import member
from tests.purchasing.back import world
from tests.purchasing.framed import AT, SIGNED, frame, later


@pytest.mark.django_db
class TestAnAgreement:
    def test_is_made_once_of_an_award_with_its_tiers_packs_and_freight(self):
        w = world(tiers=((1, 34_917), (120, 33_000)), franco_cents=50_000)
        award = w.pool.tenders.get().awards.get()
        row = framework.from_award(actor=w.staff, award=award, supplier=w.supplier, at=SIGNED)
        again = framework.from_award(actor=w.staff, award=award, supplier=w.supplier, at=SIGNED)
        assert (again.pk, row.state) == (row.pk, "draft")
        assert (row.freight_cents, row.franco_cents, row.email) == (1_990, 50_000, "fournisseur@example.org")
        article = row.articles.get()
        assert (article.text, article.pack, article.reference) == ("Gants nitrile M", 12, "GN-M")
        prices = list(article.prices.values_list("from_qty", "unit_price_e4"))
        assert prices == [(1, 34_917), (120, 33_000)]

    def test_of_a_supplier_that_won_nothing_is_refused(self):
        w = world()
        award = w.pool.tenders.get().awards.get()
        other = frame().agreement.supplier
        with pytest.raises(framework.NotAwarded):
            framework.from_award(actor=w.staff, award=award, supplier=other, at=SIGNED)

    def test_is_kept_by_staff_only(self):
        f = frame(sign=False)
        for role in Role:
            person = member(f.company("A"), role)
            with pytest.raises(NotAllowed):
                framework.sign(actor=person, agreement=f.agreement, at=SIGNED)

    def test_once_signed_never_changes_a_price(self):
        f = frame()
        with pytest.raises(framework.FrameworkSigned):
            draft = ArticleIn("Ramette A4", ((1, 1),))
            framework.put_article(actor=f.staff, agreement=f.agreement, draft=draft, at=AT, article=f.article)
        with pytest.raises(DatabaseError, match="never changes"), transaction.atomic():
            FrameworkPrice.objects.update(unit_price_e4=1)

    def test_revises_prices_from_a_later_day_on(self):
        f = frame()
        args = {"actor": f.staff, "article": f.article, "reason": "Indice papier", "at": AT}
        with pytest.raises(framework.PriceBackdated):
            framework.revise(valid_from=AT.date(), tiers=[(1, 21_000)], **args)
        framework.revise(valid_from=date(2026, 3, 1), tiers=[(1, 21_000)], **args)
        assert f.draw("A", 10).lines.get().unit_price_e4 == 20_000
        assert f.draw("A", 10, later(40)).lines.get().unit_price_e4 == 21_000
        assert CallOff.objects.order_by("pk")[0].lines.get().unit_price_e4 == 20_000

    def test_is_incomplete_without_an_article(self):
        f = frame(sign=False)
        framework.remove_article(actor=f.staff, article=f.article, at=SIGNED)
        with pytest.raises(framework.FrameworkIncomplete):
            framework.sign(actor=f.staff, agreement=f.agreement, at=SIGNED)

    def test_follows_its_states_and_no_others(self):
        f = frame()
        args = {"actor": f.staff, "agreement": f.agreement, "reason": "Litige", "at": AT}
        with pytest.raises(StateRefused):
            framework.set_state(to="cancelled", **args)
        framework.set_state(to="suspended", **args)
        with pytest.raises(call_off_order.NotInForce):
            f.draw("A", 1)
        framework.set_state(to="active", **args)
        f.draw("A", 1)
        framework.set_state(to="ended", **args)
        with pytest.raises(StateRefused):
            framework.set_state(to="active", **args)

    def test_ends_by_the_clock_after_its_last_day_once(self):
        f = frame(ends_on=date(2026, 2, 2))
        assert framework.end_expired(at=AT) == 0
        assert framework.end_expired(at=later(1)) == 1
        assert framework.end_expired(at=later(1)) == 0
        f.agreement.refresh_from_db()
        assert (f.agreement.state, f.agreement.ended_at) == ("ended", later(1))

    def test_keeps_quotas_within_the_maximum_and_above_what_was_drawn(self):
        f = frame(most=100)
        f.quota("A", 60)
        f.draw("B", 30)
        f.draw("A", 20)
        with pytest.raises(framework.QuotaTooLarge):
            f.quota("C", 11)
        with pytest.raises(framework.QuotaDrawn):
            f.quota("A", 19)
        f.quota("C", 10)
        f.quota("A", None)
        assert dict(f.article.quotas.values_list("company__name", "quantity")) == {"C": 10}


@pytest.mark.django_db
class TestACallOff:
    def test_within_the_limit_becomes_an_order_to_sign(self):
        f = frame(freight_cents=1_500, franco_cents=50_000)
        row = f.draw("A", 120)
        assert (row.goods_cents, row.freight_cents) == (21_600, 1_500)
        found = row.order
        assert (found.state, found.goods_cents, found.freight_cents) == ("to_sign", 21_600, 1_500)
        assert found.lines.get().unit_price_e4 == 18_000
        held = Commitment.objects.get()
        assert (held.state, held.granted, held.company) == ("locked", 120, f.companies["A"])
        assert (row.request.state, row.request.lines.get().state) == ("approved", "committed")
        assert row.pool.state == "locked"

    def test_goes_all_the_way_to_the_companys_invoice(self):
        f = frame(freight_cents=1_500)
        sent = order.sign_and_send(actor=f.staff, order=f.draw("A", 10).order, at=AT)
        f.receive(sent, 10)
        f.bill(sent)
        row = CallOff.objects.get()
        assert (row.pool.state, row.order.state) == ("closed", "closed")
        invoice = f.companies["A"].invoices.get()
        assert (invoice.net_cents, invoice.vat_cents) == (3_500, 700)

    def test_leaves_at_once_with_the_signature_of_the_agreement(self, mailoutbox):
        f = frame(direct=True)
        found = f.draw("A", 10).order
        assert (found.state, found.signed_by) == ("sent", f.staff)
        assert found.document is not None and found.token_hash

    def test_above_the_limit_waits_for_an_approver_and_counts_meanwhile(self):
        """case: limit 1,000 €; 980.00 of goods and the freight make 1,012.40 → approval needed."""
        f = frame(tiers=((1, 9_800_000),), freight_cents=3_240, most=1)
        company = f.company("A", limit=100_000)
        row = f.draw("A", 1)
        assert (row.request.state, row.request.amount_cents, row.pool) == ("submitted", 101_240, None)
        with pytest.raises(call_off_order.UnitsGone):
            f.draw("B", 1)
        approver = member(company, Role.APPROVER)
        request.decide(actor=approver, request=row.request, verdict="approved", at=later(1))
        row.refresh_from_db()
        assert row.order.state == "to_sign"

    def test_rejected_gives_its_units_back(self):
        f = frame(most=10)
        company = f.company("A", limit=0)
        row = f.draw("A", 10)
        approver = member(company, Role.APPROVER)
        request.decide(actor=approver, request=row.request, verdict="rejected", reason="Non", at=AT)
        assert f.draw("B", 10).order

    def test_returned_is_corrected_and_handed_in_again(self):
        f = frame(most=10)
        company = f.company("A", limit=0)
        row = f.draw("A", 10)
        approver = member(company, Role.APPROVER)
        request.decide(actor=approver, request=row.request, verdict="returned", reason="Moins", at=AT)
        row = CallOff.objects.get()
        with pytest.raises(request.RequestOfCallOff):
            draft = request.RequestDraft("x", [request.LineDraft("Or", 1)])
            request.save(actor=f.buyers["A"], company=company, draft=draft, at=AT, request=row.request)
        again = f.draw_again(row, 4)
        assert (again.pk, again.request.state, again.lines.get().quantity) == (row.pk, "submitted", 4)

    def test_is_stopped_by_the_budget_freight_included(self):
        """case: budget → stop; blank cost centre → stop too."""
        f = frame(freight_cents=1_500)
        company = f.company("A")
        Budget.objects.create(company=company, year=2026, cost_centre="ATELIER", amount_cents=3_400)
        with pytest.raises(budget.CostCentreMissing):
            f.draw("A", 10)
        with pytest.raises(budget.BudgetExceeded):
            f.draw("A", 10, cost_centre="ATELIER")
        assert not CallOff.objects.exists() and not PurchaseRequest.objects.exists()
        f.draw("A", 9, cost_centre="ATELIER")
        (spent,) = budget.uses(company, 2026)
        assert (spent.committed_cents, spent.reserved_cents) == (3_300, 0)

    @pytest.mark.parametrize(("quantity", "refusal"), [(11, "PackBroken"), (5, "PackBroken"), (10, "BelowMinimum")])
    def test_keeps_packs_and_minimum(self, quantity, refusal):
        f = frame(pack=10, minimum_cents=2_001)
        with pytest.raises(getattr(call_off_order, refusal)):
            f.draw("A", quantity)
        assert not Pool.objects.exists()

    def test_of_nothing_is_refused(self):
        with pytest.raises(CallOffEmpty):
            frame().draw("A", 0)

    def test_stays_within_the_maximum_value(self):
        f = frame(most_cents=3_000)
        f.draw("A", 10)
        with pytest.raises(call_off_order.MaximumReached):
            f.draw("B", 6)
        f.draw("B", 5)

    def test_is_refused_before_the_first_and_after_the_last_day(self):
        f = frame(starts_on=date(2026, 2, 2), ends_on=date(2026, 2, 3))
        for day in (-1, 2):
            with pytest.raises(call_off_order.NotInForce):
                f.draw("A", 1, later(day))
        f.draw("A", 1)
        f.draw("A", 1, later(1))

    def test_is_for_buyers_of_a_member(self):
        f = frame()
        f.company("A")
        for role in set(Role) - {Role.BUYER}:
            f.buyers["A"] = member(f.companies["A"], role)
            with pytest.raises(NotAllowed):
                f.draw("A", 1)

    def test_whose_order_is_cancelled_frees_units_budget_and_word(self):
        f = frame(most=10)
        company = f.company("A")
        Budget.objects.create(company=company, year=2026, cost_centre="X", amount_cents=100_000)
        sent = f.send(f.draw("A", 10, cost_centre="X"))
        order.cancel(actor=f.staff, order=sent, reason="Erreur", at=AT)
        assert Commitment.objects.get().state == "dropped"
        assert set(framework_use.drawn_of(f.article).values()) == {0}
        (spent,) = budget.uses(company, 2026)
        assert spent.committed_cents == 0
        f.draw("B", 10)

    def test_closed_short_counts_what_came(self):
        f = frame(most=10)
        sent = f.send(f.draw("A", 10))
        f.receive(sent, 7)
        with pytest.raises(call_off_order.UnitsGone):
            f.draw("B", 1)
        sent.refresh_from_db()
        delivery.close_short(actor=f.staff, order=sent, reason="Rupture", at=AT)
        with pytest.raises(call_off_order.UnitsGone):
            f.draw("B", 4)
        f.draw("B", 3)

    def test_says_what_is_left_only_where_it_gives_nobody_away(self):
        """I13: with fewer than three others the figure would be somebody's; one's own quota is one's own."""
        f = frame(most=100)
        f.quota("Q", 10)
        f.draw("A", 30)
        f.draw("C", 10)
        with pytest.raises(call_off_order.UnitsGone):
            f.draw("B", 51)
        f.draw("D", 10)
        with pytest.raises(call_off_order.QuotaReached) as caught:
            f.draw("B", 41)
        assert caught.value.params["left"] == 40
        with pytest.raises(call_off_order.QuotaReached) as caught:
            f.draw("Q", 11)
        assert caught.value.params["left"] == 10

    def test_is_seen_by_its_company_and_staff_only(self):
        """I13: no member sees another member's quantity."""
        f = frame()
        row = f.draw("A", 10)
        f.company("B")
        assert Pool.objects.visible_to(f.buyers["A"]).filter(pk=row.pool_id).exists()
        assert CallOff.objects.visible_to(f.buyers["A"]).exists()
        assert not Pool.objects.visible_to(f.buyers["B"]).filter(pk=row.pool_id).exists()
        assert not CallOff.objects.visible_to(f.buyers["B"]).exists()
        nobody = member(f.companies["A"], Role.HR)
        assert not Pool.objects.visible_to(nobody).exists()


@pytest.mark.django_db(transaction=True)
class TestTwoCallOffsOnTheLastUnits:
    def race(self, f, letters, quantity):
        """Each company draws at the same moment; the refusals."""
        for letter in letters:
            f.company(letter)
        start, errors = threading.Barrier(len(letters), timeout=20), []

        def work(letter):
            try:
                start.wait()
                f.draw(letter, quantity)
            except Exception as error:
                errors.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=work, args=(letter,)) for letter in letters]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return errors

    def test_are_accepted_exactly_once(self):
        f = frame(most=10)
        (error,) = self.race(f, "AB", 10)
        assert isinstance(error, call_off_order.UnitsGone)
        assert CallOff.objects.count() == PurchaseOrder.objects.count() == PurchaseRequest.objects.count() == 1

    def test_of_one_company_on_its_last_quota_are_accepted_as_far_as_it_goes(self):
        """Sixteen at once of three units each on a quota of ten: three pass."""
        f = frame(most=100)
        f.quota("A", 10)
        errors = self.race(f, "A" * 16, 3)
        assert len(errors) == 13 and {type(error) for error in errors} == {call_off_order.QuotaReached}
        assert {error.params["left"] for error in errors} == {1}
        assert sum(framework_use.drawn_of(f.article).values()) == 9

    def test_are_both_accepted_without_the_row_lock(self, monkeypatch):
        """The race is real: with the lock of the agreement's row taken out, both pass."""
        f = frame(most=10)
        together = threading.Barrier(2, timeout=20)
        real = framework_use.uses

        def together_uses(*args, **kwargs):
            found = real(*args, **kwargs)
            together.wait()  # both have counted
            return found

        monkeypatch.setattr(call_off_order, "locked", lambda row: row)
        monkeypatch.setattr(call_off_order.use, "uses", together_uses)
        assert self.race(f, "AB", 10) == []
        assert CallOff.objects.count() == 2
