"""Pieces, packs and kilos: typed as people say them, stored and pooled in one unit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companies.models import AuditEntry, Role
from purchasing.models import Article
from purchasing.rules import units
from purchasing.services import counting, request
from purchasing.services import pool as pools
from purchasing.services.request import LineDraft, RequestDraft
from tests.factories.companies import CompanyFactory, member, staff
from tests.factories.purchasing import NOW, RequestFactory, RequestLineFactory

pytestmark = pytest.mark.django_db


class TestARequest:
    def asked(self, line):
        company = CompanyFactory()
        draft = RequestDraft("Besoin", [line])
        return request.save(actor=member(company, Role.BUYER), company=company, draft=draft, at=NOW)

    def article(self, **fields):
        return Article.objects.create(name="Gants", reference="G-1", category="protection", **fields)

    @pytest.mark.parametrize(
        ("fields", "typed", "stored"),
        [
            ({"unit": "piece", "pack": 12}, (3, "pack", 2, 450_000), (36, 24, 37_500)),
            ({"unit": "gram"}, (2, "kilo", 1, 125_000), (2_000, 1_000, 125)),
            ({"unit": "piece", "unit_weight_grams": 250}, (10, "kilo", 0, None), (40, 0, None)),
            ({"unit": "kilo", "unit_weight_grams": 500}, (8, "piece", 0, 20_000), (4, 0, 40_000)),
            ({"unit": "pair"}, (7, "", 0, 10_000), (7, 0, 10_000)),
        ],
    )
    def test_is_stored_in_the_unit_of_its_article(self, fields, typed, stored):
        quantity, unit, tolerance, price = typed
        row = self.asked(LineDraft("", quantity, self.article(**fields), unit, tolerance, price))
        line = row.lines.get()
        assert (line.quantity, line.tolerance, line.ref_price_e4, line.unit) == (*stored, fields["unit"])
        assert row.amount_cents == (quantity * price // 100 if price else 0)

    @pytest.mark.parametrize(("fields", "unit"), [({"unit": "kilo"}, "gram"), ({"unit": "piece"}, "litre")])
    def test_is_refused_when_it_does_not_come_out_whole(self, fields, unit):
        with pytest.raises(request.UnitUnknown):
            self.asked(LineDraft("", 1_500, self.article(**fields), unit))
        with pytest.raises(request.UnitUnknown):
            self.asked(LineDraft("Mots libres", 3, unit="pack"))

    def test_in_own_words_keeps_its_unit(self):
        line = self.asked(LineDraft("Clous", 2, unit="kilo")).lines.get()
        assert (line.quantity, line.unit) == (2, "kilo")


class TestAPool:
    def need(self, quantity, unit, **more):
        approved = RequestFactory(company=CompanyFactory(), approved=True)
        return RequestLineFactory(
            request=approved, state="approved", text="Clous", quantity=quantity, unit=unit, **more
        )

    def open(self, *needs, **line):
        drafts = [pools.LineDraft(text="Clous", needs=[need.pk for need in needs], **line)]
        pool = pools.open_pool(actor=staff(), draft=pools.PoolDraft(title="Clous"), lines=drafts, at=NOW)
        return pool, pool.lines.get()

    def test_counts_kilos_and_grams_together(self):
        """The two retail sizes of a crate of 10 kg: 2×1 kg and 1×5 kg are 7 kg, whatever they were written in."""
        kilos = self.need(2, "kilo", tolerance=1, ref_price_e4=30_000)
        grams = self.need(5_000, "gram", tolerance=0, ref_price_e4=30)
        _pool, line = self.open(kilos, grams)
        grams.refresh_from_db()
        assert (line.unit, line.asked_quantity) == ("kilo", 7)
        assert (grams.quantity, grams.unit, grams.ref_price_e4) == (5, "kilo", 30_000)
        entry = AuditEntry.objects.get(action="requestline.recounted")
        assert entry.data == {"was": {"quantity": 5_000, "unit": "gram"}, "quantity": 5, "unit": "kilo"}

    def test_takes_the_smaller_unit_where_the_larger_is_not_whole(self):
        _pool, line = self.open(self.need(2, "kilo", tolerance=0), self.need(1_500, "gram", tolerance=0))
        assert (line.unit, line.asked_quantity) == ("gram", 3_500)
        assert sorted(line.needs.values_list("quantity", flat=True)) == [1_500, 2_000]

    def test_turns_kilos_into_pieces_of_known_weight_and_joins_them_later(self):
        pool, line = self.open(self.need(40, "piece", tolerance=0), unit_weight_grams=250)
        pools.add_needs(actor=pool.lead, pool=pool, line=line, needs=[self.need(10, "kilo", tolerance=0).pk], at=NOW)
        line.refresh_from_db()
        assert (line.unit, line.asked_quantity) == ("piece", 80)

    def test_keeps_apart_what_measures_something_else(self):
        with pytest.raises(counting.UnitsDiffer):
            self.open(self.need(2, "kilo"), self.need(3, "litre"))


class TestTheRule:
    @given(
        st.integers(0, 10**6),
        st.integers(1, 10**7),
        st.sampled_from(["kilo", "gram", "piece", "pack"]),
        st.sampled_from(["kilo", "gram", "piece"]),
        st.integers(1, 500),
        st.integers(1, 5_000),
    )
    def test_keeps_the_amount(self, quantity, price, source, target, pack, grams):
        found = units.recount(quantity, price, source, target, pack=pack, grams=grams)
        if found is not None:
            many, each = found
            assert abs(many * each - quantity * price) <= many // 2 + 1
