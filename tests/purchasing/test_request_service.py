"""Requests: drafts, submission, the company's limit, the approver."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from companies.errors import NotAllowed
from companies.models import AuditEntry, OutboxMail, Role
from companies.states import StateRefused
from purchasing.models import PurchaseRequest, RequestDecision
from purchasing.services import request as service
from purchasing.states import LineState, RequestState
from tests.factories.companies import CompanyFactory, member, staff
from tests.factories.purchasing import NOW, ArticleFactory, RequestLineFactory, gathering_pool

pytestmark = pytest.mark.django_db


def draft(**fields):
    lines = fields.pop("lines", [service.LineDraft("Gants nitrile", 100, ref_price_e4=62_000)])
    return service.RequestDraft(title="Gants", lines=lines, **fields)


def submitted(company, buyer):
    request = service.save(actor=buyer, company=company, draft=draft(), at=NOW)
    return service.submit(actor=buyer, request=request, at=NOW)


@pytest.fixture
def company():
    return CompanyFactory(approval_limit_cents=50_000)


@pytest.fixture
def buyer(company):
    return member(company, Role.BUYER)


@pytest.fixture
def approver(company):
    return member(company, Role.APPROVER)


class TestSavingADraft:
    def test_keeps_every_line_in_order_with_its_estimate(self, company, buyer):
        article = ArticleFactory(name="Papier A4", unit="box", ref_price_e4=4_5000)
        lines = [service.LineDraft("Papier A4", 3, article=article), service.LineDraft("Savon", 2, ref_price_e4=12_500)]
        request = service.save(actor=buyer, company=company, draft=draft(lines=lines), at=NOW)
        assert [(line.text, line.quantity, line.unit) for line in request.lines.all()] == [
            ("Papier A4", 3, "box"),
            ("Savon", 2, "piece"),
        ]
        assert request.amount_cents == 3 * 450 + 2 * 125

    def test_replaces_the_lines_when_saved_again(self, company, buyer):
        request = service.save(actor=buyer, company=company, draft=draft(), at=NOW)
        lines = [service.LineDraft("Masques", 5)]
        service.save(actor=buyer, company=company, request=request, draft=draft(lines=lines), at=NOW)
        assert [line.text for line in request.lines.all()] == ["Masques"]

    @pytest.mark.parametrize("role", [Role.APPROVER, Role.HR, Role.ACCOUNTANT, Role.ADMIN])
    def test_is_for_buyers_only(self, company, role):
        with pytest.raises(NotAllowed):
            service.save(actor=member(company, role), company=company, draft=draft(), at=NOW)
        assert not PurchaseRequest.objects.exists()

    def test_refuses_a_site_of_another_company(self, company, buyer):
        from tests.factories.companies import SiteFactory

        with pytest.raises(service.SiteElsewhere):
            service.save(actor=buyer, company=company, draft=draft(site=SiteFactory()), at=NOW)

    def test_refuses_a_suspended_company(self):
        company = CompanyFactory(suspended=True)
        with pytest.raises(NotAllowed):
            service.save(actor=member(company, Role.BUYER), company=company, draft=draft(), at=NOW)


class TestSubmitting:
    def test_approves_at_once_within_the_limit_and_says_so(self, company, buyer):
        company.approval_limit_cents = 62_000
        company.save()
        request = submitted(company, buyer)
        assert request.state == RequestState.APPROVED
        assert request.decisions.get().verdict == RequestDecision.Verdict.WITHIN_LIMIT
        assert request.lines.get().state == LineState.APPROVED
        assert not OutboxMail.objects.exists()

    def test_waits_above_the_limit_and_tells_the_approvers(self, company, buyer, approver):
        request = submitted(company, buyer)
        assert request.state == RequestState.SUBMITTED
        assert request.lines.get().state == LineState.WAITING
        assert [mail.to for mail in OutboxMail.objects.all()] == [approver.email]

    def test_waits_whatever_the_amount_when_a_price_is_missing(self, company, buyer):
        lines = [service.LineDraft("Nettoyage des vitres", 1)]
        request = service.save(actor=buyer, company=company, draft=draft(lines=lines), at=NOW)
        assert service.submit(actor=buyer, request=request, at=NOW).state == RequestState.SUBMITTED

    def test_waits_whatever_the_amount_when_the_limit_is_zero(self, company, buyer):
        company.approval_limit_cents = 0
        company.save()
        lines = [service.LineDraft("Crayon", 1, ref_price_e4=1_000)]
        request = service.save(actor=buyer, company=company, draft=draft(lines=lines), at=NOW)
        assert service.submit(actor=buyer, request=request, at=NOW).state == RequestState.SUBMITTED

    def test_refuses_an_empty_request(self, company, buyer):
        request = service.save(actor=buyer, company=company, draft=draft(lines=[]), at=NOW)
        with pytest.raises(service.RequestEmpty):
            service.submit(actor=buyer, request=request, at=NOW)

    def test_refuses_a_date_in_the_past(self, company, buyer):
        past = draft(needed_by=(NOW - timedelta(days=1)).date())
        request = service.save(actor=buyer, company=company, draft=past, at=NOW)
        with pytest.raises(service.NeededByPast):
            service.submit(actor=buyer, request=request, at=NOW)

    def test_twice_changes_nothing_the_second_time(self, company, buyer, approver):
        request = submitted(company, buyer)
        entries = AuditEntry.objects.count()
        with pytest.raises(StateRefused):
            service.submit(actor=buyer, request=request, at=NOW)
        assert AuditEntry.objects.count() == entries


class TestDeciding:
    def test_approves_the_lines_too_and_tells_the_requester(self, company, buyer, approver):
        request = submitted(company, buyer)
        service.decide(actor=approver, request=request, verdict="approved", at=NOW)
        request.refresh_from_db()
        assert request.state == RequestState.APPROVED and request.lines.get().state == LineState.APPROVED
        assert OutboxMail.objects.filter(to=buyer.email).count() == 1

    def test_is_refused_to_the_requester_even_as_approver(self, company):
        """I14: the requester is not the sole approver."""
        both = member(company, Role.BUYER, Role.APPROVER)
        request = submitted(company, both)
        with pytest.raises(NotAllowed):
            service.decide(actor=both, request=request, verdict="approved", at=NOW)

    def test_is_refused_to_staff_and_strangers(self, company, buyer):
        request = submitted(company, buyer)
        for somebody in (staff(), member(CompanyFactory(), Role.APPROVER)):
            with pytest.raises(NotAllowed):
                service.decide(actor=somebody, request=request, verdict="approved", at=NOW)

    @pytest.mark.parametrize("verdict", ["rejected", "returned"])
    def test_against_the_request_needs_a_reason(self, company, buyer, approver, verdict):
        request = submitted(company, buyer)
        with pytest.raises(service.ReasonMissing):
            service.decide(actor=approver, request=request, verdict=verdict, reason=" ", at=NOW)
        request.refresh_from_db()
        assert request.state == RequestState.SUBMITTED

    def test_returned_lets_the_buyer_correct_and_submit_again(self, company, buyer, approver):
        request = submitted(company, buyer)
        service.decide(actor=approver, request=request, verdict="returned", reason="Trop cher", at=NOW)
        service.save(actor=buyer, company=company, request=request, draft=draft(), at=NOW)
        request.refresh_from_db()
        assert service.submit(actor=buyer, request=request, at=NOW).state == RequestState.SUBMITTED

    def test_by_the_requester_is_refused_by_the_database(self, company, buyer):
        request = submitted(company, buyer)
        with pytest.raises(IntegrityError, match="request_requester_is_not_approver"), transaction.atomic():
            request.decisions.create(
                requester=buyer, approver=buyer, verdict="approved", at=NOW, amount_cents=1, limit_cents=1
            )


class TestTheDatabase:
    def test_refuses_a_transition_no_table_lists(self, company, buyer):
        """State machines: anything that is not listed is refused, by the database too."""
        request = service.save(actor=buyer, company=company, draft=draft(), at=NOW)
        with pytest.raises(Exception, match="Invalid transition"), transaction.atomic():
            PurchaseRequest.objects.filter(pk=request.pk).update(state=RequestState.CLOSED)


class TestCancelling:
    def test_frees_the_lines(self, company, buyer):
        request = submitted(company, buyer)
        service.cancel(actor=buyer, request=request, at=NOW)
        assert request.lines.get().state == LineState.CANCELLED

    def test_of_a_pooled_need_lowers_what_its_line_asks_for(self):
        """Suppliers, awards and pages read the line's quantity: a need that left no longer counts in it."""
        line = gathering_pool(companies=3).lines.get()
        assert line.asked_quantity == 120
        gone = line.needs.first().request_line.request
        service.cancel(actor=gone.requester, request=gone, reason="Fermé", at=NOW)
        line.refresh_from_db()
        assert (line.asked_quantity, line.needs.filter(released_at=None).count()) == (80, 2)

    def test_is_refused_once_a_line_is_committed(self):
        line = RequestLineFactory(approved=True, state=LineState.COMMITTED)
        with pytest.raises(service.RequestInPool):
            service.cancel(actor=line.request.requester, request=line.request, at=NOW)


class TestExpiring:
    def test_closes_what_nobody_pooled_in_time(self):
        line = RequestLineFactory(approved=True, needed_by=NOW.date())
        service.expire(request=line.request, at=NOW + timedelta(days=1))
        line.refresh_from_db()
        line.request.refresh_from_db()
        assert (line.state, line.request.state) == (LineState.EXPIRED, RequestState.EXPIRED)

    def test_leaves_what_is_pooled(self):
        line = RequestLineFactory(approved=True, state=LineState.POOLED, needed_by=NOW.date())
        service.expire(request=line.request, at=NOW + timedelta(days=1))
        line.refresh_from_db()
        assert line.state == LineState.POOLED


class TestCopying:
    def test_starts_a_draft_with_the_same_lines(self, company, buyer):
        request = submitted(company, buyer)
        new = service.copy(actor=buyer, request=request, at=NOW)
        assert new.state == RequestState.DRAFT and new.lines.get().state == LineState.WAITING
        assert request.lines.count() == 1
