"""Payers' claims: what the association answers the bank, or that it gives in. No call leaves the machine from here."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import require
from companies.billing import access
from companies.billing.models import Dispute, DisputeAnswer
from companies.documents import store
from companies.errors import DomainError, Invalid
from companies.models import User

MOST_BYTES = 4_500_000  # all evidence together, as Stripe takes it
MOST_LETTERS = 20_000
KINDS = {b"%PDF-": "application/pdf", b"\x89PNG\r\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


class ClaimClosed(DomainError):
    """Too late, or answered before."""

    code = "claim_closed"
    message = _("This claim was answered or decided already: nothing more can be sent to the bank.")


class AnswerAsked(Invalid):
    code = "claim_answer_asked"
    message = _("Write what was delivered or agreed, and when: the payer's bank reads it.")
    field = "text"


class EvidenceRefused(Invalid):
    code = "claim_evidence_refused"
    message = _("Send a PDF, JPEG or PNG of at most 4.5 MB.")
    field = "file"


def media_type(content: bytes) -> str:
    """What a file is by its first bytes; raises EvidenceRefused for anything the bank would not take."""
    if len(content) > MOST_BYTES:
        raise EvidenceRefused
    found = next((kind for mark, kind in KINDS.items() if content.startswith(mark)), "")
    if not found:
        raise EvidenceRefused
    return found


def is_answerable(dispute: Dispute, *, at: datetime) -> bool:
    """Whether the bank still takes an answer: a claim on a SEPA debit is lost at once, a card's waits until its day."""
    late = dispute.answer_by is not None and dispute.answer_by <= at
    return dispute.status == "needs_response" and not late and not hasattr(dispute, "answer")


@transaction.atomic(durable=True)
def write(*, dispute: Dispute, text: str, content: bytes | None, name: str, actor: User, at: datetime) -> DisputeAnswer:
    """Keep the answer, once; it leaves after commit. Raises NotAllowed, AnswerAsked, EvidenceRefused, ClaimClosed."""
    require(access.can_collect(actor))
    if not text.strip():
        raise AnswerAsked
    kind = media_type(content) if content else ""
    locked = (
        Dispute.objects.select_for_update(of=("self",)).select_related("payment__invoice__company").get(pk=dispute.pk)
    )
    if not is_answerable(locked, at=at):
        raise ClaimClosed
    company = locked.payment.invoice.company
    plain = "".join(letter for letter in name if letter.isprintable() and letter not in '"/\\')[-120:] or "preuve"
    document = None
    if content:
        document = store(kind="dispute_evidence", name=plain, content=content, media_type=kind, company=company, at=at)
    answer = DisputeAnswer.objects.create(
        dispute=locked, text=text.strip()[:MOST_LETTERS], document=document, written_by=actor, written_at=at
    )
    audit.record(
        "dispute.answered",
        target=locked,
        at=at,
        actor=actor,
        company=company,
        data={"dispute": locked.dispute_id, "sha256": document.sha256 if document else ""},
    )
    return answer


@transaction.atomic(durable=True)
def give_in(*, dispute: Dispute, actor: User, at: datetime, reason: str) -> None:
    """Note that the association does not answer; the gateway tells the bank after commit. Raises NotAllowed, ClaimClosed."""
    require(access.can_collect(actor))
    locked = (
        Dispute.objects.select_for_update(of=("self",)).select_related("payment__invoice__company").get(pk=dispute.pk)
    )
    if not is_answerable(locked, at=at):
        raise ClaimClosed
    audit.record(
        "dispute.given_in",
        target=locked,
        at=at,
        actor=actor,
        company=locked.payment.invoice.company,
        reason=reason,
        data={"dispute": locked.dispute_id},
    )
