"""The letters of the buyers' exchange. Queued inside the transaction that causes them, once per key."""

from datetime import datetime

from django.urls import reverse

from companies import mail
from companies.models import Company, User
from purchasing.likeness import candidates
from purchasing.mails_back import is_silent, tell
from purchasing.models import ExchangeOffer, RequestLine, Reservation
from purchasing.rules.matching import read, same
from purchasing.states import LineState

MOST_TOLD = 40  # companies told of one offer


def _offer_link(company: Company, row: ExchangeOffer) -> str:
    return mail.absolute(reverse("purchasing:exchange_offer", args=[company.pk, row.pk]))


def asking_for(row: ExchangeOffer) -> list[Company]:
    """Other members with an approved need for the same thing that no pool has taken up."""
    if row.article_id:
        lines = RequestLine.objects.filter(article=row.article_id, state=LineState.APPROVED)
        found = set(lines.values_list("request__company", flat=True))
    else:
        wanted = read(row.text)
        alike = candidates(row.text).filter(state=LineState.APPROVED, unit=row.unit)
        found = {pk for text, pk in alike.values_list("text", "request__company")[:400] if same(wanted, read(text))}
    return list(Company.objects.members().filter(pk__in=found - {row.company_id}).order_by("pk")[:MOST_TOLD])


def offered(row: ExchangeOffer, *, at: datetime) -> None:
    """Tell the members that ask for the same."""
    if is_silent():
        return
    for company in asking_for(row):
        tell(company, "surplus_offered", f"offer:{row.pk}", at, offer=row, link=_offer_link(company, row))


def reserved(kept: Reservation, *, at: datetime) -> None:
    """Tell the member that offers who comes, for how many, and what to invoice."""
    company = kept.offer.company
    link = _offer_link(company, kept.offer)
    tell(company, "surplus_reserved", f"reservation:{kept.pk}", at, reservation=kept, buyer=kept.author, link=link)


def ended(kept: Reservation, *, by: User | None, at: datetime) -> None:
    """Tell both sides that a reservation is over, but not the person who ended it."""
    for company in (kept.company, kept.offer.company):
        if by is not None and by.memberships.filter(company=company).exists():
            continue
        link = _offer_link(company, kept.offer)
        tell(company, "surplus_ended", f"reservation-end:{kept.pk}", at, reservation=kept, link=link)


def to_confirm(kept: Reservation, *, giver: bool, at: datetime) -> None:
    """Ask the other side to confirm the hand-over."""
    company = kept.company if giver else kept.offer.company
    key = f"reservation-confirm:{kept.pk}:{at.isoformat()}"
    tell(company, "surplus_confirm", key, at, reservation=kept, giver=giver, link=_offer_link(company, kept.offer))


def denied(kept: Reservation, *, giver: bool, at: datetime) -> None:
    """Tell the side that said so that the other one denies it."""
    company = kept.company if giver else kept.offer.company
    key = f"reservation-denied:{kept.pk}:{at.isoformat()}"
    tell(company, "surplus_denied", key, at, reservation=kept, link=_offer_link(company, kept.offer))
