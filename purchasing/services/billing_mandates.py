"""Pools whose invoices are written in the supplier's name: only with its mandate, before anybody commits."""

from collections.abc import Iterable

from django.utils.translation import gettext_lazy as _

from companies.billing import billing_mandates
from companies.errors import DomainError
from purchasing.models import AwardLine, Pool, Supplier


class MandateMissing(DomainError):
    code = "billing_mandate_missing"
    message = _(
        "%(suppliers)s has no mandate in force by which the association writes its invoices to the companies. Store the signed "
        "mandate under “Self-billing”, with the supplier's SIREN, or choose another legal model."
    )
    field = "legal_model"


def without(suppliers: Iterable[Supplier]) -> list[Supplier]:
    """The suppliers in whose name nothing may be written to the companies."""
    return [row for row in suppliers if billing_mandates.to_members(row.siren) is None]


def require_mandates(suppliers: Iterable[Supplier], legal_model: str) -> None:
    """Raises MandateMissing when the model asks for mandates and a supplier has given none."""
    if legal_model == Pool.LegalModel.MANDATE and (missing := without(suppliers)):
        raise MandateMissing(suppliers=", ".join(row.name for row in missing))


def awarded(pool: Pool) -> list[Supplier]:
    """Who won lines of a pool; nobody before the award is confirmed."""
    won = AwardLine.objects.filter(award__tender__pool=pool, award__state="confirmed")
    return list(Supplier.objects.filter(pk__in=won.values("quote_line__quote__invitation__supplier")).order_by("name"))
