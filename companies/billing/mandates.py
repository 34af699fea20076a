"""Mandates: what is agreed, the evidence that is kept, and how they end. No call leaves the machine from here."""

from calendar import monthrange
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _
from stdnum import iban as iban_rules

from companies import audit, mail
from companies.access import require
from companies.billing import access, fec
from companies.billing.models import CollectionPolicy, DebitState, Mandate, MandateState, PlannedDebit
from companies.billing.models.mandate import MANDATE_TRANSITIONS
from companies.billing.printing import readers
from companies.errors import DomainError
from companies.models import Company, User
from companies.states import move

TEXT_VERSION = "2026-11"
UNUSED_MONTHS = 36  # calendar months, as the rulebook of the scheme counts: a mandate not used for so long is void
# Single Euro Payments Area: an account of any of them must be accepted (Regulation 260/2012, article 9).
_COUNTRIES = (
    "AD AL AT BE BG CH CY CZ DE DK EE ES FI FR GB GI GR HR HU IE IS IT LI LT LU LV MC MD ME MK MT NL NO PL PT RO RS SE "
    "SI SK SM VA"
)
SEPA_COUNTRIES = frozenset(_COUNTRIES.split())


class IbanRefused(DomainError):
    """Not an account we can debit."""

    code = "iban_refused"
    message = _("This IBAN is not that of an account in a SEPA country. Check it character by character.")
    status = 400


class NoMandate(DomainError):
    """There is no mandate in force."""

    code = "no_mandate"
    message = _("There is no direct debit mandate in force.")


def text(*, creditor: str, ics: str, notice_days: int, language: str) -> str:
    """The words of the mandate as the page shows them; a change of words is a new TEXT_VERSION."""
    with translation.override(language):
        return str(
            _(
                "By signing this mandate form you authorise %(creditor)s (creditor identifier %(ics)s) and Stripe, its "
                "payment service, to send instructions to your bank to debit your account, and your bank to debit your "
                "account in accordance with these instructions. As part of your rights you are entitled to a refund "
                "from your bank under the terms of your agreement with it. A refund must be claimed within 8 weeks from "
                "the date on which your account was debited. Each debit is announced by e-mail at least %(days)s days "
                "before."
            )
            % {"creditor": creditor, "ics": ics, "days": notice_days}
        )


def policy() -> CollectionPolicy:
    """How the association collects."""
    found, _new = CollectionPolicy.objects.get_or_create(pk=1)
    return found


@transaction.atomic(durable=True)
def change_policy(*, notice_days: int, retry_days: list[int], actor: User, at: datetime) -> CollectionPolicy:
    """How new mandates announce debits, and when a failed one is tried again."""
    require(access.can_collect(actor))
    found = policy()
    found.notice_days, found.retry_days = notice_days, retry_days
    found.save()
    audit.record("collectionpolicy.changed", target=found, at=at, actor=actor, data={"notice_days": notice_days})
    return found


def clean_iban(given: str) -> str:
    """The account number without spaces; raises IbanRefused for a wrong one or a country outside SEPA.

    >>> clean_iban("fr14 2004 1010 0505 0001 3M02 606")
    'FR1420041010050500013M02606'
    """
    found: str = iban_rules.compact(given).upper()
    if found[:2] not in SEPA_COUNTRIES or not iban_rules.is_valid(found, check_country=False):
        raise IbanRefused(field="iban")
    return found


@transaction.atomic(durable=True)
def ask(
    *,
    company: Company,
    holder: str,
    iban: str,
    language: str,
    ip: str | None,
    user_agent: str,
    actor: User,
    at: datetime,
    key: str = "",
) -> Mandate:
    """Keep the evidence of a consent: the words shown, when, from where, by whom. It is in force once Stripe has it.

    A form sent twice under one key signs once; when nothing came of it, or it ended, the same key may be used again.
    """
    require(access.can_pay(actor, company))
    seller, days = settings.SELLER, policy().notice_days
    number = clean_iban(iban)
    Company.objects.select_for_update().get(pk=company.pk)
    signed = Mandate.objects.filter(company=company, key=key, state__in=[MandateState.ASKED, MandateState.ACTIVE])
    if key and (earlier := signed.first()) is not None:
        return earlier
    row = Mandate.objects.create(
        company=company,
        key=key,
        creditor_name=seller["name"],
        creditor_ics=seller["ics"],
        holder=holder[:120],
        iban_country=number[:2],
        iban_last4=number[-4:],
        notice_days=days,
        text_version=TEXT_VERSION,
        text=text(creditor=seller["name"], ics=seller["ics"], notice_days=days, language=language),
        language=language,
        signed_by=actor,
        signed_at=at,
        ip=ip,
        user_agent=user_agent[:300],
    )
    audit.record("mandate.asked", target=row, at=at, actor=actor, company=company, data={"text": TEXT_VERSION})
    return row


@transaction.atomic(durable=True)
def activate(*, mandate_id: int, reference: str, method_id: str, stripe_id: str, at: datetime) -> Mandate:
    """The mandate is in force; one that was before is replaced by it. A second call changes nothing."""
    row = _locked(mandate_id)
    if row.state != MandateState.ASKED:
        return row
    for other in Mandate.objects.select_for_update().filter(company=row.company, state=MandateState.ACTIVE):
        _end(other, MandateState.REVOKED, str(_("Replaced by a new mandate")), at, row.signed_by)
    move(
        row,
        MandateState.ACTIVE,
        table=MANDATE_TRANSITIONS,
        at=at,
        actor=row.signed_by,
        company=row.company,
        data={"reference": reference, "iban": row.iban_hint},
        reference=reference,
        method_id=method_id,
        stripe_id=stripe_id,
    )
    _tell(row, "mandate_signed", at)
    return row


@transaction.atomic(durable=True)
def refuse(*, mandate_id: int, reason: str, at: datetime) -> Mandate:
    """Nothing came of it."""
    row = _locked(mandate_id)
    if row.state == MandateState.ASKED:
        move(
            row,
            MandateState.REFUSED,
            table=MANDATE_TRANSITIONS,
            at=at,
            actor=row.signed_by,
            company=row.company,
            reason=reason,
            ended_at=at,
            end_reason=reason[:240],
        )
    return row


def revoke(*, mandate: Mandate, actor: User, reason: str, at: datetime) -> Mandate:
    """The company, or the association, ends a mandate. Announced debits are given up."""
    require(access.can_pay(actor, mandate.company) or access.can_collect(actor))
    if mandate.state != MandateState.ACTIVE:
        raise NoMandate
    return end(mandate_id=mandate.pk, to=MandateState.REVOKED, reason=reason, at=at, actor=actor)


@transaction.atomic(durable=True)
def end(*, mandate_id: int, to: MandateState, reason: str, at: datetime, actor: User | None = None) -> Mandate:
    """A mandate ends; a second call changes nothing."""
    row = _locked(mandate_id)
    if row.state == MandateState.ACTIVE:
        _end(row, to, reason, at, actor)
        _tell(row, "mandate_ended", at)
    return row


def months_before(day: date, months: int) -> date:
    """The first day that is not yet so many calendar months ago: who was used before it, was used too long ago.

    A month without that day ends with its last one, so what was used on 29 February is good until 28 February.

    >>> months_before(date(2027, 2, 28), 36), months_before(date(2027, 3, 1), 36)
    (datetime.date(2024, 2, 28), datetime.date(2024, 3, 1))
    >>> months_before(date(2028, 2, 29), 36)
    datetime.date(2025, 3, 1)
    """
    month = day.year * 12 + day.month - 1 - months
    first = date(month // 12, month % 12 + 1, 1)
    return first + timedelta(days=min(day.day, monthrange(first.year, first.month)[1] + 1) - 1)


def lapse(*, at: datetime) -> int:
    """End mandates that were not used for 36 months; returns how many."""
    limit = fec.start_of(months_before(timezone.localdate(at), UNUSED_MONTHS))
    unused = Mandate.objects.filter(state=MandateState.ACTIVE).annotate(last=Coalesce("last_used_at", "signed_at"))
    found = list(unused.filter(last__lt=limit).values_list("pk", flat=True)[:500])
    for pk in found:
        end(mandate_id=pk, to=MandateState.LAPSED, reason=str(_("Not used for 36 months")), at=at)
    return len(found)


def in_force(company: Company) -> Mandate | None:
    """The company's mandate."""
    return Mandate.objects.filter(company=company, state=MandateState.ACTIVE).first()


def unfinished(*, at: datetime) -> list[int]:
    """Mandates that were asked for and never answered; without a set-up they are refused here."""
    old = Mandate.objects.filter(state=MandateState.ASKED, signed_at__lt=at - timedelta(minutes=15))
    for pk in old.filter(setup_id="").values_list("pk", flat=True)[:50]:
        refuse(mandate_id=pk, reason="given up", at=at)
    return list(old.exclude(setup_id="").values_list("pk", flat=True)[:50])


def ended_and_attached() -> QuerySet[Mandate]:
    return Mandate.objects.filter(state__in=[MandateState.REVOKED, MandateState.LAPSED]).exclude(method_id="")


def _locked(mandate_id: int) -> Mandate:
    return Mandate.objects.select_for_update(of=("self",)).select_related("company", "signed_by").get(pk=mandate_id)


def _end(row: Mandate, to: MandateState, reason: str, at: datetime, actor: User | None) -> None:
    move(
        row,
        to,
        table=MANDATE_TRANSITIONS,
        at=at,
        actor=actor,
        actor_label="" if actor else "ERB",
        company=row.company,
        reason=reason,
        ended_at=at,
        end_reason=reason[:240],
    )
    PlannedDebit.objects.filter(mandate=row, state=DebitState.PLANNED).update(
        state=DebitState.CANCELLED, reason="mandate ended"
    )


def _tell(row: Mandate, template: str, at: datetime) -> None:
    url = mail.absolute(reverse("billing:mandate", args=[row.company_id]))
    for user in readers(row.company):
        mail.queue(
            to=user.email,
            template=f"billing/mail/{template}",
            context={"mandate": row, "company": row.company, "url": url},
            key=f"{template}-{row.pk}-{user.pk}",
            language=user.language,
            at=at,
        )
