"""Who may go where in the room of the card."""

import uuid
from datetime import UTC, datetime, timedelta

from benefit_card.models import CardBatch, Redemption, Shown
from benefit_card.services import cards, lists
from companies.models import Document
from tests.access import EVERYBODY, Visit
from tests.factories.benefit_card import TillFactory, offer, token

PEOPLE = {"hr", "admin"}
HOLDER = {"employee"}
TILL = {"till"}


def prepare(w):
    """A batch with the card of the world's employee, and a sale of a few minutes ago at a paired till."""
    now = datetime.now(UTC)
    content = {
        "kind": "card_sheet",
        "name": "x.pdf",
        "media_type": "application/pdf",
        "content": b"%PDF",
        "created_at": now,
    }
    file = Document.objects.create(sha256="0" * 64, company=w.company, **content)
    w.card_batch = CardBatch.objects.create(
        company=w.company,
        people=[w.employment.person_id],
        created_at=now,
        completed_at=now,
        sheet=file,
        letters=file,
        printer=file,
    )
    (w.card,) = cards.make_cards([w.employment.person_id], batch=w.card_batch, at=now)
    w.card.activated_at = now
    w.card.save()
    till = TillFactory()
    w.till_token = token(till)
    row = offer(till.merchant)
    w.redemption = Redemption.objects.create(
        client_id=uuid.uuid4(), card=w.card, person=w.card.person, merchant=till.merchant, till=till, offer=row,
        offer_version=row.current, shown=Shown.PRINT, gross_cents=1000, discount_cents=100, period="ever",
        at=now - timedelta(minutes=2),
    )  # fmt: skip
    w.revocation_list = lists.revocations(at=now)


def company(w):
    return {"company": w.company.pk}


def batch(w):
    return {"company": w.company.pk, "pk": w.card_batch.pk}


def card(w):
    return {"company": w.company.pk, "pk": w.card.pk}


VISITS = [
    Visit("benefit_card:company_cards", PEOPLE, company),
    Visit("benefit_card:issue", PEOPLE, company, "post"),
    Visit("benefit_card:renew", PEOPLE, company, "post"),
    Visit("benefit_card:batch", PEOPLE, batch),
    Visit("benefit_card:batch_print", PEOPLE, batch, "post"),
    Visit("benefit_card:batch_links", PEOPLE, batch, "post"),
    Visit("benefit_card:batch_sheet", PEOPLE, batch),
    Visit("benefit_card:batch_letters", PEOPLE, batch),
    Visit("benefit_card:batch_printer", PEOPLE, batch),
    Visit("benefit_card:company_card", PEOPLE, card),
    Visit("benefit_card:block", PEOPLE, card, "post"),
    Visit("benefit_card:replace", PEOPLE, card, "post"),
    Visit("benefit_card:card", HOLDER),
    Visit("benefit_card:card_passes", HOLDER),
    Visit("benefit_card:my_card", HOLDER),
    Visit("benefit_card:my_card_open", HOLDER, method="post"),
    Visit("benefit_card:my_wallet", HOLDER),
    Visit("benefit_card:my_google_wallet", set()),  # 404 where no Google account is configured
    # The wallet's token is the permission: without it, 401 for everybody.
    Visit("benefit_card:wallet_root", EVERYBODY),
    Visit("benefit_card:wallet_registration", set(), lambda w: {"device": "d", "kind": "k", "serial": "1-x"}, "post"),
    Visit("benefit_card:wallet_serials", EVERYBODY, lambda w: {"device": "d", "kind": "k"}),
    Visit("benefit_card:wallet_pass", set(), lambda w: {"kind": "k", "serial": "1-x"}),
    Visit("benefit_card:wallet_log", EVERYBODY, method="post"),
    Visit("benefit_card:my_card_renew", HOLDER, method="post"),
    Visit("benefit_card:my_card_found", HOLDER, method="post"),
    Visit("benefit_card:my_card_lost", HOLDER, method="post"),
    Visit("benefit_card:my_redemptions", HOLDER),
    Visit("benefit_card:activate", EVERYBODY),
    Visit("benefit_card:activate_text", set()),  # all three: 404 where no gateway is configured
    Visit("benefit_card:text_code", set()),
    Visit("benefit_card:text_sign_in", set()),
    Visit("benefit_card:activate_confirm", EVERYBODY, lambda w: {"token": "x"}),
    Visit("benefit_card:landing", EVERYBODY),
    Visit("benefit_card:till", EVERYBODY),
    Visit("benefit_card:till_worker", EVERYBODY),
    Visit("benefit_card:till_manifest", EVERYBODY),
    Visit("benefit_card:card_manifest", EVERYBODY),
    Visit("benefit_card:service_worker", EVERYBODY),
    Visit("scans", TILL, method="post"),
    Visit("redemptions", TILL, method="post"),
    Visit("redemptions", TILL),
    Visit("redemption_void", TILL, lambda w: {"client_id": w.redemption.client_id}, "post"),
    Visit("redemption_sync", TILL, method="post", data=lambda w: {"entries": [{}]}),
    Visit("till_device_key", TILL, method="post"),
    Visit("till_cashier", TILL, method="post"),
    Visit("till_pack", TILL),
    Visit("card_keys", EVERYBODY),
    Visit("revocations", EVERYBODY),
    Visit("revocation_changes", EVERYBODY, lambda w: {"number": w.revocation_list.number}),
]
