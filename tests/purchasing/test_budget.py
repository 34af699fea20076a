"""A budget stops what it does not cover, whoever moves the amount."""

from datetime import timedelta

import pytest

from companies.models import OutboxMail, Role
from purchasing.models import ApprovalLevel, Budget, BudgetCharge, Commitment, PurchaseRequest
from purchasing.rules import budget as rules
from purchasing.services import agreement, budget, commitment
from purchasing.services import request as requests
from purchasing.services import standing as standings
from purchasing.services.request import LineDraft, RequestDraft
from tests.factories.companies import CompanyFactory, member
from tests.factories.purchasing import NOW
from tests.purchasing.back import AFTER, hours, world

pytestmark = pytest.mark.django_db(transaction=True)


def asked(company, buyer, euros, centre="ATELIER", **more):
    """A draft over so many euros."""
    lines = [LineDraft("Gants", 1, ref_price_e4=euros * 10_000)]
    return requests.save(
        actor=buyer, company=company, draft=RequestDraft("Gants", lines, cost_centre=centre, **more), at=NOW
    )


def keeps(company, euros, centre="ATELIER", year=2026):
    return Budget.objects.create(company=company, year=year, cost_centre=centre, amount_cents=euros * 100)


class TestARequest:
    def setup_method(self):
        self.company = CompanyFactory(approval_limit_cents=10_000_000)
        self.buyer = member(self.company, Role.BUYER)

    def submit(self, euros, centre="ATELIER"):
        return requests.submit(actor=self.buyer, request=asked(self.company, self.buyer, euros, centre), at=NOW)

    def test_stops_when_4600_are_committed_and_450_asked_of_5000(self):
        """case: Budget 5,000: 4,600 committed + 450 asked → stop."""
        keeps(self.company, 5_000)
        assert self.submit(4_600).state == "approved"
        with pytest.raises(budget.BudgetExceeded) as refused:
            self.submit(450)
        assert "50,00" in refused.value.sentence
        assert PurchaseRequest.objects.filter(state="draft").count() == 1  # nothing typed is lost
        assert self.submit(400).state == "approved"

    def test_stops_when_4600_are_firm_in_a_pool_and_450_asked_of_5000(self):
        """case: Budget 5,000: 4,600 committed + 450 asked → stop; the firm word itself counts, not its request."""
        w = world(tiers=((1, 1_000_000),), pack=1, freight_cents=0)
        self.company, self.buyer = w.company("A"), w.buyers["A"]
        keeps(self.company, 5_000)
        w.commit("A", 46, cost_centre="ATELIER")
        with pytest.raises(budget.BudgetExceeded) as refused:
            self.submit(450)
        assert "50,00" in refused.value.sentence
        assert self.submit(400).state == "approved"

    def test_stops_at_a_blank_cost_centre(self):
        """case: blank cost centre → stop too (not a silent pass)."""
        keeps(self.company, 5_000)
        with pytest.raises(budget.CostCentreMissing):
            self.submit(10, centre=" ")

    def test_stops_at_a_cost_centre_without_budget(self):
        keeps(self.company, 5_000)
        with pytest.raises(budget.CostCentreUnknown):
            self.submit(10, centre="DIRECTION")

    def test_passes_where_no_budget_is_kept(self):
        assert self.submit(9_000, centre="").state == "approved"

    def test_counts_for_the_year_it_is_needed_in(self):
        keeps(self.company, 5_000)
        row = asked(self.company, self.buyer, 9_000, needed_by=NOW.date().replace(year=2027))
        assert requests.submit(actor=self.buyer, request=row, at=NOW).state == "approved"

    def test_is_looked_at_again_when_it_is_approved(self):
        """Two requests that each fit wait side by side; only one can be approved."""
        self.company.approval_limit_cents = 0
        self.company.save()
        keeps(self.company, 5_000)
        first, second = self.submit(3_000), self.submit(3_000)
        approver = member(self.company, Role.APPROVER)
        requests.decide(actor=approver, request=first, verdict="approved", at=NOW)
        with pytest.raises(budget.BudgetExceeded):
            requests.decide(actor=approver, request=second, verdict="approved", at=NOW)

    def test_writes_its_cost_centre_one_way(self):
        keeps(self.company, 5_000, "SIÈGE NORD")
        assert self.submit(10, centre=" siège  nord").cost_centre == "SIÈGE NORD"


class TestACommitment:
    def test_is_stopped_without_a_cost_centre_and_charged_with_one(self):
        w = world(freight_cents=0)
        company = w.company("A")
        keeps(company, 5_000)
        with pytest.raises(budget.CostCentreMissing):
            w.commit("A", 24)
        assert Commitment.objects.count() == 0
        row = w.commit("A", 24, cost_centre="ATELIER")
        assert BudgetCharge.objects.get(commitment=row).cents == 8_380  # 24 × 3.4917
        assert budget.committed([company.pk]) == {(company.pk, 2026, "ATELIER"): 8_380}

    def test_takes_the_cost_centre_of_its_request(self):
        w = world(freight_cents=0)
        company = w.company("A")
        PurchaseRequest.objects.filter(company=company).update(cost_centre="ATELIER")
        keeps(company, 5_000)
        assert w.commit("A", 24).cost_centre == "ATELIER"

    def test_beyond_the_budget_is_refused(self):
        w = world(freight_cents=0)
        keeps(w.company("A"), 83)
        with pytest.raises(budget.BudgetExceeded):
            w.commit("A", 24, cost_centre="ATELIER")

    def test_leaves_at_the_lock_when_freight_lifts_it_above_the_budget(self):
        """The other companies' tier is computed again without it; its buyer was told before the deadline."""
        w = world(pack=1, tiers=((1, 42_000), (100, 36_000)), freight_cents=2_000)
        keeps(w.company("A"), 250)
        w.commit("B", 60)
        w.commit("A", 60, cost_centre="ATELIER", at=hours(5))  # 216.00 and half the freight
        commitment.withdraw(actor=w.buyers["B"], company=w.companies["B"], line=w.line, at=hours(6))
        w.commit("C", 10)
        assert agreement.ask_approvals(pool=w.pool, at=hours(9)) == 0
        assert OutboxMail.objects.filter(key__startswith="budget:").exists()
        w.lock()
        assert w.states() == {"A": "dropped", "B": "withdrawn", "C": "locked"}
        assert Commitment.objects.get(company=w.companies["A"]).drop_reason == "budget"
        assert (w.line.order_quantity, w.line.unit_price_e4) == (10, 42_000)


class TestAnApproval:
    def test_is_asked_when_freight_lifts_980_to_1012_and_drops_out_unanswered(self):
        """case: limit 1,000 €; committed 980.00, later freight makes 1,012.40 → approval needed before lock;

        no answer by the deadline → commitment drops out and the tier is recomputed.
        """
        w = world(pack=1, tiers=((1, 105_000), (100, 98_000)), freight_cents=3_564, franco_cents=190_000)
        company = w.company("A", limit=100_000)
        approver = member(company, Role.APPROVER)
        w.commit("B", 100)
        w.commit("A", 100, at=hours(4))  # together 1,960.00: free freight
        assert (amount(w, company), w.states()["A"]) == (98_000, "committed")
        w.commit("B", 10, at=hours(5))  # taken back in time: 1,078.00 pays freight again
        assert agreement.ask_approvals(pool=w.pool, at=hours(8)) == 1
        assert (amount(w, company, waiting=True), w.states()["A"]) == (101_240, "to_approve")
        assert OutboxMail.objects.filter(to=approver.email, key__contains=f"approval:{w.pool.pk}").exists()
        w.lock()
        assert w.states() == {"A": "dropped", "B": "locked"}
        assert Commitment.objects.get(company=company).drop_reason == "approval"
        assert (w.line.order_quantity, w.line.unit_price_e4) == (10, 105_000)

    def test_by_two_people_is_firm_only_after_the_second(self):
        w = world(pack=1, freight_cents=0)
        company = w.company("A", limit=1_000)
        ApprovalLevel.objects.create(company=company, above_cents=5_000, approvers=2)
        w.commit("A", 24)
        first, second = member(company, Role.APPROVER), member(company, Role.APPROVER)
        agreement.approve(actor=first, company=company, pool=w.pool, at=hours(3))
        assert w.states()["A"] == "to_approve"
        agreement.approve(actor=first, company=company, pool=w.pool, at=hours(3))  # twice is once
        assert w.states()["A"] == "to_approve"
        agreement.approve(actor=second, company=company, pool=w.pool, at=hours(4))
        assert w.states()["A"] == "committed"
        w.lock()
        assert w.states()["A"] == "locked"

    def test_below_the_limit_asks_nobody(self):
        w = world(pack=1, freight_cents=0)
        w.company("A", limit=1_000_000)
        w.commit("A", 24)
        assert agreement.ask_approvals(pool=w.pool, at=AFTER - timedelta(hours=1)) == 0


def amount(w, company, *, waiting=False):
    """What the company's part costs now."""
    standing = standings.read(w.pool, waiting_of=company if waiting else None)
    return standings.estimates(standing)[company.pk]


class TestTheRule:
    def test_reads_a_budget_spent_to_the_last_cent_as_covered(self):
        assert rules.check({"A": 500_000}, {"A": 460_000}, {"A": 40_000}) == []
        (stop,) = rules.check({"A": 500_000}, {"A": 460_000}, {"A": 40_001})
        assert (stop.code, stop.over_cents) == ("exceeded", 1)
