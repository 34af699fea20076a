"""The signed link by which a supplier sees what was written in its name, without an account."""

from datetime import date

from django.core import signing
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

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
    day = made_on or timezone.localdate()
    return signing.Signer(salt=SALT).sign_object([mandate.pk, day.toordinal()])


def path(mandate: SelfBillingMandate) -> str:
    """The address of the supplier's page."""
    return reverse("billing:in_your_name", args=[token(mandate)])


def mandate_of(given: str) -> SelfBillingMandate:
    """The mandate of a link, also a revoked one: what was written stays the supplier's. Raises SupplierLinkEnded."""
    try:
        pk, day = signing.Signer(salt=SALT).unsign_object(given)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise SupplierLinkEnded from error
    row = SelfBillingMandate.objects.select_related("company").filter(pk=pk).first()
    if row is None or timezone.localdate().toordinal() - day > LIFE_DAYS:
        raise SupplierLinkEnded
    return row
