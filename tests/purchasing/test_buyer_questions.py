"""Questions between buyers: about one thing, told to who knows, answered, accepted, found again."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from companies.errors import NotAllowed
from companies.models import CompanyStatus, OutboxMail, Role
from companies.services import tokens
from purchasing.models import BuyerAnswer, BuyerQuestion, Supplier
from purchasing.services import buyer_question as service
from purchasing.services.surplus import ReasonMissing
from tests.factories.companies import CompanyFactory, member, staff
from tests.factories.purchasing import ArticleFactory, PoolFactory, SupplierFactory
from tests.purchasing.back import Delivered

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
LATER = AT + timedelta(hours=1)


class Talk:
    """One company asks, another one answers."""

    def __init__(self, about=None, title="Livraison le samedi ?", text=""):
        self.asking, self.knowing = CompanyFactory(), CompanyFactory()
        self.asks, self.knows = member(self.asking, Role.BUYER), member(self.knowing, Role.BUYER)
        self.question = service.ask(
            actor=self.asks, company=self.asking, about=about or SupplierFactory(), title=title, text=text, at=AT
        )

    def answer(self, text="Oui, jusqu’à midi.", at=LATER):
        return service.answer(actor=self.knows, company=self.knowing, question=self.question, text=text, at=at)

    def state(self):
        return BuyerQuestion.objects.get(pk=self.question.pk).state


@pytest.mark.django_db
class TestAQuestion:
    @pytest.mark.parametrize("about", [SupplierFactory, ArticleFactory, lambda: PoolFactory(state="gathering")])
    def test_is_about_a_supplier_an_article_or_a_pool(self, about):
        thing = about()
        assert Talk(thing).question.subject == thing

    def test_is_about_exactly_one_thing(self):
        row = Talk().question
        with pytest.raises(IntegrityError), transaction.atomic():
            BuyerQuestion.objects.filter(pk=row.pk).update(article=ArticleFactory())

    def test_in_the_same_words_is_the_same_question(self):
        talk = Talk()
        again = service.ask(
            actor=talk.asks, company=talk.asking, about=talk.question.supplier, title="Livraison le samedi ? ", at=LATER
        )
        assert again == talk.question

    def test_needs_words_and_a_buyer_of_a_member(self):
        supplier, company = SupplierFactory(), CompanyFactory()
        buyer, human = member(company, Role.BUYER), member(company, Role.HR)
        with pytest.raises(service.QuestionMissing):
            service.ask(actor=buyer, company=company, about=supplier, title="  ", at=AT)
        with pytest.raises(NotAllowed):
            service.ask(actor=human, company=company, about=supplier, title="Oui ?", at=AT)
        company.status, company.suspended_at = CompanyStatus.SUSPENDED, AT
        with pytest.raises(NotAllowed):
            service.ask(actor=buyer, company=company, about=supplier, title="Oui ?", at=AT)

    def test_is_told_to_buyers_that_bought_the_same_and_to_nobody_else(self):
        goods = Delivered()
        OutboxMail.objects.all().delete()
        outsider = CompanyFactory()
        asks = member(outsider, Role.BUYER)
        service.ask(
            actor=asks, company=outsider, about=Supplier.objects.get(pk=goods.w.supplier.pk), title="Fiable ?", at=AT
        )
        told = set(OutboxMail.objects.values_list("to", flat=True))
        assert told == {goods.w.buyers[letter].email for letter in "ABCD"}

    def test_is_found_by_word_stems_in_question_and_answers(self, client):
        talk = Talk(title="Livraisons le samedi ?", text="Pour l’atelier.")
        Talk(title="Autre chose")
        talk.answer("Ils passent avec un hayon élévateur.")
        client.force_login(talk.asks)
        page = reverse("purchasing:question_list", args=[talk.asking.pk])
        for words in ("livraison", "hayons", "Livr"):
            shown = client.get(page, {"q": words}).content.decode()
            assert "Livraisons le samedi" in shown and "Autre chose" not in shown

    def test_list_takes_the_same_queries_whatever_its_length(self, client, django_assert_max_num_queries):
        talk = Talk()
        for number in range(12):
            service.ask(actor=talk.asks, company=talk.asking, about=talk.question.supplier, title=f"Q{number}", at=AT)
        client.force_login(talk.knows)
        with django_assert_max_num_queries(20):
            page = client.get(reverse("purchasing:question_list", args=[talk.knowing.pk]))
        assert page.content.decode().count('class="todo"') == 13


@pytest.mark.django_db
class TestAnAnswer:
    def test_is_told_to_who_asked_until_they_stop_it(self):
        talk = Talk()
        talk.answer()
        assert OutboxMail.objects.get().to == talk.asks.email
        service.follow(actor=talk.asks, company=talk.asking, question=talk.question, wants=False, at=LATER)
        talk.answer("Et le dimanche non.")
        assert OutboxMail.objects.count() == 1

    def test_in_the_same_words_is_the_same_answer(self):
        talk = Talk()
        assert talk.answer() == talk.answer()

    def test_that_helped_is_marked_by_who_asked_and_replaced_by_a_better_one(self):
        talk = Talk()
        first, second = talk.answer(), talk.answer("Précision : jusqu’à 11 h.")
        with pytest.raises(NotAllowed):
            service.accept(actor=talk.knows, answer=first, at=LATER)
        service.accept(actor=talk.asks, answer=first, at=LATER)
        service.accept(actor=talk.asks, answer=second, at=LATER)
        row = BuyerQuestion.objects.get(pk=talk.question.pk)
        assert (row.state, row.accepted) == ("solved", second)
        assert OutboxMail.objects.filter(to=talk.knows.email, key__startswith="buyer-accepted").count() == 2

    def test_to_a_closed_question_is_refused(self):
        talk = Talk()
        service.turn(actor=talk.asks, question=talk.question, to="closed", at=LATER)
        with pytest.raises(service.QuestionOver):
            talk.answer()
        service.turn(actor=talk.asks, question=talk.question, to="open", at=LATER)
        assert talk.answer()

    def test_of_the_association_is_signed_so(self):
        talk, person = Talk(), staff()
        with pytest.raises(NotAllowed):
            service.answer(actor=talk.knows, company=None, question=talk.question, text="x", at=LATER)
        made = service.answer(actor=person, company=None, question=talk.question, text="Oui.", at=LATER)
        assert made.company is None

    def test_hidden_no_longer_solves_and_is_shown_to_its_author_with_the_reason(self, client):
        talk, person = Talk(), staff()
        answer = talk.answer("Propos déplacés")
        service.accept(actor=talk.asks, answer=answer, at=LATER)
        with pytest.raises(ReasonMissing):
            service.moderate_answer(actor=person, answer=answer, hide=True, reason=" ", at=LATER)
        service.moderate_answer(actor=person, answer=answer, hide=True, reason="Attaque personnelle", at=LATER)
        assert talk.state() == "open" and BuyerAnswer.objects.get().hidden_at
        shown = {}
        for user, company in ((talk.asks, talk.asking), (talk.knows, talk.knowing)):
            client.force_login(user)
            page = client.get(reverse("purchasing:question", args=[company.pk, talk.question.pk]))
            shown[user] = page.content.decode()
        assert "Propos" not in shown[talk.asks]
        assert "Propos" in shown[talk.knows] and "Attaque personnelle" in shown[talk.knows]


@pytest.mark.django_db
class TestModeration:
    def test_hides_a_question_from_all_but_its_author(self, client):
        talk = Talk()
        with pytest.raises(NotAllowed):
            service.moderate(actor=talk.knows, question=talk.question, hide=True, reason="x", at=LATER)
        service.moderate(actor=staff(), question=talk.question, hide=True, reason="Hors sujet", at=LATER)
        for user, company, status in ((talk.asks, talk.asking, 200), (talk.knows, talk.knowing, 404)):
            client.force_login(user)
            page = client.get(reverse("purchasing:question", args=[company.pk, talk.question.pk]))
            assert page.status_code == status

    def test_of_a_draft_pool_never_shows_its_questions(self):
        talk = Talk(PoolFactory(state="draft"))
        assert not BuyerQuestion.objects.visible_to(talk.knows).exists()
        assert BuyerQuestion.objects.visible_to(staff()).exists()


@pytest.mark.django_db
class TestThePages:
    def test_ask_answer_and_accept(self, client):
        talk, article = Talk(), ArticleFactory()
        client.force_login(talk.asks)
        new = reverse("purchasing:question_new", args=[talk.asking.pk])
        assert article.name in client.get(new, {"q": article.name}).content.decode()
        empty = client.post(f"{new}?article={article.pk}", {"title": "", "text": "mes détails"})
        assert empty.status_code == 200 and "mes détails" in empty.content.decode()
        made = client.post(f"{new}?article={article.pk}", {"title": "Quelle taille ?"})
        row = BuyerQuestion.objects.get(article=article)
        assert made.url == reverse("purchasing:question", args=[talk.asking.pk, row.pk])
        client.force_login(talk.knows)
        client.post(reverse("purchasing:question", args=[talk.knowing.pk, row.pk]), {"text": "Une au-dessus"})
        client.force_login(talk.asks)
        act = reverse("purchasing:question_act", args=[talk.asking.pk, row.pk, "accept"])
        client.post(act, {"answer": row.answers.get().pk})
        row.refresh_from_db()
        assert row.state == "solved"


@pytest.mark.django_db
class TestRest:
    def test_lists_asks_answers_and_accepts(self, client):
        """A program asks for its company and reads what others answered, as on the pages; a token needs the scope."""
        talk, article = Talk(title="Livraisons le samedi ?"), ArticleFactory()

        def call(method, name, user, body=None, company=talk.asking, **args):
            client.force_login(user)
            url = reverse(f"purchasing_api:{name}", kwargs={"company": company.pk, **args})
            return getattr(client, method)(
                url, body, **({"content_type": "application/json"} if method == "post" else {})
            )

        made = call("post", "buyer_questions", talk.asks, {"article": article.pk, "title": "Quelle taille ?"})
        pk = made.json()["question"]["id"]
        again = call("post", "buyer_questions", talk.asks, {"article": article.pk, "title": "Quelle taille ?"})
        assert (made.status_code, again.json()["question"]["id"]) == (201, pk)
        both = {"article": article.pk, "supplier": talk.question.supplier_id, "title": "Deux ?"}
        assert call("post", "buyer_questions", talk.asks, both).status_code == 400
        hidden = PoolFactory(state="draft")
        assert call("post", "buyer_questions", talk.asks, {"pool": hidden.pk, "title": "Et là ?"}).status_code == 404
        told = call("post", "buyer_question_answers", talk.knows, {"text": "Une au-dessus"}, talk.knowing, pk=pk)
        assert told.json()["answers"][0]["company"] == talk.knowing.name
        answer = {"answer": told.json()["answers"][0]["id"]}
        mine = {"pk": pk, "action": "accept"}
        assert call("post", "buyer_question_act", talk.knows, answer, talk.knowing, **mine).status_code == 403
        solved = call("post", "buyer_question_act", talk.asks, answer, **mine).json()
        assert (solved["question"]["state"], solved["answers"][0]["helped"]) == ("solved", True)
        found = call("get", "buyer_questions", talk.knows, {"q": "livraison"}, talk.knowing).json()["results"]
        assert [row["id"] for row in found] == [talk.question.pk]
        waiting = call("get", "buyer_questions", talk.knows, {"open": 1, "article": article.pk}, talk.knowing)
        assert waiting.json()["results"] == []
        # Hidden words are their author's alone.
        service.moderate_answer(actor=staff(), answer=BuyerAnswer.objects.get(), hide=True, reason="x", at=LATER)
        assert call("get", "buyer_question", talk.asks, pk=pk).json()["answers"] == []
        assert len(call("get", "buyer_question", talk.knows, company=talk.knowing, pk=pk).json()["answers"]) == 1

    def test_takes_a_token_with_its_scope(self, client):
        company = CompanyFactory()
        buyer = member(company, Role.BUYER, Role.ADMIN)
        _row, secret = tokens.create(company=company, name="ERP", scopes=["exchange"], actor=buyer, at=AT)
        bearer = {"HTTP_AUTHORIZATION": f"Bearer {secret}"}
        url = reverse("purchasing_api:buyer_questions", kwargs={"company": company.pk})
        assert client.get(url, **bearer).status_code == 200
        body = {"supplier": SupplierFactory().pk, "title": "Fiable ?"}
        assert client.post(url, body, content_type="application/json", **bearer).status_code == 403
