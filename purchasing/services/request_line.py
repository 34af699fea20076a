"""One line of a request not yet handed in: replaced, added or taken out, the others as they are."""

from datetime import datetime

from django.db import transaction

from companies.access import require
from companies.models import User
from purchasing import access
from purchasing.models import PurchaseRequest, RequestLine
from purchasing.services import call_off_order
from purchasing.services.request import LineDraft, RequestDraft, RequestOfCallOff, write_down


@transaction.atomic(durable=True)
def put(
    *, actor: User, request: PurchaseRequest, line: int | None, draft: LineDraft | None, at: datetime
) -> PurchaseRequest:
    """Write one line anew (`line` is its number), add one (`line` None), or take one out (`draft` None).

    A returned request becomes a draft again. The lines are written anew, so their numbers change. Raises DoesNotExist.
    """
    require(access.can_request(actor, request.company))
    if call_off_order.call_off_of(request) is not None:
        raise RequestOfCallOff
    rows = PurchaseRequest.objects.select_for_update(of=("self",)).select_related("company", "site")
    request = rows.get(pk=request.pk)
    lines = list(request.lines.select_related("article").order_by("position"))
    if line is not None and line not in [row.pk for row in lines]:
        raise RequestLine.DoesNotExist
    drafts = [draft if row.pk == line else _as_it_is(row) for row in lines]
    if line is None:
        drafts.append(draft)
    whole = RequestDraft(
        title=request.title,
        lines=[one for one in drafts if one is not None],
        site=request.site,
        cost_centre=request.cost_centre,
        needed_by=request.needed_by,
        notes=request.notes,
    )
    return write_down(actor=actor, company=request.company, draft=whole, at=at, request=request)


def _as_it_is(row: RequestLine) -> LineDraft:
    return LineDraft(
        text=row.text,
        quantity=row.quantity,
        article=row.article,
        unit=row.unit,
        tolerance=row.tolerance,
        ref_price_e4=row.ref_price_e4,
        category=row.category,
    )
