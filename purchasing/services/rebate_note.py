"""The supplier's credit note for a year-end rebate: compared with what was shared out, then posted to the books."""

from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import require
from companies.billing import purchases
from companies.billing.received.services import tolerated
from companies.errors import DomainError, Invalid
from companies.models import User
from companies.money import euros, percent_of, typed
from purchasing import access
from purchasing.models import FrameworkAgreement, FrameworkRebate, Pool, RebateNote
from purchasing.rules.shares import over_rates
from purchasing.services.framework import locked
from purchasing.services.framework_received import received_in
from purchasing.states import RebateState


class NothingToBook(DomainError):
    code = "rebate_note_not_awaited"
    message = _("No credit note of the supplier is awaited for this rebate.")


class NoteKnown(DomainError):
    code = "rebate_note_known"
    message = _("Credit note %(number)s of this supplier was already entered.")
    field = "number"


class NumberMissing(Invalid):
    code = "rebate_note_number_missing"
    message = _("Enter the number of the supplier's credit note.")
    field = "number"


class NoteDiffers(DomainError):
    code = "rebate_note_differs"
    message = _(
        "The companies were given %(shared)s €, this credit note says %(said)s €. If the supplier is right, compute the "
        "rebate again with its amount and credit the difference first."
    )
    field = "net"


DIRECT = (Pool.LegalModel.LISTING, Pool.LegalModel.MANDATE)  # the supplier's invoices go to the companies


class NoteVatDiffers(Invalid):
    code = "rebate_note_vat_differs"
    message = _("The VAT of %(net)s € at the rates of the goods is %(vat)s €. Check the figure.")
    field = "vat"


def awaited(rebate: FrameworkRebate) -> int:
    """What was shared out for the year and is on no credit note of the supplier yet; 0 where the supplier credits each company."""
    if rebate.agreement.legal_model in DIRECT:
        return 0
    return sum(row.amount_cents for row in _open(rebate.agreement, rebate.year))


def _open(agreement: FrameworkAgreement, year: int) -> list[FrameworkRebate]:
    return list(agreement.rebates.filter(year=year, state=RebateState.ISSUED, note=None).order_by("pk"))


def vat_parts(agreement: FrameworkAgreement, year: int, net_cents: int) -> list[tuple[int, int, int]]:
    """The note by VAT rate, as the goods of the year have them: rate, net, VAT."""
    goods: dict[int, int] = {}
    for row in received_in(agreement, year):
        for rate, cents in row.by_rate.items():
            goods[rate] = goods.get(rate, 0) + max(0, cents)
    parts = over_rates(net_cents, goods or {2000: 1})
    return [(rate, cents, percent_of(cents, rate)) for rate, cents in parts.items() if cents]


@transaction.atomic(durable=True)
def record(
    *,
    actor: User,
    rebate: FrameworkRebate,
    number: str,
    issued_on: date,
    net_cents: int,
    at: datetime,
    vat_cents: int | None = None,
) -> RebateNote:
    """Post the supplier's credit note: less is owed to it, purchases and deductible VAT fall. The same note twice is one.

    Its amount is what the companies were credited, to the cent. Raises NothingToBook, NoteKnown, NoteDiffers,
    NoteVatDiffers, MonthClosed: then nothing happened.
    """
    require(access.can_keep_frameworks(actor))
    agreement, number = locked(rebate.agreement), number.strip()
    if not number:
        raise NumberMissing
    known = RebateNote.objects.filter(supplier=agreement.supplier, number=number).first()
    if known is not None:
        if (known.agreement_id, known.year, known.net_cents) == (agreement.pk, rebate.year, net_cents):
            return known
        raise NoteKnown(number=number)
    rows = _open(agreement, rebate.year)
    shared = sum(row.amount_cents for row in rows)
    if agreement.legal_model in DIRECT or not shared:
        raise NothingToBook
    if net_cents != shared:
        raise NoteDiffers(shared=typed(euros(shared)), said=typed(euros(net_cents)))
    parts = vat_parts(agreement, rebate.year, net_cents)
    ours = sum(vat for _rate, _net, vat in parts)
    if vat_cents is not None and vat_cents != ours:
        if abs(vat_cents - ours) > len(parts) and not tolerated(ours, vat_cents):
            raise NoteVatDiffers(net=typed(euros(net_cents)), vat=typed(euros(ours)))
        main = max(range(len(parts)), key=lambda i: abs(parts[i][1]))
        rate, net, vat = parts[main]
        parts[main] = (rate, net, vat + vat_cents - ours)
    note = RebateNote.objects.create(
        agreement=agreement,
        supplier=agreement.supplier,
        year=rebate.year,
        number=number,
        issued_on=issued_on,
        net_cents=net_cents,
        vat_cents=sum(vat for _rate, _net, vat in parts),
        by_rate=parts,
        recorded_by=actor,
        recorded_at=at,
    )
    for row in rows:
        FrameworkRebate.objects.filter(pk=row.pk, note=None).update(note=note)
        audit.record("frameworkrebate.booked", target=row, at=at, actor=actor, data={"note": number})
    with override("fr"):
        reason = gettext("Year-end rebate %(year)s, credit note %(number)s of %(supplier)s") % {
            "year": rebate.year,
            "number": number,
            "supplier": agreement.supplier.name,
        }
    purchases.post(
        key=f"rebate-note-{note.pk}",
        legal_model=agreement.legal_model,
        lines=[purchases.Bought(False, -net, rate, -vat) for rate, net, vat in parts],
        reason=reason,
        at=at,
    )
    return note
