"""A seller's written mandate: whether it is in force, and what it lets the association write (CGI art. 289, I, 2)."""

from collections.abc import Iterable

from django.db import connection
from django.utils.translation import gettext_lazy as _

from companies.billing.models import InvoiceVat, MandatePurpose, SelfBillingMandate
from companies.errors import DomainError, Invalid


class NoMandate(DomainError):
    code = "self_billing_no_mandate"
    message = _(
        "%(seller)s has given no written mandate that is in force: the association may not write its invoices. "
        "Ask the seller for its own invoice, or store its signed mandate first."
    )


class VatNumberAsked(Invalid):
    code = "self_billing_vat_number_asked"
    message = _(
        "%(seller)s has no VAT number: its invoices carry no VAT. Choose 0\u00a0%%, or store a mandate with the number."
    )
    field = "vat_bp"


SIRENS = 5_800  # the space of our locks in PostgreSQL; no other lock of ours is in it


def hold(sirens: Iterable[str]) -> None:
    """Until commit nobody else gives a mandate on these numbers, changes a supplier's, or opens a pool that relies on one.

    The numbers stand on rows of two rooms and on none yet, so the lock is on the number itself, in one order.
    """
    with connection.cursor() as cursor:
        for siren in sorted({siren for siren in sirens if siren.isdecimal() and len(siren) == 9}):
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [SIRENS, int(siren)])


def in_force(mandate: SelfBillingMandate) -> SelfBillingMandate:
    """The mandate, locked. Raises NoMandate when it was revoked."""
    row = SelfBillingMandate.objects.select_for_update(of=("self",)).select_related("company").get(pk=mandate.pk)
    if row.revoked_at is not None:
        raise NoMandate(seller=row.party["name"])
    return row


def to_members(siren: str) -> SelfBillingMandate | None:
    """The mandate by which a seller lets the association invoice the member companies in its name; None without one."""
    rows = SelfBillingMandate.objects.filter(siren=siren, purpose=MandatePurpose.MEMBERS, revoked_at=None)
    return rows.select_related("company").first() if siren else None


def require_vat_number(mandate: SelfBillingMandate, rows: Iterable[InvoiceVat]) -> None:
    """Raises VatNumberAsked when VAT would stand on the invoice of a seller that has no number."""
    if any(row.vat_bp for row in rows) and not mandate.party.get("vat_no"):
        raise VatNumberAsked(seller=mandate.party["name"])
