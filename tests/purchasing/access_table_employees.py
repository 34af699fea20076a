"""Who may open which address of employee pools. One pool of the own company on its way, one draft, one of the association."""

from datetime import timedelta

from django.utils import timezone

from companies import documents
from purchasing.models import (
    EmployeeArticle,
    EmployeeOrder,
    EmployeePayBack,
    EmployeePool,
    EmployeePoolPlace,
    EmployeePurchase,
    EmployeePurchaseLine,
    EmployeeTier,
)
from purchasing.services import employee_goods
from tests.access import Visit

P, A = "purchasing:", "purchasing_api:"
KEEPERS = {"hr", "admin"}
RUNNERS = KEEPERS | {"staff"}


def prepare(w):
    """Rows only: no card is asked here."""
    now = timezone.now()
    paper = documents.store(kind="x", name="x.pdf", content=b"%PDF-", at=now)
    frame = {"closes_at": now + timedelta(days=3), "created_by": w.users["hr"], "created_at": now}
    own = {**frame, "company": w.company, "audience": "chosen"}
    w.staff_pool_going = EmployeePool.objects.create(
        title="Vélos", state="receiving", order_file=paper, ordered_at=now, order_number="CS-1", **own
    )
    w.staff_pool_draft = EmployeePool.objects.create(title="Paniers", **own)
    for pool in (w.staff_pool_going, w.staff_pool_draft):
        EmployeePoolPlace.objects.create(pool=pool, company=w.company)
    w.staff_article = EmployeeArticle.objects.create(
        pool=w.staff_pool_going, position=1, name="Vélo", photo=paper, unit_price_cents=50_000
    )
    w.staff_article_draft = EmployeeArticle.objects.create(pool=w.staff_pool_draft, position=1, name="Panier")
    for article in (w.staff_article, w.staff_article_draft):
        EmployeeTier.objects.create(article=article, from_quantity=1, unit_price_cents=50_000)
    w.staff_purchase = EmployeePurchase.objects.create(
        pool=w.staff_pool_going,
        person=w.employment.person,
        company=w.company,
        state="locked",
        committed_at=now,
        dearest_cents=100_000,
        reserved_cents=0,
        price_cents=100_000,
        subsidy_cents=0,
    )
    EmployeeOrder.objects.create(
        pool=w.staff_pool_going, number="CS-1", state="sent", sent_at=now, created_by=w.users["hr"], created_at=now
    )
    line = EmployeePurchaseLine.objects.create(
        purchase=w.staff_purchase, article=w.staff_article, quantity=2, ordered=2, arrived=2, refused=1
    )
    w.staff_refund = EmployeePayBack.objects.create(
        line=line, units=1, cents=50_000, cause="refused", asked_by=w.users["hr"], asked_at=now
    )


def going(w):
    return {"pk": w.staff_pool_going.pk}


def draft(w):
    return {"pk": w.staff_pool_draft.pk}


def company(w):
    return {"company": w.company.pk}


def own(w):
    return company(w) | going(w)


VISITS = [
    Visit(A + "my_pools", {"employee"}),
    Visit(A + "my_pool", {"employee"}, going),
    Visit(A + "my_pool_commitment", set(), draft, "post"),  # nobody joins before it opens
    Visit(A + "company_employee_pools", RUNNERS, company),
    Visit(A + "company_employee_pool", RUNNERS, own),
    Visit(A + "employee_arrivals", RUNNERS, own),
    Visit(A + "employee_arrivals", RUNNERS, own, "post"),
    Visit(A + "employee_pick_ups", RUNNERS, company, "post"),
    Visit(A + "employee_pick_up_look", RUNNERS, company, "post"),
    Visit(A + "company_employee_pools", KEEPERS, company, "post"),
    Visit(A + "company_employee_pool_subsidy", RUNNERS, own),
    Visit(A + "company_employee_pool_subsidy", KEEPERS, own, "put"),
    Visit(A + "employee_pools", RUNNERS | {"foreign"}),
    Visit(A + "employee_pools", {"staff"}, method="post"),
    Visit(A + "employee_pool", RUNNERS, going),
    Visit(A + "employee_pool", RUNNERS, draft, "put"),
    Visit(A + "employee_articles", RUNNERS, draft, "post"),
    Visit(A + "employee_article", RUNNERS, lambda w: draft(w) | {"article": w.staff_article_draft.pk}, "put"),
    Visit(A + "employee_article", RUNNERS, lambda w: going(w) | {"article": w.staff_article.pk}, "delete"),
    Visit(A + "employee_order", RUNNERS, going),
    Visit(A + "employee_order_answer", RUNNERS, going, "post"),
    Visit(A + "employee_order_decide", RUNNERS, going, "post"),
    Visit(A + "employee_refunds", RUNNERS, going),
    Visit(A + "employee_rest", {"staff"}, going, "post"),
    Visit(A + "employee_refund", {"staff"}, lambda w: going(w) | {"refund": w.staff_refund.pk}, "post"),
    Visit(A + "employee_pool_act", RUNNERS, lambda w: draft(w) | {"action": "open"}, "post"),
    Visit(P + "my_pools", {"employee"}),
    Visit(P + "my_pool", {"employee"}, going),
    Visit(P + "my_pool_pay", {"employee"}, going, "post"),
    Visit(P + "my_pool_paid", {"employee"}, going),
    Visit(P + "my_pool_withdraw", {"employee"}, going, "post"),
    Visit(P + "my_pool_code", {"employee"}, going),
    Visit(P + "employee_photo", RUNNERS | {"employee"}, lambda w: going(w) | {"article": w.staff_article.pk}),
    Visit(P + "employee_pools", {"staff"}),
    Visit(P + "employee_pool_new", {"staff"}),
    Visit(P + "employee_pool", RUNNERS, going),
    Visit(P + "employee_pool_edit", RUNNERS, draft),
    Visit(P + "employee_article_new", RUNNERS, draft),
    Visit(P + "employee_article", RUNNERS, lambda w: draft(w) | {"article": w.staff_article_draft.pk}),
    Visit(P + "employee_article_remove", RUNNERS, lambda w: draft(w) | {"article": w.staff_article_draft.pk}, "post"),
    Visit(P + "employee_order_file", RUNNERS, going),
    Visit(P + "employee_order_answer", RUNNERS, going),
    Visit(P + "employee_order_decide", {"staff"}, lambda w: going(w) | {"verdict": "accept"}, "post"),
    Visit(P + "employee_order_decide", RUNNERS, lambda w: going(w) | {"verdict": "refuse"}, "post"),
    Visit(P + "employee_rest", {"staff"}, lambda w: going(w) | {"article": w.staff_article.pk}, "post"),
    Visit(
        P + "employee_short",
        {"staff"},
        lambda w: going(w) | {"company": w.company.pk, "article": w.staff_article.pk},
        "post",
    ),
    Visit(P + "employee_refund", {"staff"}, lambda w: going(w) | {"refund": w.staff_refund.pk}, "post"),
    Visit(P + "employee_pool_act", RUNNERS, lambda w: draft(w) | {"action": "publish"}, "post"),
    Visit(P + "employee_pool_act", {"staff"}, lambda w: going(w) | {"action": "close"}, "post"),
    Visit(P + "company_employee_pools", KEEPERS, company),
    Visit(P + "company_employee_pool_new", KEEPERS, company),
    Visit(P + "company_employee_pool", RUNNERS, own),
    Visit(P + "employee_arrive", RUNNERS, own, "post"),
    Visit(P + "employee_code", RUNNERS, own, "post"),
    Visit(P + "employee_scan", RUNNERS, company),
    Visit(P + "employee_parcel", RUNNERS, lambda w: own(w) | {"purchase": w.staff_purchase.pk}),
    Visit(
        P + "employee_pick_up", RUNNERS | {"employee"}, lambda w: {"code": employee_goods.code_for(w.staff_purchase)}
    ),
]
