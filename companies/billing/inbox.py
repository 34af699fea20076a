"""What an event of Stripe is about. The event's own words are never believed: its subject is read again."""

from datetime import datetime
from typing import Any

from companies.billing import payments
from companies.billing.models import ConnectedAccount, Mandate, Payment, PersonalPayment
from companies.billing.payments import connect, mandates, personal


def handle(event: dict[str, Any], *, at: datetime) -> None:
    """Bring to Stripe's answer whatever row of ours the event is about; an event about nothing of ours does nothing."""
    subject = event.get("data", {}).get("object", {})
    kind = subject.get("object", "")
    if kind == "account":
        rows = ConnectedAccount.objects.filter(account_id=str(subject.get("id", ""))).exclude(account_id="")
        for pk in rows.values_list("pk", flat=True):
            connect.refresh_account(row_id=pk, at=at)
        return
    if kind in ("setup_intent", "mandate"):
        if (mandate_id := mandate_of(subject)) is not None:
            mandates.refresh_mandate(mandate_id=mandate_id, at=at)
        return
    payment_id, personal_id = payment_of(event)
    if payment_id is not None:
        payments.refresh(payment_id=payment_id, at=at)
    if personal_id is not None:
        personal.refresh(payment_id=personal_id, at=at)


def mandate_of(subject: dict[str, Any]) -> int | None:
    """The mandate an event is about."""
    key = str(subject.get("id", ""))
    rows = Mandate.objects.values_list("pk", flat=True)
    if subject.get("object") == "mandate":
        return rows.filter(stripe_id=key).first()
    mark = str((subject.get("metadata") or {}).get("mandate", ""))
    return rows.filter(setup_id=key).first() or (rows.filter(pk=int(mark)).first() if mark.isdecimal() else None)


def payment_of(event: dict[str, Any]) -> tuple[int | None, int | None]:
    """The attempt, or the employee's payment, an event is about: by session, by intent, or by the mark we put on both."""
    subject = event.get("data", {}).get("object", {})
    kind, key = subject.get("object", ""), str(subject.get("id", ""))
    intent = key if kind == "payment_intent" else subject.get("payment_intent")
    if isinstance(intent, dict):
        intent = intent.get("id")
    marks = subject.get("metadata") or {}
    found = _find(Payment, "payment", kind, key, intent, marks)
    other = None if found else _find(PersonalPayment, "personal", kind, key, intent, marks)
    if found is None and other is None and intent and not {"payment", "personal"} & set(marks):
        marks = payments.marks_of(str(intent))  # a dispute may come before the news of its payment
        found = _marked(Payment, marks.get("payment", ""))
        other = _marked(PersonalPayment, marks.get("personal", ""))
    return found, other


def _find(
    model: type[Payment] | type[PersonalPayment],
    mark: str,
    kind: str,
    key: str,
    intent: str | None,
    marks: dict[str, Any],
) -> int | None:
    known: Any = model._default_manager.values_list("pk", flat=True)
    found = known.filter(session_id=key).first() if kind == "checkout.session" else None
    if found is None and intent:
        found = known.filter(intent_id=intent).first()
    return found if found is not None else _marked(model, str(marks.get(mark, "")))


def _marked(model: type[Payment] | type[PersonalPayment], mark: str) -> int | None:
    rows: Any = model._default_manager.values_list("pk", flat=True)
    found: int | None = rows.filter(pk=int(mark)).first() if str(mark).isdecimal() else None
    return found
