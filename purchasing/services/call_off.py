"""A company draws on a framework agreement: no tender, the company's own approval and budget, then an order."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from companies.access import require
from companies.errors import Invalid
from companies.models import Company, Site, User
from purchasing import access
from purchasing.models import CallOff, CallOffLine, FrameworkAgreement, FrameworkArticle
from purchasing.services import request as requests
from purchasing.services.framework_use import terms_on


class CallOffEmpty(Invalid):
    code = "call_off_empty"
    message = _("Enter a quantity for at least one article.")


@dataclass(frozen=True, slots=True)
class CallOffIn:
    """What a buyer draws: article of the agreement → units."""

    quantities: Mapping[int, int]
    site: Site | None = None
    cost_centre: str = ""
    needed_by: date | None = None
    notes: str = ""


@transaction.atomic(durable=True)
def place(
    *,
    actor: User,
    company: Company,
    agreement: FrameworkAgreement,
    draft: CallOffIn,
    at: datetime,
    call_off: CallOff | None = None,
) -> CallOff:
    """Draw on an agreement, or correct a call-off an approver returned; handed in at once.

    Within the company's limit it is ordered at once, above it approvers are asked. Raises CallOffEmpty, what
    `call_off_order.reserve` raises and what any request raises; then nothing happened.
    """
    require(access.can_request(actor, company))
    articles = {
        row.pk: row
        for row in agreement.articles.select_related("article").prefetch_related("prices")
        if draft.quantities.get(row.pk)
    }
    if not articles:
        raise CallOffEmpty
    with override("fr"):
        title = gettext("Call-off on %(number)s: %(title)s") % {"number": agreement.number, "title": agreement.title}
    chosen = sorted(articles.values(), key=lambda row: row.position)
    request = requests.write_down(
        actor=actor,
        company=company,
        draft=requests.RequestDraft(
            title=title[:120],
            lines=[_line(row, draft.quantities[row.pk], timezone.localdate(at)) for row in chosen],
            site=draft.site,
            cost_centre=draft.cost_centre,
            needed_by=draft.needed_by,
            notes=draft.notes,
        ),
        at=at,
        request=call_off.request if call_off else None,
    )
    row = call_off or CallOff.objects.create(agreement=agreement, company=company, request=request, created_at=at)
    lines = request.lines.order_by("position")
    CallOffLine.objects.bulk_create(
        CallOffLine(
            call_off=row,
            article=article,
            request_line=line,
            quantity=line.quantity,
            unit_price_e4=line.ref_price_e4 or 0,
        )
        for article, line in zip(chosen, lines, strict=True)
    )
    requests.hand_in(actor=actor, request=request, at=at)
    row.refresh_from_db()
    return row


def _line(article: FrameworkArticle, quantity: int, day: date) -> requests.LineDraft:
    terms = terms_on(article, day)
    return requests.LineDraft(
        text=article.text,
        quantity=quantity,
        article=article.article,
        unit=article.unit,
        ref_price_e4=terms.tiers[0].unit_price_e4 if terms else None,
    )
