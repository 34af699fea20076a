"""Who may see a merchant's sales: its owners, nobody else. The merchant is the one of the merchants' table."""

import uuid
from datetime import date
from typing import Any

from django.utils import timezone

from benefit_card.models import Redemption, Shown, Signal, Statement
from tests.access import SIGNED_IN, Visit

OWNER = {"merchant"}


def prepare(w: Any) -> None:
    w.sale = Redemption.objects.create(
        client_id=uuid.uuid4(), card=w.card, person=w.card.person, merchant=w.merchant, till=w.till, offer=w.offer,
        offer_version=w.offer.current, shown=Shown.PRINT, gross_cents=1000, discount_cents=100, period="ever",
        at=timezone.now(),
    )  # fmt: skip

    w.statement = Statement.objects.create(
        merchant=w.merchant, month=date(2026, 1, 1), number="REL-T", closed_at=timezone.now(), sales=0, conflicts=0,
        voids=0, corrections=0, gross_cents=0, discount_cents=0, sha256="0" * 64,
    )  # fmt: skip
    w.signal = Signal.objects.create(kind="typed", key="typed:x", merchant=w.merchant, raised_at=timezone.now())


def statement(w: Any) -> dict[str, Any]:
    return {"merchant": w.merchant.pk, "pk": w.statement.pk}


def merchant(w: Any) -> dict[str, Any]:
    return {"merchant": w.merchant.pk}


VISITS = [
    Visit("benefit_card:merchant_figures", OWNER, merchant),
    Visit("benefit_card:merchant_today", OWNER, merchant),
    Visit("benefit_card:specimens", OWNER, merchant),
    Visit("benefit_card:staff_specimens", {"staff"}),
    Visit("benefit_card:merchant_void", OWNER, lambda w: {**merchant(w), "client_id": w.sale.client_id}, method="post"),
    Visit("benefit_card:company_use", {"hr", "admin"}, lambda w: {"company": w.company.pk}),
    Visit("benefit_card:merchant_visits", OWNER, merchant),
    Visit("benefit_card:staff_use", {"staff"}),
    Visit("benefit_card:signals", {"staff"}),
    Visit("benefit_card:signal_decide", {"staff"}, lambda w: {"pk": w.signal.pk}, "post"),
    Visit("benefit_card:contest", {"employee"}, lambda w: {"client_id": w.sale.client_id}, "post"),
    Visit("benefit_card:offers", SIGNED_IN),
    Visit("benefit_card:statements", OWNER, merchant),
    Visit("benefit_card:statement_pdf", OWNER, statement),
    Visit("benefit_card:statement_csv", OWNER, statement),
    Visit("benefit_card:staff_statements", {"staff"}),
    Visit("merchant_statements", OWNER, merchant),
    Visit("benefit_card:merchant_late", OWNER, merchant),
    Visit("benefit_card:merchant_queue_file", OWNER, merchant, "post"),
    Visit("benefit_card:merchant_late_decide", OWNER, merchant, "post"),
    Visit("benefit_card:staff_late", {"staff"}),
    Visit("benefit_card:staff_queue_file", {"staff"}, method="post"),
    Visit("benefit_card:staff_late_decide", {"staff"}, method="post"),
    Visit("benefit_card:my_data", SIGNED_IN),
    Visit("benefit_card:my_data_export", SIGNED_IN, method="post"),
    Visit("benefit_card:my_data_erase", SIGNED_IN, method="post"),
    Visit("benefit_card:staff_person", {"staff"}),
    Visit("benefit_card:staff_retention", {"staff"}),
]
