"""Answering payers' claims at Stripe: the files, the words, or giving in."""

import io
import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from companies.billing import claims, printing
from companies.billing.models import Dispute, DisputeAnswer
from companies.billing.payments.attempts import refresh
from companies.billing.payments.gateway import PaymentServiceDown, client
from companies.models import Document

if TYPE_CHECKING:
    from stripe.params import DisputeUpdateParamsEvidence

log = logging.getLogger(__name__)


def _upload(dispute: Dispute, document: Document) -> str:
    """The id of a file at Stripe; asked again, it is the same one."""
    content = io.BytesIO(bytes(document.content))
    content.name = document.name
    key = f"dispute-{dispute.pk}-file-{document.pk}"
    made = client().v1.files.create({"purpose": "dispute_evidence", "file": content}, {"idempotency_key": key})
    return made.id


def send_answer(answer: DisputeAnswer, *, at: datetime) -> DisputeAnswer:
    """Hand over an answer that has its row, with the invoice as receipt. However often this is asked, it is sent once.

    Raises ClaimClosed when the bank takes nothing more, PaymentServiceDown; the sweeper asks again.
    """
    import stripe

    dispute = answer.dispute
    invoice = dispute.payment.invoice
    try:
        evidence: DisputeUpdateParamsEvidence = {
            "uncategorized_text": answer.text,
            "customer_name": invoice.buyer["name"],
            "service_date": invoice.supply_on.isoformat(),
            "receipt": _upload(dispute, printing.invoice_file(invoice, at=at)),
        }
        if answer.document is not None:
            evidence["uncategorized_file"] = _upload(dispute, answer.document)
        client().v1.disputes.update(
            dispute.dispute_id,
            {"evidence": evidence, "submit": True, "metadata": {"answer": str(answer.pk)}},
            {"idempotency_key": f"dispute-answer-{answer.pk}"},
        )
    except stripe.InvalidRequestError as error:
        DisputeAnswer.objects.filter(pk=answer.pk, sent_at=None).update(refusal=str(error.user_message or error)[:240])
        raise claims.ClaimClosed from error
    except stripe.StripeError as error:
        raise PaymentServiceDown from error
    DisputeAnswer.objects.filter(pk=answer.pk, sent_at=None).update(sent_at=at)
    refresh(payment_id=dispute.payment_id, at=at)
    answer.refresh_from_db()
    return answer


def accept(dispute: Dispute, *, at: datetime) -> None:
    """Tell the bank that the claim is right. Raises ClaimClosed, PaymentServiceDown."""
    import stripe

    try:
        client().v1.disputes.close(dispute.dispute_id, {}, {"idempotency_key": f"dispute-close-{dispute.pk}"})
    except stripe.InvalidRequestError as error:
        raise claims.ClaimClosed from error
    except stripe.StripeError as error:
        raise PaymentServiceDown from error
    refresh(payment_id=dispute.payment_id, at=at)


def sweep(*, at: datetime) -> None:
    """Send what a crash or a silent service left unsent."""
    left = DisputeAnswer.objects.filter(sent_at=None, refusal="", written_at__lt=at - timedelta(minutes=2))
    for answer in left.select_related("dispute__payment__invoice__company", "document")[:20]:
        try:
            send_answer(answer, at=at)
        except (claims.ClaimClosed, PaymentServiceDown) as refusal:
            log.warning("claim %s: %s", answer.dispute_id, refusal)
