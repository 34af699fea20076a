"""Self-billing (389, 261): only with a stored written mandate, numbers of the seller's own, books and files."""

from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from companies.billing import checking, claims, facturx, ledger, printing, self_billing
from companies.billing.channel import exchange
from companies.billing.models import AccountKind, SelfBilled, SelfBillingMandate, Transmission
from companies.errors import NotAllowed
from companies.models import Role
from tests.billing.pdfa import faults
from tests.billing.schematron import broken
from tests.factories.billing import AT, line, mandate, self_billed
from tests.factories.companies import CompanyFactory, UserFactory, member, staff

pytestmark = pytest.mark.django_db


class TestAMandate:
    def test_is_asked_before_anything_is_written_and_ends_it(self):
        """case: 389 only with a written mandate: refused in words without one in force; another wording is another version."""
        clerk, company = staff(), CompanyFactory()
        first = mandate(company, actor=clerk)
        assert self_billed(first, actor=clerk).number == f"AF{company.siren}-2026-00001"
        with pytest.raises(self_billing.MandateInForce):
            mandate(company, actor=clerk)
        self_billing.revoke(mandate=first, reason="Fin du contrat", actor=clerk, at=AT)
        with pytest.raises(self_billing.NoMandate, match=company.name):
            self_billed(first, actor=clerk)
        second = mandate(company, actor=clerk, text="Autres mots")
        assert (second.version, self_billed(second, actor=clerk).number[-5:]) == (2, "00002")
        assert checking.first_break() == ""

    def test_is_stored_by_the_staff_with_its_paper_and_revoked_by_the_seller_too(self):
        company, clerk = CompanyFactory(), staff()
        with pytest.raises(NotAllowed):
            mandate(company, actor=UserFactory())
        with pytest.raises(claims.EvidenceRefused):
            mandate(company, actor=clerk, paper=b"<html>")
        with pytest.raises(self_billing.PartyRefused):
            self_billing.give(company=None, party={"name": "X", "siren": "123456789"}, text="", signed_on=date(2026, 1, 5),
                              signed_by="X", paper=b"%PDF", actor=clerk, at=AT)  # fmt: skip
        row = mandate(company, actor=clerk)
        with pytest.raises(NotAllowed):
            self_billing.revoke(mandate=row, reason="x", actor=member(CompanyFactory(), Role.ADMIN), at=AT)
        assert (
            self_billing.revoke(mandate=row, reason="x", actor=member(company, Role.ACCOUNTANT), at=AT).revoked_at == AT
        )


class TestADocument:
    def test_keeps_every_rule_and_is_a_purchase_in_the_books(self, settings):
        clerk = staff()
        row = mandate(CompanyFactory(vat_no="FR40303265045"), actor=clerk)
        made = self_billed(row, line(10_000), line(2_000, 550), actor=clerk)
        xml = facturx.self_billed_xml(made)
        assert broken(xml) == []
        assert all(word in xml.decode() for word in (">389<", made.number, "Autofacturation", row.siren))
        assert ledger.balance(AccountKind.SUPPLIERS) == -made.gross_cents
        assert faults(bytes(printing.self_billed_file(made, at=AT).content)) == []
        settings.EINVOICE_SWITCH_ON = "2026-03-04"  # the day after it was issued
        assert exchange.hand_over(made, at=AT) is None
        settings.EINVOICE_SWITCH_ON = "2026-03-03"
        exchange.hand_over(made, at=AT)
        assert exchange.flow_type(Transmission.objects.get(self_billed=made).about) == "SupplierInvoice"

    def test_is_taken_back_by_261_never_more_than_it_was(self):
        clerk = staff()
        made = self_billed(mandate(CompanyFactory(vat_no=""), actor=clerk), line(10_000, 0), actor=clerk)
        facts = {"invoice": made, "reason": "Retour", "actor": clerk, "at": AT}
        note = self_billing.credit(net_cents=4_000, key="a", **facts)
        assert (note.type_code, note.corrects, broken(facturx.self_billed_xml(note))) == ("261", made, [])
        assert self_billing.credit(net_cents=4_000, key="a", **facts) == note
        with pytest.raises(self_billing.SelfCreditRefused):
            self_billing.credit(net_cents=6_001, key="b", **facts)
        with pytest.raises(self_billing.VatNumberAsked):
            self_billed(made.mandate, line(1_000), actor=clerk)
        assert (ledger.balance(AccountKind.PURCHASES), checking.first_break()) == (6_000, "")


class TestThePages:
    def test_lead_from_a_mandate_to_a_document_and_to_its_credit_note(self, client):
        company, clerk = CompanyFactory(), staff()
        client.force_login(clerk)
        url = reverse("billing:self_billing_mandate_new")
        assert "8 jours" in client.get(url).content.decode().replace("\u00a0", " ")
        data = {
            "purpose": "purchases",
            "contest_days": 8,
            "company": company.pk,
            "signed_on": "2026-01-05",
            "signed_by": "C. Morel, gérante",
            "text": "Mots",
        }
        client.post(url, data | {"paper": SimpleUploadedFile("m.pdf", b"%PDF-1.7")})
        row = SelfBillingMandate.objects.get()
        page = reverse("billing:self_billing_mandate", args=[row.pk])
        assert "Mots" in client.get(page).content.decode()
        today = date.today().isoformat()
        client.post(page, {"description": "Palettes", "kind": "goods", "net_cents": "100", "vat_bp": "0", "key": "k",
                           "supply_on": today, "due_on": today})  # fmt: skip
        made = SelfBilled.objects.get()
        own = reverse("billing:self_billed", args=[made.pk])
        client.post(own, {"net_cents": "40", "reason": "Retour", "key": "c"})
        assert made.credits.get().number in client.get(own).content.decode()
        assert made.number in client.get(reverse("billing:self_billing")).content.decode()
        client.force_login(member(company, Role.ACCOUNTANT))
        mine = reverse("billing:company_self_billing", args=[company.pk])
        assert made.number in client.get(mine).content.decode()
        client.post(reverse("billing:self_billing_revoke", args=[row.pk]), {"reason": "Nous facturons nous-mêmes"})
        row.refresh_from_db()
        assert row.revoked_reason == "Nous facturons nous-mêmes"
