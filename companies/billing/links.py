"""Signed links by which anybody who received a reminder can pay one invoice, without an account."""

from datetime import date

from django.core import signing
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies.billing.models import Invoice
from companies.errors import DomainError

SALT = "billing.pay-by-link"
LIFE_DAYS = 90


class LinkEnded(DomainError):
    """The link is too old or was changed."""

    code = "link_ended"
    message = _("This link has expired. Ask the accountant of your company, or ERB, for a new one.")
    status = 410


def path(invoice: Invoice, *, made_on: date | None = None) -> str:
    """The address of the page that shows and pays one invoice; the same all day."""
    day = made_on or timezone.localdate()
    token = signing.Signer(salt=SALT).sign_object([invoice.pk, day.toordinal()])
    return reverse("billing:pay_by_link", args=[token])


def invoice_of(token: str) -> Invoice:
    """The invoice of a link; raises LinkEnded."""
    try:
        pk, day = signing.Signer(salt=SALT).unsign_object(token)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise LinkEnded from error
    invoice = Invoice.objects.select_related("company", "document").filter(pk=pk).first()
    if invoice is None or timezone.localdate().toordinal() - day > LIFE_DAYS:
        raise LinkEnded
    return invoice
