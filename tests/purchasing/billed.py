"""A pool whose goods came and whose supplier sent an invoice, for tests of settlement and claims."""

from datetime import date

from purchasing.models import CostShare
from purchasing.services import delivery, settlement
from purchasing.services.delivery import Count
from purchasing.services.settlement import InvoiceIn, LineIn
from tests.purchasing.back import hours, world

AT = hours(1_000)


class Billed:
    """36 gloves, received in full, billed by the supplier."""

    def __init__(self, goods=12_570, freight=1_990, received=36, price_e4=34_917, quantity=None, **pool):
        self.w = world(**pool)
        self.order = self.w.sent()
        line = self.order.lines.get()
        delivery.receive(actor=self.w.staff, order=self.order, counts={line.pk: Count(received)}, at=hours(900))
        if received < 36:
            self.order.refresh_from_db()
            delivery.close_short(actor=self.w.staff, order=self.order, reason="Rupture", at=hours(910))
        lines = [LineIn("goods", goods, 2000, line.pk, quantity or received, price_e4)]
        if freight:
            lines.append(LineIn("freight", freight, 2000))
        self.draft = InvoiceIn("F-2026-1", date(2026, 4, 10), lines)
        self.invoice = self.record()

    def record(self):
        return settlement.record(actor=self.w.staff, order=self.order, draft=self.draft, at=AT)

    def share(self, reason=""):
        settlement.accept(actor=self.w.staff, invoice=self.invoice, reason=reason, at=AT)
        self.invoice = settlement.share_out(actor=self.w.staff, invoice=self.invoice, at=AT)

    def issue(self):
        return settlement.issue_invoices(actor=self.w.staff, invoice=self.invoice, at=AT)

    def cents(self, kind, field="net_cents"):
        rows = CostShare.objects.filter(kind=kind).values_list("company__name", field)
        return [value for _name, value in sorted(rows)]

    def total(self, field="net_cents"):
        totals: dict[str, int] = {}
        for name, value in CostShare.objects.values_list("company__name", field):
            totals[name] = totals.get(name, 0) + value
        return [totals[name] for name in sorted(totals)]
