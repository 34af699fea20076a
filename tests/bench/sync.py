"""After an outage: 5,000 sales of eight tills, signed by their devices, sent 50 at a time to the real server."""

import random
import uuid
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from tests.bench.book import Book, percentile
from tests.bench.place import Place
from tests.bench.server import Caller, running, together

ENTRIES, TILLS, AT_ONCE = 5_000, 8, 50


def measure(place: Place, book: Book) -> None:
    _ = place.seed
    queues = _queues()
    with running("serve", log=place.directory / "sync.log") as (port, _ready):
        callers = [Caller(port, {"Authorization": f"Till {token}"}) for token in queues]
        verdicts: Counter[str] = Counter()

        def work(caller: Caller, batches: list[list[dict[str, Any]]]) -> None:
            for batch in batches:
                if (status := caller.post("/api/v1/redemptions/sync/", {"entries": batch})) != 200:
                    raise RuntimeError(f"a batch was answered {status}")

        pairs = list(zip(callers, queues.values(), strict=True))
        seconds = together([lambda c=c, b=b: work(c, b) for c, b in pairs])
        verdicts.update(_verdicts())
    if verdicts != {"accepted": ENTRIES}:
        raise RuntimeError(f"not every sale was accepted: {dict(verdicts)}")
    where = f"{TILLS} tills at once, {AT_ONCE} a request, each checked, booked and answered for itself"
    book.note("sync", "sync_5000_seconds", seconds, "s", where)
    book.note("sync", "sync_entries_per_second", ENTRIES / seconds, "1/s", where)
    waits = [value for caller in callers for value in caller.seconds]
    for part in (50, 95):
        book.note("sync", f"sync_request_p{part}", percentile(waits, part / 100) * 1000, "ms", f"{AT_ONCE} entries")


def _verdicts() -> Counter[str]:
    from benefit_card.models import OfflineEntry

    said = OfflineEntry.objects.filter(till__name__startswith="Hors ligne ")
    return Counter(said.values_list("verdict", flat=True))


def _queues() -> dict[str, list[list[dict[str, Any]]]]:
    """For each till's token its signed sales in batches, oldest first."""
    from django.utils import timezone

    from benefit_card.management.commands.bench_redeem import Command
    from benefit_card.services import lists
    from merchants.models import Till
    from tests.benefit_card.device import Device

    now, prepare = timezone.now(), Command()
    _token, offer = prepare.till(now)
    issue = lists.revocations(at=now)
    codes = prepare.holders(500, now)
    began = timezone.now()  # a till cannot have sold before the keys of its codes were
    queues: dict[str, list[list[dict[str, Any]]]] = {}
    for number in range(TILLS):
        token, _other = prepare.till(now)
        till = Till.objects.order_by("-pk").first()
        assert till is not None
        Till.objects.filter(pk=till.pk).update(name=f"Hors ligne {number}")
        device = Device(till)
        sales = [
            _sale(
                device,
                offer,
                codes[(number + n * TILLS) % len(codes)],
                began + timedelta(milliseconds=n),
                issue,
            )
            for n in range(ENTRIES // TILLS)
        ]
        queues[token] = [sales[k : k + AT_ONCE] for k in range(0, len(sales), AT_ONCE)]
    return queues


def _sale(device: Any, offer: Any, code: str, at: datetime, issue: Any) -> dict[str, Any]:
    device.seq += 1
    said = {
        "client_id": str(uuid.uuid4()),
        "seq": device.seq,
        "code": code,
        "offer": offer.pk,
        "offer_version": offer.current.number,
        "amount": f"{random.randrange(10, 90)}.90",
        "scanned_at": at.isoformat(),
        "list_number": issue.number,
        "list_issued_at": (at - timedelta(hours=1)).isoformat(),
    }
    signed: dict[str, Any] = device.sign(said)
    return signed
