"""French sentences are set as printed: what must not break does not, and doing it twice changes nothing."""

from datetime import UTC, datetime

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from companies.templatetags.ui import colon, day, loose, moment, unbroken
from companies.typography import french

TYPED = st.text("aé s:;?!«»%€'0123456789()d\n\u00a0\u202f", max_size=40)


class TestFrench:
    @pytest.mark.parametrize(
        ("typed", "printed"),
        [
            ("Clore « %(title)s » ?", "Clore «\u00a0%(title)s\u00a0»\u202f?"),
            ("Prix : 10 000 € ; 5 %%", "Prix\u00a0: 10\u202f000\u00a0€\u202f; 5\u00a0%%"),
            ("%(n)s %% engagés, %(kg)s kg", "%(n)s\u00a0%% engagés, %(kg)s\u00a0kg"),
            ("l'offre de 10 %(unit)s", "l’offre de 10 %(unit)s"),  # a placeholder is no percent sign
            ("https://erb.example à 14:05", "https://erb.example à 14:05"),
        ],
    )
    def test_is_set_as_printed(self, typed, printed):
        assert french(typed) == printed

    @given(TYPED)
    def test_changes_nothing_the_second_time_and_no_word_ever(self, typed):
        once = french(typed)
        assert french(once) == once
        plain = str.maketrans({"\u00a0": " ", "\u202f": " ", "’": "'"})
        assert once.translate(plain) == typed.translate(plain)


class TestTheColon:
    @pytest.mark.parametrize(("language", "sign"), [("fr", "\u00a0: "), ("en", ": ")])
    def test_has_its_space_in_french_only(self, language, sign):
        with translation.override(language):
            assert colon() == sign


class TestATitle:
    def test_keeps_its_number_on_one_line_and_escapes_the_rest(self):
        shown = unbroken("Facture F-2026-00012 <b> Bourg-de-Péage")
        assert shown == 'Facture <span class="unbroken">F-2026-00012</span> &lt;b&gt; Bourg-de-Péage'

    def test_keeps_a_measure_on_one_line(self):
        assert unbroken("Forets HSS 4 mm, flacon 500 ml") == "Forets HSS 4\u00a0mm, flacon 500\u00a0ml"


class TestADate:
    def test_breaks_before_its_year_and_its_hour_only(self):
        at = datetime(2026, 3, 3, 13, 5, tzinfo=UTC)
        with translation.override("fr"):
            assert (day(at), moment(at)) == ("mar.\u00a03\u00a0mars 2026", "mar.\u00a03\u00a0mars 2026 à\u00a014:05")
        with translation.override("en"):
            assert moment(at) == "Tue\u00a03\u00a0March 2026 at\u00a014:05"

    def test_may_break_before_its_month_in_a_small_box_where_an_amount_may_not(self):
        with translation.override("fr"):
            assert loose(day(datetime(2026, 3, 3, tzinfo=UTC))) == "mar.\u00a03 mars 2026"
            assert loose("1\u202f234,56\u00a0€") == "1\u202f234,56\u00a0€"
