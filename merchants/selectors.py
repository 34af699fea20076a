"""What pages read. Every list has a constant number of queries."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Case, Count, Exists, IntegerField, Max, OuterRef, Prefetch, Q, QuerySet, Value, When
from django.utils import timezone

from companies.models import Company, Site
from merchants import eligibility, opening
from merchants.models import Cashier, Category, Merchant, Offer, OfferState, OfferVersion, Shop, Till
from merchants.pricing import is_open_at

if TYPE_CHECKING:
    from companies.models import Person, User


def offers_of(merchant: Merchant) -> QuerySet[Offer]:
    """A merchant's offers, those in force first."""
    order = {
        state: place
        for place, state in enumerate([OfferState.PUBLISHED, OfferState.DRAFT, OfferState.PAUSED, OfferState.ENDED])
    }
    rank = Case(*(When(state=state, then=Value(place)) for state, place in order.items()), output_field=IntegerField())
    return merchant.offers.select_related("current", "merchant").annotate(rank=rank).order_by("rank", "-pk")


def tills_of(merchant: Merchant) -> QuerySet[Till]:
    """Tills that are linked today, by shop."""
    return (
        Till.objects.filter(shop__merchant=merchant, revoked_at__isnull=True)
        .select_related("shop")
        .order_by("shop__name", "name")
    )


def cashiers_of(merchant: Merchant) -> QuerySet[Cashier]:
    """Cashiers who work today, by shop."""
    return (
        Cashier.objects.working().filter(shop__merchant=merchant).select_related("shop").order_by("shop__name", "name")
    )


def open_shops(merchant: Merchant) -> QuerySet[Shop]:
    return merchant.shops.filter(closed_at__isnull=True)


def find_offers(
    *, text: str, category: Category | None, today: date, person: "Person | None" = None
) -> QuerySet[Offer]:
    """Published offers that hold today or will, newest merchants last; every word must be found somewhere.

    Offers for certain employers or contracts are found by those they are for, and by nobody else.
    """
    offers = (
        (Offer.objects.for_everybody() | Offer.objects.filter(pk__in=_meant_for(person, today)))
        .published()
        .filter(current__starts_on__lte=today)
        .filter(Q(current__ends_on__isnull=True) | Q(current__ends_on__gte=today))
        .filter(Exists(Shop.objects.filter(merchant=OuterRef("merchant"), closed_at__isnull=True)))
        .select_related("current", "merchant__category")
        .prefetch_related(Prefetch("merchant__shops", Shop.objects.filter(closed_at__isnull=True)))
        .order_by("merchant__name", "pk")
        .distinct()
    )
    if category is not None:
        offers = offers.filter(merchant__category=category)
    return offers.filter(pk__in=_matching(text)) if text.strip() else offers


_MEANT = """
SELECT o.id FROM merchants_offer o JOIN merchants_offerversion v ON v.id = o.current_id
WHERE o.state = 'published' AND {restricted} AND {eligible}
"""


def _meant_for(person: "Person | None", today: date) -> list[int]:
    """Offers that ask something of an employer or contract, which this person's has."""
    if person is None:
        return []
    with connection.cursor() as cursor:
        statement = _MEANT.format(
            restricted=eligibility.RESTRICTED, eligible=eligibility.SQL.format(person="%(person)s")
        )
        cursor.execute(statement, {"person": person.pk, "today": today, "at": timezone.now()})
        return [pk for (pk,) in cursor.fetchall()]


def find_employers(lines: Sequence[str]) -> tuple[list[int], list[int], list[str]]:
    """Members and sites by what an owner typed, one a line: (companies, sites, lines that fit none)."""
    companies: set[int] = set()
    sites: set[int] = set()
    unknown = []
    for line in filter(None, (line.strip() for line in lines)):
        name, _slash, place = (part.strip() for part in line.partition(" / "))
        digits = re.sub(r"\s", "", name)
        rows = Company.objects.members()
        row = (rows.filter(siren=digits) if re.fullmatch(r"\d{9}", digits) else rows.filter(name__iexact=name)).first()
        site = row.sites.filter(name__iexact=place).first() if row and place else None
        if row is None or (place and site is None):
            unknown.append(line)
        elif site is not None:
            sites.add(site.pk)
        else:
            companies.add(row.pk)
    return sorted(companies), sorted(sites), unknown


def employer_names(companies: Sequence[int], sites: Sequence[int]) -> list[str]:
    """The same as lines, as an owner would type them."""
    names = list(Company.objects.filter(pk__in=companies).values_list("name", flat=True)) if companies else []
    places = Site.objects.filter(pk__in=sites).select_related("company") if sites else Site.objects.none()
    return [*names, *(f"{site.company.name} / {site.name}" for site in places)]


def beside(merchant: Merchant, offer: Offer | None) -> list[OfferVersion]:
    """The versions that run or wait at a merchant, but for those of one offer."""
    rows = merchant.offers.filter(Q(state=OfferState.PUBLISHED) | Q(due_at__isnull=False)).select_related("current")
    return [row.current for row in rows.order_by("pk") if row.current and (offer is None or row.pk != offer.pk)]


_MATCHING = """
SELECT o.id FROM merchants_offer o
JOIN merchants_offerversion v ON v.id = o.current_id JOIN merchants_merchant m ON m.id = o.merchant_id
JOIN merchants_category k ON k.id = m.category_id
WHERE o.state = 'published' AND to_tsvector('french', translate(lower(concat_ws(' ', v.title, v.description, v.gift,
  m.name, k.name_fr, k.name_en, (SELECT string_agg(concat_ws(' ', s.name, s.street, s.city), ' ')
  FROM merchants_shop s WHERE s.merchant_id = m.id AND s.closed_at IS NULL))), %(accents)s, %(plain)s))
  @@ to_tsquery('french', %(query)s)
"""
_ACCENTS, _PLAIN = "àâäáãçéèêëíîïñóôöõúùûüýÿ’'-", "aaaaaceeeeiiinoooouuuuyy   "


def _matching(text: str) -> list[int]:
    """Offers in which every word is found, in French: plurals, accents and beginnings of words make no difference."""
    plain = text.lower().translate(str.maketrans(_ACCENTS, _PLAIN))
    words = re.findall(r"[a-z0-9]+", plain)[:6]
    if not words:
        return []
    query = " & ".join(f"{word}:*" for word in words)
    with connection.cursor() as cursor:
        cursor.execute(_MATCHING, {"accents": _ACCENTS, "plain": _PLAIN, "query": query})
        return [pk for (pk,) in cursor.fetchall()]


def open_at(offers: QuerySet[Offer], moment: datetime) -> QuerySet[Offer]:
    """Of these offers, those that hold at a local moment and have a shop that is open then."""
    shops = Shop.objects.filter(closed_at__isnull=True).values_list("merchant_id", "hours", "closures")
    timed = Offer.objects.published().exclude(current__hours=[], current__weekdays=127, current__excluded=[])
    resting = [row.pk for row in timed.select_related("current") if row.current and not is_open_at(row.current, moment)]
    open_shops = {row[0] for row in shops if opening.is_open(row[1], moment, row[2])}
    return offers.filter(merchant__in=open_shops).exclude(pk__in=resting)


def merchants_for_staff(user: "User", *, text: str = "", status: str = "") -> QuerySet[Merchant]:
    """The association's list, applications first."""
    rows = Merchant.objects.visible_to(user).select_related("category")
    if status:
        rows = rows.filter(status=status)
    for word in text.split()[:6]:
        rows = rows.filter(Q(name__icontains=word) | Q(siret__startswith=word) | Q(shops__city__icontains=word))
    return rows.annotate(
        published=Count("offers", filter=Q(offers__state=OfferState.PUBLISHED), distinct=True),
        tills=Count("shops__tills", filter=Q(shops__tills__revoked_at__isnull=True), distinct=True),
        seen_at=Max("shops__tills__last_seen_at"),
    ).order_by("name")
