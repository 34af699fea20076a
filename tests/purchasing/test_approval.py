"""Who must agree, who may, and the link that says yes from the mail."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from companies.errors import NotAllowed
from companies.models import Membership, OutboxMail, Role
from purchasing.authority import deciders
from purchasing.models import ApprovalLevel, ApprovalLink, PurchaseRequest, RequestDecision
from purchasing.rules import approval as rules
from purchasing.rules.approval import Approval, Level, Need
from purchasing.services import agreement, delegation, one_tap
from purchasing.services import request as service
from purchasing.services.request import LineDraft, RequestDraft
from tests.factories.companies import CompanyFactory, member
from tests.factories.purchasing import NOW
from tests.purchasing.back import hours, world

TODAY = NOW.date()
APPROVER = frozenset({"approver"})


class TestTheRule:
    def test_counts_every_level_passed(self):
        levels = [Level(500_000, 2), Level(2_000_000, 2, "admin"), Level(5_000_000, 3)]
        assert rules.need_of(100_000, levels, 100_000) == Need(0)
        assert rules.need_of(100_000, levels, 100_001) == Need(1)
        assert rules.need_of(100_000, levels, 500_000) == Need(1)
        assert rules.need_of(100_000, levels, 2_000_001) == Need(2, frozenset({"admin"}))
        assert rules.need_of(100_000, levels, 9_000_000) == Need(3, frozenset({"admin"}))

    def test_asks_somebody_when_the_limit_is_zero_or_a_price_is_missing(self):
        assert rules.need_of(0, [], 1) == Need(1)
        assert rules.need_of(100_000, [], 0, certain=False) == Need(1)

    @pytest.mark.parametrize(
        ("approvals", "enough"),
        [
            ([Approval(1, 1, APPROVER, 900)], False),
            ([Approval(1, 1, APPROVER, 900), Approval(2, 2, APPROVER, 900)], True),
            ([Approval(1, 1, APPROVER, 900), Approval(1, 2, APPROVER, 900)], False),  # one person for two
            ([Approval(1, 1, APPROVER, 900), Approval(2, 1, APPROVER, 900)], False),  # one authority twice
            ([Approval(1, 1, APPROVER, 900), Approval(2, 2, APPROVER, 899)], False),  # too low
            ([Approval(1, 1, APPROVER, 900), Approval(9, 9, APPROVER, 900)], False),  # the buyer (I14)
            ([Approval(1, 1, APPROVER, 900), Approval(2, 9, APPROVER, 900)], False),  # for the buyer (I14)
        ],
    )
    def test_counts_different_people_and_never_the_buyer(self, approvals, enough):
        assert rules.satisfied(Need(2), approvals, 900, buyers={9}) is enough

    def test_wants_the_role_it_names(self):
        two = [Approval(1, 1, APPROVER, 900), Approval(2, 2, APPROVER, 900)]
        need = Need(2, frozenset({"admin"}))
        assert not rules.satisfied(need, two, 900, buyers=set())
        assert rules.satisfied(need, [two[0], Approval(3, 3, frozenset({"admin"}), 900)], 900, buyers=set())


@pytest.mark.django_db(transaction=True)
class TestARequest:
    def setup_method(self):
        self.company = CompanyFactory(approval_limit_cents=10_000)
        self.buyer = member(self.company, Role.BUYER)
        self.approver = member(self.company, Role.APPROVER)

    def submitted(self, euros=500, buyer=None):
        draft = RequestDraft("Gants", [LineDraft("Gants", 1, ref_price_e4=euros * 10_000)])
        buyer = buyer or self.buyer
        row = service.save(actor=buyer, company=self.company, draft=draft, at=NOW)
        return service.submit(actor=buyer, request=row, at=NOW)

    def decide(self, row, who, at=NOW):
        return service.decide(actor=who, request=row, verdict="approved", at=at)

    def stand_in(self, absent, stand_in, start=TODAY, end=TODAY + timedelta(days=14)):
        return delegation.delegate(
            actor=absent, company=self.company, absent=absent, stand_in=stand_in, starts_on=start, ends_on=end, at=NOW
        )

    def test_above_a_second_level_waits_for_a_second_person(self):
        ApprovalLevel.objects.create(company=self.company, above_cents=40_000, approvers=2)
        row = self.submitted()
        assert self.decide(row, self.approver).state == "submitted"
        with pytest.raises(service.AgreedAlready):
            self.decide(row, self.approver)
        assert self.decide(row, member(self.company, Role.APPROVER)).state == "approved"
        assert RequestDecision.objects.filter(request=row, verdict="approved").count() == 2

    def test_may_need_an_administrator(self):
        ApprovalLevel.objects.create(company=self.company, above_cents=40_000, approvers=2, kind="admin")
        admin = member(self.company, Role.ADMIN)
        small, row = self.submitted(200), self.submitted()
        with pytest.raises(NotAllowed):
            self.decide(small, admin)  # below the level an administrator has no say
        self.decide(row, self.approver)
        assert self.decide(row, admin).state == "approved"

    def test_starts_over_when_it_was_sent_back(self):
        ApprovalLevel.objects.create(company=self.company, above_cents=40_000, approvers=2)
        row = self.submitted()
        self.decide(row, self.approver)
        service.decide(actor=self.approver, request=row, verdict="returned", reason="Taille ?", at=NOW)
        draft = RequestDraft("Gants", [LineDraft("Gants M", 1, ref_price_e4=5_000_000)])
        later = NOW + timedelta(hours=1)
        row = service.save(actor=self.buyer, company=self.company, draft=draft, request=row, at=later)
        service.submit(actor=self.buyer, request=row, at=later)
        assert self.decide(row, member(self.company, Role.APPROVER), later).state == "submitted"

    def test_is_decided_by_a_stand_in_on_the_days_of_absence_only(self):
        colleague = member(self.company, Role.ACCOUNTANT)
        self.stand_in(self.approver, colleague, end=TODAY + timedelta(days=3))
        first, late = self.submitted(), self.submitted()
        with pytest.raises(NotAllowed):
            self.decide(late, colleague, NOW + timedelta(days=4))
        assert self.decide(first, colleague).state == "approved"
        assert RequestDecision.objects.get(request=first).on_behalf_of == self.approver

    def test_is_never_decided_by_the_requesters_own_stand_in(self):
        """I14: whoever asks cannot have somebody say yes in their name."""
        both = member(self.company, Role.BUYER)
        Membership.objects.create(user=both, company=self.company, role=Role.APPROVER)
        colleague = member(self.company, Role.ACCOUNTANT)
        self.stand_in(both, colleague)
        row = self.submitted(buyer=both)
        with pytest.raises(NotAllowed):
            self.decide(row, colleague)
        assert colleague not in deciders(self.company, need=Need(1), buyers={both.pk}, at=NOW)

    def test_is_not_decided_after_the_absence_was_ended(self):
        colleague = member(self.company, Role.ACCOUNTANT)
        given = self.stand_in(self.approver, colleague)
        delegation.end(actor=self.approver, delegation=given, at=NOW)
        with pytest.raises(NotAllowed):
            self.decide(self.submitted(), colleague)

    def test_refuses_stand_ins_that_make_no_sense(self):
        with pytest.raises(delegation.SamePerson):
            self.stand_in(self.approver, self.approver)
        with pytest.raises(delegation.DatesWrong):
            self.stand_in(self.approver, self.buyer, TODAY, TODAY - timedelta(days=1))
        with pytest.raises(NotAllowed):
            self.stand_in(self.buyer, self.approver)  # a buyer has nothing to hand over
        with pytest.raises(delegation.NotHere):
            self.stand_in(self.approver, member(CompanyFactory(), Role.APPROVER))


@pytest.mark.django_db(transaction=True)
class TestTheLinkInTheMail:
    setup_method, submitted = TestARequest.setup_method, TestARequest.submitted

    def link_of(self, row):
        (mail,) = OutboxMail.objects.filter(to=self.approver.email, key__startswith=f"approval:{row.pk}:")
        return next(word for word in mail.body.split() if "/q/approve/" in word).split("/q/approve/")[1].rstrip("/")

    def at(self, token):
        return reverse("purchasing:approve_by_link", args=[token])

    def setup_link(self, time_machine):
        time_machine.move_to(NOW)
        row = self.submitted()
        return row, self.link_of(row), Client()

    def test_shows_the_request_and_changes_nothing_when_opened(self, time_machine):
        row, token, browser = self.setup_link(time_machine)
        for _ in range(3):
            page = browser.get(self.at(token))
            assert (page.status_code, page["Referrer-Policy"]) == (200, "same-origin")
        assert "500,00" in page.content.decode()
        row.refresh_from_db()
        assert (row.state, ApprovalLink.objects.get(request=row).used_at) == ("submitted", None)

    def test_approves_as_its_own_person_with_one_button(self, time_machine):
        row, token, browser = self.setup_link(time_machine)
        page = browser.post(self.at(token))
        assert (page.status_code, page.context["purchase"].state) == (200, "approved")
        row.refresh_from_db()
        assert (row.state, row.decisions.get().approver) == ("approved", self.approver)

    def test_works_once(self, time_machine):
        row, token, browser = self.setup_link(time_machine)
        browser.post(self.at(token))
        assert browser.post(self.at(token)).status_code == 410
        assert browser.get(self.at(token)).status_code == 410
        assert row.decisions.count() == 1

    def test_expires(self, time_machine):
        row, token, browser = self.setup_link(time_machine)
        time_machine.move_to(NOW + timedelta(days=7, seconds=1))
        assert browser.post(self.at(token)).status_code == 410
        row.refresh_from_db()
        assert row.state == "submitted"

    def test_is_no_use_when_guessed_or_changed(self, time_machine):
        _row, token, browser = self.setup_link(time_machine)
        assert browser.post(self.at("x" + token)).status_code == 404
        assert browser.post(self.at(token[:-1])).status_code == 404

    def test_says_no_more_than_its_person_may(self, time_machine):
        """The role was withdrawn after the mail: the link is worth nothing."""
        row, token, browser = self.setup_link(time_machine)
        Membership.objects.filter(user=self.approver).delete()
        assert browser.post(self.at(token)).status_code == 409
        row.refresh_from_db()
        assert row.state == "submitted"

    def test_does_not_approve_a_request_that_was_changed_since(self, time_machine):
        row, token, browser = self.setup_link(time_machine)
        PurchaseRequest.objects.filter(pk=row.pk).update(amount_cents=60_000)
        assert browser.post(self.at(token)).status_code == 409

    def test_of_an_earlier_submission_ends_with_the_next(self, time_machine):
        row, token, browser = self.setup_link(time_machine)
        service.decide(actor=self.approver, request=row, verdict="returned", reason="Taille ?", at=NOW)
        draft = RequestDraft("Gants", [LineDraft("Gants M", 1, ref_price_e4=4_000_000)])
        later = NOW + timedelta(hours=1)
        row = service.save(actor=self.buyer, company=self.company, draft=draft, request=row, at=later)
        service.submit(actor=self.buyer, request=row, at=later)
        time_machine.move_to(later)
        assert browser.post(self.at(token)).status_code == 410

    def test_approves_a_commitment_too(self):
        w = world(pack=1, freight_cents=0)
        company = w.company("A", limit=1_000)
        approver = member(company, Role.APPROVER)
        w.commit("A", 24)
        body = OutboxMail.objects.get(to=approver.email).body
        token = next(word for word in body.split() if "/q/approve/" in word).split("/q/approve/")[1].rstrip("/")
        one_tap.approve(token=token, at=hours(3))
        assert w.states()["A"] == "committed"
        with pytest.raises(one_tap.LinkUsed):
            one_tap.approve(token=token, at=hours(3))

    def test_does_not_approve_a_commitment_that_grew(self):
        w = world(pack=1, freight_cents=0)
        company = w.company("A", limit=1_000)
        approver = member(company, Role.APPROVER)
        w.commit("A", 24)
        link = ApprovalLink.objects.get(approver=approver)
        assert link.amount_cents == 8_380
        with pytest.raises(agreement.AmountGrew):
            agreement.approve(actor=approver, company=company, pool=w.pool, at=hours(3), up_to_cents=8_379)
