"""Tenders and quotes through random legal and illegal steps of suppliers and of every role beside them.

Source: the supplier quote's state machine, I8, I13, I14 and the tender rules of the buying centre's design: sealed until
the opening, the opening logged, late answers kept as late, versions never changed, awards on what counts only.
"""

from datetime import timedelta
from random import Random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from companies.errors import DomainError
from companies.models import AuditEntry, OutboxMail, Role
from purchasing.models import Pool, Quote, Tender, TenderInvitation
from purchasing.selectors import current_quotes
from purchasing.services import award as awards
from purchasing.services import pool as pools
from purchasing.services import quote as quotes
from purchasing.services import tender as tenders
from tests.factories.companies import CompanyFactory, member, staff
from tests.factories.purchasing import NOW, SupplierFactory, gathering_pool, link
from tests.purchasing.walks import walk

RUNS = frozenset({"staff", "second", "lead"})
PEOPLE = ["staff", "staff", "second", "lead", "lead", "buyer", "approver", "nobody"]
PRICES = [71_937, 71_000, 72_000, 300_000, 71_937, 0]
DAYS = [60, 60, 3, 60, 60, 60, -1, None]
STEPS_OF_A_RUN = 45
STEPS = [
    *["answer"] * 8, "keep_a_draft", "look", "decline", "withdraw", "postpone", *["unseal"] * 3, *["accept_late"] * 2,
    *["handle"] * 4, "follow_the_link", *["award"] * 4, *["second_person"] * 2, "cancel", *["wait"] * 3,
]  # fmt: skip
EDITABLE = {"invited", "opened", "submitted", "negotiating", "late", "declined", "shortlisted", "expired"}
SECRET = "7{}1937"  # a price that no mail may hold before the opening


def open_and_award(tender, actor, *, at):
    """Quotes opened and the only line given to the first of them."""
    tenders.open_quotes(actor=actor, tender=tender, at=max(at, tender.deadline))
    line = tender.pool.lines.get()
    awards.decide(actor=actor, tender=tender, choices={line.pk: line.quote_lines.first().pk}, reason="Seul", at=at)


class TenderMachine(RuleBasedStateMachine):
    """One tender of one line with three suppliers; a second person is needed above 2,500 €."""

    @initialize(sealed=st.sampled_from([True, True, False]))
    def send(self, sealed):
        self.now = NOW
        self.turn, self.opening_seen = 0, False
        self.last_mail = OutboxMail.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        actor = self.people["staff"]
        pool = gathering_pool(actor=actor)
        Pool.objects.filter(pk=pool.pk).update(lead=self.people["lead"], second_person_above_cents=250_000)
        self.pool = Pool.objects.get(pk=pool.pk)
        row = tenders.prepare(actor=actor, pool=self.pool, deadline=NOW + timedelta(days=10), at=NOW, sealed=sealed)
        for supplier in self.suppliers:
            tenders.invite(actor=actor, tender=row, supplier=supplier, at=NOW)
        tenders.send(actor=actor, tender=row, at=NOW)
        self.line = self.pool.lines.get()
        self.pk, self.sealed = row.pk, sealed
        self.sent: dict[int, tuple] = {}  # what each version said when it was sent
        self.in_time: dict[int, bool] = {}

    @rule(seed=st.integers(0, 2**20))
    def step(self, seed):
        """All steps of a run. The turn is mixed in, since a plain draw would repeat the first few for ever."""
        for _ in range(STEPS_OF_A_RUN):
            self.turn += 1
            chance = Random(seed * 1_000 + self.turn)
            self.last = chance.choice(STEPS), chance.choice(PEOPLE), chance.randrange(3), chance.randrange(48)
            getattr(self, self.last[0])(*self.last[1:])
            self.the_rules_hold()

    @property
    def tender(self):
        return Tender.objects.select_related("pool").get(pk=self.pk)

    def invited(self, number):
        return (
            TenderInvitation.objects.select_related("tender__pool", "supplier")
            .filter(tender=self.pk)
            .order_by("pk")[number]
        )

    def attempt(self, allowed, step):
        """The step is taken exactly when it is allowed; a refusal leaves everything as it was."""
        if allowed:
            return step()
        before = self.snapshot()
        with pytest.raises(DomainError):
            step()
            pytest.fail(f"{self.last} should have been refused")
        assert self.snapshot() == before
        return None

    def snapshot(self):
        rows = TenderInvitation.objects.filter(tender=self.pk).order_by("pk")
        return (
            Tender.objects.filter(pk=self.pk).values_list("state", "deadline", "opened_at").get(),
            list(rows.values_list("state", "revoked_at", "late_accepted_at", "token_hash")),
            list(Quote.objects.filter(invitation__in=rows).order_by("pk").values_list("pk", "submitted_at", "late")),
            Pool.objects.get(pk=self.pool.pk).state,
            AuditEntry.objects.count(),
            OutboxMail.objects.count(),
        )

    def draft(self, price, days):
        valid = None if days is None else (self.now + timedelta(days=days)).date()
        offers = [quotes.OfferDraft(self.line, [(1, price)])] if price else []
        return quotes.QuoteDraft(offers=offers, valid_until=valid)

    @property
    def running(self):
        return self.tender.state in ("open", "opened")

    def look(self, who, number, choice):
        row = self.invited(number)
        quotes.mark_opened(invitation=row, at=self.now)
        assert self.invited(number).state == ("opened" if row.state == "invited" else row.state)

    def keep_a_draft(self, who, number, choice):
        price, days = PRICES[choice % 6], DAYS[choice % 8]
        row = self.invited(number)
        allowed = self.running and row.state in EDITABLE
        step = {"invitation": row, "draft": self.draft(price, days), "at": self.now}
        self.attempt(allowed, lambda: quotes.save_draft(**step))

    def answer(self, who, number, choice):
        price, days = PRICES[choice % 6], DAYS[choice % 8]
        row = self.invited(number)
        whole = price and days is not None and days >= 0
        step = {"invitation": row, "draft": self.draft(price, days), "at": self.now}
        before = row.quotes.filter(submitted_at__isnull=False).count()
        done = self.attempt(bool(self.running and row.state in EDITABLE and whole), lambda: quotes.submit(**step))
        if done is None or row.quotes.filter(submitted_at__isnull=False).count() == before:
            return
        tender = self.tender
        asked_again = row.state == "negotiating"
        self.in_time[done.pk] = asked_again or (self.now < tender.deadline and tender.state == "open")
        self.sent[done.pk] = self.content(Quote.objects.get(pk=done.pk))
        if not self.in_time[done.pk] and row.state in ("invited", "opened", "declined", "expired"):
            assert self.invited(number).state == "late"

    def content(self, quote):
        (line,) = quote.lines.all()
        (tier,) = line.tiers.all()
        return (quote.version, quote.valid_until, quote.late, quote.submitted_at, tier.unit_price_e4)

    def decline(self, who, number, choice):
        row = self.invited(number)
        allowed = self.running and row.state in ("invited", "opened")
        self.attempt(allowed, lambda: quotes.decline(invitation=row, reason="Complet", at=self.now))

    def withdraw(self, who, number, choice):
        row = self.invited(number)
        allowed = self.running and row.state in ("submitted", "negotiating", "shortlisted", "late", "expired")
        self.attempt(allowed, lambda: quotes.withdraw(invitation=row, reason="Rupture", at=self.now))

    def postpone(self, who, number, choice):
        days = 2 if choice % 3 else -1
        tender = self.tender
        deadline = max(self.now, tender.deadline) + timedelta(days=days)
        step = {"actor": self.people[who], "tender": tender, "deadline": deadline, "at": self.now}
        self.attempt(who in RUNS and tender.state == "open" and days > 0, lambda: tenders.postpone(**step))

    def unseal(self, who, number, choice):
        tender = self.tender
        silent = tender.invitations.filter(state__in=["invited", "opened"], revoked_at__isnull=True).exists()
        ready = not self.sealed or self.now >= tender.deadline or not silent
        step = {"actor": self.people[who], "tender": tender, "at": self.now}
        self.attempt(who in RUNS and tender.state == "open" and ready, lambda: tenders.open_quotes(**step))

    def accept_late(self, who, number, choice):
        reason = "Panne chez lui" if choice % 4 else ""
        row = self.invited(number)
        waiting = [
            pk for pk, when in row.quotes.filter(late=True).values_list("pk", "submitted_at")
            if row.late_accepted_at is None or when > row.late_accepted_at
        ]  # fmt: skip
        allowed = who in RUNS and reason and self.running and bool(waiting)
        step = {"actor": self.people[who], "invitation": row, "reason": reason, "at": self.now}
        self.attempt(bool(allowed), lambda: tenders.accept_late(**step))

    def handle(self, who, number, choice):
        what = ["shortlist", "negotiate", "revoke", "resend", "negotiate"][choice % 5]
        row, state = self.invited(number), self.tender.state
        step = {"actor": self.people[who], "invitation": row, "at": self.now}
        if what == "shortlist":
            allowed, call = state == "opened" and row.state == "submitted", lambda: tenders.shortlist(**step)
        elif what == "negotiate":
            allowed = state == "opened" and row.state in ("submitted", "shortlisted", "expired")
            call = lambda: tenders.negotiate(**step, message="Un meilleur prix ?")  # noqa: E731  # two steps, one shape
        elif what == "revoke":
            allowed, call = True, lambda: tenders.revoke(**step, reason="Mauvaise adresse")
        else:
            allowed, call = self.running, lambda: tenders.resend(**step)
        self.attempt(who in RUNS and allowed, call)

    def follow_the_link(self, who, number, choice):
        row = self.invited(number)
        token = link(row)
        usable = row.revoked_at is None and self.now < row.expires_at
        self.attempt(usable, lambda: quotes.find(token, at=self.now))

    def counting(self, rows=None):
        """Each supplier's answer that counts, told from what happened."""
        found = {}
        for row in rows or TenderInvitation.objects.filter(tender=self.pk).prefetch_related("quotes"):
            good = [
                q for q in sorted(row.quotes.all(), key=lambda quote: quote.version)
                if q.submitted_at and (self.in_time[q.pk] or (row.late_accepted_at and q.submitted_at <= row.late_accepted_at))
            ]  # fmt: skip
            if good and row.state not in ("withdrawn", "declined", "late"):
                found[row.pk] = good[-1]
        return found

    def award(self, who, number, choice):
        reason = "Le moins cher" if choice % 4 else ""
        tender, row = self.tender, self.invited(number)
        if tender.opened_at is None:
            return
        last = row.quotes.filter(submitted_at__isnull=False).order_by("-version").first()
        if last is None:
            return
        offer = last.lines.get()
        counts = self.counting().get(row.pk) == last and last.valid_until >= self.now.date()
        pending = tender.awards.filter(state="proposed").exists()
        allowed = who in RUNS and tender.state == "opened" and reason and counts and not pending
        step = {"actor": self.people[who], "tender": tender, "choices": {self.line.pk: offer.pk}, "at": self.now}
        done = self.attempt(bool(allowed), lambda: awards.decide(**step, reason=reason))
        if done:
            alone = done.value_cents > 250_000 and tender.opened_by == self.people[who]
            assert (done.state == "proposed") == alone == done.needs_second_person

    def second_person(self, who, number, choice):
        yes = bool(choice % 3)
        row, actor = self.tender.awards.filter(state="proposed").first(), self.people[who]
        if row is None:
            return
        step = {"actor": actor, "award": row, "at": self.now}
        if not yes:
            self.attempt(who in RUNS and self.tender.state == "opened", lambda: awards.refuse(**step, reason="Non"))
            return
        other = actor.pk not in (row.decided_by_id, row.tender.opened_by_id)
        quote = row.lines.get().quote_line.quote
        holds = self.counting().get(quote.invitation_id) == quote and quote.valid_until >= self.now.date()
        self.attempt(who in RUNS and other and holds and self.running, lambda: awards.confirm(**step))

    def cancel(self, who, number, choice):
        chance = choice % 6
        if chance == 0:
            early = Pool.objects.get(pk=self.pool.pk).state in ("tendering", "offer_ready")
            step = {"actor": self.people[who], "pool": self.pool, "reason": "Plus besoin", "at": self.now}
            self.attempt(who in RUNS and early, lambda: pools.cancel(**step))

    def wait(self, who, number, choice):
        hours = [5, 60, 60, 120, 241][choice % 5]
        self.now += timedelta(hours=hours)
        for row in TenderInvitation.objects.filter(tender=self.pk).select_related("tender"):
            tenders.expire(invitation=row, at=self.now)

    @invariant()
    def the_rules_hold(self):
        tender = self.tender
        rows = list(tender.invitations.order_by("pk").prefetch_related("quotes__lines__tiers"))
        self.sealed_quotes_are_read_by_nobody_before_the_logged_opening(tender)
        self.versions_are_unbroken_and_what_was_sent_never_changes(rows)
        if tender.state != "cancelled":  # only answers in time or accepted with a reason count
            assert {quote.invitation_id: quote for quote in current_quotes(tender)} == self.counting(rows)
        if tender.state in ("opened", "awarded"):
            self.an_award_ends_the_tender_for_everybody_who_answered(tender, rows)

    def sealed_quotes_are_read_by_nobody_before_the_logged_opening(self, tender):
        outsider = ("buyer", "approver", "nobody")[self.turn % 3]
        insider = ("staff", "second", "lead")[self.turn // 3 % 3]
        assert not self.read_by(outsider).exists()
        if tender.opened_at is None:
            assert not self.sealed or not self.read_by(insider).exists()
            bodies = OutboxMail.objects.filter(pk__gt=self.last_mail).order_by("pk").values_list("pk", "body")
            for pk, body in bodies:
                self.last_mail = pk
                assert not any(SECRET.format(mark) in body for mark in ".,")
        elif not self.opening_seen:
            entry = AuditEntry.objects.get(action="tender.opened", target_id=str(tender.pk))
            assert (entry.actor_id, entry.at) == (tender.opened_by_id, tender.opened_at)
            self.opening_seen = True

    def read_by(self, name):
        return Quote.objects.visible_to(self.people[name]).filter(invitation__tender=self.pk)

    def versions_are_unbroken_and_what_was_sent_never_changes(self, rows):
        for row in rows:
            found = sorted(row.quotes.all(), key=lambda quote: quote.version)
            assert [quote.version for quote in found] == list(range(1, len(found) + 1))
            assert all(quote.submitted_at for quote in found[:-1])
            for quote in found:
                if quote.submitted_at:
                    assert self.content(quote) == self.sent[quote.pk]
                    assert quote.late is not self.in_time[quote.pk]

    def an_award_ends_the_tender_for_everybody_who_answered(self, tender, rows):
        award = tender.awards.filter(state="confirmed").first()
        assert (award is not None) == (tender.state == "awarded")
        if award is None:
            return
        won = award.lines.get().quote_line.quote.invitation_id
        told = set(OutboxMail.objects.filter(key__startswith=f"award:{award.pk}:").values_list("key", flat=True))
        for row in rows:
            answered = any(quote.submitted_at for quote in row.quotes.all()) and row.state != "withdrawn"
            assert row.state in ("awarded", "lost") if answered else row.state not in ("awarded", "lost")
            assert (row.state == "awarded") == (row.pk == won)
            assert (f"award:{award.pk}:{row.pk}" in told) == answered
        if award.value_cents > 250_000 and award.decided_by_id == tender.opened_by_id:  # I14
            assert award.confirmed_by_id not in (None, tender.opened_by_id)


@pytest.mark.django_db
class TestAnyTender:
    def test_keeps_the_invariants_through_legal_and_illegal_steps(self):
        company = CompanyFactory()
        TenderMachine.people = {
            "staff": staff(), "second": staff(), "lead": member(company, Role.BUYER),
            "buyer": member(company, Role.BUYER), "approver": member(company, Role.APPROVER, Role.ADMIN),
            "nobody": member(CompanyFactory(), Role.HR),
        }  # fmt: skip
        TenderMachine.suppliers = [SupplierFactory() for _ in range(3)]
        walk(TenderMachine)
