"""Who of a company's people could have a card, has one, has opened it: state, never use.

A company of 7,000 among 1,000,000 cards: everything is asked from its people on, in one look, never through all cards.
"""

from datetime import date, datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.paginator import Page, Paginator
from django.db.models import Count, Exists, F, FilteredRelation, Func, OuterRef, Q, QuerySet, Subquery, TextField

from benefit_card.credential import PARIS
from benefit_card.services import renewals
from companies.models import Company, Employment, Person


def counts(company: Company, *, at: datetime) -> dict[str, int]:
    """How many people (`all`, `people`), and how many of them show what `show` of the page of cards asks for."""
    today = at.astimezone(PARIS).date()
    held = FilteredRelation("person__cards", condition=Q(person__cards__replaced_at=None))
    usable = Q(card__isnull=False, card__blocked_at=None)
    found: dict[str, int] = (
        Employment.objects.filter(company=company)
        .current(on=today)
        .alias(card=held)
        .aggregate(
            all=Count("pk"),
            people=Count("person", distinct=True),
            cards=Count("card", filter=usable, distinct=True),
            without=Count("pk", filter=Q(card__isnull=True)),
            ready=Count("pk", filter=usable & Q(card__activated_at=None)),
            open=Count("card", filter=usable & Q(card__activated_at__isnull=False), distinct=True),
            blocked=Count("pk", filter=Q(card__blocked_at__isnull=False)),
            soon=Count("pk", filter=usable & Q(card__valid_until__lte=today + renewals.SOON)),
        )
    )
    found["ending"] = _ending(company, on=today) if found.pop("soon") else 0
    return found


def _ending(company: Company, *, on: date) -> int:
    """How many `renewals.ending_in` finds. Most stay in this very company, so that few other employments are looked up."""
    beyond = Q(ends_on=None) | Q(ends_on__gt=F("card__valid_until"))
    elsewhere = (
        Employment.objects.filter(company__in=Company.objects.members(), person=OuterRef("person"))
        .current(on=on)
        .filter(Q(ends_on=None) | Q(ends_on__gt=OuterRef("card__valid_until")))
    )
    held = FilteredRelation("person__cards", condition=Q(person__cards__replaced_at=None))
    mine = Employment.objects.filter(company=company).current(on=on).alias(card=held)
    soon = mine.filter(card__isnull=False, card__blocked_at=None, card__valid_until__lte=on + renewals.SOON)
    stays = beyond | Exists(elsewhere) if company.is_member else Exists(elsewhere)
    return soon.filter(stays).values("person").distinct().count()


class _Counted(Paginator):
    """Pages of rows that somebody counted before."""

    def __init__(self, rows: Any, size: int, known: int) -> None:
        super().__init__(rows, size)
        self.__dict__["count"] = known  # where the cached property keeps its answer


def page(employed: QuerySet[Employment], number: int, *, size: int, count: int | None) -> Page:
    """A page of people by name, with person and site.

    The name is fetched for each by its key: PostgreSQL, free to choose, reads a million people to sort seven thousand.
    """
    name = Person.objects.filter(pk=OuterRef("person_id")).values(
        name=Func(
            F("last_name"), F("first_name"), template="ARRAY[%(expressions)s]", output_field=ArrayField(TextField())
        )
    )
    ordered = employed.order_by(Subquery(name), "pk").values_list("pk", flat=True)
    pages = Paginator(ordered, size) if count is None else _Counted(ordered, size, count)
    found = pages.get_page(number)
    shown = list(found.object_list)
    rows = Employment.objects.select_related("person", "site").in_bulk(shown)
    found.object_list = [rows[pk] for pk in shown]
    return found
