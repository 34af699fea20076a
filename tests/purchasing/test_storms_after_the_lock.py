"""Sixteen threads on an order that was sent: the companies' answers to a change are concluded once, its invoices issued once.

Seen with the locks taken away: both storms on a change fail without the order's lock (its guarded move then lets one conclude
and refuses the others). The invoices are issued once under the row of the pool or of the supplier's invoice, either alone;
without both the storm fails (the guarded move of the invoice lets one issue and refuses fifteen).
"""

import pytest
from django.db.models import Sum

from companies.billing import checking
from companies.billing.models import Invoice
from companies.models import AuditEntry
from purchasing.models import Commitment, Consent
from purchasing.services import changes, order, settlement
from purchasing.services.order import Answer
from tests.purchasing.back import AFTER, Delivered, hours
from tests.purchasing.billed import AT, Billed
from tests.storm import THREADS, storm

pytestmark = pytest.mark.django_db(transaction=True)


class TestAChangeOfTheSupplier:
    def test_is_concluded_once_by_sixteen_who_answer(self):
        """Four companies press four times, one of them "leave": the order's row decides who was the last to answer."""
        d = Delivered()
        answer = order.acknowledge(order=d.order, answer=Answer(changes={d.line.pk: (30, 37_000)}), at=AFTER)

        def say(letter):
            who = {"actor": d.w.buyers[letter], "company": d.w.companies[letter], "answer": answer, "at": AFTER}
            return lambda: changes.answer_change(accepted=letter != "D", **who)

        said = storm(*[say(letter) for letter in "ABCD"])
        assert set(said) <= {None, "consent_over"} and said.count(None) >= 4
        d.order.refresh_from_db()
        assert d.order.state == "accepted"
        assert AuditEntry.objects.filter(action="purchaseorder.accepted").count() == 1
        assert AuditEntry.objects.filter(action="commitment.dropped").count() == 1
        assert not Consent.objects.filter(accepted=None).exists()
        assert d.w.states() == {"A": "locked", "B": "locked", "C": "locked", "D": "dropped"}
        line = d.order.lines.get()
        granted = Commitment.objects.filter(state="locked").aggregate(n=Sum("granted"))["n"]
        assert granted == line.quantity == 30  # I5

    def test_is_concluded_by_the_clock_or_by_the_last_answer_never_by_both(self):
        """The three days end while the last company answers: nobody finds a half-made conclusion (the order's lock)."""
        d = Delivered()
        answer = order.acknowledge(order=d.order, answer=Answer(changes={d.line.pk: (30, 37_000)}), at=AFTER)
        for letter in "ABC":
            who = {"actor": d.w.buyers[letter], "company": d.w.companies[letter]}
            changes.answer_change(answer=answer, accepted=True, at=AFTER, **who)
        last = {"actor": d.w.buyers["D"], "company": d.w.companies["D"], "answer": answer, "at": AFTER}
        said = storm(
            lambda: changes.answer_change(accepted=True, **last),
            lambda: changes.conclude_change(actor=None, order=d.order, at=hours(899)).pk,
        )
        assert set(said) <= {None, "consent_over", d.order.pk}
        assert AuditEntry.objects.filter(action="purchaseorder.accepted").count() == 1
        assert (
            Commitment.objects.filter(state="locked").aggregate(n=Sum("granted"))["n"] == d.order.lines.get().quantity
        )


class TestTheInvoicesOfAnOrder:
    def test_are_issued_once_by_sixteen(self):
        """One invoice per company, numbers unbroken, books balanced (the row of the pool, or of the supplier's invoice)."""
        b = Billed()
        b.share()
        numbers = storm(
            lambda: tuple(row.number for row in settlement.issue_invoices(actor=b.w.staff, invoice=b.invoice, at=AT))
        )
        assert len(numbers) == THREADS and len(set(numbers)) == 1
        assert Invoice.objects.values("company").distinct().count() == Invoice.objects.count() == 4
        assert not checking.first_break()
        assert AuditEntry.objects.filter(action="supplierinvoice.invoiced").count() == 1
