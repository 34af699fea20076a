"""10,000 invoices issued one by one, rendered as Factur-X, and sent to a platform over HTTP, with memory watched."""

import os

from tests.bench.book import Book
from tests.bench.place import Place

COUNT = int(os.environ.get("BENCH_INVOICES", "10000"))
CHILD = """
import sys, time, threading, django; django.setup()
from datetime import date, timedelta
from django.db import connection, transaction
from django.utils import timezone
from companies.billing import invoices, ledger, numbering, printing
from companies.billing.channel import exchange
from companies.billing.channel.http import Platform
from companies.billing.models import EInvoicing, Invoice, Transmission
from companies.models import Company
from deploy.standalone import platform_double

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6

class Sink(platform_double.Flows):
    # Only counts: the double's own memory is not what is measured.
    def keep(self, content, **facts):
        row = super().keep(b"", **facts)
        del self.rows[:-10]
        return row

count = int(sys.argv[1])
at = timezone.now()
handler = type("Handler", (platform_double.Handler,), {"flows": Sink()})
server = platform_double.ThreadingHTTPServer(("127.0.0.1", 0), handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
way = Platform(f"http://127.0.0.1:{server.server_port}", *platform_double.CLIENT)
companies = list(Company.objects.order_by("pk")[:70])
for company in companies:
    EInvoicing.objects.update_or_create(company=company, defaults={"address": company.siren, "switch_on": date(2020, 1, 1)})
lines = [
    invoices.LineDraft("Gants de manutention", 11, "paire", 34917, 3841, 2000, 769),
    invoices.LineDraft("Port", 1, "", None, 608, 2000, 121, kind=invoices.LineKind.FREIGHT),
    invoices.LineDraft("Café en grains", 3, "kg", 128000, 3840, 550, 211),
]

issued, memory, started, spent = [], [], time.monotonic(), {"issue": 0.0, "render": 0.0, "send": 0.0}
for number in range(count):
    clock = time.monotonic()
    with transaction.atomic():
        row = invoices.issue(company=companies[number % len(companies)], lines=lines, at=at, due_on=at.date() + timedelta(days=30),
            source="bench", key=f"bench-{number}", actor=None, legal_model="agent", supply_on=at.date())
    spent["issue"] += time.monotonic() - clock
    clock = time.monotonic()
    printing.invoice_file(row, at=at)
    exchange.hand_over(row, at=at)
    spent["render"] += time.monotonic() - clock
    if number % 100 == 99:
        clock = time.monotonic()
        exchange.send_waiting(way, at=at)
        spent["send"] += time.monotonic() - clock
        memory.append(resident())
clock = time.monotonic()
exchange.send_waiting(way, at=at)
spent["send"] += time.monotonic() - clock
sent = Transmission.objects.filter(state="sent", invoice__key__startswith="bench-").count()
tenth = max(1, len(memory) // 10)
print(sent, *(round(spent[name], 2) for name in ("issue", "render", "send")), round(sum(memory[:tenth]) / tenth, 1),
      round(sum(memory[-tenth:]) / tenth, 1), round(max(memory), 1))
"""


def measure(place: Place, book: Book) -> None:
    _ = place.seed
    run = place.python("-c", CHILD, str(COUNT))
    sent, issue, render, send, early, late, peak = (float(word) for word in run.output.split()[-7:])
    if sent != COUNT:
        raise RuntimeError(f"{sent:.0f} sent of {COUNT}")
    book.note("invoices", "issue_10000_seconds", issue, "s", f"{COUNT} invoices of three lines, one transaction each")
    book.note(
        "invoices", "render_10000_seconds", render, "s", "Factur-X: PDF/A-3 and EN 16931 XML checked against its schema"
    )
    book.note("invoices", "send_10000_seconds", send, "s", "over HTTP to a platform on this machine, one by one")
    book.note("invoices", "invoices_memory_first_tenth", early, "MB", "resident, mean of the first tenth")
    book.note("invoices", "invoices_memory_last_tenth", late, "MB", "resident, mean of the last tenth: flat")
    book.note("invoices", "invoices_memory_peak", peak, "MB", "issuing, rendering and sending process")
