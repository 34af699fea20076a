"""From approved needs to a decided tender."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.db.utils import DatabaseError

from companies.errors import NotAllowed
from companies.models import AuditEntry, OutboxMail, Role
from purchasing import comparison, likeness, links, selectors
from purchasing.models import Pool, PooledNeed, Quote, Tender, TenderInvitation
from purchasing.services import award as awards
from purchasing.services import counting
from purchasing.services import pool as pools
from purchasing.services import quote as quotes
from purchasing.services import tender as tenders
from purchasing.states import AwardState, LineState, PoolState, QuoteState, TenderState
from tests.factories.companies import CompanyFactory, member, staff
from tests.factories.purchasing import (
    NOW,
    RequestLineFactory,
    SupplierFactory,
    answer,
    awarded_pool,
    committing_pool,
    gathering_pool,
    link,
    needs,
    opened_tender,
    sent_tender,
)

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(days=10)


def first(tender):
    return tender.invitations.order_by("pk").first()


class TestGroupingNeeds:
    def test_puts_like_words_of_several_companies_together(self):
        for text in ("Gants nitrile taille M", "gant NITRILE, taille M", "Gants nitrile taille L"):
            RequestLineFactory(approved=True, text=text)
        groups = likeness.grouped(selectors.open_needs())
        assert [(group.companies, group.quantity) for group in groups] == [(2, 20), (1, 10)]

    def test_never_mixes_units(self):
        RequestLineFactory(approved=True, unit="box")
        RequestLineFactory(approved=True, unit="pair")
        assert len(likeness.grouped(selectors.open_needs())) == 2

    def test_leaves_out_suspended_companies(self):
        RequestLineFactory(approved=True, request__company=CompanyFactory(suspended=True))
        assert not selectors.open_needs().exists()


class TestOpeningAPool:
    def test_carries_the_needs_and_keeps_the_trace(self):
        lines = needs(3)
        draft = pools.LineDraft(text="Gants", needs=[line.pk for line in lines], pack=12)
        pool = pools.open_pool(actor=staff(), draft=pools.PoolDraft(title="Gants"), lines=[draft], at=NOW)
        line = pool.lines.get()
        assert (line.asked_quantity, line.unit, line.needs.count()) == (30, "box", 3)
        lines[0].refresh_from_db()
        assert lines[0].state == LineState.POOLED

    def test_refuses_a_need_that_is_already_pooled(self):
        need = needs(1)[0]
        draft = pools.LineDraft(text="Gants", needs=[need.pk])
        pools.open_pool(actor=staff(), draft=pools.PoolDraft(title="Un"), lines=[draft], at=NOW)
        with pytest.raises(pools.NeedTaken):
            pools.open_pool(actor=staff(), draft=pools.PoolDraft(title="Deux"), lines=[draft], at=NOW)
        assert Pool.objects.count() == 1

    def test_refuses_mixed_units_on_a_line(self):
        ids = [RequestLineFactory(approved=True, unit=unit).pk for unit in ("box", "pair")]
        with pytest.raises(counting.UnitsDiffer):
            pools.open_pool(
                actor=staff(),
                draft=pools.PoolDraft(title="Gants"),
                lines=[pools.LineDraft(text="Gants", needs=ids)],
                at=NOW,
            )

    def test_is_open_to_buyers_as_lead_and_to_nobody_else(self):
        draft = pools.LineDraft(text="Gants", needs=[needs(1)[0].pk])
        with pytest.raises(NotAllowed):
            actor = member(CompanyFactory(), Role.APPROVER)
            pools.open_pool(actor=actor, draft=pools.PoolDraft(title="Gants"), lines=[draft], at=NOW)
        buyer = member(CompanyFactory(), Role.BUYER)
        pool = pools.open_pool(actor=buyer, draft=pools.PoolDraft(title="Gants"), lines=[draft], at=NOW)
        assert pool.lead == buyer

    def test_hides_the_draft_from_other_buyers(self):
        draft = pools.LineDraft(text="Gants", needs=[needs(1)[0].pk])
        pool = pools.open_pool(actor=staff(), draft=pools.PoolDraft(title="Gants"), lines=[draft], at=NOW)
        buyer = member(CompanyFactory(), Role.BUYER)
        assert not Pool.objects.visible_to(buyer).exists()
        pools.publish(actor=staff(), pool=pool, at=NOW)
        assert Pool.objects.visible_to(buyer).exists()


class TestRegrouping:
    def test_moves_a_need_and_recounts_both_lines(self):
        pool = gathering_pool(lines=2, companies=2)
        one, two = pool.lines.all()
        pools.regroup(actor=staff(), need=one.needs.first(), line=two, at=NOW)
        one.refresh_from_db()
        two.refresh_from_db()
        assert (one.asked_quantity, two.asked_quantity) == (40, 120)

    def test_cancels_a_line_nobody_needs_any_more(self):
        pool = gathering_pool(lines=2, companies=1)
        one, two = pool.lines.all()
        pools.regroup(actor=staff(), need=one.needs.get(), line=two, at=NOW)
        one.refresh_from_db()
        assert one.state == "cancelled"


class TestJoining:
    def test_adds_an_approved_need_of_the_own_company(self):
        pool = gathering_pool()
        need = needs(1)[0]
        pools.join(actor=need.request.requester, line=pool.lines.get(), need=need, at=NOW)
        assert pool.lines.get().asked_quantity == 130

    def test_is_refused_once_suppliers_are_asked(self):
        pool = sent_tender().pool
        need = needs(1)[0]
        with pytest.raises(pools.PoolNotEditable):
            pools.join(actor=need.request.requester, line=pool.lines.get(), need=need, at=NOW)


class TestCancellingAPool:
    def test_gives_every_need_back_and_tells_everybody(self):
        tender = sent_tender()
        OutboxMail.objects.all().delete()
        pools.cancel(actor=staff(), pool=tender.pool, reason="Plus de besoin", at=NOW)
        states = {need.request_line.state for need in PooledNeed.objects.select_related("request_line")}
        assert states == {LineState.APPROVED}
        assert not PooledNeed.objects.filter(released_at__isnull=True).exists()
        assert OutboxMail.objects.count() == 3 + 2
        assert Tender.objects.get().state == TenderState.CANCELLED

    def test_says_why(self):
        with pytest.raises(pools.ReasonMissing):
            pools.cancel(actor=staff(), pool=gathering_pool(), reason="", at=NOW)


class TestSendingATender:
    def test_mails_one_link_each_and_stores_only_hashes(self):
        tender = sent_tender(suppliers=3)
        mails = list(OutboxMail.objects.all())
        assert len(mails) == 3
        for invitation in tender.invitations.all():
            token = next(m for m in mails if m.to == invitation.email).body.split("/q/")[1].split("/")[0]
            assert links.digest(token) == invitation.token_hash
            assert quotes.find(token, at=NOW) == invitation
        assert tender.pool.state == PoolState.TENDERING

    def test_needs_a_supplier(self):
        actor = staff()
        tender = tenders.prepare(actor=actor, pool=gathering_pool(), deadline=LATER, at=NOW)
        with pytest.raises(tenders.NoSupplier):
            tenders.send(actor=actor, tender=tender, at=NOW)

    def test_is_for_those_who_run_the_pool(self):
        tender = tenders.prepare(actor=staff(), pool=gathering_pool(), deadline=LATER, at=NOW)
        with pytest.raises(NotAllowed):
            tenders.send(actor=member(CompanyFactory(), Role.BUYER), tender=tender, at=NOW)

    def test_refuses_the_same_supplier_twice(self):
        supplier, actor = SupplierFactory(), staff()
        tender = tenders.prepare(actor=actor, pool=gathering_pool(), deadline=LATER, at=NOW)
        tenders.invite(actor=actor, tender=tender, supplier=supplier, at=NOW)
        with pytest.raises(tenders.AlreadyInvited):
            tenders.invite(actor=actor, tender=tender, supplier=supplier, at=NOW)


class TestALink:
    def test_stops_when_revoked_and_when_replaced(self):
        invitation = first(sent_tender())
        token = link(invitation)
        tenders.revoke(actor=staff(), invitation=invitation, reason="Mauvaise adresse", at=NOW)
        with pytest.raises(quotes.LinkRevoked):
            quotes.find(token, at=NOW)
        tenders.resend(actor=staff(), invitation=invitation, at=NOW)
        with pytest.raises(quotes.LinkRefused):
            quotes.find(token, at=NOW)

    def test_expires_two_weeks_after_the_deadline(self):
        token = link(first(sent_tender()))
        assert quotes.find(token, at=LATER + timedelta(days=13))
        with pytest.raises(quotes.LinkExpired):
            quotes.find(token, at=LATER + timedelta(days=14))

    @pytest.mark.parametrize("cut", ["", "x", "abc.def", "a" * 300])
    def test_that_was_never_ours_asks_the_database_nothing(self, cut, django_assert_num_queries):
        with django_assert_num_queries(0), pytest.raises(quotes.LinkRefused):
            quotes.find(cut, at=NOW)


class TestAnswering:
    def test_keeps_every_version(self):
        tender = sent_tender()
        answer(first(tender), 40_000)
        answer(first(tender), 45_000)
        assert [q.version for q in first(tender).quotes.all()] == [1, 2]
        current = selectors.current_quotes(tender)[0]
        assert current.lines.get().tiers.get().unit_price_e4 == 45_000

    def test_at_the_deadline_is_late_and_waits_for_a_reasoned_acceptance(self):
        tender = sent_tender(suppliers=1)
        answer(first(tender), 40_000, at=LATER + timedelta(seconds=1))
        assert first(tender).state == QuoteState.LATE
        assert selectors.current_quotes(tender) == []
        with pytest.raises(tenders.ReasonMissing):
            tenders.accept_late(actor=staff(), invitation=first(tender), reason="", at=LATER)
        at = LATER + timedelta(hours=1)
        tenders.accept_late(actor=staff(), invitation=first(tender), reason="Panne de messagerie", at=at)
        assert len(selectors.current_quotes(tender)) == 1

    def test_late_after_an_answer_in_time_leaves_the_first_one_counting(self):
        tender = sent_tender(suppliers=1)
        answer(first(tender), 40_000)
        answer(first(tender), 30_000, at=LATER + timedelta(hours=1))
        assert selectors.current_quotes(tender)[0].lines.get().tiers.get().unit_price_e4 == 40_000
        at = LATER + timedelta(hours=2)
        tenders.accept_late(actor=staff(), invitation=first(tender), reason="Erreur corrigée", at=at)
        assert selectors.current_quotes(tender)[0].lines.get().tiers.get().unit_price_e4 == 30_000

    def test_is_never_changed_once_sent(self):
        tender = sent_tender(suppliers=1)
        answer(first(tender), 40_000)
        quote = Quote.objects.get()
        for change in (
            lambda: Quote.objects.update(freight_cents=1),
            lambda: quote.lines.update(pack=7),
            lambda: quote.lines.get().tiers.update(unit_price_e4=1),
            lambda: quote.lines.get().tiers.all().delete(),
        ):
            with pytest.raises(DatabaseError), transaction.atomic():
                change()

    def test_refuses_a_price_that_rises_with_the_quantity(self):
        tender = sent_tender(suppliers=1)
        offer = quotes.OfferDraft(tender.pool.lines.get(), [(1, 100), (10, 200)])
        with pytest.raises(quotes.TiersWrong):
            quotes.save_offer(invitation=first(tender), offer=offer, at=NOW)

    def test_needs_a_validity_and_a_price(self):
        invitation = first(sent_tender(suppliers=1))
        with pytest.raises(quotes.QuoteEmpty):
            quotes.submit(invitation=invitation, draft=quotes.QuoteDraft(), at=NOW)
        with pytest.raises(quotes.ValidityMissing):
            answer(invitation, 40_000, valid_until=None)

    def test_starts_a_new_version_from_the_last_one(self):
        invitation = first(sent_tender(suppliers=1))
        answer(invitation, 40_000, freight_cents=1_500)
        quotes.save_terms(
            invitation=invitation, draft=quotes.QuoteDraft(valid_until=LATER.date(), freight_cents=900), at=NOW
        )
        draft = invitation.quotes.get(submitted_at=None)
        assert (draft.version, draft.freight_cents, draft.lines.get().tiers.get().unit_price_e4) == (2, 900, 40_000)

    def test_no_is_an_answer_and_may_be_taken_back(self):
        invitation = first(sent_tender(suppliers=1))
        quotes.decline(invitation=invitation, reason="Pas notre métier", at=NOW)
        answer(invitation, 40_000)
        assert first(invitation.tender).state == QuoteState.SUBMITTED


class TestSealedQuotes:
    def test_are_read_by_nobody_before_the_opening(self):
        actor = staff()
        tender = sent_tender(actor=actor)
        answer(first(tender), 40_000)
        assert not Quote.objects.visible_to(actor).exists()
        with pytest.raises(tenders.StillSealed):
            tenders.open_quotes(actor=actor, tender=tender, at=NOW)
        tenders.open_quotes(actor=actor, tender=tender, at=LATER)
        assert Quote.objects.visible_to(actor).count() == 1
        entry = AuditEntry.objects.get(action="tender.opened")
        assert entry.actor == actor

    def test_may_be_opened_early_once_everybody_answered(self):
        tender = sent_tender(suppliers=2)
        one, two = tender.invitations.order_by("pk")
        answer(one, 40_000)
        quotes.decline(invitation=two, reason="", at=NOW)
        assert tenders.open_quotes(actor=staff(), tender=tender, at=NOW).state == TenderState.OPENED

    def test_make_a_version_after_the_opening_late_even_before_the_deadline(self):
        tender = sent_tender(suppliers=1)
        answer(first(tender), 40_000)
        tenders.open_quotes(actor=staff(), tender=tender, at=NOW)
        answer(first(tender), 30_000)
        assert Quote.objects.get(version=2).late


class TestComparing:
    def test_is_landed_at_three_volumes_with_the_free_freight_threshold(self):
        tender = sent_tender(suppliers=1)
        answer(first(tender), 40_000, freight_cents=3_500, franco_cents=48_000)
        tenders.open_quotes(actor=staff(), tender=tender, at=LATER)
        found = comparison.compare(tender, on=NOW.date())
        assert [(c.goods_cents, c.freight_cents) for c in found.columns[0].costs] == [
            (33_600, 3_500),
            (48_000, 0),
            (72_000, 0),
        ]

    def test_marks_the_cheapest_complete_quote_and_ticks_it(self):
        tender = opened_tender(42_000, 36_000)
        found = comparison.compare(tender, on=NOW.date())
        assert [column.best for column in found.columns] == [False, True]
        assert comparison.suggestion(found) == {found.rows[0].line.pk: found.rows[0].cells[1].quote_line.pk}

    def test_never_prefers_an_expired_quote(self):
        tender = opened_tender(42_000, 36_000)
        found = comparison.compare(tender, on=(NOW + timedelta(days=91)).date())
        assert not any(column.best for column in found.columns)

    def test_costs_the_same_number_of_queries_for_8_quotes_of_60_lines(self, django_assert_max_num_queries):
        actor = staff()
        pool = gathering_pool(lines=60, companies=1, actor=actor)
        tender = sent_tender(suppliers=8, actor=actor, pool=pool)
        for invitation in tender.invitations.all():
            answer(invitation, *range(10_000, 10_060))
        tenders.open_quotes(actor=actor, tender=tender, at=LATER)
        with django_assert_max_num_queries(8):
            found = comparison.compare(tender, on=NOW.date())
        assert (len(found.columns), len(found.rows)) == (8, 60)


class TestAwarding:
    def choose(self, tender):
        line = tender.pool.lines.get()
        return {line.pk: line.quote_lines.order_by("tiers__unit_price_e4").first().pk}

    def test_tells_winner_and_loser_and_moves_the_pool_on(self):
        pool = awarded_pool()
        states = list(TenderInvitation.objects.order_by("pk").values_list("state", flat=True))
        assert states == [QuoteState.LOST, QuoteState.AWARDED]
        assert pool.state == PoolState.OFFER_READY
        assert OutboxMail.objects.filter(key__startswith="award:").count() == 2

    def test_is_refused_on_an_expired_quote(self):
        tender = opened_tender(42_000)
        with pytest.raises(awards.QuoteExpired):
            awards.decide(
                actor=staff(), tender=tender, choices=self.choose(tender), reason="x", at=NOW + timedelta(days=91)
            )
        assert Tender.objects.get().state == TenderState.OPENED

    def test_is_refused_without_a_reason_or_a_choice(self):
        tender, actor = opened_tender(42_000), staff()
        with pytest.raises(awards.ReasonMissing):
            awards.decide(actor=actor, tender=tender, choices=self.choose(tender), reason=" ", at=NOW)
        with pytest.raises(awards.AwardEmpty):
            awards.decide(actor=actor, tender=tender, choices={}, reason="x", at=NOW)

    def test_needs_a_second_person_above_the_threshold_when_decided_by_the_opener(self):
        """I14: who opened the quotes does not award alone above the threshold."""
        opener = staff()
        tender = opened_tender(999_000, actor=opener)
        award = awards.decide(actor=opener, tender=tender, choices=self.choose(tender), reason="Seule offre", at=NOW)
        assert award.state == AwardState.PROPOSED
        with pytest.raises(awards.SamePerson):
            awards.confirm(actor=opener, award=award, at=NOW)
        assert awards.confirm(actor=staff(), award=award, at=NOW).state == AwardState.CONFIRMED

    def test_needs_nobody_else_when_somebody_else_opened(self):
        tender = opened_tender(999_000)
        award = awards.decide(actor=staff(), tender=tender, choices=self.choose(tender), reason="Seule offre", at=NOW)
        assert award.state == AwardState.CONFIRMED

    def test_refused_by_the_second_person_leaves_the_comparison_open(self):
        opener = staff()
        tender = opened_tender(999_000, actor=opener)
        award = awards.decide(actor=opener, tender=tender, choices=self.choose(tender), reason="x", at=NOW)
        awards.refuse(actor=staff(), award=award, reason="Trop cher", at=NOW)
        again = awards.decide(actor=staff(), tender=tender, choices=self.choose(tender), reason="y", at=NOW)
        assert again.state == AwardState.CONFIRMED


class TestOpeningCommitments:
    def test_tells_the_companies_and_takes_the_winning_packs(self):
        pool = committing_pool()
        assert pool.state == PoolState.COMMITTING
        assert OutboxMail.objects.filter(key__startswith="committing:").count() == 3

    def test_refuses_a_deadline_in_the_past(self):
        with pytest.raises(pools.DeadlinePast):
            pools.open_commitments(actor=staff(), pool=awarded_pool(), calendar=pools.Calendar(closes_at=NOW), at=NOW)

    def test_refuses_an_order_before_the_last_commitment(self):
        calendar = pools.Calendar(closes_at=LATER, order_on=NOW.date())
        with pytest.raises(pools.DatesWrong):
            pools.open_commitments(actor=staff(), pool=awarded_pool(), calendar=calendar, at=NOW)
