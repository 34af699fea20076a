"""Signed links that carry their day; by one of them anybody who received a reminder can pay one invoice, without an account."""

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


def dated_token(salt: str, pk: int, made_on: date | None = None) -> str:
    """What names one row in a link; the same all day."""
    day = made_on or timezone.localdate()
    return signing.Signer(salt=salt).sign_object([pk, day.toordinal()])


def pk_of(token: str, salt: str, *, life_days: int) -> int:
    """The row that a token names; 0, which no row has, when it was changed or is older than `life_days`."""
    try:
        pk, day = signing.Signer(salt=salt).unsign_object(token)
    except (signing.BadSignature, ValueError, TypeError):
        return 0
    return int(pk) if timezone.localdate().toordinal() - day <= life_days else 0


def path(invoice: Invoice, *, made_on: date | None = None) -> str:
    """The address of the page that shows and pays one invoice; the same all day."""
    return reverse("billing:pay_by_link", args=[dated_token(SALT, invoice.pk, made_on)])


def invoice_of(token: str) -> Invoice:
    """The invoice of a link; raises LinkEnded."""
    rows = Invoice.objects.select_related("company", "document")
    invoice = rows.filter(pk=pk_of(token, SALT, life_days=LIFE_DAYS)).first()
    if invoice is None:
        raise LinkEnded
    return invoice
