"""The letters of a claim: to the supplier with its link, to the company, to the lead buyer."""

from collections.abc import Sequence
from datetime import datetime

from django.urls import reverse

from companies import mail
from companies.models import Company
from purchasing.mails_back import is_silent, tell
from purchasing.models import Claim, ClaimAnswer, ClaimCredit


def opened(claim: Claim, token: str, *, at: datetime) -> None:
    """Ask the supplier; the only place the link is written in clear. Whoever leads the pool is told too."""
    if is_silent():
        return
    order = claim.order
    if order.email:
        mail.queue(
            to=order.email,
            template="purchasing/mail/claim_opened",
            context={"claim": claim, "link": mail.absolute(reverse("purchasing:supplier_claim", args=[token]))},
            key=f"claim:{claim.pk}:{(claim.token_hash or '')[:16]}",
            language="fr",
            attachments=[row.document for row in claim.evidence.select_related("document")],
            at=at,
        )
    if order.pool.lead_id != claim.opened_by_id:
        _lead(claim, "claim_to_follow", f"claim-lead:{claim.pk}", at)


def answered(claim: Claim, answer: ClaimAnswer, *, at: datetime) -> None:
    """Tell the lead buyer and the company what the supplier said."""
    if is_silent():
        return
    _lead(claim, "claim_answered", f"claim-answer-lead:{answer.pk}", at, answer=answer)
    if claim.company is not None:
        link = _company_link(claim, claim.company)
        tell(claim.company, "claim_answered", f"claim-answer:{answer.pk}", at, claim=claim, answer=answer, link=link)


def decided(claim: Claim, credits: Sequence[ClaimCredit], *, at: datetime) -> None:
    """Tell each company how the claim ended, and what is credited to it."""
    if is_silent():
        return
    companies = {row.company_id: row.company for row in credits}
    if claim.company is not None:
        companies[claim.company.pk] = claim.company
    amounts = {row.company_id: row.net_cents for row in credits}
    for pk in sorted(companies):
        company = companies[pk]
        tell(
            company,
            "claim_decided",
            f"claim-decided:{claim.pk}",
            at,
            claim=claim,
            cents=amounts.get(pk, 0),
            link=_company_link(claim, company),
        )


def _company_link(claim: Claim, company: Company) -> str:
    """The claim when it is the company's own, else its proof sheet: another's claim is not shown."""
    if claim.company_id == company.pk:
        return mail.absolute(reverse("purchasing:company_claim", args=[company.pk, claim.pk]))
    return mail.absolute(reverse("purchasing:proof", args=[company.pk, claim.order.pool_id]))


def _lead(claim: Claim, template: str, key: str, at: datetime, **context: object) -> None:
    lead = claim.order.pool.lead
    mail.queue(
        to=lead.email,
        template=f"purchasing/mail/{template}",
        context={
            "user": lead,
            "claim": claim,
            "link": mail.absolute(reverse("purchasing:claim", args=[claim.pk])),
            **context,
        },
        key=key,
        language=lead.language,
        at=at,
    )
