"""Cards that end before their holder's work does: a prolonged contract, or the end of a card's own years.

A card is prolonged, not replaced: the same place in the list and the same code to type. What is printed already holds until
the day printed on it, phones and wallets have the new day at once, and a new print carries it.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from benefit_card.access import can_issue, holds
from benefit_card.credential import PARIS
from benefit_card.models import BatchPurpose, Card, CardBatch
from benefit_card.services import cards
from companies import audit, jobs
from companies.access import require
from companies.errors import DomainError
from companies.models import Company, Employment, User

SOON = timedelta(days=60)


class NothingEnds(DomainError):
    """No card ends before the work of its holder."""

    code = "nothing_ends"
    message = _("No card here ends before its holder’s contract does.")


def ending(*, at: datetime) -> "QuerySet[Card]":
    """Cards that have ended or end within two months although a member employs their holder today and beyond that day."""
    today = at.astimezone(PARIS).date()
    jobs_now = Employment.objects.current(on=today).filter(
        person=OuterRef("person"), company__in=Company.objects.members()
    )
    beyond = jobs_now.filter(Q(ends_on=None) | Q(ends_on__gt=OuterRef("valid_until")))
    return Card.objects.current().filter(Exists(beyond), blocked_at=None, valid_until__lte=today + SOON)


def ending_in(company: Company, *, at: datetime) -> "QuerySet[Card]":
    """Those of a company's people."""
    today = at.astimezone(PARIS).date()
    mine = Employment.objects.filter(company=company, person=OuterRef("person")).current(on=today)
    return ending(at=at).filter(Exists(mine))


@transaction.atomic(durable=True)
def request(*, actor: User, company: Company, at: datetime) -> CardBatch:
    """Prolong every card of the company's people that ends too early; the job does it. Returns the batch to print."""
    require(can_issue(actor, company))
    if not company.is_member:
        raise cards.CompanyNotMember
    people = sorted(ending_in(company, at=at).values_list("person_id", flat=True))
    if not people:
        raise NothingEnds
    batch = CardBatch.objects.create(
        company=company, purpose=BatchPurpose.RENEWAL, people=people, created_by=actor, created_at=at
    )
    batch.job = jobs.start(
        kind="card_batch", task="benefit_card.issue_batch", payload={"batch": batch.pk}, actor=actor, company=company,
        total=len(people), at=at,
    )  # fmt: skip
    batch.save(update_fields=["job"])
    audit.record(
        "cardbatch.requested", target=batch, at=at, actor=actor, company=company, data={"prolonged": len(people)}
    )
    return batch


@transaction.atomic(durable=True)
def renew_own(*, actor: User, card: Card, at: datetime) -> None:
    """Its holder prolongs a card; human resources find the new print among what waits for the printer."""
    require(holds(actor, card))
    row = ending(at=at).filter(pk=card.pk).first()
    company = cards.employer(card.person, at=at)
    if row is None or company is None:
        raise NothingEnds
    batch = CardBatch.objects.create(
        company=company, purpose=BatchPurpose.RENEWAL, people=[row.person_id], created_by=actor, created_at=at,
        completed_at=at,
    )  # fmt: skip
    cards.prolong_cards(row.person_id, batch=batch, at=at)
