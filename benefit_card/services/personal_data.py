"""What is known about a person, for that person: everything, including who looked. And the door that staff must break."""

import io
import json
import zipfile
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from benefit_card import short_code
from benefit_card.models import Card, HolderPhone, Redemption
from benefit_card.services.cards import hash_code
from companies import audit, mail
from companies.access import is_staff, require
from companies.employees.sheets import sheet
from companies.errors import DomainError
from companies.models import AuditEntry, Employment, Person, User
from companies.money import euros
from merchants.models import DigestChoice, Favourite

LOOKED = "person.looked_at"
SHORTEST_REASON = 15


class ReasonMissing(DomainError):
    """Opening a person's rows needs a reason."""

    code = "reason_missing"
    message = _("Say why in at least 15 characters. The person reads it.")
    status = 400


class PersonUnknown(DomainError):
    """Nobody has this address or card."""

    code = "person_unknown"
    message = _("Nobody here has this e-mail address or card code.")
    status = 404


def looks_at(user: User) -> QuerySet[AuditEntry]:
    """Who opened the rows of a person, and why, newest first; one's own only."""
    person = Person.objects.filter(user=user).values_list("pk", flat=True).first()
    return (
        AuditEntry.objects.filter(action=LOOKED, target_type="companies.person", target_id=str(person or 0))
        .select_related("actor")
        .order_by("-pk")
    )


@transaction.atomic(durable=True)
def break_glass(*, actor: User, wanted: str, reason: str, at: datetime) -> tuple[Person, list[Redemption]]:
    """Open one person's redemptions to the association's staff. Logged, and the person is told, before anything is read.

    `wanted` is an exact e-mail address or a typed card code: there is no browsing and no search by name.
    """
    require(is_staff(actor))
    reason = " ".join(reason.split())
    if len(reason) < SHORTEST_REASON:
        raise ReasonMissing(field="reason")
    person = _find(wanted)
    audit.record(LOOKED, target=person, at=at, actor=actor, reason=reason[:400])
    if person.user is not None:
        mail.queue(
            to=person.user.email,
            template="benefit_card/mail/looked_at",
            context={
                "name": person.first_name,
                "who": str(actor),
                "reason": reason[:400],
                "address": mail.absolute(reverse("benefit_card:my_data")),
            },
            key=f"looked-at:{person.pk}:{at.isoformat()}",
            language=person.user.language,
            at=at,
        )
    rows = Redemption.objects.filter(person=person, voids__isnull=True).select_related(
        "merchant", "offer_version", "undone"
    )
    return person, list(rows.order_by("-at")[:200])


def _find(wanted: str) -> Person:
    text = wanted.strip().lower()
    people = Person.objects.filter(erased_at=None).select_related("user")
    if "@" in text:
        found = people.filter(
            Q(user__email=text) | Q(pk__in=Employment.objects.filter(email__iexact=text).values("person"))
        )
    else:
        try:
            found = people.filter(cards__short_hash=hash_code(short_code.read(wanted)))
        except short_code.ShortCodeRefused:
            found = people.none()
    person = found.first()
    if person is None:
        raise PersonUnknown(field="wanted")
    return person


def export(user: User, *, at: datetime) -> bytes:
    """Everything about a person as a zip: one JSON file and a CSV file for each list."""
    content = {"exported_at": timezone.localtime(at).isoformat(), **_account(user), **_lists(user)}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.json", json.dumps(content, ensure_ascii=False, indent=2, default=str))
        for name, rows in content.items():
            if isinstance(rows, list):
                archive.writestr(f"{name}.csv", _csv(rows))
    return out.getvalue()


def _account(user: User) -> dict[str, Any]:
    person = Person.objects.filter(user=user).first()
    return {
        "account": {
            "email": user.email if user.has_address else "",
            "phone": "kept as a hash" if HolderPhone.objects.filter(person__user=user).exists() else "",
            "name": user.full_name,
            "language": user.language,
            "since": user.date_joined.isoformat(),
        },
        "person": {"first_name": person.first_name, "last_name": person.last_name} if person else None,
    }


def _lists(user: User) -> dict[str, list[dict[str, Any]]]:
    person = Person.objects.filter(user=user).first()
    cards = Card.objects.filter(person=person) if person else Card.objects.none()
    targets = Q(target_type="benefit_card.card", target_id__in=[str(pk) for pk in cards.values_list("pk", flat=True)])
    if person:
        targets |= Q(target_type="companies.person", target_id=str(person.pk))
    redemptions = Redemption.objects.visible_to(user).select_related("merchant", "offer_version", "till__shop", "voids")
    return {
        "roles": [
            {"company": row.company.name, "role": row.role, "since": row.granted_at.isoformat()}
            for row in user.memberships.select_related("company")
        ],
        "merchants": [{"merchant": row.merchant.name} for row in user.merchant_roles.select_related("merchant")],
        "favourites": [
            {"merchant": row.merchant.name} for row in Favourite.objects.filter(user=user).select_related("merchant")
        ],
        "mails_of_offers": [
            {"since": row.since.isoformat(), "stopped": row.stopped_at.isoformat() if row.stopped_at else ""}
            for row in DigestChoice.objects.filter(user=user)
        ],
        "employments": [
            {
                "company": row.company.name,
                "reference": row.reference,
                "email": row.email,
                "from": row.starts_on,
                "to": row.ends_on or "",
            }
            for row in (person.employments.select_related("company") if person else [])
        ],
        "cards": [
            {
                "generation": card.generation,
                "made": card.created_at.isoformat(),
                "valid_until": card.valid_until,
                "state": card.state,
            }
            for card in cards.order_by("pk")
        ],
        "redemptions": [
            {
                "when": timezone.localtime(row.at).isoformat(),
                "merchant": row.merchant.name,
                "shop": row.till.shop.name,
                "offer": row.offer_version.title,
                "shown": row.shown,
                "price": euros(row.gross_cents),
                "discount": euros(row.discount_cents),
                "gift": row.offer_version.gift,
                "undoes": str(row.voids.client_id) if row.voids else "",
                "id": str(row.client_id),
            }
            for row in redemptions.order_by("at")
        ],
        "payments": [
            {
                "when": timezone.localtime(row.created_at).isoformat(),
                "what": row.subject,
                "price": euros(row.captured_cents or row.price_cents),
                "company_part": euros(row.captured_subsidy_cents if row.captured_cents else row.subsidy_cents),
                "given_back": euros(row.refunded_cents),
                "state": row.state,
            }
            for row in (person.payments.order_by("pk") if person else [])
        ],
        "access_log": [_logged(entry) for entry in AuditEntry.objects.filter(targets).select_related("actor")],
        "my_actions": [_logged(entry) for entry in AuditEntry.objects.filter(actor=user).select_related("actor")],
        "signals": [
            {"when": signal.raised_at.isoformat(), "kind": signal.kind, "state": signal.state, "words": signal.words}
            for card in cards
            for signal in card.signals.all()
        ],
    }


def _logged(entry: AuditEntry) -> dict[str, Any]:
    return {
        "when": timezone.localtime(entry.at).isoformat(),
        "action": entry.action,
        "who": entry.actor_name,
        "why": entry.reason,
    }


def _csv(rows: list[dict[str, Any]]) -> bytes:
    return sheet(list(rows[0]), [list(row.values()) for row in rows]) if rows else sheet([], [])
