"""Taking a statement in: read whole or not at all, stored once, matched by itself where there is no doubt."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import is_staff, require
from companies.billing.bank import matching, reading
from companies.billing.models import BankLine, BankStatement
from companies.documents import store
from companies.errors import DomainError
from companies.models import User


class StatementKnown(DomainError):
    code = "statement_known"
    message = _("This file was imported already on %(day)s. Nothing was changed.")


class WrongAccount(DomainError):
    code = "wrong_account"
    message = _("This statement is about the account %(iban)s, which is not ours. Nothing was imported.")


@dataclass(frozen=True)
class Imported:
    statement: BankStatement
    new: int
    known: int
    matched: int


def _refuse_known(digest: str) -> None:
    earlier = BankStatement.objects.filter(sha256=digest).first()
    if earlier is not None:
        raise StatementKnown(day=f"{timezone.localdate(earlier.imported_at):%d/%m/%Y}")


@transaction.atomic(durable=True)
def take(*, content: bytes, name: str, actor: User, at: datetime) -> Imported:
    """Import a statement file; lines of an earlier file are left out, the others matched where it is certain.

    Raises StatementRefused, StatementKnown, WrongAccount and what reading raises.
    """
    require(is_staff(actor))
    digest = hashlib.sha256(content).hexdigest()
    found = reading.read(content)
    ours = str(settings.SELLER.get("iban", "")).replace(" ", "")
    for statement in found:
        if statement.iban and ours and statement.iban != ours:
            raise WrongAccount(iban=statement.iban)
    _refuse_known(digest)
    media = "text/csv" if found[0].format == "csv" else "application/xml"
    document = store(kind="bank_statement", name=name[-120:] or "statement", content=content, media_type=media, at=at)
    head = found[0]
    try:
        with transaction.atomic():
            row = BankStatement.objects.create(
                document=document,
                sha256=digest,
                format=head.format,
                iban=head.iban,
                reference=head.reference,
                opening_cents=head.opening_cents,
                closing_cents=found[-1].closing_cents,
                imported_by=actor,
                imported_at=at,
            )
    except IntegrityError:  # somebody imported it a moment ago
        _refuse_known(digest)
        raise
    lines = [line for statement in found for line in statement.lines if line.cents]
    # Two people importing overlapping files at once: the unique key lets one in.
    BankLine.objects.bulk_create(
        (
            BankLine(
                statement=row,
                position=position,
                key=line.key,
                booked_on=line.booked_on,
                value_on=line.value_on,
                cents=line.cents,
                name=line.name,
                iban=line.iban,
                text=line.text,
                reference=line.reference,
                bank_id=line.bank_id,
            )
            for position, line in enumerate(lines, 1)
        ),
        ignore_conflicts=True,
        batch_size=1_000,
    )
    new = row.lines.count()
    BankStatement.objects.filter(pk=row.pk).update(new_lines=new, known_lines=len(lines) - new)
    audit.record("bankstatement.imported", target=row, at=at, actor=actor, data={"lines": new, "sha256": digest})
    matched = matching.match_all(row.lines.order_by("position"), at=at)
    return Imported(row, new, len(lines) - new, matched)
