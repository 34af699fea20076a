"""Signed links by which anybody who received a reminder can pay one invoice, without an account."""

from django.core import signing
from django.urls import reverse
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


def path(invoice: Invoice) -> str:
    """The address of the page that shows and pays one invoice."""
    token = signing.dumps(invoice.pk, salt=SALT, compress=True)
    return reverse("billing:pay_by_link", args=[token])


def invoice_of(token: str) -> Invoice:
    """The invoice of a link; raises LinkEnded."""
    try:
        pk = signing.loads(token, salt=SALT, max_age=LIFE_DAYS * 86_400)
    except signing.BadSignature as error:
        raise LinkEnded from error
    invoice = Invoice.objects.select_related("company", "document").filter(pk=pk).first()
    if invoice is None:
        raise LinkEnded
    return invoice
