"""What needs somebody now, for the home pages."""

from datetime import datetime, time

from django.db.models import Count, Exists, Min, OuterRef, Sum
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from companies.billing import desk, in_name, supplier_invoicing
from companies.billing.models import (
    BankLine,
    BooksCheck,
    EReport,
    Invoice,
    InvoiceState,
    LineState,
    PlanState,
    ReceivedInvoice,
    ReceivedState,
    ReportState,
    Transmission,
    TransmissionState,
)
from companies.billing.models.invoice import GROUPS
from companies.models import Company, User
from companies.shell import Todo
from companies.templatetags.ui import euros


def for_company(user: User, company: Company, roles: set[str], at: datetime) -> list[Todo]:
    """For the accountant: payments that failed, then what is to be paid."""
    if "accountant" not in roles:
        return []
    url = reverse("billing:invoice_list", args=[company.pk])
    rows = Invoice.objects.filter(company=company)
    failed = rows.filter(state__in=GROUPS["failed"]).aggregate(count=Count("pk"), sum=Sum("balance_cents"))
    waiting = rows.filter(state__in=[InvoiceState.ISSUED, InvoiceState.DUE, InvoiceState.PART_PAID])
    due = waiting.aggregate(count=Count("pk"), sum=Sum("balance_cents"), first=Min("due_on"))
    todos = _proposals_to(company)
    if failed["count"]:
        title = ngettext("%(n)s payment failed", "%(n)s payments failed", failed["count"]) % {"n": failed["count"]}
        detail = _("%(sum)s to be paid again") % {"sum": euros(failed["sum"])}
        todos.append(Todo(title, detail, f"{url}?state=failed", due=at, tone="danger"))
    if due["count"]:
        title = ngettext("%(n)s invoice to pay", "%(n)s invoices to pay", due["count"]) % {"n": due["count"]}
        late = due["first"] < timezone.localdate(at)
        detail = _("%(sum)s, some of it overdue") if late else _("%(sum)s in all")
        end = timezone.make_aware(datetime.combine(due["first"], time(23, 59)))
        tone = "warning" if late else "info"
        todos.append(Todo(title, detail % {"sum": euros(due["sum"])}, f"{url}?state=due", due=end, tone=tone))
    return todos


def _to_decide() -> list[Todo]:
    """For the association: suspensions proposed, debts to give up, claims to answer."""
    counts, url = desk.waiting_counts(), reverse("billing:collection")
    todos = []
    if n := counts["proposals"]:
        title = ngettext("%(n)s suspension proposed", "%(n)s suspensions proposed", n) % {"n": n}
        todos.append(Todo(title, _("The last reminder was in vain"), f"{url}?state=proposals", tone="warning"))
    if n := counts["write_offs"]:
        title = ngettext("%(n)s debt to give up", "%(n)s debts to give up", n) % {"n": n}
        todos.append(Todo(title, _("A second person decides"), f"{url}?state=write_offs", tone="info"))
    if n := counts["disputes"]:
        title = ngettext("%(n)s claim of a payer", "%(n)s claims of payers", n) % {"n": n}
        todos.append(Todo(title, _("The bank waits for an answer"), f"{url}?state=disputes", tone="danger"))
    if n := counts["transfers"]:
        title = ngettext("%(n)s transfer to make", "%(n)s transfers to make", n) % {"n": n}
        todos.append(Todo(title, _("Money kept for a company goes back"), f"{url}?state=transfers", tone="warning"))
    return todos


def _proposals_to(company: Company) -> list[Todo]:
    """For the accountant: instalments that wait for consent."""
    rows = Invoice.objects.filter(company=company, plans__state=PlanState.PROPOSED)
    return [
        Todo(
            _("Instalments proposed"),
            row.number,
            reverse("billing:plan", args=[company.pk, row.pk]),
            tone="warning",
        )
        for row in rows[:5]
    ]


def for_staff(user: User, at: datetime) -> list[Todo]:
    """For the association: money that did not arrive, invoices long overdue."""
    failed = (
        Invoice.objects.own().filter(state__in=GROUPS["failed"]).aggregate(count=Count("pk"), sum=Sum("balance_cents"))
    )
    late = Invoice.objects.own().filter(state__in=GROUPS["due"], due_on__lt=timezone.localdate(at))
    overdue = late.aggregate(count=Count("pk"), sum=Sum("balance_cents"))
    url = reverse("billing:staff_invoices")
    todos = _of_the_books() + _to_decide() + _suppliers()
    if failed["count"]:
        title = ngettext("%(n)s payment failed", "%(n)s payments failed", failed["count"]) % {"n": failed["count"]}
        detail = _("%(sum)s to be collected again") % {"sum": euros(failed["sum"])}
        todos.append(Todo(title, detail, f"{url}?state=failed", tone="danger"))
    if overdue["count"]:
        title = ngettext("%(n)s invoice overdue", "%(n)s invoices overdue", overdue["count"]) % {"n": overdue["count"]}
        todos.append(
            Todo(title, _("%(sum)s owed") % {"sum": euros(overdue["sum"])}, f"{url}?state=due", tone="warning")
        )
    if contested := in_name.open_contests().count():
        title = ngettext("%(n)s document contested by a supplier", "%(n)s documents contested by suppliers", contested)
        detail = _("It was written in its name. Answer it.")
        todos.append(Todo(title % {"n": contested}, detail, reverse("billing:self_billing"), due=at, tone="warning"))
    return todos


def _suppliers() -> list[Todo]:
    """Commissions of past months that cannot be invoiced, because the supplier's address is missing."""
    lacking = supplier_invoicing.without_address()
    if not lacking:
        return []
    title = ngettext("%(n)s supplier cannot be invoiced", "%(n)s suppliers cannot be invoiced", lacking)
    return [Todo(title % {"n": lacking}, _("Its address is missing."), reverse("billing:customers"), tone="warning")]


def _of_the_books() -> list[Todo]:
    """What the nightly check found, and money on the account that no invoice explains."""
    todos = []
    check = BooksCheck.objects.first()
    if check is not None and check.difference:
        todos.append(Todo(_("The books do not agree"), check.difference, reverse("billing:books"), tone="danger"))
    unread = ReceivedInvoice.objects.filter(state=ReceivedState.RECEIVED).aggregate(count=Count("pk"))
    if unread["count"]:
        title = ngettext("%(n)s received invoice to check", "%(n)s received invoices to check", unread["count"])
        detail = _("Approve it, or refuse it with a reason.")
        todos.append(Todo(title % {"n": unread["count"]}, detail, reverse("billing:inbox"), tone="info"))
    refused = Transmission.objects.filter(state__in=[TransmissionState.REFUSED, TransmissionState.REJECTED]).count()
    if refused:
        title = ngettext("%(n)s invoice of ours was refused", "%(n)s invoices of ours were refused", refused)
        detail = _("See why on the invoicing platform's page.")
        todos.append(Todo(title % {"n": refused}, detail, reverse("billing:transmissions"), tone="warning"))
    later = EReport.objects.filter(
        kind=OuterRef("kind"), period_start=OuterRef("period_start"), revision__gt=OuterRef("revision")
    )
    rejected = EReport.objects.filter(~Exists(later), state=ReportState.REJECTED).count()
    if rejected:
        title = ngettext("%(n)s e-report was rejected", "%(n)s e-reports were rejected", rejected) % {"n": rejected}
        todos.append(Todo(title, _("Tell the period anew."), reverse("billing:ereports"), tone="warning"))
    waiting = BankLine.objects.filter(state=LineState.OPEN).aggregate(count=Count("pk"), sum=Sum("cents"))
    if waiting["count"]:
        title = ngettext("%(n)s bank line to match", "%(n)s bank lines to match", waiting["count"])
        detail = _("%(sum)s in all") % {"sum": euros(waiting["sum"])}
        todos.append(Todo(title % {"n": waiting["count"]}, detail, reverse("billing:bank"), tone="warning"))
    return todos
