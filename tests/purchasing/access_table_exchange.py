"""Who may open which address of the buyers' exchange."""

from datetime import timedelta
from uuid import uuid4

from django.utils import timezone

from purchasing import links
from purchasing.models import Commitment, HandOver, SupplierReview
from purchasing.models.review import CRITERIA
from purchasing.services import buyer_question, review, surplus
from tests.access import EVERYBODY, Visit
from tests.purchasing.access_table_back import READERS, A, P, company


def prepare(w):
    """An offer of the own company, another one of a stranger, and a reservation on each."""
    at, draft = timezone.now() - timedelta(hours=1), surplus.Draft("Gants taille S", 10, 15_000)
    seller, buyer = w.users["foreign"], w.users["buyer"]
    w.own_offer = surplus.offer(actor=buyer, company=w.company, draft=draft, at=at)
    w.foreign_offer = surplus.offer(actor=seller, company=w.foreign_company, draft=draft, at=at)
    w.reservation = surplus.reserve(
        actor=buyer, company=w.company, offer=w.foreign_offer, quantity=2, client_id=uuid4(), at=at
    )
    w.own_share = Commitment.objects.filter(company=w.company).first()
    w.question = buyer_question.ask(
        actor=buyer, company=w.company, about=w.goods_order.supplier, title="Délais tenus ?", at=at
    )
    HandOver.objects.filter(pk=w.own_hand_over.pk).update(state="handed_over")  # so that its order may be reviewed
    row = review.write(actor=buyer, company=w.company, order=w.goods_order, scores=dict.fromkeys(CRITERIA, 4), at=at)
    w.review_token = links.new_token(review.SALT)
    SupplierReview.objects.filter(pk=row.pk).update(token_hash=links.digest(w.review_token))


def own_offer(w):
    return {"company": w.company.pk, "pk": w.own_offer.pk}


def act(action, offer="foreign_offer"):
    return lambda w: {"company": w.company.pk, "pk": getattr(w, offer).pk, "action": action}


def reservation(w):
    return {"company": w.company.pk, "pk": w.reservation.pk, "action": "confirm"}


def rest(w):
    return {"company": w.company.pk, "commitment": w.own_share.pk}


def question(action=None):
    return lambda w: {"company": w.company.pk, "pk": w.question.pk} | ({"action": action} if action else {})


def supplier(w):
    return {"company": w.company.pk, "pk": w.goods_order.supplier_id}


def hide(w):
    return {"kind": "question", "pk": w.question.pk, "action": "hide"}


VISITS = [
    Visit(P + "exchange", READERS, company),
    Visit(P + "offer_new", {"buyer"}, company),
    Visit(P + "offer_rest", {"buyer"}, rest, "post"),
    Visit(P + "exchange_offer", READERS, own_offer),
    Visit(P + "offer_act", {"buyer"}, act("reserve"), "post"),
    Visit(P + "offer_act", {"buyer"}, act("withdraw", "own_offer"), "post"),
    Visit(P + "reservation_act", {"buyer"}, reservation, "post"),
    Visit(P + "question_list", READERS, company),
    Visit(P + "question_new", {"buyer"}, company),
    Visit(P + "question", READERS, question()),
    Visit(P + "question", {"buyer"}, question(), "post"),
    Visit(P + "question_act", READERS, question("follow"), "post"),
    Visit(P + "question_act", {"buyer"}, question("close"), "post"),
    Visit(P + "rated_suppliers", READERS, company),
    Visit(P + "rated_supplier", READERS, supplier),
    Visit(P + "review_write", {"buyer"}, lambda w: {"company": w.company.pk, "order": w.goods_order.pk}),
    Visit(P + "supplier_review", EVERYBODY, lambda w: {"token": w.review_token}),
    Visit(P + "staff_exchange", {"staff"}),
    Visit(P + "staff_exchange_act", {"staff"}, hide, "post"),
    Visit(A + "review_by_link", EVERYBODY, lambda w: {"token": w.review_token}),
    Visit(A + "review_by_link", EVERYBODY, lambda w: {"token": w.review_token}, "post"),
    Visit(A + "exchange_complaints", {"staff"}),
    Visit(A + "exchange_moderate", {"staff"}, hide, "post"),
    Visit(A + "exchange_answer", {"staff"}, lambda w: {"pk": w.question.pk}, "post"),
    Visit(A + "exchange_ratings", READERS, company),
    Visit(A + "exchange_reviews", READERS, company),
    Visit(A + "exchange_reviews", {"buyer"}, company, "post"),
    Visit(A + "exchange_reviewable", READERS, company),
    Visit(A + "buyer_questions", READERS, company),
    Visit(A + "buyer_questions", {"buyer"}, company, "post"),
    Visit(A + "buyer_question", READERS, question()),
    Visit(A + "buyer_question_answers", {"buyer"}, question(), "post"),
    Visit(A + "buyer_question_act", {"buyer"}, question("close"), "post"),
    Visit(A + "exchange_offers", READERS, company),
    Visit(A + "exchange_offers", {"buyer"}, company, "post"),
    Visit(A + "exchange_offer", READERS, own_offer),
    Visit(A + "exchange_offer", {"buyer"}, own_offer, "delete"),
    Visit(A + "exchange_reserve", {"buyer"}, own_offer, "post"),
    Visit(A + "exchange_reservations", READERS, company),
    Visit(A + "exchange_reservation", {"buyer"}, reservation, "post"),
]
