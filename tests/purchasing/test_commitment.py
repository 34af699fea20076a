"""A firm word: until when, by whom, above which limit, and what may be taken back."""

from datetime import UTC, datetime, timedelta

import pytest

from companies.errors import NotAllowed
from companies.models import AuditEntry, OutboxMail, Role
from purchasing.models import Commitment, CommitmentVersion, RequestDecision
from purchasing.rules.shortage import Layer
from purchasing.services import agreement, commitment, progress, standing
from purchasing.services.commitment import Word
from tests.factories.companies import CompanyFactory, member
from tests.purchasing.back import CLOSES, hours, world

pytestmark = pytest.mark.django_db(transaction=True)
SECOND = timedelta(seconds=1)


class TestACommitment:
    def test_is_firm_kept_with_its_terms_and_moves_the_need(self):
        w = world()
        row = w.commit("A", 10, 2)
        assert (row.state, row.version, row.committed_by) == ("committed", 1, w.buyers["A"])
        terms = row.versions.get().terms
        assert (terms["tiers"], terms["pack"], terms["freight"]) == ([[1, 34_917]], 12, "value")
        assert row.request_line.state == "committed"
        assert AuditEntry.objects.filter(action="commitment.committed", company=w.companies["A"]).count() == 1

    def test_said_twice_is_said_once(self):
        w = world()
        w.commit("A", 10, 2)
        w.commit("A", 10, 2, at=hours(5))
        assert Commitment.objects.get().version == 1
        assert CommitmentVersion.objects.count() == 1

    @pytest.mark.parametrize(
        ("closes", "last"),
        [
            (datetime(2026, 3, 31, 22, tzinfo=UTC), datetime(2026, 3, 31, 21, 59, 59, tzinfo=UTC)),
            # The nights the clocks change, midnight in Paris is one hour nearer or farther from UTC.
            (datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 28, 22, 59, 59, tzinfo=UTC)),
            (datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 24, 21, 59, 59, tzinfo=UTC)),
        ],
    )
    def test_is_accepted_at_23_59_59_and_refused_at_midnight(self, closes, last):
        """case: Closing at midnight Europe/Paris: 23:59:59 accepted, 00:00:00 refused; both DST nights."""
        w = world(closes_at=closes)
        w.commit("A", 10, at=last)
        with pytest.raises(commitment.DeadlinePassed):
            w.commit("B", 10, at=closes)
        assert Commitment.objects.count() == 1

    def test_lowered_and_raised_again_keeps_three_versions_and_a_young_part(self):
        """case: Buyer lowers 12→8 then raises to 12: FIFO age of the last 4 is new; three versions."""
        w = world()
        w.commit("A", 12, at=hours(0))
        w.commit("A", 8, at=hours(1))
        row = w.commit("A", 12, at=hours(2))
        assert [v.quantity for v in row.versions.all()] == [12, 8, 12]
        assert standing.layers_of(row.versions.all()) == (Layer(8, hours(0)), Layer(4, hours(2)))
        assert row.committed_at == hours(0)

    def test_is_firm_after_48_hours_but_may_grow(self):
        w = world()
        w.commit("A", 12, at=hours(0))
        with pytest.raises(commitment.FirmAlready):
            w.commit("A", 11, at=hours(48))
        assert w.commit("A", 13, at=hours(48)).quantity == 13
        assert w.commit("A", 12, at=hours(49)).quantity == 12  # what was added an hour ago may go

    def test_may_be_withdrawn_within_48_hours_only(self):
        w = world()
        w.commit("A", 12, at=hours(0))
        row = commitment.withdraw(actor=w.buyers["A"], company=w.companies["A"], line=w.line, at=hours(47))
        assert row.state == "withdrawn"
        assert row.request_line.state == "pooled"
        row = w.commit("A", 12, at=hours(50))
        assert row.committed_at == hours(50)
        with pytest.raises(commitment.FirmAlready):
            commitment.withdraw(actor=w.buyers["A"], company=w.companies["A"], line=w.line, at=hours(98))

    def test_as_a_draft_counts_for_nothing(self):
        w = world()
        w.company("A")
        row = commitment.commit(
            actor=w.buyers["A"], company=w.companies["A"], line=w.line, word=Word(140), at=hours(1), draft=True
        )
        assert (row.state, row.version) == ("draft", 0)
        assert standing.read(w.pool).lines[0].commitments == []

    @pytest.mark.parametrize(
        ("word", "error"),
        [
            (Word(10, price_cap_e4=34_916), commitment.CapTooLow),
            (Word(10, min_useful=11), commitment.UsefulTooHigh),
        ],
    )
    def test_refuses_what_cannot_be_and_keeps_nothing(self, word, error):
        w = world()
        w.company("A")
        with pytest.raises(error):
            commitment.commit(actor=w.buyers["A"], company=w.companies["A"], line=w.line, word=word, at=hours(1))
        assert not Commitment.objects.exists()

    def test_is_for_buyers_of_the_company_only(self):
        w = world()
        company = w.company("A")
        for role in (Role.ADMIN, Role.APPROVER, Role.HR, Role.ACCOUNTANT):
            with pytest.raises(NotAllowed):
                commitment.commit(actor=member(company, role), company=company, line=w.line, word=Word(1), at=hours(1))
        stranger = member(CompanyFactory(), Role.BUYER)
        with pytest.raises(NotAllowed):
            commitment.commit(actor=stranger, company=company, line=w.line, word=Word(1), at=hours(1))

    def test_only_grows_while_packs_are_completed(self):
        w = world(completes_at=CLOSES + timedelta(days=2))
        w.commit("A", 10, at=CLOSES - SECOND)
        assert w.lock(CLOSES).state == "completing"
        with pytest.raises(commitment.OnlyMore):
            w.commit("A", 9, at=CLOSES + SECOND)
        assert w.commit("A", 12, at=CLOSES + SECOND).quantity == 12


class TestTheLimit:
    def small(self):
        """A company that may spend 50 € without asking; 10 gloves cost 34.92 €, with freight 54.82 €."""
        w = world()
        w.company("A", limit=5_000)
        return w

    def test_sends_a_commitment_to_an_approver_and_tells_them(self):
        w = self.small()
        approver = member(w.companies["A"], Role.APPROVER)
        assert w.commit("A", 24).state == "to_approve"
        assert OutboxMail.objects.filter(to=approver.email).count() == 1
        assert standing.read(w.pool).lines[0].commitments == []
        rows = agreement.approve(actor=approver, company=w.companies["A"], pool=w.pool, at=hours(3))
        assert [(r.state, r.approved_by) for r in rows] == [("committed", approver)]
        assert rows[0].approved_cents == 8_380 + 1_990

    def test_of_zero_always_asks(self):
        w = world(freight_cents=0)
        w.company("A", limit=0)
        assert w.commit("A", 12).state == "to_approve"

    def test_is_not_asked_twice_for_what_a_request_covers(self):
        w = self.small()
        line = w.companies["A"].purchase_requests.get().lines.get()
        line.quantity, line.ref_price_e4 = 24, 50_000
        line.save()
        RequestDecision.objects.create(
            request=line.request,
            requester=w.buyers["A"],
            approver=member(w.companies["A"], Role.APPROVER),
            verdict="approved",
            amount_cents=12_000,
            limit_cents=5_000,
            at=hours(0),
        )
        assert w.commit("A", 24).state == "committed"

    def test_lets_nobody_approve_the_own_commitment(self):
        w = self.small()
        both = member(w.companies["A"], Role.BUYER, Role.APPROVER)
        w.buyers["A"] = both
        w.commit("A", 24)
        with pytest.raises(agreement.OwnCommitment):
            agreement.approve(actor=both, company=w.companies["A"], pool=w.pool, at=hours(3))

    def test_refused_makes_a_draft_again_with_the_reason(self):
        w = self.small()
        w.commit("A", 24)
        approver = member(w.companies["A"], Role.APPROVER)
        agreement.refuse(actor=approver, company=w.companies["A"], pool=w.pool, reason="Trop cher", at=hours(3))
        assert Commitment.objects.get().state == "draft"
        assert "Trop cher" in OutboxMail.objects.get(to=w.buyers["A"].email).body

    def test_is_looked_at_again_when_freight_grows_on_the_company(self):
        # Alone B and A share the freight; when B leaves, A's part rises above its limit.
        w = world()
        w.company("A", limit=6_000)
        w.commit("B", 24, at=hours(1))
        assert w.commit("A", 12, at=hours(2)).state == "committed"
        commitment.withdraw(actor=w.buyers["B"], company=w.companies["B"], line=w.line, at=hours(3))
        assert agreement.ask_approvals(pool=w.pool, at=hours(4)) == 1
        assert w.states()["A"] == "to_approve"
        assert agreement.ask_approvals(pool=w.pool, at=hours(5)) == 0


class TestProgress:
    def test_of_two_members_is_a_band_that_gives_no_quantity_away(self):
        """case: Two members only in a pool: a band through the service."""
        w = world(tiers=((1, 42_000), (100, 36_000)), pack=1)
        w.commit("A", 40)
        w.commit("B", 30)
        now = standing.read(w.pool)
        view = progress.view_for(now, now.lines[0], w.companies["B"])
        (tier,) = [s for s in view.steps if s.kind == "tier"]
        assert (tier.progress.reached, tier.progress.from_percent, tier.progress.to_percent) == (None, 60, 80)
        staff = progress.view_for(now, now.lines[0], None)
        assert [s.progress.reached for s in staff.steps if s.kind == "tier"] == [70]
