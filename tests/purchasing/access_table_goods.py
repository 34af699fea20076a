"""Who may open which address of deliveries, hand-overs, claims and savings. Rows come from `access_table_back` too."""

from companies import documents
from purchasing import labels
from purchasing.models import HandOver, ReceiptPhoto
from tests.access import EVERYBODY, Visit
from tests.purchasing.access_table_back import READERS, A, P, company, of, token
from tests.purchasing.back import hours


def prepare(w):
    """A photo of the delivery and a signature of the own company."""
    drawing = documents.store(kind="x", name="x.svg", content=b"<svg/>", media_type="image/svg+xml", at=hours(900))
    HandOver.objects.filter(pk=w.own_hand_over.pk).update(signature=drawing)
    w.photo = ReceiptPhoto.objects.create(
        receipt=w.receipt,
        document=documents.store(kind="x", name="x.jpg", content=b"x", media_type="image/jpeg", at=hours(900)),
        taken_by=w.users["staff"],
        at=hours(900),
    )


def own_part(w):
    return {"company": w.company.pk, "pk": w.own_hand_over.pk}


VISITS = [
    Visit(P + "receipt_photo_add", {"staff"}, of("receipt"), "post"),
    Visit(P + "receipt_photo", {"staff"}, lambda w: {"pk": w.receipt.pk, "photo": w.photo.pk}),
    Visit(P + "tell_carrier", {"staff"}, of("receipt"), "post"),
    Visit(P + "expect_rest", {"staff"}, of("goods_order"), "post"),
    Visit(P + "order_labels", {"staff"}, of("goods_order")),
    Visit(P + "supplier_order_labels", EVERYBODY, token),
    Visit(
        P + "hand_over_scan", {"staff"}, lambda w: {"code": labels.code_for(w.goods_order.pk, w.hand_over.company_id)}
    ),
    Visit(P + "hand_over_page", {"staff"}, of("hand_over")),
    Visit(P + "hand_over_signature", READERS, of("own_hand_over")),
    Visit(A + "hand_overs", READERS, company),
    Visit(A + "hand_over_answer", READERS, own_part),
    Visit(A + "hand_over_answer", {"buyer"}, own_part, "post"),
    Visit(A + "hand_over_give", {"staff"}, of("hand_over"), "post"),
    Visit(A + "receipt_hand_overs", {"staff"}, of("receipt")),
    Visit(A + "receipt_photos", {"staff"}, of("receipt"), "post"),
]
