"""The card at the size of a region: 1,000,000 cards, 220,000 employees, 10,000,000 redemptions in thirteen months.

`REGION_REDEMPTIONS` and `REGION_CARDS` in the environment make it smaller while one works on it.
"""

import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench import crowd, tills
from tests.bench.book import Book, percentile
from tests.bench.place import Place
from tests.bench.server import Visitor, running

REDEMPTIONS = int(os.environ.get("REGION_REDEMPTIONS", "10000000"))
CARDS = int(os.environ.get("REGION_CARDS", "1000000"))
EMPLOYED, COMPANIES, MERCHANTS, DAYS = min(CARDS, 220_000), 22_000, 2_000, 395
REVOKED = 20  # one card in so many is blocked: 5 %
SALES = {1: 800, 8: 2_400}
WARM = 30  # seconds in which a web process compiles its templates: deploy/warm.py


def measure(place: Place, book: Book) -> None:
    made = _people(book)
    _revocations(book)
    _redemptions(book, made)
    _months(book)
    _till(place, book)
    _nights(book, made)
    _dashboards(place, book, made)


def _timed(book: Book, metric: str, where: str, work: Callable[[], Any]) -> Any:
    started = time.monotonic()
    found = work()
    book.note("region", metric, time.monotonic() - started, "s", where)
    return found


def _people(book: Book) -> dict[str, Any]:
    """One of everything through the product, the rest copied by PostgreSQL: companies, people, cards, merchants, tills."""
    from django.db.models import F

    from benefit_card.models import Card
    from companies.models import Company, Employment, Person
    from merchants.models import Merchant, MerchantRole, Offer, OfferVersion, Shop, Till
    from tests.factories.benefit_card import TillFactory, card, offer
    from tests.factories.companies import UserFactory

    one, till = card(), TillFactory()
    merchant, terms = till.shop.merchant, offer(till.shop.merchant)
    employment = one.person.employments.get()
    started = time.monotonic()
    company = crowd.multiply(
        Company, employment.company, COMPANIES, name="'Société ' || n", siren="(800000000 + n)::text",
        siret="(80000000000000 + n)::text", headcount="CASE WHEN n % 100 = 0 THEN 400 WHEN n % 10 = 0 THEN 60 ELSE 6 END",
    )  # fmt: skip
    person = crowd.multiply(Person, one.person, CARDS, last_name="'N' || n")
    # Skewed: the first companies and merchants are large.
    crowd.multiply(
        Employment, employment, CARDS, person_id=f"{person} + n - 1", reference="''",
        company_id=f"{company} + floor({COMPANIES} * power((n % {EMPLOYED}) / {EMPLOYED}.0, 2))::int",
    )  # fmt: skip
    first = crowd.multiply(
        Card, one, CARDS, person_id=f"{person} + n - 1", status_index=f"n + (n >= {one.status_index})::int",
        short_hash="md5('s' || n)", holder_key="md5('h' || n)",
        blocked_at=f"CASE WHEN hashint4(n) % {REVOKED} = 0 THEN now() ELSE NULL END",
    )  # fmt: skip
    shops = crowd.multiply(Merchant, merchant, MERCHANTS, name="'Commerce ' || n", siret="(70000000000000 + n)::text")
    shop = crowd.multiply(Shop, till.shop, MERCHANTS, merchant_id=f"{shops} + n - 1")
    device = crowd.multiply(Till, till, MERCHANTS, shop_id=f"{shop} + n - 1", token_hash="md5('t' || n)")
    sold = crowd.multiply(Offer, terms, MERCHANTS, merchant_id=f"{shops} + n - 1", current_id="NULL", state="'draft'")
    version = crowd.multiply(OfferVersion, terms.current, MERCHANTS, offer_id=f"{sold} + n - 1")
    Offer.objects.filter(pk__gte=sold).update(current_id=F("pk") + (version - sold), state="published")
    owner = UserFactory()
    MerchantRole.objects.create(user=owner, merchant_id=shops)
    book.note("region", "region_people_seconds", time.monotonic() - started, "s", f"{CARDS:,} cards, by SQL")
    return {"company": company, "person": person, "card": first, "merchant": shops, "till": device, "offer": sold,
            "version": version, "owner": owner}  # fmt: skip


def _revocations(book: Book) -> None:
    """The list of all cards: making it, its size, opening it, asking it."""
    from django.utils import timezone

    from benefit_card.revocation import canonical, read_list
    from benefit_card.services import lists
    from benefit_card.services.keys import list_key

    now = timezone.now()
    issue = _timed(
        book,
        "revocation_list_made",
        f"{CARDS:,} cards, 5 % of them revoked",
        lambda: lists.revocations(at=now, changed=True),
    )
    book.note("region", "revocation_list_size", len(canonical(issue.document)) / 1000, "kB", "as it is sent, signed")
    public = list_key(at=now)[1].public_key().public_bytes_raw()
    started = time.perf_counter()
    opened = read_list(issue.document, public=public)
    book.note("region", "revocation_list_opened_ms", 1000 * (time.perf_counter() - started), "ms", "target < 50 ms")
    book.note("region", "revocation_list_raw", len(opened.bits) / 1000, "kB", "target ≤ 130 kB for 1,000,000 cards")
    started = time.perf_counter()
    for index in range(0, 1_000_000, 10):
        opened.revoked(index)
    book.note("region", "revocation_lookup_ns", 1e9 * (time.perf_counter() - started) / 1e5, "ns", "mean of 100,000")


_SALES = f"""
INSERT INTO benefit_card_redemption (id, client_id, card_id, person_id, merchant_id, till_id, offer_id, offer_version_id, shown,
  gross_cents, discount_cents, period, at, standing)
SELECT (EXTRACT(YEAR FROM local) * 12 + EXTRACT(MONTH FROM local))::bigint * 10000000000 + n, gen_random_uuid(),
  %(card)s + who, %(person)s + who, %(merchant)s + place, %(till)s + place, %(offer)s + place, %(version)s + place, 'phone',
  spent * 10, spent, 'ever', moment, 'ok'
FROM (SELECT *, moment AT TIME ZONE 'Europe/Paris' AS local FROM (
  SELECT n, floor({EMPLOYED} * random())::int AS who, floor({MERCHANTS} * power(random(), 2))::int AS place,
    (100 + floor(900 * random()))::int AS spent, date_trunc('day', now())
      - make_interval(days => ({DAYS} - n * {DAYS}.0 / %(count)s)::int) + random() * interval '11 hours'
      + interval '8 hours' AS moment
  FROM generate_series(1, %(count)s) AS n) AS drawn) AS told WHERE moment < now()
"""


def _redemptions(book: Book, made: dict[str, Any]) -> None:
    """Thirteen months of sales in the order of their time, as they would have come in."""
    from django.db import connection
    from django.utils import timezone

    from benefit_card.models import Redemption
    from benefit_card.services import partitions

    now = timezone.now()
    _timed(
        book,
        "region_months_made",
        "fourteen tables, empty",
        lambda: partitions.ensure(since=now - timedelta(days=DAYS + 1), until=now),
    )

    def fill() -> None:
        names = ("card", "person", "merchant", "till", "offer", "version")
        with crowd.bare(Redemption), connection.cursor() as cursor:
            cursor.execute(_SALES, {name: made[name] for name in names} | {"count": REDEMPTIONS})
        partitions.count_on()
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")

    _timed(book, "region_redemptions_filled", f"{REDEMPTIONS:,} rows by SQL, indexes made afterwards", fill)
    for name, gigabytes in crowd.sizes(Redemption).items():
        book.note("region", f"region_redemptions_{name}", gigabytes, "GB", f"{Redemption.objects.count():,} rows")


def _months(book: Book) -> None:
    """The closed months counted once, as the clock does each month."""
    from django.utils import timezone

    from benefit_card.services import monthly_use

    counted = _timed(
        book,
        "region_months_counted",
        "thirteen closed months at once; the clock counts one a month",
        lambda: monthly_use.count_missing(at=timezone.now()),
    )
    if not counted:
        raise RuntimeError("no month was counted")
    _timed(
        book, "region_days_counted", "the days since, anew, as every night", lambda: monthly_use.count_days(at=timezone.now())
    )  # fmt: skip


def _nights(book: Book, made: dict[str, Any]) -> None:
    """What runs in the background among these rows: a merchant's month, the look for misuse, a month of retention."""
    from django.utils import timezone

    from benefit_card import months
    from benefit_card.services import fraud, retention, statements
    from merchants.models import Merchant

    now = timezone.now()
    large, last = Merchant.objects.get(pk=made["merchant"]), months.last_closed(now)
    closed = _timed(
        book, "region_statement_closed", "four months of the largest merchant", lambda: statements.close(
            merchant=large, month=last, at=now)
    )  # fmt: skip
    book.note("region", "region_statement_lines", closed.sales, "", "sales on that statement")
    _timed(book, "region_statements_compared", "with their lines, by the worker", lambda: statements.check())
    _timed(book, "region_misuse_seconds", "the hourly look", lambda: fraud.look(at=now))
    oldest = months.bounds((now - timedelta(days=DAYS)).date())[1] + retention.IDENTIFIED
    done = _timed(
        book, "region_retention_seconds", "the oldest month loses its people", lambda: retention._unlink(oldest)
    )
    book.note("region", "region_retention_rows", done, "", "redemptions that lost their person")
    _timed(book, "region_retention_again_seconds", "nothing left to do", lambda: retention._unlink(oldest))


def _till(place: Place, book: Book) -> None:
    """Look-ups and sales through the real server among all these rows."""
    with running("serve", log=place.directory / "region.log") as (port, _ready):
        tills.looks(place, book, port, area="region", name="region_look_up")
        for clients, count in SALES.items():
            tills.load(place, port, clients, 100)  # warm
            seconds, latencies = tills.load(place, port, clients, count)
            where = f"{count} sales, {clients} clients, among {REDEMPTIONS:,} redemptions and {CARDS:,} cards"
            book.note("region", f"region_redemptions_{clients}_clients_per_second", count / seconds, "1/s", where)
            for part in (50, 95, 99):
                ms = percentile(latencies, part / 100) * 1000
                book.note(
                    "region", f"region_till_{clients}_clients_p{part}", ms, "ms", "target p99 < 50 ms, one client"
                )


def _dashboards(place: Place, book: Book, made: dict[str, Any]) -> None:
    """Every page of figures, as the readers with the most rows behind them open it, the first time and then again.

    Before each first opening the files of the database leave the memory of the machine: colder than any morning. The very
    first page of a server that has just started is a figure of its own; then the server is given time to warm up.
    """
    from django.urls import reverse

    from companies.models import Company, Role
    from tests.factories.companies import member, staff

    desk, hr = staff(), member(Company.objects.get(pk=made["company"]), Role.HR)
    pages = {
        "merchant_visits": (made["owner"], [made["merchant"]]),
        "merchant_figures": (made["owner"], [made["merchant"]]),
        "company_use": (hr, [made["company"]]),
        "company_cards": (hr, [made["company"]]),
        "staff_use": (desk, []),
        "signals": (desk, []),
        "staff_statements": (desk, []),
        "staff_retention": (desk, []),
        "statements": (made["owner"], [made["merchant"]]),
    }
    with running("serve", log=place.directory / "pages.log") as (port, _ready):
        started = time.perf_counter()
        Visitor(port, made["owner"]).get("/")
        first = 1000 * (time.perf_counter() - started)
        book.note(
            "region", "region_page_after_start_ms", first, "ms", "the first page of a process that has just started"
        )
        time.sleep(WARM)
        for name, (user, where) in pages.items():
            _cold(place)
            visitor, times = Visitor(port, user), []
            for _turn in range(9):
                started = time.perf_counter()
                if (status := visitor.get(reverse(f"benefit_card:{name}", args=where))) != 200:
                    raise RuntimeError(f"{name}: {status}")
                times.append(time.perf_counter() - started)
            taken = f"median of 8, slowest {1000 * max(times[1:]):.0f}; target < 300 ms"
            book.note("region", f"region_{name}_ms", 1000 * median(times[1:]), "ms", taken)
            book.note("region", f"region_{name}_first_ms", 1000 * times[0], "ms", "first, from disk; target < 300 ms")


def _cold(place: Place) -> None:
    """Take the files of the database out of the memory of the machine."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")
        cursor.execute("SHOW data_directory")
        folder = Path(cursor.fetchone()[0])
    for file in folder.rglob("*"):
        if file.is_file():
            handle = os.open(file, os.O_RDONLY)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)
