"""Who may open which address of the buying centre's front half."""

from companies.models import Role
from purchasing.award_case import Options
from purchasing.models import Award, RequestLine, TenderQuestion
from purchasing.services import award as awards
from purchasing.services import award_study as studies
from purchasing.services import pool as pools
from tests.access import EVERYBODY, Visit
from tests.factories.companies import member, staff
from tests.factories.purchasing import (
    NOW,
    RequestFactory,
    RequestLineFactory,
    SupplierFactory,
    gathering_pool,
    link,
    needs,
    opened_tender,
    sent_tender,
)

READERS = {"buyer", "approver", "accountant", "admin", "staff"}
LEADS = {"staff"}
OPENERS = {"buyer", "staff", "foreign"}
SEE_POOLS = READERS | {"foreign"}


def prepare(w):
    """A draft, a submitted request, and pools of the association in three states."""
    w.draft = RequestFactory(company=w.company, requester=w.users["buyer"])
    RequestLineFactory(request=w.draft)
    other = member(w.company, Role.BUYER)
    w.submitted = RequestFactory(company=w.company, requester=other, state="submitted", submitted_at=NOW)
    RequestLineFactory(request=w.submitted)
    approved = RequestFactory(company=w.company, requester=other, approved=True)
    w.need = RequestLineFactory(request=approved, state="approved", text="Gants modèle 1")
    actor = staff()
    w.gathering = gathering_pool(actor=actor)
    w.pooled = w.gathering.lines.get().needs.first()
    w.draft_pool = pools.open_pool(
        actor=actor,
        draft=pools.PoolDraft(title="Brouillon"),
        lines=[pools.LineDraft(text="Gants", needs=[needs(1)[0].pk])],
        at=NOW,
    )
    w.tender = sent_tender(actor=actor)
    w.invitation = w.tender.invitations.first()
    w.token = link(w.invitation)
    w.tender_question = TenderQuestion.objects.create(
        tender=w.tender, invitation=w.invitation, text="Quelle norme ?", asked_at=NOW
    )
    w.opened = opened_tender(999_000, actor=actor)
    line = w.opened.pool.lines.get()
    w.award = awards.decide(
        actor=actor, tender=w.opened, choices={line.pk: line.quote_lines.get().pk}, reason="Seule offre", at=NOW
    )
    w.decidable = opened_tender(42_000, actor=actor)
    w.study = studies.start(actor=actor, tender=w.decidable, options=Options(), at=NOW)
    w.supplier = SupplierFactory()
    assert isinstance(w.award, Award) and isinstance(w.need, RequestLine)


def company(w):
    return {"company": w.company.pk}


def of(name):
    return lambda w: {"company": w.company.pk, "pk": getattr(w, name).pk}


def pool(name):
    return lambda w: {"pk": getattr(w, name).pk}


def tender_pool(name):
    return lambda w: {"pk": getattr(w, name).pool_id}


def invitation(action):
    return lambda w: {"pk": w.tender.pool_id, "invitation": w.invitation.pk, "action": action}


def token(w):
    return {"token": w.token}


def award(answer):
    return lambda w: {"pk": w.opened.pool_id, "award": w.award.pk, "answer": answer}


def study(w):
    return {"pk": w.decidable.pool_id, "study": w.study.pk}


P, A = "purchasing:", "purchasing_api:"
VISITS = [
    Visit(P + "request_list", READERS, company),
    Visit(P + "request_new", {"buyer"}, company),
    Visit(P + "request", READERS, of("draft")),
    Visit(P + "request_edit", {"buyer"}, of("draft")),
    Visit(P + "request_submit", {"buyer"}, of("draft"), "post"),
    Visit(P + "request_decide", {"approver"}, of("submitted"), "post"),
    Visit(P + "request_cancel", {"buyer"}, of("draft"), "post"),
    Visit(P + "request_copy", {"buyer"}, of("draft"), "post"),
    Visit(P + "pool_list", READERS, company),
    Visit(P + "company_pool", READERS, of("gathering")),
    Visit(
        P + "company_pool_join",
        {"buyer"},
        lambda w: {"company": w.company.pk, "pk": w.gathering.pk, "line": w.gathering.lines.get().pk},
        "post",
        lambda w: {"need": w.need.pk},
    ),
    Visit(P + "staff_pool_list", OPENERS),
    Visit(P + "needs", OPENERS),
    Visit(P + "pool_new", OPENERS, method="post"),
    Visit(P + "pool", LEADS, pool("gathering")),
    Visit(P + "pool_edit", LEADS, pool("gathering")),
    Visit(P + "pool_publish", LEADS, pool("draft_pool"), "post"),
    Visit(P + "pool_cancel", LEADS, pool("draft_pool"), "post"),
    Visit(P + "pool_open", LEADS, pool("gathering"), "post"),
    Visit(P + "pool_line", LEADS, lambda w: {"pk": w.gathering.pk, "line": w.gathering.lines.get().pk}),
    Visit(P + "need_move", LEADS, lambda w: {"pk": w.gathering.pk, "need": w.pooled.pk}, "post"),
    Visit(P + "tender", LEADS, tender_pool("tender")),
    Visit(P + "tender_invite", LEADS, tender_pool("tender"), "post"),
    Visit(P + "tender_send", LEADS, tender_pool("tender"), "post"),
    Visit(P + "tender_open", LEADS, tender_pool("tender"), "post"),
    Visit(P + "tender_answer", LEADS, lambda w: {"pk": w.tender.pool_id, "question": w.tender_question.pk}, "post"),
    Visit(P + "quote_question", EVERYBODY, token, "post"),
    Visit(A + "tender_questions", LEADS, tender_pool("tender")),
    Visit(A + "tender_answer", LEADS, lambda w: {"pk": w.tender.pool_id, "question": w.tender_question.pk}, "post"),
    Visit(A + "invitation", LEADS, invitation("resend"), "post"),
    Visit(A + "quote_questions", EVERYBODY, token),
    Visit(A + "quote_questions", EVERYBODY, token, "post"),
    Visit(P + "tender_postpone", LEADS, tender_pool("tender"), "post"),
    Visit(P + "invitation", LEADS, invitation("resend"), "post"),
    Visit(P + "comparison", LEADS, tender_pool("decidable")),
    Visit(P + "award", LEADS, tender_pool("tender"), "post"),
    Visit(P + "award_answer", LEADS, award("confirm"), "post"),
    Visit(P + "award_studies", LEADS, tender_pool("decidable")),
    Visit(P + "award_studies", LEADS, tender_pool("decidable"), "post"),
    Visit(P + "award_study", LEADS, study),
    Visit(P + "award_study_progress", LEADS, study),
    Visit(P + "award_study_stop", LEADS, study, "post"),
    Visit(P + "award_study_accept", LEADS, study, "post"),
    Visit(P + "supplier_list", {"staff"}),
    Visit(P + "supplier_new", {"staff"}),
    Visit(P + "supplier", {"staff"}, pool("supplier")),
    Visit(P + "quote", EVERYBODY, token),
    Visit(P + "quote_line", EVERYBODY, lambda w: {"token": w.token, "number": 1}),
    Visit(P + "quote_terms", EVERYBODY, token),
    Visit(P + "quote_decline", EVERYBODY, token, "post"),
    Visit(P + "quote_withdraw", EVERYBODY, token, "post"),
    Visit(A + "requests", READERS, company),
    Visit(A + "requests", {"buyer"}, company, "post"),
    Visit(A + "request", READERS, of("draft")),
    Visit(A + "request", {"buyer"}, of("draft"), "put"),
    Visit(A + "request_lines", {"buyer"}, of("draft"), "post"),
    Visit(A + "request_line", {"buyer"}, lambda w: of("draft")(w) | {"line": w.draft.lines.get().pk}, "put"),
    Visit(A + "pool_join", READERS, of("gathering")),
    Visit(A + "pool_join", {"buyer"}, of("gathering"), "post"),
    Visit(A + "company_tender", READERS, of("tender")),
    Visit(A + "request_submit", {"buyer"}, of("draft"), "post"),
    Visit(A + "request_decide", {"approver"}, of("submitted"), "post"),
    Visit(A + "request_cancel", {"buyer"}, of("draft"), "post"),
    Visit(A + "articles", SEE_POOLS),
    Visit(A + "needs", OPENERS),
    Visit(A + "pools", SEE_POOLS),
    Visit(A + "pools", OPENERS, method="post"),
    Visit(A + "pool", SEE_POOLS, pool("gathering")),
    Visit(A + "pool", {"staff"}, pool("draft_pool")),
    Visit(A + "pool_publish", LEADS, pool("draft_pool"), "post"),
    Visit(A + "pool_cancel", LEADS, pool("draft_pool"), "post"),
    Visit(A + "pool_open", LEADS, pool("gathering"), "post"),
    Visit(A + "pool", LEADS, pool("gathering"), "put"),
    Visit(A + "pool_line", LEADS, lambda w: {"pk": w.gathering.pk, "line": w.gathering.lines.get().pk}, "put"),
    Visit(A + "pool_needs", LEADS, pool("gathering")),
    Visit(A + "pool_needs", LEADS, pool("gathering"), "post"),
    Visit(A + "pool_need_move", LEADS, lambda w: {"pk": w.gathering.pk, "need": w.pooled.pk}, "post"),
    Visit(A + "pool_need_remove", LEADS, lambda w: {"pk": w.gathering.pk, "need": w.pooled.pk}, "post"),
    Visit(A + "tender", LEADS, tender_pool("tender")),
    Visit(A + "tender", LEADS, tender_pool("tender"), "put"),
    Visit(A + "tender_invite", LEADS, tender_pool("tender"), "post"),
    Visit(A + "tender_send", LEADS, tender_pool("tender"), "post"),
    Visit(A + "tender_open", LEADS, tender_pool("tender"), "post"),
    Visit(A + "comparison", LEADS, tender_pool("decidable")),
    Visit(A + "award", LEADS, tender_pool("decidable"), "post"),
    Visit(A + "award_answer", LEADS, award("confirm"), "post"),
    Visit(A + "award_studies", LEADS, tender_pool("decidable")),
    Visit(A + "award_studies", LEADS, tender_pool("decidable"), "post"),
    Visit(A + "award_study", LEADS, study),
    Visit(A + "award_study_cancel", LEADS, study, "post"),
    Visit(A + "request_copy", {"buyer"}, of("draft"), "post"),
    Visit(A + "request_files", READERS, of("draft")),
    Visit(A + "request_files", {"buyer"}, of("draft"), "post"),
    Visit(A + "asked", {"buyer"}, company),
    Visit(A + "price_rises", READERS, company),
    Visit(A + "tender_postpone", LEADS, tender_pool("tender"), "post"),
    Visit(A + "award_study_accept", LEADS, study, "post"),
    Visit(A + "quote_act", EVERYBODY, lambda w: token(w) | {"action": "withdraw"}, "post"),
    Visit(A + "quote", EVERYBODY, token),
    Visit(A + "quote", EVERYBODY, token, "put"),
    Visit(A + "quote", EVERYBODY, token, "post"),
]
