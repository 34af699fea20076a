"""How a merchant comes in, and how the association lets it in or stops it."""

from datetime import datetime, timedelta

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from stdnum.exceptions import ValidationError as SiretError
from stdnum.fr import siret as siret_rules

from companies import audit, mail
from companies.access import require
from companies.documents import render_pdf, store
from companies.errors import DomainError
from companies.models import OutboxMail, User
from companies.states import move
from merchants import access, agreement
from merchants.models import AgreementAcceptance, Category, Merchant, MerchantRole, MerchantStatus, Shop

AGREEMENT = agreement.CURRENT
# What the proof, a French paper, says of the copy that stood beside the text, and the copy's own heading in it.
COPIES = {"en": "le texte français, qui engage, et à côté une copie de lecture en anglais"}
COPY_TITLES = {"en": "Copy to read in English, shown beside the French text, which binds"}

STATUS_TRANSITIONS = {
    MerchantStatus.APPLIED: frozenset({MerchantStatus.ACTIVE, MerchantStatus.REFUSED}),
    MerchantStatus.REFUSED: frozenset({MerchantStatus.ACTIVE}),  # people talk, and decide anew
    MerchantStatus.ACTIVE: frozenset({MerchantStatus.SUSPENDED}),
    MerchantStatus.SUSPENDED: frozenset({MerchantStatus.ACTIVE}),
}


class SiretRefused(DomainError):
    """The number is not a SIRET."""

    code = "siret_refused"
    message = _(
        "This SIRET is not valid. It has 14 digits; you find it on your invoices or on annuaire-entreprises.data.gouv.fr."
    )
    status = 400


class MerchantKnown(DomainError):
    """The SIRET belongs to a merchant that is already here."""

    code = "merchant_known"
    message = _(
        "A merchant with this SIRET has already applied. Sign in with the e-mail address given then, or ask ERB."
    )


class SuspensionUnexplained(DomainError):
    """A merchant is told why it is stopped, or not let in."""

    code = "suspension_unexplained"
    message = _("Say why: the merchant reads it.")
    status = 400


class AgreementMissing(DomainError):
    """The merchant agreement was not accepted."""

    code = "agreement_missing"
    message = _("Accept the merchant agreement to apply.")
    status = 400


def check_siret(text: str) -> str:
    """Return a SIRET as 14 digits, or raise `SiretRefused`."""
    try:
        return str(siret_rules.validate(text))
    except SiretError as error:
        raise SiretRefused(field="siret") from error


@transaction.atomic(durable=True)
def apply(
    *,
    name: str,
    siret: str,
    category: Category,
    owner_name: str,
    email: str,
    phone: str = "",
    street: str,
    postcode: str,
    city: str,
    agreed: bool,
    reading: str = "",
    language: str = "fr",
    address: str | None = None,
    at: datetime,
) -> Merchant:
    """Record an application: merchant, first shop, and an account for the owner, who signs in with a code sent to `email`.

    The account gives access to this merchant only; nothing is public until the association approves. `reading` is the
    language of the copy that stood beside the agreement, "" when the French text stood alone: the proof keeps it. A new
    account reads its mails in `language`.
    """
    if not agreed:
        raise AgreementMissing(field="agreed")
    number = check_siret(siret)
    merchant, new = Merchant.objects.get_or_create(
        siret=number,
        defaults={
            "name": name,
            "category": category,
            "email": email.strip().lower(),
            "phone": phone,
            "agreed_at": at,
            "agreement": AGREEMENT,
        },
    )
    if not new:
        raise MerchantKnown(field="siret")
    Shop.objects.create(merchant=merchant, name=name, street=street, postcode=postcode, city=city)
    mailbox = email.strip().lower()
    owner = User.objects.filter(email=mailbox).first() or User.objects.create_user(
        mailbox, owner_name, language=language
    )
    MerchantRole.objects.create(user=owner, merchant=merchant)
    _keep_proof(merchant, owner, signer=owner_name, reading=reading, address=address, at=at)
    audit.record(
        "merchant.applied",
        target=merchant,
        at=at,
        actor=None,
        actor_label=f"{owner_name} <{mailbox}>",
        data={"agreement": AGREEMENT},
    )
    return merchant


@transaction.atomic(durable=True)
def accept_agreement(
    *, actor: User, merchant: Merchant, agreed: bool, reading: str = "", address: str | None = None, at: datetime
) -> None:
    """An owner accepts the current text, with proof. Only an owner can; doing it twice keeps the first proof."""
    require(access.owns(actor, merchant))
    if not agreed:
        raise AgreementMissing(field="agreed")
    row = Merchant.objects.select_for_update().get(pk=merchant.pk)
    if row.agreement == AGREEMENT:
        return
    before = row.agreement
    row.agreement, row.agreed_at = AGREEMENT, at
    row.save(update_fields=["agreement", "agreed_at"])
    _keep_proof(row, actor, signer=actor.full_name or actor.email, reading=reading, address=address, at=at)
    audit.record("merchant.agreed", target=row, at=at, actor=actor, data={"agreement": AGREEMENT, "before": before})
    merchant.agreement, merchant.agreed_at = AGREEMENT, at


WARNED_BEFORE = timedelta(days=7)


def ask_for_agreement(*, at: datetime) -> int:
    """Write to the owners who have not accepted the current text: when it begins, and a week before it counts. Once each."""
    today = timezone.localdate(at)
    if today < agreement.SINCE[AGREEMENT]:
        return 0
    round_ = "last" if today > agreement.last_day() - WARNED_BEFORE else "first"
    waiting = Merchant.objects.active().exclude(agreement=AGREEMENT).order_by("pk")
    sent = set(
        OutboxMail.objects.filter(key__startswith=f"agreement:{AGREEMENT}:{round_}:").values_list("key", flat=True)
    )
    count = 0
    for merchant in waiting:
        for role in merchant.roles.select_related("user").filter(user__is_active=True):
            key = f"agreement:{AGREEMENT}:{round_}:{role.pk}"
            if key not in sent:
                _ask(merchant, role.user, key=key, at=at)
                count += 1
    return count


@transaction.atomic(durable=True)
def _ask(merchant: Merchant, user: User, *, key: str, at: datetime) -> None:
    mail.queue(
        to=user.email,
        template="merchants/mail/agreement",
        context={
            "merchant": merchant.name,
            "last_day": agreement.last_day(),
            "over": agreement.overdue(merchant.agreement, at=at),
            "url": mail.absolute(reverse("merchants:agreement_accept", args=[merchant.pk])),
        },
        key=key,
        language=user.language,
        at=at,
    )


def _keep_proof(
    merchant: Merchant, owner: User, *, signer: str, reading: str, address: str | None, at: datetime
) -> None:
    """Who accepted which text, when and from where, what stood beside it, and the file that says so."""
    digest = agreement.fingerprint(AGREEMENT)
    copied = agreement.fingerprint(AGREEMENT, reading) if reading else ""
    data = {
        "title": f"Convention de commerce partenaire ERB, version {AGREEMENT}",
        "articles": agreement.TEXTS[AGREEMENT],
        "proof": [
            ["Commerce", f"{merchant.name}, SIRET {merchant.siret}"],
            ["Acceptée par", f"{signer} ({owner.email})"],
            ["Le", f"{timezone.localtime(at):%d/%m/%Y à %H:%M:%S %Z}"],
            ["Depuis l'adresse", address or "–"],
            ["SHA-256 du texte", digest],
            ["Affiché", COPIES[reading] if reading else "le texte français seul"],
            *([["SHA-256 de la copie", copied]] if reading else []),
        ],
        "copy": {"lang": reading, "title": COPY_TITLES[reading], "articles": agreement.READING[reading][AGREEMENT]}
        if reading
        else None,
    }
    content = render_pdf("merchants/documents/agreement.typ", data)
    name = f"convention-{merchant.siret}-{AGREEMENT}.pdf"
    AgreementAcceptance.objects.create(
        merchant=merchant, version=AGREEMENT, sha256=digest, reading=reading, reading_sha256=copied, signer=signer,
        email=owner.email, user=owner, address=address, at=at,
        document=store(kind="agreement", name=name, content=content, at=at),
    )  # fmt: skip


@transaction.atomic(durable=True)
def approve(*, actor: User, merchant: Merchant, at: datetime) -> None:
    """Let a merchant in (or back in) and tell its owners."""
    require(access.can_approve(actor))
    move(merchant, MerchantStatus.ACTIVE, table=STATUS_TRANSITIONS, at=at, actor=actor, field="status")
    for role in merchant.roles.select_related("user"):
        mail.queue(
            to=role.user.email,
            template="merchants/mail/approved",
            context={"merchant": merchant.name, "url": mail.absolute(reverse("merchants:home", args=[merchant.pk]))},
            key=f"merchant-approved:{merchant.pk}:{role.user_id}:{at.isoformat()}",
            language=role.user.language,
            at=at,
        )


@transaction.atomic(durable=True)
def suspend(*, actor: User, merchant: Merchant, reason: str, at: datetime) -> None:
    """Stop a merchant and tell its owners why: its offers disappear, its tills are refused from the next scan on."""
    _stop(merchant, MerchantStatus.SUSPENDED, actor=actor, reason=reason, at=at)


@transaction.atomic(durable=True)
def refuse(*, actor: User, merchant: Merchant, reason: str, at: datetime) -> None:
    """Do not let an applicant in and tell its owners why. It may still be approved later, after talking."""
    _stop(merchant, MerchantStatus.REFUSED, actor=actor, reason=reason, at=at)


def _stop(merchant: Merchant, to: MerchantStatus, *, actor: User, reason: str, at: datetime) -> None:
    """Suspend or refuse, with a reason that the owners read in a mail."""
    require(access.can_approve(actor))
    if not reason.strip():
        raise SuspensionUnexplained(field="reason")
    move(merchant, to, table=STATUS_TRANSITIONS, at=at, actor=actor, field="status", reason=reason)
    for role in merchant.roles.select_related("user").filter(user__is_active=True):
        mail.queue(
            to=role.user.email,
            template=f"merchants/mail/{to}",
            context={
                "merchant": merchant.name,
                "reason": reason,
                "url": mail.absolute(reverse("merchants:home", args=[merchant.pk])),
            },
            key=f"merchant-{to}:{merchant.pk}:{role.user_id}:{at.isoformat()}",
            language=role.user.language,
            at=at,
        )
