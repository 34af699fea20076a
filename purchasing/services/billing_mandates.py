"""Pools whose invoices are written in the supplier's name: only with its mandate, before anybody commits."""

from collections.abc import Iterable

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from companies.billing import billing_mandates
from companies.errors import DomainError, Invalid
from purchasing.models import AwardLine, Pool, PurchaseOrder, Supplier
from purchasing.states import PoolState

ENDED = (PoolState.FAILED, PoolState.CLOSED, PoolState.CANCELLED)
POOL_DEPENDS = _(
    "The pool “%(pool)s” is invoiced in the name of %(supplier)s, by its mandate for SIREN %(siren)s: the number stays until "
    "the pool is closed."
)


class MandateMissing(DomainError):
    code = "billing_mandate_missing"
    message = _(
        "%(suppliers)s has no mandate in force by which the association writes its invoices to the companies. Store the signed "
        "mandate under “Self-billing”, with the supplier's SIREN, or choose another legal model."
    )
    field = "legal_model"


class SirenBound(Invalid):
    code = "supplier_siren_bound"
    message = _(
        "The mandate of %(supplier)s to invoice the companies in its name stands on SIREN %(siren)s. Revoke it under "
        "“Self-billing” first, then store one with the new number."
    )
    field = "siren"


def require_siren_free(supplier: Supplier, siren: str) -> None:
    """Raises SirenBound when invoices in a supplier's name depend on the SIREN it has now, and it would get another.

    Nobody gives a mandate on either number or relies on one until the caller's transaction ends.
    """
    row = Supplier.objects.select_for_update().filter(pk=supplier.pk)
    was = row.values_list("siren", flat=True).first()
    if not was or was == siren:
        return
    billing_mandates.hold([was, siren])
    won = AwardLine.objects.filter(award__state="confirmed", quote_line__quote__invitation__supplier=supplier)
    orders = PurchaseOrder.objects.filter(supplier=supplier).exclude(state="cancelled")
    depends = Q(pk__in=won.values("award__tender__pool")) | Q(pk__in=orders.values("pool"))
    pools = Pool.objects.filter(depends, legal_model=Pool.LegalModel.MANDATE).exclude(state__in=ENDED)
    if (pool := pools.order_by("pk").first()) is not None:
        raise SirenBound(POOL_DEPENDS, supplier=supplier.name, siren=was, pool=pool.title)
    if billing_mandates.to_members(was) is not None:
        raise SirenBound(supplier=supplier.name, siren=was)


def without(suppliers: Iterable[Supplier]) -> list[Supplier]:
    """The suppliers in whose name nothing may be written to the companies."""
    return [row for row in suppliers if billing_mandates.to_members(row.siren) is None]


def require_mandates(suppliers: Iterable[Supplier], legal_model: str) -> None:
    """Raises MandateMissing when the model asks for mandates and a supplier has given none; until commit it stays so.

    Call it inside a transaction.
    """
    if legal_model != Pool.LegalModel.MANDATE:
        return
    known = [row.pk for row in suppliers]
    rows = list(Supplier.objects.select_for_update().filter(pk__in=known).order_by("pk"))  # their numbers stay
    billing_mandates.hold(row.siren for row in rows)
    if missing := without(rows):
        raise MandateMissing(suppliers=", ".join(row.name for row in missing))


def awarded(pool: Pool) -> list[Supplier]:
    """Who won lines of a pool; nobody before the award is confirmed."""
    won = AwardLine.objects.filter(award__tender__pool=pool, award__state="confirmed")
    return list(Supplier.objects.filter(pk__in=won.values("quote_line__quote__invitation__supplier")).order_by("name"))
