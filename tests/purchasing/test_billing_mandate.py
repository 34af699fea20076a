"""Pools in the listing model whose invoices the association writes in the supplier's name (decision 0052)."""

from datetime import date
from threading import Thread

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.urls import reverse

from companies.billing import billing_mandates, checking, exports, ledger, self_billing
from companies.billing.models import AccountKind, CreditNote
from companies.models import OutboxMail
from purchasing.models import CostShare, Pool
from purchasing.services import billing_mandates as gate
from purchasing.services import catalogue
from purchasing.services import pool as pools
from tests.factories.billing import SUPPLIER, billing_mandate
from tests.factories.companies import staff
from tests.factories.purchasing import SupplierFactory
from tests.purchasing.billed import AT, Billed
from tests.purchasing.test_claims import Claimed
from tests.purchasing.test_tender_service import awarded_pool

pytestmark = pytest.mark.django_db
P = "purchasing:"


@pytest.fixture(autouse=True)
def mandate():
    """The supplier of the worlds has signed."""
    return billing_mandate(actor=staff())


class TestTheCompaniesInvoices:
    def test_are_the_suppliers_and_only_the_fee_is_ours(self, client):
        """case: role (c): goods in the supplier's name, the fee on our own invoice; nothing of the goods in our books."""
        b = Billed(legal_model="mandate", fee_bp=200)
        client.force_login(b.w.staff)
        pages = [reverse(P + "supplier_invoice_new", args=[b.order.pk])]
        pages += [reverse(P + "supplier_invoice", args=[b.invoice.pk])]
        said = "base des factures qu’ERB établit aux entreprises en son nom"  # what one enters is no invoice to us
        assert [said in client.get(page).content.decode() for page in pages] == [True, True]
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
        assert "Basis of the invoices in the supplier’s name" in client.get(pages[0]).content.decode()
        b.share()
        issued = b.issue()
        theirs = [row for row in issued if row.is_suppliers]
        assert [(i.company.name, i.net_cents, i.vat_cents) for i in theirs] == [
            ("A", 4_449, 890), ("B", 2_831, 566), ("C", 5_662, 1_132), ("D", 1_618, 324),
        ]  # fmt: skip
        assert sorted(i.number for i in theirs) == [f"FM303265045-2026-{n:05d}" for n in range(1, 5)]
        ours = [row for row in issued if not row.is_suppliers]
        assert [(i.net_cents, i.legal_model) for i in ours] == [(n, "listing") for n in (89, 57, 113, 32)]
        assert sum(ledger.balance(AccountKind.RECEIVABLE, company=row.company) for row in ours) == sum(
            row.gross_cents for row in ours
        )
        assert {row["number"][:3] for row in exports.balances(date(2026, 12, 31))} == {"411", "706", "445"}
        assert b.issue() and len(b.issue()) == 8
        mail = OutboxMail.objects.get(to=SUPPLIER["email"])
        assert "4 factures" in mail.subject and "/s/" in mail.body
        assert checking.first_break() == ""

    def test_of_a_supplier_without_vat_number_carry_none(self, mandate):
        self_billing.revoke(mandate=mandate, reason="TVA", actor=staff(), at=AT)
        billing_mandate(actor=staff(), vat_no="")
        b = Billed(legal_model="mandate")
        b.share()
        assert [(i.net_cents, i.vat_cents) for i in b.issue()] == [(4_449, 0), (2_831, 0), (5_662, 0), (1_618, 0)]
        assert set(CostShare.objects.values_list("vat_bp", flat=True)) == {0}

    def test_are_credited_in_its_name_by_claims(self):
        c = Claimed(legal_model="mandate", fee_bp=200)
        claim = c.resolve(c.open(), 1_000)
        notes = CreditNote.objects.all()
        assert {note.number[:11] for note in notes} == {"FM303265045"}
        assert sum(note.net_cents for note in notes) == sum(row.net_cents for row in claim.credits.all()) == 1_000
        assert checking.first_break() == ""

    def test_wait_for_a_mandate_in_force(self, mandate):
        b = Billed(legal_model="mandate")
        b.share()
        self_billing.revoke(mandate=mandate, reason="Fin", actor=staff(), at=AT)
        with pytest.raises(billing_mandates.NoMandate):
            b.issue()
        b.invoice.refresh_from_db()
        assert b.invoice.state == "shared"


class TestAPool:
    def test_of_a_supplier_without_mandate_neither_takes_the_model_nor_opens(self, mandate):
        """case: role (c) is chosen only with a mandate in force of the awarded suppliers; the refusal says what to do."""
        pool, clerk = awarded_pool(), staff()
        (supplier,) = gate.awarded(pool)
        draft = pools.PoolDraft(title="Gants", legal_model=Pool.LegalModel.MANDATE)
        supplier.siren = "732829320"
        supplier.save()
        with pytest.raises(gate.MandateMissing, match=supplier.name):
            pools.change(actor=clerk, pool=pool, draft=draft, at=AT)
        Pool.objects.filter(pk=pool.pk).update(legal_model="mandate")
        calendar = pools.Calendar(closes_at=AT)
        with pytest.raises(gate.MandateMissing):
            pools.open_commitments(actor=clerk, pool=pool, calendar=calendar, at=AT)
        supplier.siren = SUPPLIER["siren"]
        supplier.save()
        assert pools.change(actor=clerk, pool=pool, draft=draft, at=AT).legal_model == "mandate"

    def test_holds_its_suppliers_siren_as_long_as_it_depends_on_it(self, mandate):
        """A mandate in force, then an open pool: each refuses another number with its own sentence; the same one passes."""
        pool, clerk = awarded_pool(), staff()
        (supplier,) = gate.awarded(pool)
        type(supplier).objects.filter(pk=supplier.pk).update(siren=SUPPLIER["siren"])

        def save(siren: str):
            contact = {"name": "Ana", "email": "ana@savonnerie.example"}
            return catalogue.save_supplier(
                actor=clerk, values={"siren": siren}, contact=contact, supplier=supplier, at=AT
            )

        assert save(SUPPLIER["siren"]).siren == SUPPLIER["siren"]
        with pytest.raises(gate.SirenBound) as refused:
            save("732829320")
        assert "pool" not in refused.value.params
        self_billing.revoke(mandate=mandate, reason="Fin", actor=clerk, at=AT)
        Pool.objects.filter(pk=pool.pk).update(legal_model="mandate")
        with pytest.raises(gate.SirenBound, match=pool.title):
            save("732829320")
        assert gate.awarded(pool)[0].siren == SUPPLIER["siren"]
        Pool.objects.filter(pk=pool.pk).update(legal_model="listing")
        assert save("732829320").siren == "732829320"


@pytest.mark.django_db(transaction=True)
class TestAtTheSameMoment:
    def test_a_mandate_is_given_and_its_number_changed_one_after_the_other(self):
        """Whoever changes the number waits until the mandate stands, and is refused then; without the lock both would be done."""
        supplier, clerk, refused = SupplierFactory(siren="732829320"), staff(), []

        def change() -> None:
            values, contact = {"siren": "552100554"}, {"name": "Ana", "email": "ana@savonnerie.example"}
            try:
                catalogue.save_supplier(actor=clerk, values=values, contact=contact, supplier=supplier, at=AT)
            except gate.SirenBound as error:
                refused.append(error)
            finally:
                connection.close()

        thread = Thread(target=change)
        with transaction.atomic():
            self_billing.give.__wrapped__(
                company=None, party=SUPPLIER | {"siren": "732829320"}, text="Mandat",
                signed_on=date(2026, 1, 5), signed_by="Ana", paper=b"%PDF-1.7",
                actor=clerk, at=AT, purpose="members",
            )  # fmt: skip
            thread.start()
            with connection.cursor() as cursor:
                waiting = 0
                while thread.is_alive() and not waiting:
                    cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
                    (waiting,) = cursor.fetchone()
        thread.join()
        supplier.refresh_from_db()
        assert (len(refused), supplier.siren) == (1, "732829320")
