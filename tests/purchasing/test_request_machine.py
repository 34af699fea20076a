"""Requests through random legal and illegal steps of every role; what is allowed is said here once more, in other words.

Source: the purchase request's state machine, I8, I13, I14 and the budget rule of the buying centre's design.
"""

from datetime import timedelta
from random import Random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from companies.errors import DomainError
from companies.models import AuditEntry, OutboxMail, Role
from purchasing.models import Budget, Pool, PooledNeed, PurchaseRequest, RequestLine
from purchasing.services import budget as budgets
from purchasing.services import commitment, delegation
from purchasing.services import pool as pools
from purchasing.services import request as service
from tests.factories.companies import CompanyFactory, member, staff
from tests.factories.purchasing import NOW, RequestLineFactory, answer, sent_tender
from tests.purchasing.test_tender_machine import open_and_award
from tests.purchasing.walks import walk

LIMIT, LEVEL, BUDGET = 50_000, 150_000, 400_000  # one approver above 500 €, two above 1,500 €, 4,000 € in all
BUYERS = frozenset({"buyer", "both"})
PEOPLE = ["buyer", "both", "approver", "boss", "stand_in", "hr", "accountant", "elsewhere", "staff"]
STEPS_OF_A_RUN = 45
STEPS = [
    *["write"] * 3, "correct", *["submit"] * 7, *["decide"] * 7, "cancel", "copy", "wait", *["pool"] * 4, "give_back",
    *["speak"] * 5,
]  # fmt: skip
PRICE = 100_000  # 10 € a piece, so a quantity of 50 is the limit


class RequestMachine(RuleBasedStateMachine):
    """One company with two buyers, of whom one also approves, two more approvers, and a stand-in of one of them."""

    @initialize()
    def found(self):
        self.now, self.turn = NOW, 0
        self.company = CompanyFactory(approval_limit_cents=LIMIT)
        other = CompanyFactory()
        self.people = {
            "buyer": member(self.company, Role.BUYER),
            "both": member(self.company, Role.BUYER, Role.APPROVER),
            "approver": member(self.company, Role.APPROVER),
            "boss": member(self.company, Role.APPROVER, Role.ADMIN),
            "stand_in": member(self.company, Role.HR),
            "hr": member(self.company, Role.HR),
            "accountant": member(self.company, Role.ACCOUNTANT),
            "elsewhere": member(other, Role.BUYER, Role.APPROVER, Role.ADMIN),
            "staff": staff(),
        }
        self.names = {user.pk: name for name, user in self.people.items()}
        boss = self.people["boss"]
        delegation.add_level(actor=boss, company=self.company, above_cents=LEVEL, approvers=2, at=NOW)
        first = NOW.date() + timedelta(days=1)
        dates = {"starts_on": first, "ends_on": first + timedelta(days=30)}
        self.away_from = first
        delegation.delegate(
            actor=boss, company=self.company, absent=boss, stand_in=self.people["stand_in"], at=NOW, **dates
        )
        for year in (2026, 2027):
            Budget.objects.create(company=self.company, year=year, cost_centre="ATELIER", amount_cents=BUDGET)
        self.yes: dict[int, set[str]] = {}  # whose authority agreed to what is submitted now

    def some(self, chance, *likely):
        """One of the latest requests; mostly one of the likely states, if there is one."""
        ours = PurchaseRequest.objects.filter(company=self.company).order_by("-pk")
        rows = list(ours.filter(state__in=likely)[:4]) if chance % 5 else []
        rows = rows or list(ours[:4])
        return rows[chance % len(rows)] if rows else None

    def attempt(self, allowed, step):
        """The step is taken exactly when it is allowed; a refusal leaves everything as it was."""
        logged = AuditEntry.objects.count()
        if allowed:
            found = step()
            assert AuditEntry.objects.count() > logged  # I8: nothing happens without a row in the log
            return found
        before = self.snapshot()
        with pytest.raises(DomainError):
            step()
            pytest.fail(f"{self.last} should have been refused")
        assert self.snapshot() == before
        return None

    def snapshot(self):
        rows = PurchaseRequest.objects.filter(company=self.company).order_by("pk")
        return (
            list(rows.values_list("pk", "state", "amount_cents")),
            list(RequestLine.objects.filter(request__in=rows).order_by("pk").values_list("pk", "state", "quantity")),
            AuditEntry.objects.count(),
            OutboxMail.objects.count(),
        )

    @rule(seed=st.integers(0, 2**20))
    def step(self, seed):
        """All steps of a run. The turn is mixed in, since a plain draw would repeat the first few for ever."""
        for _ in range(STEPS_OF_A_RUN):
            self.turn += 1
            chance = Random(seed * 1_000 + self.turn)
            self.last = chance.choice(STEPS), chance.choice(PEOPLE), chance.randrange(120)
            getattr(self, self.last[0])(*self.last[1:])
            self.the_rules_hold()

    def draft(self, quantity, centre="ATELIER"):
        line = service.LineDraft("Gants nitrile", quantity, ref_price_e4=PRICE)
        return service.RequestDraft("Gants", [line], cost_centre=centre, needed_by=(self.now + timedelta(40)).date())

    def write(self, who, choice):
        who = who if choice % 2 else "buyer"
        quantity, centre = [5, 50, 51, 151, 260, 51][choice % 6], "" if choice % 7 == 0 else "ATELIER"
        step = {"actor": self.people[who], "company": self.company, "draft": self.draft(quantity, centre)}
        self.attempt(who in BUYERS, lambda: service.save(**step, at=self.now))

    def correct(self, who, choice):
        chance, quantity = choice, [20, 60, 160][choice % 3]
        if row := self.some(chance, "draft", "returned"):
            step = {"actor": self.people[who], "company": self.company, "draft": self.draft(quantity), "request": row}
            self.attempt(
                who in BUYERS and row.state in ("draft", "returned"), lambda: service.save(**step, at=self.now)
            )

    def fits(self, row):
        taken = budgets.reserved([self.company.pk]), budgets.committed([self.company.pk])
        key = (self.company.pk, (row.needed_by or row.submitted_at or self.now).year, "ATELIER")
        used = sum(part.get(key, 0) for part in taken)
        return row.cost_centre == "ATELIER" and used + row.amount_cents <= BUDGET

    def submit(self, who, choice):
        who, chance = who if choice % 3 == 0 else ["buyer", "both"][choice % 2], choice
        if (row := self.some(chance, "draft")) is None:
            return
        future = row.needed_by is None or row.needed_by >= self.now.date()
        allowed = who in BUYERS and row.state == "draft" and future and self.fits(row)
        done = self.attempt(allowed, lambda: service.submit(actor=self.people[who], request=row, at=self.now))
        if done:
            self.yes[row.pk] = set()
            assert done.state == ("approved" if row.amount_cents <= LIMIT else "submitted")

    def decide(self, who, choice):
        who, chance = who if choice % 3 == 0 else ["boss", "approver", "stand_in", "both"][choice % 4], choice
        verdict, reason = (
            ["approved", "approved", "approved", "rejected", "returned"][choice % 5],
            ["", "Trop cher"][choice // 5 % 2],
        )
        if (row := self.some(chance, "submitted")) is None:
            return
        requester = self.names[row.requester_id]
        authority = "boss" if who == "stand_in" else who
        here = who in ("both", "approver", "boss") or (who == "stand_in" and self.now.date() >= self.away_from)
        allowed = here and who != requester and row.state == "submitted"
        if verdict == "approved":
            allowed = allowed and authority not in self.yes.get(row.pk, set()) and self.fits(row)
        else:
            allowed = allowed and reason != ""
        words = {"verdict": verdict, "reason": reason, "at": self.now}
        done = self.attempt(allowed, lambda: service.decide(actor=self.people[who], request=row, **words))
        if done and verdict == "approved":
            self.yes[row.pk].add(authority)
            enough = len(self.yes[row.pk]) >= (2 if row.amount_cents > LEVEL else 1)
            assert PurchaseRequest.objects.get(pk=row.pk).state == ("approved" if enough else "submitted")

    def cancel(self, who, choice):
        chance = choice % 4
        if row := self.some(chance):
            early = row.state in ("draft", "submitted", "returned", "approved")
            free = not row.lines.filter(state__in=["committed", "ordered"]).exists()
            at = {"request": row, "reason": "Plus besoin", "at": self.now}
            self.attempt(who in BUYERS and early and free, lambda: service.cancel(actor=self.people[who], **at))

    def copy(self, who, choice):
        chance = choice % 4
        if row := self.some(chance):
            self.attempt(who in BUYERS, lambda: service.copy(actor=self.people[who], request=row, at=self.now))

    def wait(self, who, choice):
        days = [1, 15][choice % 2]
        self.now += timedelta(days=days)
        for row in PurchaseRequest.objects.filter(company=self.company, state="approved"):
            service.expire(request=row, at=self.now)

    def pool(self, who, choice):
        who = "staff" if choice % 2 else who
        free = RequestLine.objects.filter(request__company=self.company, state="approved")[:1]
        if row := next(iter(free), None):
            other = RequestLineFactory(approved=True, unit=row.unit)
            lines = [pools.LineDraft(text="Gants", needs=[row.pk, other.pk])]
            words = {"draft": pools.PoolDraft(title="Gants"), "lines": lines, "at": self.now}
            self.attempt(
                who in ("staff", "buyer", "both", "elsewhere"), lambda: pools.open_pool(actor=self.people[who], **words)
            )

    def need(self):
        living = PooledNeed.objects.filter(company=self.company, released_at__isnull=True)
        return living.select_related("pool_line__pool").order_by("-pk").first()

    def give_back(self, who, choice):
        who, whole = "staff" if choice % 2 else who, choice % 3 == 0
        if (need := self.need()) is None:
            return
        actor, pool = self.people[who], need.pool_line.pool
        words = {"reason": "Essai", "at": self.now}
        if whole:
            early = pool.state not in ("closed", "cancelled", "failed")
            self.attempt(who == "staff" and early, lambda: pools.cancel(actor=actor, pool=pool, **words) and pool)
        else:
            early = pool.state in ("draft", "gathering")
            self.attempt(who == "staff" and early, lambda: pools.remove_need(actor=actor, need=need, **words) or need)

    def speak(self, who, choice):
        who, firm = "buyer" if choice % 3 else who, choice % 4 > 0
        if (need := self.need()) is None:
            return
        pool = need.pool_line.pool
        if pool.state == "draft":
            tender = sent_tender(suppliers=1, actor=self.people["staff"], pool=pool, at=self.now)
            answer(tender.invitations.get(), PRICE, at=self.now, valid_until=(self.now + timedelta(400)).date())
            open_and_award(tender, self.people["staff"], at=self.now)
            closes = pools.Calendar(closes_at=self.now + timedelta(days=20))
            pools.open_commitments(actor=self.people["staff"], pool=pool, calendar=closes, at=self.now)
        elif pool.state == "committing" and self.now < pool.closes_at:
            line, asked = need.pool_line, need.quantity
            held = line.commitments.filter(company=self.company).exclude(state__in=["withdrawn", "dropped"]).first()
            who_says = {"actor": self.people[who], "company": self.company, "line": line, "at": self.now}
            if firm and held is None:
                word = commitment.Word(asked, cost_centre="ATELIER")
                self.attempt(who in BUYERS, lambda: commitment.commit(**who_says, word=word))
            elif not firm:
                young = held is not None and self.now - held.committed_at < timedelta(hours=48)
                self.attempt(who in BUYERS and young, lambda: commitment.withdraw(**who_says))

    @invariant()
    def the_rules_hold(self):
        self.a_request_and_its_lines_agree()
        self.i14_nobody_approves_alone_what_they_asked_for()
        self.no_budget_is_overdrawn()
        self.a_pool_line_asks_for_the_needs_it_carries()
        self.i8_the_log_ends_where_each_request_stands_and_i13_nobody_else_sees_it()

    def a_request_and_its_lines_agree(self):
        allowed = {
            "draft": {"waiting"}, "submitted": {"waiting"}, "returned": {"waiting"},
            "approved": {"approved", "pooled", "committed", "expired"},
            "rejected": {"cancelled"}, "cancelled": {"cancelled", "expired"}, "expired": {"expired"},
        }  # fmt: skip
        for row in PurchaseRequest.objects.filter(company=self.company).prefetch_related("lines"):
            assert {line.state for line in row.lines.all()} <= allowed[row.state], row.state

    def i14_nobody_approves_alone_what_they_asked_for(self):
        for row in PurchaseRequest.objects.filter(company=self.company, state="approved").prefetch_related("decisions"):
            said = [d for d in row.decisions.all() if d.at >= row.submitted_at and d.verdict != "returned"]
            assert all(row.requester_id not in (d.approver_id, d.on_behalf_of_id) for d in said)
            holders = {d.on_behalf_of_id or d.approver_id for d in said if d.approver_id}
            assert len(holders) >= (row.amount_cents > LIMIT) + (row.amount_cents > LEVEL)

    def no_budget_is_overdrawn(self):
        taken: dict[tuple[int, int, str], int] = {}
        for part in (budgets.reserved([self.company.pk]), budgets.committed([self.company.pk])):
            for key, cents in part.items():
                taken[key] = taken.get(key, 0) + cents
        assert all(cents <= BUDGET and key[2] == "ATELIER" for key, cents in taken.items()), taken

    def a_pool_line_asks_for_the_needs_it_carries(self):
        for pool in (
            Pool.objects.filter(lines__needs__company=self.company)
            .exclude(state="cancelled")
            .distinct()
            .prefetch_related("lines__needs")
        ):
            for line in pool.lines.exclude(state="cancelled"):
                living = [n for n in line.needs.all() if n.released_at is None]
                assert sum(n.quantity for n in living) == line.asked_quantity
        held = RequestLine.objects.filter(
            request__company=self.company, pooled__isnull=False, pooled__released_at__isnull=True
        )
        assert set(held.values_list("state", flat=True)) <= {"pooled", "committed"}
        free = RequestLine.objects.filter(request__company=self.company, state__in=["pooled", "committed"])
        assert set(free.values_list("pk", flat=True)) == set(held.values_list("pk", flat=True))

    def i8_the_log_ends_where_each_request_stands_and_i13_nobody_else_sees_it(self):
        said = AuditEntry.objects.filter(target_type="purchasing.purchaserequest").order_by("pk")
        last = {e.target_id: e.action for e in said if e.action.split(".")[1] not in ("created", "changed", "agreed")}
        for row in PurchaseRequest.objects.filter(company=self.company).exclude(state="draft"):
            assert last[str(row.pk)] == f"purchaserequest.{row.state}"
        assert not PurchaseRequest.objects.visible_to(self.people["elsewhere"]).filter(company=self.company).exists()


@pytest.mark.django_db
class TestAnyRequest:
    def test_keeps_the_invariants_through_legal_and_illegal_steps(self):
        walk(RequestMachine)
