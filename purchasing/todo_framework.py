"""What needs somebody now about framework agreements: they end, run out, or owe a rebate."""

from datetime import datetime, time, timedelta

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from companies.models import Company
from companies.shell import Todo
from purchasing.models import FrameworkAgreement, FrameworkRebate
from purchasing.services import framework_use as use
from purchasing.services import rebate_note
from purchasing.states import FrameworkState, RebateState

NEARLY = 90  # percent of the maximum


def for_staff(at: datetime) -> list[Todo]:
    """Agreements that end soon or are nearly used up, rebates to compute and to credit."""
    today = timezone.localdate(at)
    rows = list(FrameworkAgreement.objects.running_on(today).select_related("supplier").order_by("ends_on", "pk"))
    found = [
        Todo(
            _("A framework agreement ends: %(title)s") % {"title": row.title},
            _("Renew it, or prepare a tender in time."),
            reverse("purchasing:framework", args=[row.pk]),
            due=_midnight(row),
            tone="warning",
        )
        for row in rows
        if (row.ends_on - today).days <= row.alert_days
    ]
    found += [
        Todo(
            _("An agreement is nearly used up: %(title)s") % {"title": row.title},
            _("%(percent)s %% of the maximum is drawn.") % {"percent": percent},
            reverse("purchasing:framework", args=[row.pk]),
            tone="warning",
        )
        for row, percent in _used_up(rows)
    ]
    return found + _rebates(at)


def _midnight(row: FrameworkAgreement) -> datetime:
    return timezone.make_aware(datetime.combine(row.ends_on + timedelta(days=1), time()))


def _used_up(rows: list[FrameworkAgreement]) -> list[tuple[FrameworkAgreement, int]]:
    values = use.values([row.pk for row in rows]) if any(row.most_cents for row in rows) else {}
    found = []
    for row in rows:
        percent = values.get(row.pk, 0) * 100 // row.most_cents if row.most_cents else 0
        if percent >= NEARLY:
            found.append((row, percent))
    return found


def _rebates(at: datetime) -> list[Todo]:
    computed = FrameworkRebate.objects.filter(state=RebateState.COMPUTED).select_related("agreement")
    found = [
        Todo(
            _("Credit a year-end rebate: %(title)s") % {"title": row.agreement.title},
            str(row.year),
            reverse("purchasing:rebate", args=[row.pk]),
            tone="warning",
        )
        for row in computed.order_by("pk")
    ]
    found += _notes()
    year = timezone.localdate(at).year - 1
    owing = FrameworkAgreement.objects.filter(
        state__in=[FrameworkState.ACTIVE, FrameworkState.SUSPENDED, FrameworkState.ENDED],
        starts_on__year__lte=year,
        ends_on__year__gte=year,
        call_offs__pool__orders__receipts__arrived_at__year=year,
    ).exclude(rebate_basis=FrameworkAgreement.Basis.NONE)
    done = FrameworkRebate.objects.filter(year=year).exclude(state=RebateState.DROPPED).values("agreement")
    return found + [
        Todo(
            _("Compute the year-end rebate %(year)s: %(title)s") % {"year": year, "title": row.title},
            _("From what was really received, shared between the companies."),
            reverse("purchasing:framework", args=[row.pk]),
        )
        for row in owing.exclude(pk__in=done).distinct().order_by("pk")
    ]


def _notes() -> list[Todo]:
    """Rebates the companies have and the supplier owes: its credit note is not booked."""
    open_ = FrameworkRebate.objects.filter(state=RebateState.ISSUED, note=None)
    rows = open_.exclude(agreement__legal_model__in=rebate_note.DIRECT).select_related("agreement__supplier")
    return [
        Todo(
            _("Credit note of %(supplier)s awaited") % {"supplier": row.agreement.supplier},
            _("Year-end rebate %(year)s of %(title)s: the companies are credited.")
            % {"year": row.year, "title": row.agreement.title},
            reverse("purchasing:rebate", args=[row.pk]),
        )
        for row in rows.order_by("pk")
    ]


def for_company(company: Company, at: datetime) -> list[Todo]:
    """Agreements the company draws on that end soon."""
    today = timezone.localdate(at)
    rows = FrameworkAgreement.objects.running_on(today).filter(call_offs__company=company)
    return [
        Todo(
            _("A framework agreement ends: %(title)s") % {"title": row.title},
            _("Call off in time what you still want at these prices."),
            reverse("purchasing:company_framework", args=[company.pk, row.pk]),
            due=_midnight(row),
        )
        for row in rows.distinct().order_by("ends_on", "pk")
        if (row.ends_on - today).days <= row.alert_days
    ]
