"""Reviews of suppliers: verified, once per order, with the right of reply; averages only of enough companies."""

from datetime import UTC, datetime
from fractions import Fraction

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from companies.errors import NotAllowed
from companies.models import AuditEntry, OutboxMail
from purchasing import links, ratings
from purchasing.models import SupplierReview
from purchasing.models.review import CRITERIA
from purchasing.rules.reviews import mean_tenths
from purchasing.services import review as service
from purchasing.services.surplus import ReasonMissing
from purchasing.states_exchange import REVIEW
from tests.factories.companies import CompanyFactory, member, staff
from tests.purchasing.back import Delivered, hours

NOW, LATER = hours(910), datetime(2100, 1, 1, tzinfo=UTC)


class TestTheAverage:
    @given(st.dictionaries(st.integers(1, 9), st.lists(st.integers(1, 5), min_size=1, max_size=4), max_size=6))
    def test_counts_each_company_once_and_hides_too_few(self, scores):
        mean = mean_tenths(scores)
        if len(scores) < 3:
            assert mean is None
            return
        exact = sum(Fraction(sum(marks), len(marks)) for marks in scores.values()) / len(scores)
        assert 10 <= mean <= 50
        assert mean == (20 * exact + 1) // 2


@pytest.fixture
def goods(db):
    """Four companies ordered; A, B and C have collected."""
    goods = Delivered()
    receipt = goods.receive(36)
    for letter in "ABC":
        goods.hand_over(receipt, letter)
    OutboxMail.objects.all().delete()
    return goods


def write(goods, letter, marks=(4, 5, 3, 4), text="Livré à l’heure.", at=NOW):
    return service.write(
        actor=goods.w.buyers[letter],
        company=goods.w.companies[letter],
        order=goods.order,
        scores=dict(zip(CRITERIA, marks, strict=True)),
        text=text,
        at=at,
    )


def link(row):
    token = links.new_token(service.SALT)
    SupplierReview.objects.filter(pk=row.pk).update(token_hash=links.digest(token), token_expires_at=LATER)
    return reverse("purchasing:supplier_review", args=[token])


class TestAReview:
    def test_is_written_by_a_company_that_received_goods_only(self, goods):
        """Case: reviews only by verified buyers."""
        assert write(goods, "A").state == "published"
        with pytest.raises(service.NotReceived):
            write(goods, "D")
        outsider = CompanyFactory()
        goods.w.companies["Z"], goods.w.buyers["Z"] = outsider, member(outsider, "buyer")
        with pytest.raises(service.NotReceived):
            write(goods, "Z")
        assert SupplierReview.objects.count() == 1

    def test_is_written_by_a_buyer_of_that_company(self, goods):
        goods.w.buyers["A"] = goods.w.buyers["B"]
        with pytest.raises(NotAllowed):
            write(goods, "A")

    def test_stands_once_per_order_and_company(self, goods):
        first = write(goods, "A")
        assert write(goods, "A") == first
        with pytest.raises(IntegrityError), transaction.atomic():
            SupplierReview.objects.create(
                supplier=goods.order.supplier, order=goods.order, company=first.company, author=first.author,
                published_at=NOW, **dict.fromkeys(CRITERIA, 1),
            )  # fmt: skip

    @pytest.mark.parametrize("marks", [(0, 5, 5, 5), (6, 1, 1, 1)])
    def test_takes_one_to_five_points(self, goods, marks):
        with pytest.raises(service.ScoresWrong):
            write(goods, "A", marks)

    def test_may_be_changed_for_thirty_days(self, goods):
        row = write(goods, "A")
        assert write(goods, "A", (1, 1, 1, 1), at=hours(910 + 24 * 29)).quality == 1
        with pytest.raises(service.NoLongerEditable):
            write(goods, "A", (5, 5, 5, 5), at=hours(910 + 24 * 30))
        before = AuditEntry.objects.get(action="supplierreview.changed", target_id=str(row.pk))
        assert before.data["quality"] == 4

    def test_may_not_be_changed_once_the_supplier_has_replied(self, goods):
        service.reply(review=write(goods, "A"), text="Merci.", at=NOW)
        with pytest.raises(service.NoLongerEditable):
            write(goods, "A", (1, 1, 1, 1))

    def test_tells_the_supplier_with_a_link_and_never_the_authors_name(self, goods):
        row = write(goods, "A")
        (mail,) = OutboxMail.objects.filter(key=f"review:{row.pk}")
        assert "/q/review/" in mail.body and row.author.full_name not in mail.body


class TestTheRightOfReply:
    def test_is_used_once_by_the_signed_link(self, goods, client):
        row = write(goods, "A")
        address = link(row)
        empty = client.post(address, {"what": "reply", "reply": ""})
        assert empty.status_code == 200 and SupplierReview.objects.get().replied_at is None
        assert client.post(address, {"what": "reply", "reply": "Merci de votre confiance."}).status_code == 302
        again = client.post(address, {"what": "reply", "reply": "Autre chose"})
        assert again.status_code == 200 and SupplierReview.objects.get().reply == "Merci de votre confiance."
        assert OutboxMail.objects.filter(to=goods.w.buyers["A"].email, key__startswith="review-reply").count() == 1

    def test_ends_with_the_link(self, goods):
        row = write(goods, "A")
        token = links.new_token(service.SALT)
        SupplierReview.objects.filter(pk=row.pk).update(token_hash=links.digest(token))
        assert service.by_token(token, at=NOW) == row
        assert service.by_token(token, at=hours(910 + 24 * 90)) is None
        assert service.by_token("guess", at=NOW) is None

    def test_includes_telling_the_association_what_is_untrue(self, goods, client):
        row = write(goods, "A")
        client.post(link(row), {"what": "complaint", "complaint": "Nous n’avons jamais livré en retard."})
        person = staff()
        client.force_login(person)
        assert "jamais livré en retard" in client.get(reverse("purchasing:staff_exchange")).content.decode()
        act = reverse("purchasing:staff_exchange_act", args=["review", row.pk, "hide"])
        client.post(act, {"reason": ""})
        assert SupplierReview.objects.get().state == "published"
        client.post(act, {"reason": "Faits inexacts, vérifiés"})
        row.refresh_from_db()
        assert (row.state, bool(row.settled_at)) == ("hidden", True)
        assert "Faits inexacts" in OutboxMail.objects.get(key__startswith="review-moderated").body


class TestModeration:
    def test_is_the_associations_and_gives_a_reason(self, goods):
        row, person = write(goods, "A"), staff()
        with pytest.raises(NotAllowed):
            service.moderate(actor=goods.w.buyers["B"], review=row, hide=True, reason="x", at=NOW)
        with pytest.raises(ReasonMissing):
            service.moderate(actor=person, review=row, hide=True, reason="", at=NOW)
        service.moderate(actor=person, review=row, hide=True, reason="Injurieux", at=NOW)
        with pytest.raises(service.NoLongerEditable):
            write(goods, "A", (5, 5, 5, 5))
        assert set(REVIEW) == {"published", "hidden"}

    def test_of_a_reply_leaves_the_review(self, goods):
        row = service.reply(review=write(goods, "A"), text="Menteurs", at=NOW)
        row = service.moderate_reply(actor=staff(), review=row, hide=True, reason="Injurieux", at=NOW)
        assert row.reply_hidden_at and row.state == "published"


class TestAverages:
    def test_appear_with_the_third_company(self, goods, client):
        buyer, company = goods.w.buyers["D"], goods.w.companies["D"]
        client.force_login(buyer)
        page = reverse("purchasing:rated_supplier", args=[company.pk, goods.w.supplier.pk])
        told = reverse("purchasing_api:exchange_ratings", args=[company.pk])
        for letter, marks in (("A", (5, 5, 5, 5)), ("B", (4, 4, 4, 4))):
            write(goods, letter, marks)
        assert client.get(told).json()["results"][0]["overall"] is None
        write(goods, "C", (4, 4, 4, 4))
        assert (
            client.get(told).json()["results"][0] | {"overall": "4.3", "companies": 3}
            == client.get(told).json()["results"][0]
        )
        assert "4,3" in client.get(page).content.decode()

    def test_leave_hidden_reviews_out(self, goods):
        for letter in "ABC":
            row = write(goods, letter, (4, 4, 4, 4))
        service.moderate(actor=staff(), review=row, hide=True, reason="Injurieux", at=NOW)
        rating = ratings.of_suppliers([goods.w.supplier.pk])[goods.w.supplier.pk]
        assert (rating.companies, rating.overall) == (2, None)

    def test_of_all_suppliers_take_the_same_queries(self, goods, client, django_assert_max_num_queries):
        client.force_login(goods.w.buyers["A"])
        with django_assert_max_num_queries(20):
            client.get(reverse("purchasing:rated_suppliers", args=[goods.w.companies["A"].pk]))


class TestTheReviewPage:
    def test_keeps_what_was_typed_and_publishes(self, goods, client):
        client.force_login(goods.w.buyers["B"])
        page = reverse("purchasing:review_write", args=[goods.w.companies["B"].pk, goods.order.pk])
        typed = {"quality": "4", "delivery": "5", "service": "3", "text": "Palette bien filmée"}
        assert "Palette bien filmée" in client.post(page, typed).content.decode()
        assert client.post(page, typed | {"value": "4"}).status_code == 302
        assert SupplierReview.objects.get().text == "Palette bien filmée"
