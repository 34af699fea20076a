"""Answering a payer's claim: words, a proof and the invoice go to the bank once; or the association gives in."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from companies.billing import checking, claims, payments
from companies.billing.models import Dispute, DisputeAnswer, Invoice
from companies.billing.payments import disputes
from companies.errors import NotAllowed
from companies.models import AuditEntry, Role
from tests.factories.billing import invoice
from tests.factories.companies import CompanyFactory, member, staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_once")]
PROOF = b"%PDF-1.7 bon de livraison"


@pytest.fixture
def claim(double):
    """A card payment that its holder does not recognise."""
    company = CompanyFactory()
    bill = invoice(company)
    Invoice.objects.filter(pk=bill.pk).update(state="due")
    page = payments.start(invoice=bill, actor=member(company, Role.ACCOUNTANT), at=timezone.now())
    double.pays(page.url)
    double.lever("dispute", payment_intent=double.intent()["id"], reason="product_not_received")
    payments.refresh(payment_id=page.pk, at=timezone.now())
    return Dispute.objects.get()


def write(claim, **more):
    asked = {
        "text": "Livré le 3 mars, signé.",
        "content": PROOF,
        "name": "bl.pdf",
        "actor": staff(),
        "at": timezone.now(),
    }
    return claims.write(dispute=claim, **{**asked, **more})


def kept(double, key):
    with double.store.transaction():
        return double.store.get(key)


class TestAnAnswer:
    def test_takes_words_proof_and_invoice_to_the_bank_once(self, claim, double):
        answer = disputes.send_answer(write(claim), at=timezone.now())
        disputes.send_answer(answer, at=timezone.now())  # a repeat is the same request
        at_stripe = kept(double, claim.dispute_id)
        assert (at_stripe["status"], at_stripe["evidence_details"]["submission_count"]) == ("under_review", 1)
        said = at_stripe["evidence"]
        assert said["uncategorized_text"] == "Livré le 3 mars, signé."
        assert kept(double, said["uncategorized_file"])["filename"] == "bl.pdf"
        assert kept(double, said["receipt"])["filename"] == f"{claim.payment.invoice.number}.pdf"
        claim.refresh_from_db()
        assert (claim.status, claim.is_open) == ("under_review", True)
        double.lever("decide", dispute=claim.dispute_id, status="won")
        payments.refresh(payment_id=claim.payment_id, at=timezone.now())
        assert Invoice.objects.get().state == "paid" and not checking.first_break()

    def test_is_written_once_and_never_changed(self, claim):
        answer = write(claim)
        with pytest.raises(claims.ClaimClosed):
            write(claim)
        with pytest.raises(Exception, match="dispute_answer_as_written"), transaction.atomic():
            DisputeAnswer.objects.filter(pk=answer.pk).update(text="autre chose")
        with pytest.raises(IntegrityError), transaction.atomic():
            DisputeAnswer.objects.create(dispute=claim, text="x", written_at=timezone.now())

    @pytest.mark.parametrize("outage", ["before", "after"])
    def test_left_by_a_silent_service_is_sent_by_the_sweeper(self, claim, double, outage):
        answer = write(claim)
        double.lever("fail", requests=9, when=outage)
        with pytest.raises(payments.PaymentServiceDown):
            disputes.send_answer(answer, at=timezone.now())
        double.lever("fail", requests=0, when=outage)
        later = timezone.now() + timedelta(minutes=3)
        disputes.sweep(at=later)
        answer.refresh_from_db()
        assert answer.sent_at == later and kept(double, claim.dispute_id)["status"] == "under_review"

    @pytest.mark.parametrize(
        ("more", "refusal"),
        [
            ({"text": "  "}, claims.AnswerAsked),
            ({"content": b"MZ nonsense"}, claims.EvidenceRefused),
            ({"content": b"%PDF-" + b"x" * claims.MOST_BYTES}, claims.EvidenceRefused),
        ],
    )
    def test_without_words_or_with_a_strange_file_is_refused(self, claim, more, refusal):
        with pytest.raises(refusal):
            write(claim, **more)
        assert not DisputeAnswer.objects.exists()

    def test_comes_too_late_after_its_day_or_the_decision(self, claim, double):
        with pytest.raises(claims.ClaimClosed):
            write(claim, at=claim.answer_by)
        answer = write(claim)
        double.lever("decide", dispute=claim.dispute_id, status="lost")
        with pytest.raises(claims.ClaimClosed):
            disputes.send_answer(answer, at=timezone.now())
        answer.refresh_from_db()
        assert answer.refusal and answer.sent_at is None

    def test_is_the_staffs_alone(self, claim):
        company = claim.payment.invoice.company
        for user in (member(company, *Role), member(CompanyFactory(), Role.ADMIN)):
            with pytest.raises(NotAllowed):
                write(claim, actor=user)
            with pytest.raises(NotAllowed):
                claims.give_in(dispute=claim, actor=user, at=timezone.now(), reason="x")


class TestThePage:
    def test_answers_keeps_what_was_typed_and_shows_what_was_sent(self, claim, client):
        client.force_login(staff())
        assert f"/erb/collection/claims/{claim.pk}/" in client.get("/erb/collection/?state=disputes").content.decode()
        address = f"/erb/collection/claims/{claim.pk}/"
        page = client.get(address).content.decode()
        assert "La marchandise n’est pas arrivée" in page and "Envoyer la réponse" in page
        refused = client.post(address, {"text": "Livré en mars", "file": SimpleUploadedFile("x.exe", b"MZ")})
        assert "4,5\xa0Mo" in refused.content.decode() and "Livré en mars" in refused.content.decode()
        sent = client.post(
            address, {"text": "Livré en mars", "file": SimpleUploadedFile("bl.pdf", PROOF)}, follow=True
        ).content.decode()
        assert "La banque décide" in sent and "Livré en mars" in sent and "bl.pdf" in sent
        assert client.get(f"{address}proof/").content == PROOF

    def test_gives_in_once(self, claim, client, double):
        client.force_login(staff())
        address = f"/erb/collection/claims/{claim.pk}/accept/"
        assert "est acceptée" in client.post(address, follow=True).content.decode()
        assert kept(double, claim.dispute_id)["status"] == "lost"
        assert "déjà" in client.post(address, follow=True).content.decode()
        assert AuditEntry.objects.filter(action="dispute.given_in").count() == 1
        assert Invoice.objects.get().state == "charged_back"

    def test_does_not_exist_for_others(self, claim):
        browser = Client()
        browser.force_login(member(claim.payment.invoice.company, *Role))
        assert browser.get(f"/erb/collection/claims/{claim.pk}/").status_code == 404
