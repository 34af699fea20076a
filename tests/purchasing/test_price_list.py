"""A supplier's list is compared line by line and applied whole or not at all."""

from datetime import date
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from companies.models import Job
from purchasing.models import Article, Price
from purchasing.rules import units
from purchasing.services import price_list
from tests.factories.companies import staff
from tests.factories.purchasing import NOW, SupplierFactory

FIRST = """Tarif 2026;;;;;
Référence;Désignation;Prix HT;Prix pour;Unité;Colisage
G-M;Gants nitrile taille M;6,20;1;boîte;10
V-840;Vis CHC M8x40;12,00;100;pièce;200
CAF;Café en grains;11,80;;kg;6
SAV;Savon d’atelier;21,50;colis;L;5
"""


class TestUnits:
    @given(st.integers(1, 10**9), st.integers(1, 10_000))
    def test_a_price_for_many_is_never_more_than_half_a_ten_thousandth_off(self, price, count):
        one = units.unit_price(price, units.Base(count), "piece")
        assert abs(one * count - price) * 2 <= count

    def test_convert_what_measures_the_same(self):
        assert units.unit_price(118_000, units.Base(1, "kilo"), "gram") == 118
        assert units.unit_price(118, units.Base(1, "gram"), "kilo") == 118_000
        assert units.unit_price(118_000, units.Base(1, "kilo"), "piece") is None
        assert units.convert(2, "kilo", "gram") == 2_000
        assert units.convert(1_500, "gram", "kilo") is None


@pytest.mark.django_db(transaction=True)
class TestAList:
    def setup_method(self):
        self.staff, self.supplier = staff(), SupplierFactory()

    def send(self, content, full=False, when=date(2026, 3, 2)):
        if isinstance(content, str):
            content = content.encode("cp1252")
        found = price_list.upload(
            actor=self.staff,
            supplier=self.supplier,
            name="tarif.csv",
            content=content,
            full=full,
            valid_from=when,
            at=NOW,
        )
        price_list.dry_run(job=found.job, at=NOW)
        found.refresh_from_db()
        return found

    def apply(self, found):
        found = price_list.start_applying(actor=self.staff, found=found, at=NOW)
        price_list.run_applying(str(found.job_id))
        found.refresh_from_db()
        return found

    def prices(self):
        rows = Price.objects.filter(ended_on__isnull=True).select_related("article")
        return {row.reference: (row.price_e4, row.pack, row.article.unit) for row in rows}

    def test_is_read_whatever_its_encoding_and_changes_nothing_yet(self):
        found = self.send(FIRST)
        assert (found.state, found.counts["new"], found.errors) == ("ready", 4, 0)
        assert Price.objects.count() == 0

    def test_applied_makes_articles_and_prices_of_one_unit(self):
        self.apply(self.send(FIRST))
        assert self.prices() == {
            "G-M": (62_000, 10, "box"),
            "V-840": (1_200, 200, "piece"),
            "CAF": (118_000, 6, "kilo"),
            "SAV": (43_000, 5, "litre"),
        }
        assert Article.objects.get(name="Vis CHC M8x40").ref_price_e4 == 1_200

    def test_tells_new_changed_unchanged_and_gone(self):
        self.apply(self.send(FIRST))
        second = FIRST.replace("6,20", "6,51").replace("SAV;Savon d’atelier;21,50;colis;L;5\n", "N;Neuf;1,00;;u;1\n")
        found = self.send(second, full=True)
        assert found.counts == {"new": 1, "changed": 1, "unchanged": 2, "gone": 1, "error": 0}
        self.apply(found)
        assert sorted(self.prices()) == ["CAF", "G-M", "N", "V-840"]
        changed = Price.objects.get(reference="G-M", ended_on__isnull=True)
        assert changed.change_bp == 500
        history = list(Price.objects.filter(article=changed.article).order_by("pk").values_list("price_e4", flat=True))
        assert history == [62_000, 65_100]

    def test_with_one_error_is_not_applied_at_all(self):
        found = self.send(FIRST.replace("12,00", "douze").replace("CAF;", "G-M;"))
        assert found.errors == 2
        assert [row.line for row in found.rows.filter(kind="error")] == [4, 5]
        with pytest.raises(price_list.ListHasErrors):
            price_list.start_applying(actor=self.staff, found=found, at=NOW)
        assert Price.objects.count() == 0

    def test_refuses_a_unit_that_does_not_convert(self):
        self.apply(self.send(FIRST))
        found = self.send("Référence;Prix;Unité\nCAF;11,80;pièce\n")
        assert found.rows.get().problems == ["unit_differs:piece:kilo"]

    def test_twice_has_one_effect(self):
        """case: import of the same CSV twice: one effect."""
        self.apply(self.send(FIRST))
        before = Price.objects.count()
        again = self.send(FIRST)
        assert again.counts["unchanged"] == 4
        done = self.apply(again)
        price_list.run_applying(str(done.job_id))
        assert Price.objects.count() == before

    def test_compared_with_prices_that_moved_since_is_compared_again(self):
        first, second = self.send(FIRST), self.send(FIRST.replace("6,20", "7,00"))
        self.apply(second)
        done = self.apply(first)
        assert done.state == "reading"
        assert Job.objects.get(pk=first.job_id) is not None
        assert self.prices()["G-M"][0] == 70_000

    def test_is_read_from_a_spreadsheet_without_a_float_touching_money(self):
        book, file = Workbook(), BytesIO()
        book.active.append(["Code", "Libellé", "PU HT"])
        book.active.append(["A1", "Article", 0.3])
        book.active.append(["A2", "Autre", 1234.5678])
        book.save(file)
        found = self.send(file.getvalue())
        assert [row.price_e4 for row in found.rows.all()] == [3_000, 12_345_678]

    def test_that_is_no_list_says_so(self):
        found = self.send("nom;téléphone\nDupont;04\n")
        assert (found.state, found.trouble["code"]) == ("unreadable", "no_heading")
