"""Who may open budgets, approvals, the catalogue and what belongs to needs."""

from datetime import timedelta

from companies.models import Role
from purchasing import approval_links
from purchasing.models import ApprovalLevel, Budget, Delegation
from tests.access import EVERYBODY, Visit
from tests.factories.companies import member
from tests.factories.purchasing import NOW, RequestFactory, RequestLineFactory
from tests.purchasing.access_table import READERS

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
    far = NOW.replace(year=2100)
    address = approval_links.create(approver, w.company, 0, request=waiting, at=far)
    w.approval_token = address.rstrip("/").rsplit("/", 1)[-1]


def company(w):
    return {"company": w.company.pk}


def of(name):
    return lambda w: {"company": w.company.pk, "pk": getattr(w, name).pk}


P, A = "purchasing:", "purchasing_api:"
VISITS = [
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
]
