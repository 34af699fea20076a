"""Who may open budgets, approvals, the catalogue and what belongs to needs."""

from datetime import timedelta

from companies import documents
from companies.models import Role
from purchasing import approval_links
from purchasing.models import ApprovalLevel, Budget, Delegation, PriceList, RecurringNeed, SupplierClosure
from tests.access import EVERYBODY, Visit
from tests.factories.companies import member
from tests.factories.purchasing import NOW, ArticleFactory, RequestFactory, RequestLineFactory, SupplierFactory
from tests.purchasing.access_table import READERS, SEE_POOLS

KEEPERS = {"accountant", "admin"}


def prepare(w):
    """A budget, a level, a stand-in and a link that approves."""
    w.budget = Budget.objects.create(company=w.company, year=2026, cost_centre="ATELIER", amount_cents=500_000)
    w.level = ApprovalLevel.objects.create(company=w.company, above_cents=500_000, approvers=2)
    approver = w.users["approver"]
    today = NOW.date()
    w.delegation = Delegation.objects.create(
        company=w.company,
        absent=approver,
        stand_in=w.users["buyer"],
        starts_on=today,
        ends_on=today + timedelta(days=3),
        created_by=approver,
        created_at=NOW,
    )
    requester = member(w.company, Role.BUYER)
    waiting = RequestFactory(company=w.company, requester=requester, state="submitted", submitted_at=NOW)
    RequestLineFactory(request=waiting)
    w.bought = SupplierFactory()
    w.closure = SupplierClosure.objects.create(supplier=w.bought, starts_on=today, ends_on=today)
    content = b"%PDF-1.7 x"
    paper = documents.store(kind="supplier_document", name="kbis.pdf", content=content, at=NOW)
    w.paper = w.bought.documents.create(kind="kbis", document=paper, added_by=w.users["staff"], added_at=NOW)
    w.list = PriceList.objects.create(
        supplier=w.bought, name="t.csv", valid_from=today, state="ready", counts={"error": 1}, created_at=NOW
    )
    w.article = ArticleFactory()
    w.pattern = RequestFactory(company=w.company, requester=requester)
    w.file = w.pattern.files.create(document=paper, added_by=requester, added_at=NOW)
    w.recurring = RecurringNeed.objects.create(
        company=w.company,
        pattern=w.pattern,
        every="month",
        starts_on=today,
        next_on=today,
        requester=requester,
        created_at=NOW,
    )
    far = NOW.replace(year=2100)
    address = approval_links.create(approver, w.company, 0, request=waiting, at=far)
    w.approval_token = address.rstrip("/").rsplit("/", 1)[-1]


def company(w):
    return {"company": w.company.pk}


def of(name):
    return lambda w: {"company": w.company.pk, "pk": getattr(w, name).pk}


def bought(**more):
    return lambda w: {"pk": w.bought.pk, **{name: getattr(w, row).pk for name, row in more.items()}}


STAFF = {"staff"}
P, A = "purchasing:", "purchasing_api:"
VISITS = [
    Visit(P + "catalogue", SEE_POOLS),
    Visit(P + "article", SEE_POOLS, lambda w: {"pk": w.article.pk}),
    Visit(P + "supplier_file", STAFF, bought()),
    Visit(P + "closure_add", STAFF, bought(), "post"),
    Visit(P + "closure_remove", STAFF, bought(closure="closure"), "post"),
    Visit(P + "document_add", STAFF, bought(), "post"),
    Visit(P + "supplier_document", STAFF, bought(document="paper")),
    Visit(P + "contact_add", STAFF, bought(), "post"),
    Visit(P + "contact_remove", STAFF, lambda w: {"pk": w.bought.pk, "contact": w.bought.contacts.get().pk}, "post"),
    Visit(P + "price_list_new", STAFF, bought()),
    Visit(P + "price_list", STAFF, bought(number="list")),
    Visit(P + "price_list_apply", STAFF, bought(number="list"), "post"),
    Visit(P + "price_list_cancel", STAFF, bought(number="list"), "post"),
    Visit(P + "recurring_list", READERS, company),
    Visit(P + "recurring_end", {"buyer"}, of("recurring"), "post"),
    Visit(P + "recurring_start", {"buyer"}, of("pattern")),
    Visit(P + "request_file_add", {"buyer"}, of("pattern"), "post"),
    Visit(P + "request_file", READERS, lambda w: {"company": w.company.pk, "pk": w.pattern.pk, "file": w.file.pk}),
    Visit(P + "asked", {"buyer"}, company),
    Visit(P + "budget_list", READERS, company),
    Visit(P + "budget_list", KEEPERS, company, "post"),
    Visit(P + "budget_remove", KEEPERS, of("budget"), "post"),
    Visit(P + "approval_rules", READERS, company),
    Visit(P + "level_add", {"admin"}, company, "post"),
    Visit(P + "level_remove", {"admin"}, of("level"), "post"),
    Visit(P + "delegation_add", {"approver", "accountant", "admin"}, company, "post"),
    Visit(P + "delegation_end", {"approver", "admin"}, of("delegation"), "post"),
    Visit(P + "approve_by_link", EVERYBODY, lambda w: {"token": w.approval_token}),
    Visit(A + "request_file", READERS, lambda w: {"company": w.company.pk, "pk": w.pattern.pk, "file": w.file.pk}),
    Visit(A + "approval_levels", READERS, company),
    Visit(A + "approval_levels", {"admin"}, company, "post", lambda w: {"above": "7000.00", "approvers": 2}),
    Visit(A + "approval_level", {"admin"}, of("level"), "delete"),
    Visit(A + "stand_ins", READERS, company),
    Visit(A + "stand_in", {"approver", "admin"}, of("delegation"), "delete"),
    Visit(A + "supplier_documents", STAFF, bought()),
    Visit(A + "supplier_documents", STAFF, bought(), "post"),
    Visit(A + "supplier_document", STAFF, bought(document="paper")),
    Visit(A + "supplier_closures", STAFF, bought()),
    Visit(A + "supplier_closures", STAFF, bought(), "post"),
    Visit(A + "supplier_closure", STAFF, bought(closure="closure"), "delete"),
    Visit(A + "supplier_contacts", STAFF, bought()),
    Visit(A + "supplier_contacts", STAFF, bought(), "post"),
    Visit(
        A + "supplier_contact", STAFF, lambda w: {"pk": w.bought.pk, "contact": w.bought.contacts.get().pk}, "delete"
    ),
    Visit(A + "article_prices", SEE_POOLS, lambda w: {"pk": w.article.pk}),
    Visit(A + "suppliers", SEE_POOLS),
    Visit(A + "supplier", SEE_POOLS, bought()),
    Visit(A + "suppliers", STAFF, method="post"),
    Visit(A + "supplier", STAFF, bought(), "put"),
    Visit(A + "article", SEE_POOLS, lambda w: {"pk": w.article.pk}),
    Visit(A + "article", STAFF, lambda w: {"pk": w.article.pk}, "put"),
    Visit(A + "articles", STAFF, method="post"),
    Visit(A + "budgets", READERS, company),
    Visit(A + "budgets", KEEPERS, company, "post"),
    Visit(A + "budget", KEEPERS, of("budget"), "delete"),
    Visit(A + "recurring_needs", READERS, company),
    Visit(A + "recurring_needs", {"buyer"}, company, "post"),
    Visit(A + "recurring_need", {"buyer"}, of("recurring"), "delete"),
    Visit(A + "price_list_cancel", STAFF, bought(number="list"), "post"),
    Visit(A + "price_lists", STAFF, bought()),
    Visit(A + "price_lists", STAFF, bought(), "post"),
    Visit(A + "price_list", STAFF, bought(number="list")),
    Visit(A + "price_list_apply", STAFF, bought(number="list"), "post"),
]
