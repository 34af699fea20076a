"""Under which key a person's uses are counted, also after the person was erased and enrolled again."""

import hashlib
import hmac
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from benefit_card import keyring, months, quota
from benefit_card.credential import PARIS
from benefit_card.models import Card, ErasedHolder, Quota
from companies.models import Employment, Person
from merchants.models.offer import LONGEST_WINDOW

LONGEST = timedelta(days=730)  # uses counted "in all" are kept as long as identified redemptions


def name_hash(company_id: int, first_name: str, last_name: str) -> str:
    """A keyed hash of a name at an employer; case, accents and spaces do not matter."""
    plain = unicodedata.normalize("NFKD", f"{first_name} {last_name}").encode("ascii", "ignore").decode()
    text = f"{company_id}|{' '.join(plain.casefold().replace('-', ' ').split())}"
    return hmac.digest(keyring.secret("holders"), b"name" + text.encode(), hashlib.sha256)[:16].hex()


def keys_of(people: Sequence[int]) -> dict[int, str]:
    """The holder key of each person: the one of an earlier card, the one kept from an erased person, or a new one."""
    keys = {person: quota.holder_key(person) for person in people}
    hashes: dict[str, int] = {}
    rows = Employment.objects.filter(person_id__in=people).values_list(
        "person_id", "company_id", "person__first_name", "person__last_name"
    )
    if ErasedHolder.objects.exists():
        hashes = {name_hash(company, first, last): person for person, company, first, last in rows}
        for found, key in ErasedHolder.objects.filter(name_hash__in=hashes).values_list("name_hash", "holder_key"):
            keys[hashes[found]] = key
    keys.update(Card.objects.filter(person_id__in=people).order_by("pk").values_list("person_id", "holder_key"))
    return keys


def remember(person: Person, *, at: datetime) -> None:
    """Keep what a counter needs of a person about to be erased; nothing when no counter runs."""
    today = at.astimezone(PARIS).date()
    for key in set(Card.objects.filter(person=person).values_list("holder_key", flat=True)):
        periods = Quota.objects.filter(scope=quota.PERSON, key__startswith=f"{key}:", used__gt=0)
        ends = [end_of(period, today=today) for period in periods.values_list("period", flat=True)]
        if not ends or max(ends) < today:
            continue
        for company in set(person.employments.values_list("company_id", flat=True)):
            ErasedHolder.objects.update_or_create(
                name_hash=name_hash(company, person.first_name, person.last_name),
                defaults={"holder_key": key, "until": max(ends)},
            )


def end_of(period: str, *, today: date) -> date:
    """The last day of a period as quotas name it.

    >>> [str(end_of(p, today=date(2026, 3, 3))) for p in ("2026-03-03", "2026-W10", "2026-02", "2026", "ever", "rolling")]
    ['2026-03-03', '2026-03-08', '2026-02-28', '2026-12-31', '2028-03-02', '2027-03-04']
    """
    if period == "ever":
        return today + LONGEST
    if period == quota.ROLLING:
        return today + timedelta(days=LONGEST_WINDOW)
    if "W" in period:
        return date.fromisocalendar(int(period[:4]), int(period[6:]), 7)
    if len(period) == 4:
        return date(int(period), 12, 31)
    if len(period) == 7:
        return months.after(date.fromisoformat(f"{period}-01")) - timedelta(days=1)
    return date.fromisoformat(period)
