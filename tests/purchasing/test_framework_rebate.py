"""The year-end rebate: from what really came, shared by it, credited once, corrected by another."""

from datetime import date, timedelta
from io import BytesIO

import pytest
from django.db import DatabaseError, connection, transaction
from pypdf import PdfReader

from companies.billing import checking, ledger
from companies.billing.models import AccountKind, CreditNote, Invoice, LedgerTransaction
from companies.errors import NotAllowed
from companies.models import OutboxMail, Role
from purchasing import rebate_document
from purchasing.models import FrameworkRebate, RebateShare
from purchasing.rules.framework import RebateTier
from purchasing.services import (
    claims,
    decide_claim,
    framework,
    framework_rebate,
    framework_received,
    framework_watch,
    rebate_note,
)
from tests.factories.companies import member
from tests.purchasing.framed import AT, SIGNED, YEAR_OVER, frame, later

pytestmark = pytest.mark.django_db
RATES = (RebateTier(0, 200), RebateTier(100_000, 300))


def rebated(tiers=RATES, basis="value", mode="whole", **head):
    """An agreement at 1.00 € a unit with a rebate."""
    f = frame(tiers=((1, 10_000),), sign=False, **head)
    framework.set_rebate(actor=f.staff, agreement=f.agreement, basis=basis, mode=mode, tiers=tiers, at=SIGNED)
    f.agreement = framework.sign(actor=f.staff, agreement=f.agreement, at=SIGNED)
    return f


def compute(f, **rest):
    return framework_rebate.compute(actor=f.staff, agreement=f.agreement, at=YEAR_OVER, year=2026, **rest)


def issue(f, rebate):
    return framework_rebate.issue(actor=f.staff, rebate=rebate, at=YEAR_OVER)


def nets(rebate):
    return dict(rebate.shares.values_list("company__name", "net_cents"))


class TestTheRebate:
    def test_is_shared_by_what_each_received_and_credited(self):
        """case: 50.00 € over 3 → 16.67, 16.67, 16.66: here 300 units each at 3 % make 27.00, the odd ones 0.01."""
        f = rebated()
        for letter in "ABC":
            f.bought(letter, 367)
        rebate = compute(f)
        assert (rebate.value_cents, rebate.volume, rebate.amount_cents) == (110_100, 1_101, 3_303)
        assert nets(rebate) == {"A": 1_101, "B": 1_101, "C": 1_101}
        assert not CreditNote.objects.exists()
        issue(f, rebate)
        notes = CreditNote.objects.order_by("invoice__company__name")
        assert [(n.invoice.company.name, n.net_cents, n.vat_cents) for n in notes] == [
            (letter, 1_101, 220) for letter in "ABC"
        ]
        assert [s.notes.count() for s in rebate.shares.all()] == [1, 1, 1]

    def test_gives_odd_cents_to_the_largest_rests_then_the_earliest_call_off(self):
        f = rebated(tiers=(RebateTier(0, 100),))
        for letter in "BAC":
            f.bought(letter, 50)
        rebate = compute(f, agreed_cents=100, reason="Geste commercial")
        assert nets(rebate) == {"B": 34, "A": 33, "C": 33}
        assert list(rebate.shares.values_list("company__name", "rank")) == [("B", 1), ("A", 0), ("C", 0)]

    def test_on_volume_is_shared_by_units(self):
        f = rebated(tiers=(RebateTier(100, None, 1_000),), basis="volume")
        f.bought("A", 60)
        f.bought("B", 40)
        assert nets(compute(f)) == {"A": 600, "B": 400}

    def test_counts_what_came_not_what_was_ordered(self):
        f = rebated()
        sent = f.send(f.draw("A", 900))
        f.receive(sent, 300)
        f.send(f.draw("B", 900))
        rebate = compute(f)
        assert (rebate.value_cents, nets(rebate)) == (30_000, {"A": 600})

    def test_counts_each_delivery_in_its_own_year(self):
        f = rebated(ends_on=date(2027, 12, 31))
        sent = f.send(f.draw("A", 900))
        f.receive(sent, 300)
        f.receive(sent, 600, later(360))
        assert compute(f).volume == 300
        got = framework_received.received_in(f.agreement, 2027)
        assert [row.units for row in got] == [600]

    def test_is_not_computed_before_the_year_is_over(self):
        f = rebated()
        f.bought("A", 10)
        with pytest.raises(framework_rebate.YearNotOver):
            framework_rebate.compute(actor=f.staff, agreement=f.agreement, year=2026, at=later(300))
        assert framework_rebate.over(rebated(ends_on=date(2026, 6, 30)).agreement, 2026, date(2026, 7, 1))

    def test_needs_a_reason_for_another_amount(self):
        f = rebated()
        f.bought("A", 100)
        with pytest.raises(framework_rebate.AmountNeedsReason):
            compute(f, agreed_cents=150)
        assert compute(f, agreed_cents=150, reason="Avoir FR-12").amount_cents == 150

    def test_is_refused_where_none_was_agreed_or_nothing_came(self):
        f = frame()
        f.bought("A", 10)
        with pytest.raises(framework_rebate.NoRebate):
            compute(f)
        with pytest.raises(framework_rebate.NothingToShare):
            compute(rebated())

    def test_waits_until_the_goods_were_invoiced(self):
        f = rebated()
        f.receive(f.send(f.draw("A", 100)), 100)
        rebate = compute(f)
        with pytest.raises(framework_rebate.NotInvoiced, match="A"):
            issue(f, rebate)
        assert FrameworkRebate.objects.get().state == "computed"

    def test_twice_has_one_effect(self):
        f = rebated()
        f.bought("A", 100)
        rebate = issue(f, compute(f))
        issue(f, rebate)
        assert CreditNote.objects.count() == 1
        with pytest.raises(framework_rebate.NothingToShare):
            compute(f)

    def test_computed_again_takes_the_place_of_the_first(self):
        f = rebated()
        f.bought("A", 100)
        compute(f)
        compute(f)
        assert list(FrameworkRebate.objects.order_by("pk").values_list("state", "sequence")) == [
            ("dropped", 1),
            ("computed", 2),
        ]

    def test_computed_before_a_correction_is_stale(self):
        f = rebated()
        sent = f.send(f.draw("A", 100))
        f.receive(sent, 60)
        rebate = compute(f)
        sent.refresh_from_db()
        f.receive(sent, 40)
        with pytest.raises(framework_rebate.RebateStale):
            issue(f, rebate)

    def test_is_for_staff(self):
        f = rebated()
        f.bought("A", 100)
        for role in Role:
            with pytest.raises(NotAllowed):
                person = member(f.companies["A"], role)
                framework_rebate.compute(actor=person, agreement=f.agreement, year=2026, at=YEAR_OVER)

    def test_tells_buyers_and_accountants_their_own_part(self):
        f = rebated()
        f.bought("A", 100)
        f.bought("B", 200)
        issue(f, compute(f))
        texts = {m.to: m.body for m in OutboxMail.objects.filter(key__startswith="rebate:")}
        assert set(texts) == {f.buyers["A"].email, f.buyers["B"].email}

    def test_never_holds_parts_that_do_not_add_up(self):
        """I3: Σ shares = the amount, checked by the database."""
        f = rebated()
        f.bought("A", 100)
        compute(f)
        with pytest.raises(DatabaseError, match="add up"), transaction.atomic():
            RebateShare.objects.update(whole_cents=1, net_cents=1)
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def test_in_the_listing_model_is_told_and_not_credited(self):
        f = rebated(legal_model="listing")
        f.bought("A", 100)
        assert issue(f, compute(f)).state == "issued"
        assert not CreditNote.objects.exists()


class TestACorrection:
    def test_of_the_suppliers_amount_is_another_rebate_over_the_difference(self):
        """Counter rows: what was credited stays; more is credited, what was given too much is invoiced."""
        f = rebated(legal_model="agent")
        f.bought("A", 500)
        f.bought("B", 700)
        issue(f, compute(f))
        lower = issue(f, compute(f, agreed_cents=1_800, reason="Avoir moindre"))
        assert (lower.sequence, lower.before_cents, lower.amount_cents) == (2, 3_600, -1_800)
        assert nets(lower) == {"A": -750, "B": -1_050}
        assert CreditNote.objects.count() == 2
        charged = Invoice.objects.filter(key__startswith="rebate-")
        assert {row.company.name: (row.net_cents, row.vat_cents) for row in charged} == {
            "A": (750, 150),
            "B": (1_050, 210),
        }
        higher = issue(f, compute(f))
        assert (higher.sequence, nets(higher)) == (3, {"A": 750, "B": 1_050})
        assert sum(RebateShare.objects.values_list("net_cents", flat=True)) == 3_600

    def test_by_a_counter_receipt_belongs_to_the_delivery_it_corrects(self):
        f = rebated(legal_model="listing")
        f.receive(f.send(f.draw("A", 500)), 500)
        sent = f.send(f.draw("B", 700))
        receipt = f.receive(sent, 700)
        issue(f, compute(f))
        sent.refresh_from_db()
        f.receive(sent, -300, YEAR_OVER, corrects=receipt)
        second = compute(f)
        assert (second.volume, second.whole_cents, second.amount_cents) == (900, 1_800, -1_800)
        assert nets(second) == {"A": -500, "B": -1_300}


class TestCreditsFromClaims:
    def credited(self, f, sent, cents, outcome="credit", at=AT):
        company = sent.pool.only_company
        word = claims.Word("damaged", "Cartons mouillés", {sent.lines.get().pk: 10})
        claim = claims.open_claim(actor=f.staff, order=sent, company=company, word=word, at=at)
        end = {"outcome": outcome, "reason": "Accordé", "credit_cents": cents}
        return decide_claim.resolve(actor=f.staff, claim=claim, at=at, **end)

    def test_lower_the_value_and_the_tier_it_reaches(self):
        f = rebated()
        sent = f.bought("A", 500)
        f.bought("B", 700)
        self.credited(f, sent, 10_000)
        rebate = compute(f)
        assert (rebate.value_cents, rebate.volume, rebate.amount_cents) == (110_000, 1_200, 3_300)
        assert nets(rebate) == {"A": 1_200, "B": 2_100}
        assert dict(rebate.shares.values_list("company__name", "credited_cents")) == {"A": 10_000, "B": 0}

    @pytest.mark.parametrize("outcome", ["credit", "supplier"])
    def test_settled_after_the_rebate_make_another_over_the_difference(self, outcome):
        f = rebated()
        sent = f.bought("A", 500)
        issue(f, compute(f))
        rebate = compute(f, agreed_cents=900, reason="x")
        self.credited(f, sent, 10_000, outcome, YEAR_OVER)
        with pytest.raises(framework_rebate.RebateStale):
            issue(f, rebate)
        assert nets(issue(f, compute(f))) == {"A": -200}


class TestTheSuppliersCreditNote:
    def record(self, f, rebate, net, number="RFA-1", **rest):
        rest = {"issued_on": YEAR_OVER.date(), "at": YEAR_OVER, **rest}
        return rebate_note.record(actor=f.staff, rebate=rebate, number=number, net_cents=net, **rest)

    def test_becomes_a_booking_of_what_the_companies_were_given(self):
        f = rebated(vat_bp=550)
        f.bought("A", 1_000)
        rebate = issue(f, compute(f))
        kinds = (AccountKind.SUPPLIERS, AccountKind.PURCHASES)
        before = [ledger.balance(kind) for kind in kinds]
        with pytest.raises(rebate_note.NoteDiffers):
            self.record(f, rebate, 2_999)
        with pytest.raises(rebate_note.NoteVatDiffers):
            self.record(f, rebate, 3_000, vat_cents=600)
        note = self.record(f, rebate, 3_000, vat_cents=166)
        assert (note.vat_cents, note.by_rate) == (166, [(550, 3_000, 166)])
        assert [ledger.balance(kind) - was for kind, was in zip(kinds, before, strict=True)] == [3_166, -3_000]
        assert self.record(f, rebate, 3_000).pk == note.pk
        assert LedgerTransaction.objects.filter(key__contains="rebate-note").count() == 1
        assert not checking.first_break()
        with pytest.raises(rebate_note.NothingToBook):
            self.record(f, rebate, 3_000, "RFA-2")

    def test_of_another_amount_waits_until_the_difference_is_shared(self):
        f = rebated(legal_model="agent")
        f.bought("A", 1_000)
        rebate = issue(f, compute(f))
        issue(f, compute(f, agreed_cents=2_500, reason="Avoir moindre"))
        note = self.record(f, rebate, 2_500)
        assert set(FrameworkRebate.objects.values_list("note", flat=True)) == {note.pk}
        assert rebate_note.awaited(rebate) == 0

    def test_is_none_of_ours_in_the_listing_model_or_before_the_credits(self):
        f = rebated(legal_model="listing")
        f.bought("A", 100)
        with pytest.raises(rebate_note.NothingToBook):
            self.record(f, issue(f, compute(f)), 200)
        other = rebated()
        other.bought("A", 100)
        with pytest.raises(rebate_note.NothingToBook):
            self.record(other, compute(other), 200)
        with pytest.raises(NotAllowed):
            rebate_note.record(actor=f.buyers["A"], rebate=FrameworkRebate.objects.first(), number="1",
                               issued_on=AT.date(), net_cents=1, at=AT)  # fmt: skip


class TestTheSheet:
    def words(self, rebate, company=None):
        content = rebate_document.pdf(rebate, company, at=YEAR_OVER)
        return " ".join(PdfReader(BytesIO(content)).pages[0].extract_text().split()).replace("\u00a0", " ")

    def test_on_paper_replays_every_share_to_the_cent(self):
        f = rebated(tiers=(RebateTier(0, 100),))
        for letter in "BACD":
            f.bought(letter, 50)
        rebate = issue(f, compute(f, agreed_cents=101, reason="Geste commercial"))
        text = self.words(rebate)
        assert all(part in text for part in ("0,2525", "0,26", "200,00", "1,01", "Geste commercial"))
        own = self.words(rebate, f.companies["A"])
        assert "0,2525" in own and "50,00 € / 200,00 €" in own
        for line in rebate_document.lines_of(rebate):
            exact = 101 * line.share.weight // line.of
            assert line.share.whole_cents == exact + (line.share.rank > 0)

    def test_of_few_companies_tells_none_what_another_bought(self):
        """I13: with three companies the sums would give a figure away; staff see the whole sheet."""
        f = rebated()
        f.bought("A", 300)
        f.bought("B", 456)
        rebate = issue(f, compute(f))
        own = self.words(rebate, f.companies["A"])
        assert "300,00" in own and "6,00" in own
        assert not any(part in own for part in ("756", "456", "15,12", "9,12"))
        assert "756,00" in self.words(rebate)


class TestTheClock:
    def test_warns_of_the_end_once_per_threshold_and_ends_it(self):
        f = frame(ends_on=AT.date() + timedelta(days=60), alert_days=60)
        f.draw("A", 10)
        f.company("B")
        letters = OutboxMail.objects.filter(key__startswith="framework-ending:")
        framework_watch.watch(at=later(-1))
        assert not letters.exists()
        framework_watch.watch(at=AT)
        framework_watch.watch(at=later(1))
        assert sorted(letters.values_list("to", flat=True)) == sorted([f.staff.email, f.buyers["A"].email])
        framework_watch.watch(at=later(46))
        assert letters.count() == 4
        assert framework_watch.watch(at=later(61)) == 1
