"""Companies apply, are admitted, suspended, readmitted, and leave."""

from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from stdnum.fr import siren as siren_number
from stdnum.fr import siret as siret_number

from companies import audit, mail
from companies.access import is_staff, require
from companies.errors import DomainError
from companies.models import Company, CompanyStatus, Role, User
from companies.models.invitation import Application
from companies.services import invitations
from companies.states import move

MOVES: dict[str, frozenset[str]] = {
    CompanyStatus.APPLIED: frozenset({CompanyStatus.ADMITTED, CompanyStatus.LEFT}),
    CompanyStatus.ADMITTED: frozenset({CompanyStatus.SUSPENDED, CompanyStatus.LEAVING, CompanyStatus.LEFT}),
    CompanyStatus.SUSPENDED: frozenset({CompanyStatus.ADMITTED, CompanyStatus.LEAVING, CompanyStatus.LEFT}),
    CompanyStatus.LEAVING: frozenset({CompanyStatus.ADMITTED, CompanyStatus.LEFT}),
    CompanyStatus.LEFT: frozenset({CompanyStatus.ADMITTED}),
}


class SiretInvalid(DomainError):
    code = "siret_invalid"
    message = _("This is not a SIRET: its check digit does not fit. It has 14 digits and stands on your invoices.")


class SiretTaken(DomainError):
    code = "siret_taken"
    message = _("A company with this SIRET already applied or is a member. Ask the association if that surprises you.")


class ReasonMissing(DomainError):
    code = "reason_missing"
    message = _("Say why: the reason is kept with the decision.")


def checked_siret(text: str) -> str:
    """The 14 digits of a SIRET; refuses a wrong check digit.

    >>> checked_siret("732 829 320 00074")
    '73282932000074'
    """
    try:
        return str(siret_number.validate(text))
    except Exception as error:  # stdnum raises a family of its own
        raise SiretInvalid(field="siret") from error


class StillTied(DomainError):
    code = "company_still_tied"
    message = _("This membership cannot be closed yet: %(what)s. Its people no longer have access.")


@transaction.atomic(durable=True)
def apply(*, name: str, siret: str, full_name: str, email: str, at: datetime, **details: object) -> Company:
    """A company asks to become a member. Anybody may; the association decides."""
    company = _create(name=name, siret=siret, status=CompanyStatus.APPLIED, **details)
    return _with_application(company, full_name=full_name, email=email, at=at)


@transaction.atomic(durable=True)
def register(
    *,
    name: str,
    siret: str,
    full_name: str,
    email: str,
    actor: User,
    at: datetime,
    language: str = "fr",
    **details: object,
) -> Company:
    """The staff enters a member itself and invites its first administrator."""
    require(is_staff(actor))
    company = _create(name=name, siret=siret, status=CompanyStatus.ADMITTED, **details)
    audit.record("company.registered", target=company, at=at, actor=actor, company=company)
    invitations.send(company=company, email=email, roles=[Role.ADMIN], actor=actor, at=at, language=language)
    return company


@transaction.atomic(durable=True)
def admit(*, company: Company, actor: User, at: datetime, reason: str = "") -> Company:
    """Make a company a member, for the first time or again; who applied is invited as its administrator."""
    require(is_staff(actor))
    company = _locked(company)
    first = company.status == CompanyStatus.APPLIED
    _move(company, CompanyStatus.ADMITTED, actor, at, reason, suspended_at=None)
    application = Application.objects.filter(company=company).first()
    if first and application:
        invitations.send(
            company=company, email=application.email, roles=[Role.ADMIN], actor=actor, at=at, language="fr"
        )
    return company


@transaction.atomic(durable=True)
def suspend(*, company: Company, actor: User, at: datetime, reason: str) -> Company:
    """Suspend a member: its cards stop at the next scan and it can no longer join pools."""
    require(is_staff(actor))
    if not reason.strip():
        raise ReasonMissing(field="reason")
    company = _locked(company)
    _move(company, CompanyStatus.SUSPENDED, actor, at, reason, suspended_at=at)
    return company


@transaction.atomic(durable=True)
def end(*, company: Company, actor: User, at: datetime, reason: str) -> Company:
    """A member leaves, or an application is declined. Its people lose access at once; nothing on record is deleted.

    While orders, claims or invoices of it are open it is only leaving: asked again, StillTied names them.
    """
    require(is_staff(actor))
    if not reason.strip():
        raise ReasonMissing(field="reason")
    company = _locked(company)
    declined = company.status == CompanyStatus.APPLIED
    ties = open_business(company)
    if ties and company.status == CompanyStatus.LEAVING:
        raise StillTied(what=", ".join(ties))
    _move(company, CompanyStatus.LEAVING if ties else CompanyStatus.LEFT, actor, at, reason, suspended_at=None)
    application = Application.objects.filter(company=company).first()
    if declined and application:
        mail.queue(
            to=application.email, template="companies/mail/declined", context={"company": company, "reason": reason},
            key=f"declined:{company.pk}:{at.isoformat()}", at=at,
        )  # fmt: skip
    return company


def open_business(company: Company) -> list[str]:
    """What keeps a leaving member from being closed, in words, as the rooms named in COMPANY_TIES tell it."""
    return [words for path in settings.COMPANY_TIES for words in import_string(path)(company)]


def _create(*, name: str, siret: str, status: str, **details: object) -> Company:
    number = checked_siret(siret)
    try:
        with transaction.atomic():
            return Company.objects.create(
                name=name.strip(), siret=number, siren=number[:9], vat_no=f"FR{siren_number.to_tva(number[:9])[-11:]}",
                status=status, **details,
            )  # fmt: skip
    except IntegrityError:
        raise SiretTaken(field="siret") from None


def _with_application(company: Company, *, full_name: str, email: str, at: datetime) -> Company:
    Application.objects.create(company=company, full_name=full_name, email=email.lower(), applied_at=at)
    audit.record("company.applied", target=company, at=at, actor=None, actor_label=full_name, company=company)
    mail.queue(
        to=email.lower(), template="companies/mail/applied", context={"company": company, "full_name": full_name},
        key=f"applied:{company.pk}", at=at,
    )  # fmt: skip
    return company


def _locked(company: Company) -> Company:
    return Company.objects.select_for_update(of=("self",)).get(pk=company.pk)


def _move(company: Company, to: str, actor: User, at: datetime, reason: str, *, suspended_at: datetime | None) -> None:
    move(
        company,
        to,
        table=MOVES,
        at=at,
        actor=actor,
        reason=reason,
        company=company,
        field="status",
        suspended_at=suspended_at,
    )
