"""The end of a claim: credited, delivered again, or rejected, by whoever runs the pool."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from companies.access import require
from companies.errors import Invalid
from companies.models import User
from companies.states import move
from purchasing import access, mails_claims
from purchasing.models import Claim, ClaimCredit
from purchasing.services import credits, spending
from purchasing.services.claims import lock_claim
from purchasing.states import CLAIM, ClaimState

CREDITS = (Claim.Outcome.CREDIT, Claim.Outcome.SUPPLIER_CREDIT)


class ReasonMissing(Invalid):
    code = "reason_missing"
    message = _("Say why in a few words: the company reads it.")
    field = "reason"


class AmountMissing(Invalid):
    code = "claim_credit_missing"
    message = _("Enter the amount of the credit, before VAT.")
    field = "credit"


class OutcomeUnknown(Invalid):
    code = "claim_outcome_unknown"
    message = _("Choose how the claim ends.")
    field = "outcome"


@transaction.atomic(durable=True)
def resolve(
    *,
    actor: User,
    claim: Claim,
    outcome: str,
    reason: str,
    at: datetime,
    credit_cents: int | None = None,
    with_costs: bool = False,
) -> Claim:
    """End a claim in the companies' favour, once. A credit to the companies follows their shares and makes credit notes.

    `credit_cents` is the value of the goods; `with_costs` adds freight and fee in the same proportion.

    Raises ReasonMissing, AmountMissing, OutcomeUnknown, and what `credits.split` raises: then nothing happened.
    """
    require(access.can_run_pool(actor, claim.order.pool))
    claim = lock_claim(claim)
    if claim.state == ClaimState.RESOLVED and claim.outcome == outcome:
        return claim
    if outcome not in Claim.Outcome.values:
        raise OutcomeUnknown
    if not reason.strip():
        raise ReasonMissing
    cents = (credit_cents or 0) if outcome in CREDITS else 0
    if outcome in CREDITS and cents <= 0:
        raise AmountMissing
    rows = credits.split(claim, cents, with_costs=with_costs) if outcome == Claim.Outcome.CREDIT else []
    cents = sum(row.net_cents for row in rows) if rows else cents
    _decide(claim, ClaimState.RESOLVED, reason.strip(), actor=actor, at=at, outcome=outcome, credit_net_cents=cents)
    ClaimCredit.objects.bulk_create(rows)
    spending.charge(claim.order, at=at)
    credits.issue(rows, reason=f"{claim.number} – {reason.strip()}", actor=actor, at=at)
    mails_claims.decided(claim, rows, at=at)
    return claim


@transaction.atomic(durable=True)
def reject(*, actor: User, claim: Claim, reason: str, at: datetime) -> Claim:
    """End a claim without any credit, with the reason the company reads."""
    require(access.can_run_pool(actor, claim.order.pool))
    claim = lock_claim(claim)
    if claim.state == ClaimState.REJECTED:
        return claim
    if not reason.strip():
        raise ReasonMissing
    _decide(claim, ClaimState.REJECTED, reason.strip(), actor=actor, at=at)
    mails_claims.decided(claim, [], at=at)
    return claim


def _decide(claim: Claim, to: str, reason: str, *, actor: User, at: datetime, **changes: Any) -> None:
    # `move` keeps its reason in the audit log; the claim keeps it for its page.
    Claim.objects.filter(pk=claim.pk).update(reason=reason)
    claim.reason = reason
    move(
        claim,
        to,
        table=CLAIM,
        at=at,
        actor=actor,
        company=claim.company,
        reason=reason,
        data={name: str(value) for name, value in changes.items()},
        decided_by=actor,
        decided_at=at,
        **changes,
    )
