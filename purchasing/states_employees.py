"""The states of employee pools (P17) and the tables of allowed transitions; `states.machine` brings them to the database."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from purchasing.states import Table


class EmployeePoolState(TextChoices):
    DRAFT = "draft", _("Draft")
    OPEN = "open", pgettext_lazy("employee pool", "Open")
    LOCKED = "locked", pgettext_lazy("employee pool", "Locked")
    FAILED = "failed", pgettext_lazy("employee pool", "Minimum missed")
    ORDERED = "ordered", pgettext_lazy("employee pool", "Ordered")
    RECEIVING = "receiving", _("Being received")
    CLOSED = "closed", pgettext_lazy("employee pool", "Closed")
    CANCELLED = "cancelled", pgettext_lazy("employee pool", "Cancelled")


# locked → cancelled: nothing was ordered yet, and everybody is given back everything.
EMPLOYEE_POOL: Table = {
    "draft": frozenset({"open", "cancelled"}),
    "open": frozenset({"locked", "failed", "cancelled"}),
    "locked": frozenset({"ordered", "cancelled"}),
    "ordered": frozenset({"receiving", "closed"}),
    "receiving": frozenset({"closed"}),
    "failed": frozenset(),
    "closed": frozenset(),
    "cancelled": frozenset(),
}


class PurchaseState(TextChoices):
    """An employee's word. Whether it is paid says the payment below it; nothing is written twice."""

    COMMITTED = "committed", _("Committed")
    LOCKED = "locked", pgettext_lazy("purchase", "Ordered")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    DROPPED = "dropped", pgettext_lazy("purchase", "Not ordered")


# locked → dropped: the card could not be charged and the order leaves without it.
PURCHASE: Table = {
    "committed": frozenset({"locked", "withdrawn", "dropped"}),
    "locked": frozenset({"dropped"}),
    "withdrawn": frozenset(),
    "dropped": frozenset(),
}


class PayBackState(TextChoices):
    PROPOSED = "proposed", _("To be decided")
    DECIDED = "decided", pgettext_lazy("refund", "On its way")
    PAID = "paid", pgettext_lazy("refund", "Given back")
    DECLINED = "declined", pgettext_lazy("refund", "Declined")


PAY_BACK: Table = {
    "proposed": frozenset({"decided", "declined"}),
    "decided": frozenset({"paid"}),
    "paid": frozenset(),
    "declined": frozenset(),
}
