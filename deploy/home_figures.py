"""Key figures of the home pages: a handful of counts per role, each a link to its list, a constant number of queries."""

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from benefit_card.models import Card
from companies.billing.models import Invoice
from companies.billing.selectors import figures as invoice_figures
from companies.models import Company, Employment, User
from companies.templatetags.ui import euros, quantity
from merchants.models import Merchant, MerchantStatus
from purchasing.models import HandOver, Pool, PurchaseRequest
from purchasing.selectors import company_pool_list
from purchasing.states import PoolState, RequestState

RUNNING = [
    *(PoolState.GATHERING, PoolState.TENDERING, PoolState.OFFER_READY, PoolState.COMMITTING, PoolState.COMPLETING),
    *(PoolState.EXTENDED, PoolState.LOCKED, PoolState.ORDERED, PoolState.RECEIVING, PoolState.SETTLING),
]


@dataclass(frozen=True)
class Figure:
    """A label, a value ready to show, and where it leads."""

    label: str
    value: str
    url: str


def for_company(user: User, company: Company, roles: set[str], at: datetime) -> list[Figure]:
    """Purchasing for buyers and approvers, people for HR, money for accountants."""
    found: list[Figure] = []
    if roles & {"buyer", "approver"}:
        found += _purchasing(user, company)
    if roles & {"hr", "admin"}:
        found += _people(company, at)
    if "accountant" in roles:
        found += _invoices(company, at)
    return found


def _purchasing(user: User, company: Company) -> list[Figure]:
    requests = PurchaseRequest.objects.filter(
        company=company, state__in=[RequestState.SUBMITTED, RequestState.APPROVED]
    )
    pools = company_pool_list(user, company).filter(state__in=[PoolState.COMMITTING, PoolState.EXTENDED])
    awaited = HandOver.objects.filter(company=company, state="ready")
    return [
        Figure(
            _("Requests under way"), quantity(requests.count()), reverse("purchasing:request_list", args=[company.pk])
        ),
        Figure(_("Open for commitments"), quantity(pools.count()), reverse("purchasing:pool_list", args=[company.pk])),
        Figure(
            _("Goods to collect"), quantity(awaited.count()), reverse("purchasing:delivery_list", args=[company.pk])
        ),
    ]


def _people(company: Company, at: datetime) -> list[Figure]:
    today = timezone.localdate(at)
    people = Employment.objects.filter(company=company).current(on=today).values("person")
    cards = Card.objects.current().filter(person__in=people, blocked_at__isnull=True)
    cards_url = reverse("benefit_card:company_cards", args=[company.pk])
    return [
        Figure(_("Employees today"), quantity(people.count()), reverse("companies:employee_list", args=[company.pk])),
        Figure(_("Cards"), quantity(cards.count()), cards_url),
        Figure(_("Opened on a phone"), quantity(cards.filter(activated_at__isnull=False).count()), cards_url),
    ]


def _invoices(company: Company, at: datetime) -> list[Figure]:
    sums = invoice_figures(Invoice.objects.filter(company=company), today=timezone.localdate(at))
    url = reverse("billing:invoice_list", args=[company.pk])
    labels = {"due": _("To be paid"), "late": _("Overdue"), "collecting": _("In collection")}
    return [Figure(label, euros(sums[key]), url) for key, label in labels.items() if key in sums]


def for_staff() -> list[Figure]:
    """The association at a glance."""
    return [
        Figure(
            _("Pooled orders under way"),
            quantity(Pool.objects.filter(state__in=RUNNING).count()),
            reverse("purchasing:staff_pool_list"),
        ),
        Figure(_("Member companies"), quantity(Company.objects.members().count()), reverse("companies:company_list")),
        Figure(
            pgettext("figure", "Active merchants"),
            quantity(Merchant.objects.filter(status=MerchantStatus.ACTIVE).count()),
            reverse("merchants:staff_list"),
        ),
        Figure(
            _("Cards in use"),
            quantity(Card.objects.current().filter(blocked_at__isnull=True).count()),
            reverse("companies:company_list"),
        ),
    ]
