"""Self-billing: the association writes the invoice of who sells to it, only with that seller's written mandate.

Source: CGI art. 289, I, 2 and ann. II art. 242 nonies; numbers are the seller's own series, the seller stays liable for the
VAT and may contest each document.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from stdnum.fr import siren as siren_rules

from companies import audit
from companies.access import has_role, is_staff, require
from companies.billing import claims, invoices, ledger, numbering, seller, terms
from companies.billing.billing_mandates import NoMandate, VatNumberAsked, hold, in_force, require_vat_number
from companies.billing.models import AccountKind, MandatePurpose, SelfBilled, SelfBillingMandate
from companies.documents import store
from companies.errors import DomainError, Invalid
from companies.models import Company, Role, User

__all__ = ["NoMandate", "VatNumberAsked"]  # what callers of this service may have to say


class MandateInForce(DomainError):
    code = "self_billing_mandate_in_force"
    message = _("A mandate of this seller is in force already. Revoke it before you store another version.")


class PartyRefused(Invalid):
    code = "self_billing_party_refused"
    message = _("A seller needs its name, its address and a SIREN of nine digits that is right.")
    field = "siren"


class SelfCreditRefused(Invalid):
    code = "self_billed_credit_refused"
    message = _("Credit notes never come to more than the invoice they correct.")
    field = "net_cents"


def can_revoke(user: User, mandate: SelfBillingMandate) -> bool:
    """The staff, for the seller that wrote to it; the seller's own accountants and administrators."""
    mine = mandate.company is not None and has_role(user, mandate.company, Role.ACCOUNTANT, Role.ADMIN)
    return is_staff(user) or mine


def party_of(company: Company) -> dict[str, Any]:
    """A member as a seller."""
    return seller.buyer(company)


@transaction.atomic(durable=True)
def give(
    *,
    company: Company | None,
    party: Mapping[str, Any],
    text: str,
    signed_on: date,
    signed_by: str,
    paper: bytes,
    actor: User,
    at: datetime,
    purpose: str = MandatePurpose.PURCHASES,
    contest_days: int = 8,
) -> SelfBillingMandate:
    """Store a signed mandate. Raises NotAllowed, PartyRefused, MandateInForce, and EvidenceRefused for a strange file."""
    require(is_staff(actor))
    said = {name: str(value).strip() for name, value in party.items()}
    identity = {name: value for name, value in said.items() if value} | party_of(company) if company else said
    siren = str(identity.get("siren", "")).replace(" ", "")
    if not siren_rules.is_valid(siren) or not all(
        identity.get(name) for name in ("name", "street", "postcode", "city")
    ):
        raise PartyRefused
    hold([siren])
    of_seller = SelfBillingMandate.objects.filter(siren=siren, purpose=purpose)
    if of_seller.filter(revoked_at=None).select_for_update().exists():
        raise MandateInForce
    last = of_seller.aggregate(last=Max("version"))["last"] or 0
    kind = claims.media_type(paper)
    document = store(
        kind="self_billing_mandate", name=f"mandat-{siren}-v{last + 1}.{kind.rpartition('/')[2]}", content=paper,
        media_type=kind, company=company, at=at,
    )  # fmt: skip
    row = SelfBillingMandate.objects.create(
        purpose=purpose,
        contest_days=contest_days,
        company=company,
        siren=siren,
        party=identity | {"siren": siren},
        version=last + 1,
        text=text.strip(),
        signed_on=signed_on,
        signed_by=signed_by.strip(),
        paper=document,
        created_at=at,
        created_by=actor,
    )
    data = {"siren": siren, "purpose": purpose, "version": row.version, "sha256": document.sha256}
    audit.record("selfbillingmandate.given", target=row, at=at, actor=actor, company=company, data=data)
    return row


@transaction.atomic(durable=True)
def revoke(*, mandate: SelfBillingMandate, reason: str, actor: User, at: datetime) -> SelfBillingMandate:
    """End a mandate: nothing is written in this seller's name any more. What was written stays."""
    require(can_revoke(actor, mandate))
    return _revoke(mandate, reason, actor, at=at)


@transaction.atomic(durable=True)
def revoke_by_seller(*, mandate: SelfBillingMandate, reason: str, at: datetime) -> SelfBillingMandate:
    """The same by the seller itself, whose signed link is the permission."""
    return _revoke(mandate, reason, None, at=at)


def _revoke(mandate: SelfBillingMandate, reason: str, actor: User | None, *, at: datetime) -> SelfBillingMandate:
    row = SelfBillingMandate.objects.select_for_update(of=("self",)).get(pk=mandate.pk)
    if row.revoked_at is None:
        row.revoked_at, row.revoked_reason = at, reason.strip()[:240]
        row.save(update_fields=["revoked_at", "revoked_reason"])
        audit.record(
            "selfbillingmandate.revoked", target=row, at=at, actor=actor, company=row.company,
            actor_label="" if actor else str(row.party["name"])[:60], reason=row.revoked_reason,
        )  # fmt: skip
    return row


@transaction.atomic(durable=True)
def issue(
    *,
    mandate: SelfBillingMandate,
    lines: Sequence[invoices.LineDraft],
    supply_on: date,
    due_on: date,
    order_reference: str,
    key: str,
    actor: User,
    at: datetime,
) -> SelfBilled:
    """Write an invoice (389) in a seller's name, once per key. Raises NotAllowed, NoMandate, InvoiceRefused, TermsRefused."""
    require(is_staff(actor))
    row = in_force(mandate)
    if row.purpose != MandatePurpose.PURCHASES:
        raise NoMandate(seller=row.party["name"])
    terms.check(due_on, issued_on=timezone.localdate(at))
    facts = {"supply_on": supply_on, "due_on": due_on, "order_reference": order_reference[:80]}
    return _write(row, SelfBilled.Type.INVOICE, lines, key=key, actor=actor, at=at, **facts)


@transaction.atomic(durable=True)
def credit(*, invoice: SelfBilled, net_cents: int, reason: str, key: str, actor: User, at: datetime) -> SelfBilled:
    """Write a credit note (261) on an invoice of one rate of VAT, or on the whole of any. The mandate must still be in force."""
    require(is_staff(actor))
    mandate = in_force(invoice.mandate)
    left = invoice.net_cents - sum(note.net_cents for note in invoice.credits.exclude(key=key))
    whole = net_cents == invoice.net_cents == left
    rates = {line["vat_bp"] for line in invoice.lines}
    if not 0 < net_cents <= left or not reason.strip() or (len(rates) > 1 and not whole):
        raise SelfCreditRefused
    drafts = [invoices.LineDraft(**line) for line in invoice.lines]
    if not whole:
        text = drafts[0].description
        drafts = [invoices.LineDraft(text, 1, "", None, net_cents, rates.pop(), kind=drafts[0].kind)]
    return _write(
        mandate,
        SelfBilled.Type.CREDIT_NOTE,
        drafts,
        key=key,
        actor=actor,
        at=at,
        corrects=invoice,
        reason=reason.strip()[:240],
        supply_on=invoice.supply_on,
        due_on=timezone.localdate(at),
        order_reference=invoice.order_reference,
    )


def _write(
    mandate: SelfBillingMandate,
    type_code: str,
    lines: Sequence[invoices.LineDraft],
    *,
    key: str,
    actor: User,
    at: datetime,
    **facts: Any,
) -> SelfBilled:
    """Number, keep and post a document inside the caller's transaction; once per key."""
    from companies.billing.tasks import render_self_billed

    numbering.lock(mandate.series, at=at)
    earlier = SelfBilled.objects.filter(key=key).first()
    if earlier is not None:
        return earlier
    if not lines or any(line.vat_bp not in invoices.RATES for line in lines):
        raise invoices.InvoiceRefused(_("There is nothing to invoice: no line was given."))
    rows = invoices.vat_rows(lines, "franchise")
    require_vat_number(mandate, rows)
    net, vat = sum(line.net_cents for line in lines), sum(row.vat_cents for row in rows)
    if net + vat <= 0:
        raise invoices.InvoiceRefused(_("The total is not above zero. Issue a credit note instead of an invoice."))
    (number,) = numbering.take(mandate.series, at=at)
    wanted = ("description", "quantity", "unit", "unit_price_e4", "net_cents", "vat_bp", "kind")
    document = SelfBilled.objects.create(
        mandate=mandate,
        type_code=type_code,
        number=numbering.text(mandate.series, numbering.year_of(at), number),
        key=key,
        issued_at=at,
        issued_on=timezone.localdate(at),
        nature=invoices.nature(lines),
        seller=mandate.party,
        buyer=dict(settings.SELLER),
        lines=[{name: asdict(line)[name] for name in wanted} for line in lines],
        vat=[
            {"vat_bp": r.vat_bp, "base_cents": r.base_cents, "vat_cents": r.vat_cents, "exemption": r.exemption}
            for r in rows
        ],
        net_cents=net,
        vat_cents=vat,
        gross_cents=net + vat,
        **facts,
    )
    _post(document, at=at)
    data = {"number": document.number, "gross_cents": document.gross_cents, "mandate": mandate.version}
    audit.record("selfbilled.issued", target=document, at=at, actor=actor, company=mandate.company, data=data)
    render_self_billed.delay_on_commit(self_billed_id=document.pk)
    return document


def _post(document: SelfBilled, *, at: datetime) -> None:
    """A purchase, or a part of one given back."""
    sign = -1 if document.is_credit else 1
    sides = [
        ledger.Side(AccountKind.PURCHASES, sign * document.net_cents),
        ledger.Side(AccountKind.SUPPLIERS, -sign * document.gross_cents),
    ]
    sides += [
        ledger.Side(AccountKind.VAT_DEDUCTIBLE, sign * row["vat_cents"], vat_bp=row["vat_bp"]) for row in document.vat
    ]
    ledger.post(key=f"self-billed-{document.pk}", kind="self_billed", at=at, sides=sides, reason=document.number)
