"""What is shown of how people use the card never points at fewer than ten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from benefit_card.anonymity import FLOOR, HIDDEN, Raw, cell, row

people = st.integers(0, 60)
cells = st.dictionaries(
    st.sampled_from("abcdef"), people.map(lambda n: Raw(n, n * 3, n * 1_500)), min_size=1, max_size=6
)


def total(raws):
    return Raw(*(sum(getattr(raw, name) for raw in raws.values()) for name in ("people", "uses", "discount_cents")))


class TestCell:
    def test_hides_a_company_of_nine(self):
        """Case: company of 9 active cards → "moins de 10"."""
        assert cell(Raw(people=9, uses=100, discount_cents=50_000)) == HIDDEN
        assert not cell(Raw(people=10, uses=100, discount_cents=50_000)).hidden

    @given(st.integers(FLOOR, 500), st.integers(0, 5_000), st.integers(1, 9))
    def test_does_not_tell_what_one_more_person_did_when_two_months_are_subtracted(self, count, uses, more):
        """Case: adding one employee must not let month-to-month subtraction reveal that person (differencing two months)."""
        before = cell(Raw(count, uses, uses * 300))
        after = cell(Raw(count + 1, uses + more, (uses + more) * 300))
        explains = [
            guess
            for guess in range(40)
            if any(
                cell(Raw(count + 1, start + guess, 0)).uses == after.uses
                for start in range(before.uses, before.uses + 10)
            )
        ]
        assert len(explains) >= FLOOR

    def test_says_nothing_at_all_where_it_hides(self):
        assert (HIDDEN.people, HIDDEN.uses, HIDDEN.discount_cents) == (0, 0, 0)


class TestRow:
    def test_hides_a_second_cell_so_that_the_first_does_not_follow_from_the_total(self):
        """Case: totals row also suppressed where needed."""
        raws = {"small": Raw(4, 9, 900), "middle": Raw(12, 30, 3_000), "big": Raw(80, 200, 20_000)}
        shown, whole = row(raws, total=total(raws))
        assert [shown[name].hidden for name in raws] == [True, True, False]
        assert whole is not None and not whole.hidden

    def test_hides_the_total_when_nothing_else_covers_a_cell(self):
        raws = {"only": Raw(4, 9, 900), "none": Raw(0, 0, 0)}
        _shown, whole = row(raws, total=Raw(14, 30, 3_000))
        assert whole == HIDDEN

    @given(cells)
    def test_never_gives_a_hidden_cell_away(self, raws):
        shown, whole = row(raws, total=total(raws))
        hidden = [raws[name].people for name in raws if shown[name].hidden and raws[name].people]
        assert whole is not None
        assert whole.hidden or not hidden or (len(hidden) >= 2 and sum(hidden) >= FLOOR)
        assert all(raws[name].people >= FLOOR for name in raws if not shown[name].hidden)
