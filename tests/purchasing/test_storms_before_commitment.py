"""Sixteen at the same moment, each with a connection of its own: on the opening, at the deadline, on the award."""

from datetime import timedelta
from functools import partial

import pytest

from companies.models import AuditEntry, OutboxMail
from purchasing.models import Award, Quote
from purchasing.services import award as awards
from purchasing.services import quote as quotes
from purchasing.services import tender as tenders
from tests.factories.companies import staff
from tests.factories.purchasing import NOW, opened_tender, sent_tender
from tests.storm import THREADS, storm

pytestmark = pytest.mark.django_db(transaction=True)


class TestTheOpening:
    def test_happens_once_and_says_who(self):
        actor = staff()
        tender = sent_tender(actor=actor)
        found = storm(lambda: tenders.open_quotes(actor=actor, tender=tender, at=tender.deadline))
        assert sum(not isinstance(row, str) for row in found) == 1
        assert AuditEntry.objects.filter(action="tender.opened").count() == 1


class TestQuotesAtTheDeadline:
    def test_are_versions_without_a_gap_late_from_the_second_on(self):
        tender = sent_tender(suppliers=1)
        invitation, line = tender.invitations.get(), tender.pool.lines.get()

        def submit(n):
            offers = [quotes.OfferDraft(line, [(1, 10_000 + n)])]
            draft = quotes.QuoteDraft(offers=offers, valid_until=(NOW + timedelta(days=90)).date())
            at = tender.deadline - timedelta(seconds=n % 2)  # the even ones come at the deadline: too late
            return quotes.submit(invitation=type(invitation).objects.get(pk=invitation.pk), draft=draft, at=at)

        storm(*(partial(submit, n) for n in range(THREADS)))
        rows = list(Quote.objects.filter(invitation=invitation).order_by("version"))
        assert [row.version for row in rows] == list(range(1, THREADS + 1))
        assert all(row.late == (row.submitted_at >= tender.deadline) for row in rows)
        invitation.refresh_from_db()
        assert invitation.state == "submitted" and sum(row.late for row in rows) == 8

    def test_by_sixteen_clicks_are_one_version(self):
        tender = sent_tender(suppliers=1)
        invitation, line = tender.invitations.get(), tender.pool.lines.get()
        draft = quotes.QuoteDraft(
            offers=[quotes.OfferDraft(line, [(1, 10_000)])], valid_until=(NOW + timedelta(days=90)).date()
        )
        found = storm(lambda: quotes.submit(invitation=invitation, draft=draft, at=NOW))
        assert len({row.pk for row in found}) == 1
        assert Quote.objects.filter(invitation=invitation).count() == 1


class TestTheAward:
    def test_is_decided_once_and_everybody_is_told_once(self):
        actor = staff()
        tender = opened_tender(42_000, 36_000, actor=actor)
        line = tender.pool.lines.get()
        offers = [row.pk for row in line.quote_lines.order_by("pk")]
        OutboxMail.objects.all().delete()

        def decide(n):
            choice = {line.pk: offers[n % 2]}
            return awards.decide(actor=actor, tender=tender, choices=choice, reason=f"Choix {n}", at=NOW)

        found = storm(*(partial(decide, n) for n in range(THREADS)))
        assert sum(not isinstance(row, str) for row in found) == 1
        award = Award.objects.get()
        assert award.lines.count() == 1
        told = list(OutboxMail.objects.values_list("to", flat=True))
        assert len(told) == len(set(told))
