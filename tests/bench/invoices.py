"""10,000 invoices issued one by one, rendered as Factur-X, mailed to the outbox and sent to a platform over HTTP.

Two processes issue and deliver, as a web server and a worker do at once; this process sends, as the exchange task does.
"""

import os
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from http.server import ThreadingHTTPServer
from pathlib import Path

from tests.bench.book import Book
from tests.bench.place import Place, Run

COUNT = int(os.environ.get("BENCH_INVOICES", "10000"))
WORKERS = 2
CHILD = """
import sys, time, django; django.setup()
from datetime import timedelta
from django.db import transaction
from django.utils import timezone
from companies.billing import invoices, printing
from companies.models import Company

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6

worker, count = int(sys.argv[1]), int(sys.argv[2])
at = timezone.now()
companies = list(Company.objects.order_by("pk")[:70])
lines = [
    invoices.LineDraft("Gants de manutention", 11, "paire", 34917, 3841, 2000, 769),
    invoices.LineDraft("Port", 1, "", None, 608, 2000, 121, kind=invoices.LineKind.FREIGHT),
    invoices.LineDraft("Café en grains", 3, "kg", 128000, 3840, 550, 211),
]
memory, spent, work = [], {"issue": 0.0, "deliver": 0.0}, time.process_time()
for number in range(count):
    clock = time.monotonic()
    with transaction.atomic():
        row = invoices.issue(company=companies[number % len(companies)], lines=lines, at=at, due_on=at.date() + timedelta(days=30),
            source="bench", key=f"bench-{worker}-{number}", actor=None, legal_model="agent", supply_on=at.date())
    spent["issue"] += time.monotonic() - clock
    clock = time.monotonic()
    printing.deliver(invoice_id=row.pk, at=at)
    spent["deliver"] += time.monotonic() - clock
    if number % 50 == 49:
        memory.append(resident())
tenth = max(1, len(memory) // 10)
print(*(round(spent[name], 2) for name in ("issue", "deliver")), round(time.process_time() - work, 2),
      *(round(sum(part) / max(1, len(part)), 1) for part in (memory[:tenth], memory[-tenth:])))
"""


def measure(place: Place, book: Book) -> None:
    _ = place.seed
    _switch()
    loads = [os.getloadavg()[0]]
    started = time.monotonic()
    with ThreadPoolExecutor(WORKERS) as pool:
        shares = [COUNT // WORKERS + (n < COUNT % WORKERS) for n in range(WORKERS)]
        runs = [pool.submit(place.python, "-c", CHILD, str(n), str(share)) for n, share in enumerate(shares)]
        sending, memory = _send(runs, loads)
    seconds = time.monotonic() - started
    _check()
    rows = [[float(word) for word in run.result().output.split()[-5:]] for run in runs]
    issue, deliver, cpu = (sum(row[column] for row in rows) for column in range(3))
    early, late = (max(row[column] for row in rows) for column in (3, 4))
    load = f"{WORKERS} processes and a sender, load {min(loads):.0f} to {max(loads):.0f}"
    book.note("invoices", "invoices_seconds", seconds, "s", f"{COUNT} issued, rendered, mailed and sent; {load}")
    book.note("invoices", "invoices_each", seconds / COUNT * 1000, "ms", "wall time of all, divided")
    book.note("invoices", "invoices_cpu_each", cpu / COUNT * 1000, "ms", "Python and Typst, without PostgreSQL")
    book.note("invoices", "invoice_issued", issue / COUNT * 1000, "ms", "three lines, one transaction each, both wait")
    book.note("invoices", "invoice_delivered", deliver / COUNT * 1000, "ms", "Factur-X checked by XSD, PDF/A-3, mail")
    book.note("invoices", "invoice_sent", sending / COUNT * 1000, "ms", "over HTTP to a platform on this machine")
    book.note(
        "invoices", "invoices_memory_first_tenth", early, "MB", "resident, mean of the first tenth, larger worker"
    )
    book.note("invoices", "invoices_memory_last_tenth", late, "MB", "resident, mean of the last tenth, larger worker")
    book.note("invoices", "invoices_sender_first_tenth", memory[0], "MB", "resident, the sender at its first hundred")
    book.note("invoices", "invoices_sender_last", memory[-1], "MB", "resident, the sender at its last hundred")


def _switch() -> None:
    """All companies get structured invoices from now on."""
    from companies.billing.models import EInvoicing
    from companies.models import Company

    EInvoicing.objects.update(switch_on="2020-01-01")
    for company in Company.objects.filter(e_invoicing=None).order_by("pk")[:70]:
        EInvoicing.objects.create(company=company, address=company.siren, switch_on="2020-01-01")


def _send(runs: list[Future[Run]], loads: list[float]) -> tuple[float, list[float]]:
    """Send what waits until all is sent; returns the seconds spent and the memory after each round."""
    from django.utils import timezone

    from companies.billing.channel import exchange
    from companies.billing.channel.http import Platform
    from companies.billing.models import Transmission
    from deploy.standalone import platform_double

    class Sink(platform_double.Flows):
        """Only counts: the double's own memory is not what is measured."""

        def keep(self, content, **facts):  # type: ignore[no-untyped-def]  # as its parent
            row = super().keep(b"", **facts)
            del self.rows[:-10]
            return row

    handler = type("Handler", (platform_double.Handler,), {"flows": Sink()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    way = Platform(f"http://127.0.0.1:{server.server_port}", *platform_double.CLIENT)
    ours = Transmission.objects.filter(invoice__key__startswith="bench-")
    sending, memory, sent = 0.0, [], 0
    while sent < COUNT:
        over = all(run.done() for run in runs)
        clock = time.monotonic()
        if exchange.send_waiting(way, at=timezone.now()):
            sending += time.monotonic() - clock
            memory.append(int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6)
            loads.append(os.getloadavg()[0])
        elif over:
            break
        else:
            time.sleep(0.2)
        sent = ours.filter(state="sent").count()
    server.shutdown()
    return sending, memory or [0.0]


def _check() -> None:
    """All arrived, numbers are unbroken, each has its file and one mail a reader, and the books hold."""
    from companies.billing import checking
    from companies.billing.models import Invoice, Transmission

    made = Invoice.objects.filter(key__startswith="bench-", state="due", document__isnull=False)
    sent = Transmission.objects.filter(invoice__in=made, state="sent").count()
    numbers = sorted(int(number.rsplit("-", 1)[1]) for number in made.values_list("number", flat=True))
    if sent != COUNT or numbers != list(range(numbers[0], numbers[0] + COUNT)):
        raise RuntimeError(f"{sent} sent of {COUNT}, numbers {numbers[:1]} to {numbers[-1:]}")
    if broken := checking.first_break():
        raise RuntimeError(f"the books: {broken}")
