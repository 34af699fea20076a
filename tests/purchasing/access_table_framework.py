"""Who may open framework agreements, call-offs and rebates."""

from datetime import timedelta

from django.utils import timezone

from companies.models import Role
from purchasing.models import Award
from purchasing.rules.framework import RebateTier
from purchasing.services import framework, framework_rebate
from tests.access import Visit
from tests.factories.companies import member
from tests.purchasing.access_table import READERS
from tests.purchasing.framed import frame

P, A = "purchasing:", "purchasing_api:"
STAFF = {"staff"}


def prepare(w):
    """An agreement in force on which the own company drew, a draft, and a rebate credited."""
    now = timezone.now()
    today = timezone.localdate(now)
    f = frame(starts_on=today - timedelta(days=400), ends_on=today + timedelta(days=90), sign=False)
    tiers = [RebateTier(0, 200)]
    framework.set_rebate(actor=f.staff, agreement=f.agreement, basis="value", mode="whole", tiers=tiers, at=now)
    f.agreement = framework.sign(actor=f.staff, agreement=f.agreement, at=now)
    f.companies["A"], f.buyers["A"] = w.company, member(w.company, Role.BUYER)
    w.company.approval_limit_cents, was = 100_000_000, w.company.approval_limit_cents
    w.company.save()
    past = now - timedelta(days=366)
    f.bought("A", 10, past)
    w.call_off = f.draw("A", 5, now)
    w.company.approval_limit_cents = was
    w.company.save()
    rebate = framework_rebate.compute(actor=f.staff, agreement=f.agreement, year=timezone.localdate(past).year, at=now)
    w.rebate = framework_rebate.issue(actor=f.staff, rebate=rebate, at=now)
    w.framework, w.framework_article = f.agreement, f.article
    w.framework_draft = frame(sign=False)
    w.framework_award = Award.objects.filter(state="confirmed").select_related("tender").first()


def of(name):
    return lambda w: {"pk": getattr(w, name).pk}


def draft(w):
    return {"pk": w.framework_draft.agreement.pk}


def draft_article(w):
    return {**draft(w), "article": w.framework_draft.article.pk}


def company(w):
    return {"company": w.company.pk}


def mine(name):
    return lambda w: {"company": w.company.pk, "pk": getattr(w, name).pk}


def award(w):
    row = w.framework_award
    return {"pk": row.tender.pool_id, "award": row.pk, "supplier": w.framework.supplier_id}


VISITS = [
    Visit(P + "framework_list", STAFF),
    Visit(P + "framework_new", STAFF),
    Visit(P + "framework", STAFF, of("framework")),
    Visit(P + "framework_edit", STAFF, draft),
    Visit(P + "framework_article_new", STAFF, draft),
    Visit(P + "framework_article", STAFF, draft_article),
    Visit(P + "framework_article", STAFF, lambda w: {"pk": w.framework.pk, "article": w.framework_article.pk}, "post"),
    Visit(P + "framework_quota", STAFF, draft_article, "post"),
    Visit(P + "framework_rebate_tiers", STAFF, draft),
    Visit(P + "framework_act", STAFF, lambda w: {**draft(w), "action": "cancel"}, "post"),
    Visit(P + "framework_article_remove", STAFF, draft_article, "post"),
    Visit(P + "framework_from_award", STAFF, award, "post"),
    Visit(P + "rebate_compute", STAFF, of("framework"), "post"),
    Visit(P + "rebate", STAFF, of("rebate")),
    Visit(P + "rebate_csv", STAFF, of("rebate")),
    Visit(P + "rebate_pdf", STAFF, of("rebate")),
    Visit(P + "rebate_note", STAFF, of("rebate"), "post"),
    Visit(P + "rebate_act", STAFF, lambda w: {"pk": w.rebate.pk, "action": "issue"}, "post"),
    Visit(P + "company_frameworks", READERS, company),
    Visit(P + "company_framework", READERS, mine("framework")),
    Visit(P + "company_framework", {"buyer"}, mine("framework"), "post"),
    Visit(P + "call_off", READERS, mine("call_off")),
    Visit(P + "call_off", {"buyer"}, mine("call_off"), "post"),
    Visit(P + "rebate_proof", READERS, mine("rebate")),
    Visit(P + "rebate_proof_csv", READERS, mine("rebate")),
    Visit(P + "rebate_proof_pdf", READERS, mine("rebate")),
    Visit(A + "company_frameworks", READERS, company),
    Visit(A + "company_framework", READERS, mine("framework")),
    Visit(A + "call_offs", READERS, company),
    Visit(A + "call_offs", {"buyer"}, company, "post"),
    Visit(A + "call_off", READERS, mine("call_off")),
    Visit(A + "company_rebates", READERS, company),
    Visit(A + "frameworks", STAFF),
    Visit(A + "frameworks", STAFF, method="post"),
    Visit(A + "framework", STAFF, of("framework")),
    Visit(A + "framework_sign", STAFF, of("framework"), "post"),
    Visit(A + "framework_rebates", STAFF, of("framework")),
    Visit(A + "framework_rebates", STAFF, of("framework"), "post"),
    Visit(A + "rebate_issue", STAFF, of("rebate"), "post"),
    Visit(A + "rebate_book", STAFF, of("rebate"), "post"),
]
