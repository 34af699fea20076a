"""The signed link by which a supplier sees what was written in its name, without an account."""

from datetime import date

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from companies.billing import links
from companies.billing.models import SelfBillingMandate
from companies.errors import DomainError

SALT = "billing.in-your-name"
LIFE_DAYS = 180


class SupplierLinkEnded(DomainError):
    """The link is too old or was changed."""

    code = "supplier_link_ended"
    message = _("This link has expired. Ask your contact at ERB for a new one.")
    status = 410


def token(mandate: SelfBillingMandate, *, made_on: date | None = None) -> str:
    """What names the supplier of a mandate; the same all day."""
    return links.dated_token(SALT, mandate.pk, made_on)


def path(mandate: SelfBillingMandate) -> str:
    """The address of the supplier's page."""
    return reverse("billing:in_your_name", args=[token(mandate)])


def mandate_of(given: str) -> SelfBillingMandate:
    """The mandate of a link, also a revoked one: what was written stays the supplier's. Raises SupplierLinkEnded."""
    rows = SelfBillingMandate.objects.select_related("company")
    row = rows.filter(pk=links.pk_of(given, SALT, life_days=LIFE_DAYS)).first()
    if row is None:
        raise SupplierLinkEnded
    return row
