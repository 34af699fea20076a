"""Credit notes reach those who got the invoice: mailed once, with the file, in the reader's language."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.urls import reverse

from companies.billing import allocation, credit_notes, desk, printing, tasks
from companies.billing.models import CreditNote, Invoice, PlannedDebit
from companies.models import OutboxMail, Role, User
from tests.billing import test_supplier_fees as fees
from tests.billing.test_collection import signed
from tests.factories.billing import AT, invoice, mandate, self_billed
from tests.factories.companies import CompanyFactory, member, staff

pytestmark = pytest.mark.django_db


def credit(of: Invoice, net_cents: int, key: str = "k") -> CreditNote:
    """20 % VAT comes on top."""
    nets = {of.lines.get().pk: net_cents}
    with transaction.atomic():
        return credit_notes.issue(invoice=of, nets=nets, reason="Casse", key=key, actor=None, at=AT)


def mails() -> dict[str, str]:
    """What was written about credit notes, by reader, with plain spaces."""
    rows = OutboxMail.objects.filter(key__startswith="credit-note-")
    said = {row.to: f"{row.subject}\n{row.body}" for row in rows}
    return {to: text.replace("\u202f", " ").replace("\xa0", " ") for to, text in said.items()}


@pytest.fixture
def company():
    company = CompanyFactory(name="Tannerie du Royans")
    member(company, Role.ACCOUNTANT, email="a@example.org")
    member(company, Role.ACCOUNTANT, email="b@example.org")
    User.objects.filter(email="b@example.org").update(language="en")
    member(company, Role.BUYER)
    return company


class TestItsMail:
    def test_goes_once_to_each_who_got_the_invoice(self, company):
        """An invoice of 53.39 €, 12.00 € taken off."""
        note = credit(invoice(company), 1_000)
        for _twice in range(2):
            printing.deliver_credit_note(note_id=note.pk, at=AT)
        said = mails()
        assert sorted(said) == ["a@example.org", "b@example.org"]
        assert "Avoir AV-2026-00001 : 12,00 € en moins sur la facture ERB-2026-00001" in said["a@example.org"]
        assert "Motif : Casse" in said["a@example.org"] and "Il reste 41,39 € à payer" in said["a@example.org"]
        assert "€41.39 of the invoice remains to be paid" in said["b@example.org"]
        note.refresh_from_db()
        rows = OutboxMail.objects.filter(key__startswith="credit-note-")
        assert {document for row in rows for document in row.attachments.all()} == {note.document}

    def test_says_when_nothing_remains_and_when_too_much_was_paid(self, company):
        whole = invoice(company)
        printing.deliver_credit_note(note_id=credit(whole, 4_449).pk, at=AT)
        assert "Il ne reste rien à payer" in mails()["a@example.org"]
        OutboxMail.objects.all().delete()
        paid = invoice(company)
        with transaction.atomic():
            allocation.receive(company=company, cents=5_339, key="t", at=AT, actor=None, only=[paid])
        printing.deliver_credit_note(note_id=credit(paid, 1_000, "k2").pk, at=AT)
        assert "Vous avez payé plus que ce qui reste dû" in mails()["a@example.org"]

    def test_names_the_debit_that_is_announced_and_no_day_that_is_past(self, company):
        """And the pages name what will be debited: what is left, no longer the whole that was announced."""
        of = invoice(company)
        late = of.due_on + timedelta(days=40)
        note = credit(of, 1_000)
        printing.deliver_credit_note(note_id=note.pk, at=AT.replace(year=late.year, month=late.month, day=late.day))
        assert "Il reste 41,39 € à payer sur la facture, échue le " in mails()["a@example.org"]
        OutboxMail.objects.all().delete()
        debit = PlannedDebit.objects.create(
            invoice=of, mandate=signed(company), amount_cents=5_339, debit_on=of.due_on, announced_at=AT
        )
        printing.deliver_credit_note(note_id=note.pk, at=AT)
        assert "41,39 € seront prélevés le " in mails()["a@example.org"]
        assert PlannedDebit.objects.get(pk=debit.pk).asked_cents == 4_139
        rows = Invoice.objects.filter(company=company)
        assert desk.figures(rows, today=of.issued_on)["announced"] == 4_139

    def test_reaches_a_supplier_at_the_address_of_its_accounts(self):
        fees.fee()
        printing.deliver_credit_note(note_id=credit(fees.invoice(), 2_000).pk, at=AT)
        ((to, said),) = mails().items()
        assert to == fees.SUPPLIER["email"] and "/f/" in said and "24,00 €" in said

    def test_is_made_up_for_when_the_worker_died(self, company, monkeypatch):
        """Nobody came to make the file: the sweep does, after a minute, once."""
        note = credit(invoice(company), 1_000)
        now = AT + timedelta(minutes=2)
        monkeypatch.setattr(tasks.timezone, "now", lambda: now)
        asked = []
        monkeypatch.setattr(tasks.render_credit_note, "delay", lambda **given: asked.append(given))
        tasks.sweep()
        assert asked == [{"credit_note_id": note.pk}]
        tasks.render_credit_note(credit_note_id=note.pk)
        tasks.sweep()
        assert len(asked) == 1 and len(mails()) == 2

    def test_is_sent_off_by_who_opens_it_before_a_worker_did(self, company, client):
        """Its file would else say to the sweep that all is done."""
        note = credit(invoice(company), 1_000)
        client.force_login(User.objects.get(email="a@example.org"))
        page = reverse("billing:credit_note_pdf", args=[company.pk, note.invoice_id, note.pk])
        for _twice in range(2):
            assert client.get(page)["Content-Type"] == "application/pdf"
        assert len(mails()) == 2

    def test_so_is_a_document_in_a_sellers_name(self, monkeypatch):
        by = staff()
        row = self_billed(mandate(CompanyFactory(), actor=by), actor=by)
        now = AT + timedelta(minutes=2)
        monkeypatch.setattr(tasks.timezone, "now", lambda: now)
        monkeypatch.setattr(tasks.render_self_billed, "delay", lambda **given: tasks.render_self_billed(**given))
        tasks.sweep()
        row.refresh_from_db()
        assert row.document is not None
