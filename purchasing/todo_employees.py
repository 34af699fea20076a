"""What employee pools need from the companies' people and the association's staff."""

from datetime import datetime

from django.db.models import Exists, F, OuterRef, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from companies.models import Company, User
from companies.shell import Todo
from purchasing.models import EmployeePayBack, EmployeePool, EmployeePurchaseLine
from purchasing.services.employee_goods import ARRIVING
from purchasing.states import OrderState
from purchasing.states_employees import EmployeePoolState, PayBackState, PurchaseState


def for_company(user: User, company: Company, roles: set[str], at: datetime) -> list[Todo]:
    """Pools to open or to order of one's own, and goods to count or to hand out."""
    if roles.isdisjoint({"hr", "admin"}):
        return []
    own = EmployeePool.objects.filter(company=company)
    lines = EmployeePurchaseLine.objects.filter(
        purchase__pool=OuterRef("pk"), purchase__company=company, purchase__state=PurchaseState.LOCKED
    )
    at_work = EmployeePool.objects.filter(state__in=[*ARRIVING, EmployeePoolState.CLOSED]).annotate(
        counts=Exists(lines.filter(ordered__gt=F("arrived") + F("missing"))),
        hands=Exists(lines.filter(arrived__gt=F("handed") + F("refused"))),
    )
    found = _of_runner(own)
    for pool in at_work.filter(hands=True).order_by("ordered_at")[:5]:
        url = reverse("purchasing:company_employee_pool", args=[company.pk, pool.pk])
        found.append(Todo(_("Hand out: %(title)s") % {"title": pool.title}, _("Parcels wait for your people."), url))
    for pool in at_work.filter(counts=True, hands=False, state__in=ARRIVING).order_by("ordered_at")[:5]:
        url = reverse("purchasing:company_employee_pool", args=[company.pk, pool.pk])
        words = _("Count it when it arrives, so that people can collect it.")
        found.append(Todo(_("Expected: %(title)s") % {"title": pool.title}, words, url))
    return found


def for_staff(user: User, at: datetime) -> list[Todo]:
    """Orders to send, refunds to decide."""
    found = _of_runner(EmployeePool.objects.filter(company=None))
    refused = EmployeePayBack.objects.filter(state=PayBackState.PROPOSED)
    for pool in EmployeePool.objects.filter(pk__in=refused.values("line__purchase__pool")).order_by("pk")[:5]:
        url = reverse("purchasing:employee_pool", args=[pool.pk])
        title = _("Refunds to decide: %(title)s") % {"title": pool.title}
        found.append(Todo(title, _("Something was refused at a pick-up."), url, tone="warning"))
    return found


def _of_runner(rows: QuerySet[EmployeePool]) -> list[Todo]:
    found = []
    for pool in rows.filter(state__in=[EmployeePoolState.DRAFT, EmployeePoolState.LOCKED]).order_by("closes_at")[:5]:
        url = reverse("purchasing:employee_pool", args=[pool.pk])
        if pool.state == EmployeePoolState.LOCKED:
            words = _("The price is fixed and the cards are charged.")
            found.append(Todo(_("Send the order: %(title)s") % {"title": pool.title}, words, url, tone="warning"))
        else:
            words = _("Nobody sees it before you open it.")
            found.append(Todo(_("Open: %(title)s") % {"title": pool.title}, words, url, due=pool.closes_at))
    for pool in rows.filter(order__state=OrderState.CHANGED).order_by("ordered_at")[:5]:
        url = reverse("purchasing:employee_pool", args=[pool.pk])
        words = _("The supplier answered the order with changes.")
        found.append(Todo(_("Decide: %(title)s") % {"title": pool.title}, words, url, tone="warning"))
    return found
