"""Cards are made in batches, blocked by whoever holds or hands them out, and replaced without losing their history."""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from benefit_card import credential, keyring, short_code, signing
from benefit_card.access import can_block, can_issue, holds
from benefit_card.models import BatchPurpose, Card, CardBatch
from benefit_card.revocation import padded_bits
from benefit_card.services import holders
from benefit_card.services.keys import last_day, reserve_print_key
from benefit_card.services.specimens import PLACES
from companies import audit, jobs
from companies.access import require
from companies.errors import DomainError
from companies.models import AuditEntry, Company, Employment, Person, User

CHUNK = 500


class NobodyNeedsCard(DomainError):
    """Everybody chosen has a card already."""

    code = "nobody_needs_card"
    message = _("Everybody here has a card already. To replace one, open the person's card.")


class CompanyNotMember(DomainError):
    """The company is not a member now."""

    code = "company_not_member"
    message = _("Cards are made for member companies only. Please contact the association.")


class CardReplaced(DomainError):
    """The card was replaced in the meantime."""

    code = "card_replaced"
    message = _("This card was replaced. Use the new one.")


class CardNotFoundAgain(DomainError):
    """Blocked by somebody else, or replaced."""

    code = "card_not_found_again"
    message = _("This card cannot be opened again. Get a new one on this phone.")


# ---------------------------------------------------------------- codes of a card


def typed_code(status_index: int) -> str:
    """The ten letters under the QR: derived from the random status index under a secret, so that nothing is stored."""
    raw = hmac.digest(keyring.secret("codes"), b"short" + status_index.to_bytes(8, "big"), hashlib.sha256)
    return short_code.from_number(int.from_bytes(raw[:6], "big") >> 3)


def hash_code(code: str) -> str:
    """What a typed code is looked up by."""
    return hmac.digest(keyring.secret("codes"), b"look up" + code.encode(), hashlib.sha256)[:16].hex()


def print_texts(cards: Sequence[Card]) -> list[str]:
    """The texts of cards' printed QRs; the same bytes each time."""
    asked = [(card.print_kid, card.status_index, card.valid_until.isoformat(), card.generation) for card in cards]
    texts: list[str] = []
    for start in range(0, len(asked), CHUNK):
        texts += signing.ask("prints", cards=asked[start : start + CHUNK])
    return texts


def print_text(card: Card) -> str:
    """The text of one card's printed QR."""
    return print_texts([card])[0]


# ---------------------------------------------------------------- batches


def without_card(company: Company, *, at: datetime) -> "list[int]":
    """Persons whom the company employs today and who hold no card, whoever else employs them."""
    today = at.astimezone(credential.PARIS).date()
    employed = Employment.objects.filter(company=company).current(on=today)
    return list(
        employed.exclude(person__cards__replaced_at__isnull=True, person__cards__isnull=False)
        .order_by("person_id")
        .values_list("person_id", flat=True)
        .distinct()
    )


@transaction.atomic(durable=True)
def request_batch(*, actor: User, company: Company, people: Sequence[int] | None = None, at: datetime) -> CardBatch:
    """Ask for cards for everybody without one, or for those chosen; the job makes them. Returns the batch at once."""
    require(can_issue(actor, company))
    if not company.is_member:
        raise CompanyNotMember
    lacking = without_card(company, at=at)
    wanted = lacking if people is None else sorted(set(people) & set(lacking))
    if not wanted:
        raise NobodyNeedsCard
    batch = CardBatch.objects.create(company=company, people=wanted, created_by=actor, created_at=at)
    batch.job = jobs.start(
        kind="card_batch",
        task="benefit_card.issue_batch",
        payload={"batch": batch.pk},
        actor=actor,
        company=company,
        total=len(wanted),
        at=at,
    )
    batch.save(update_fields=["job"])
    audit.record("cardbatch.requested", target=batch, at=at, actor=actor, company=company, data={"cards": len(wanted)})
    return batch


def issue_batch(*, batch_id: int, at: datetime, on_chunk: "Callable[[int], None] | None" = None) -> int:
    """Make the cards a batch still lacks; return how many it has. Safe to run twice, or again after a crash half-way."""
    while True:
        with transaction.atomic(durable=True):
            batch = CardBatch.objects.select_for_update().select_related("company").get(pk=batch_id)
            missing = _missing(batch)
            if not missing:
                CardBatch.objects.filter(pk=batch_id, completed_at=None).update(completed_at=at)
                return len(batch.people)
            if batch.purpose == BatchPurpose.RENEWAL:
                prolong_cards(*missing[:CHUNK], batch=batch, at=at)
            else:
                make_cards(missing[:CHUNK], batch=batch, at=at)
        if on_chunk:
            on_chunk(len(batch.people) - len(missing) + min(CHUNK, len(missing)))


def _missing(batch: CardBatch) -> list[int]:
    """The batch's people for whom something is still to be done."""
    current = Card.objects.current().filter(person_id__in=batch.people)
    if batch.purpose == BatchPurpose.RENEWAL:
        return sorted(current.filter(blocked_at=None).exclude(batch=batch).values_list("person_id", flat=True))
    have = set(current.values_list("person_id", flat=True))
    return [person for person in batch.people if person not in have]


def prolong_cards(*people: int, batch: CardBatch, at: datetime) -> None:
    """Give the cards of people, at most 500, their new last day, signed by one key, inside the caller's transaction."""
    rows = list(Card.objects.select_for_update().current().filter(person_id__in=people, blocked_at=None).order_by("pk"))
    key = reserve_print_key(cards=len(rows), at=at)
    until = _last_days([row.person_id for row in rows], at=at)
    for row in rows:
        row.batch, row.print_kid, row.valid_until, row.printed_at = batch, key.kid, until[row.person_id], None
    Card.objects.bulk_update(rows, ["batch", "print_kid", "valid_until", "printed_at"])
    AuditEntry.objects.bulk_create(
        audit.entry(
            "card.prolonged", target=row, at=at, actor=batch.created_by, company=batch.company,
            data={"until": row.valid_until.isoformat(), "kid": key.kid},
        )
        for row in rows
    )  # fmt: skip
    _tell_wallets([row.pk for row in rows])


def make_cards(people: Sequence[int], *, batch: CardBatch | None, at: datetime) -> list[Card]:
    """Make one card for each person, at most 500, inside the caller's transaction; all signed by one key."""
    return save_cards(draft_cards(people, batch=batch, at=at))


@transaction.atomic
def draft_cards(people: Sequence[int], *, batch: CardBatch | None, at: datetime) -> list[Card]:
    """The unsaved cards of people, with their places, codes and days."""
    key = reserve_print_key(cards=len(people), at=at)
    generations = _next_generations(people)
    until = _last_days(people, at=at)
    indexes = _draw_indexes(len(people))
    holder_keys = holders.keys_of(people)
    return [
        Card(
            person_id=person,
            batch=batch,
            status_index=index,
            generation=generations.get(person, 0),
            short_hash=hash_code(typed_code(index)),
            holder_key=holder_keys[person],
            print_kid=key.kid,
            valid_until=until[person],
            created_at=at,
        )
        for person, index in zip(people, indexes, strict=True)
    ]


def save_cards(cards: Sequence[Card]) -> list[Card]:
    """Write cards and one audit row for each."""
    made = Card.objects.bulk_create(cards)
    AuditEntry.objects.bulk_create(
        audit.entry(
            "card.made",
            target=card,
            at=card.created_at,
            actor=card.batch.created_by if card.batch else None,
            company=card.batch.company if card.batch else None,
            data={"kid": card.print_kid},
        )
        for card in made
    )
    return made


def _next_generations(people: Sequence[int]) -> dict[int, int]:
    rows = Card.objects.filter(person_id__in=people).values_list("person_id", "generation")
    highest: dict[int, int] = {}
    for person, generation in rows:
        highest[person] = max(highest.get(person, 0), generation + 1)
    return highest


def _last_days(people: Sequence[int], *, at: datetime) -> dict[int, date]:
    """The end of the key's time, or of the last employment when every employment has an end."""
    latest = last_day(at=at)
    days: dict[int, date] = dict.fromkeys(people, date.min)
    today = at.astimezone(credential.PARIS).date()
    for person, ends_on in Employment.objects.filter(person_id__in=people).values_list("person_id", "ends_on"):
        days[person] = max(days[person], min(ends_on or latest, latest))
    return {person: day if day >= today else latest for person, day in days.items()}


def _draw_indexes(count: int) -> list[int]:
    """Random places in the revocation list that no card has; the unique constraint has the last word."""
    space = padded_bits(Card.objects.count() + count)
    drawn: set[int] = set()
    while len(drawn) < count:
        candidates = {secrets.randbelow(space - PLACES) + PLACES for _draw in range(2 * count)} - drawn
        candidates -= set(Card.objects.filter(status_index__in=candidates).values_list("status_index", flat=True))
        hashes = {hash_code(typed_code(index)): index for index in candidates}
        taken = set(Card.objects.filter(short_hash__in=hashes).values_list("short_hash", flat=True))
        drawn |= {index for code, index in hashes.items() if code not in taken}
    return secrets.SystemRandom().sample(sorted(drawn), count)


# ---------------------------------------------------------------- one card


@transaction.atomic(durable=True)
def block(*, actor: User, card: Card, reason: str, at: datetime) -> None:
    """Stop a card from the next scan on; its holder and the company's HR may. Blocking twice changes nothing."""
    require(can_block(actor, card))
    row = Card.objects.select_for_update(of=("self",)).get(pk=card.pk)
    if row.replaced_at is not None:
        raise CardReplaced
    if row.blocked_at is None:
        row.blocked_at, row.block_reason, row.blocked_by_holder = at, reason, holds(actor, card)
        row.save(update_fields=["blocked_at", "block_reason", "blocked_by_holder"])
        audit.record("card.blocked", target=row, at=at, actor=actor, data={"reason": reason})
    card.blocked_at, card.block_reason = row.blocked_at, row.block_reason
    _publish_soon(card)


@transaction.atomic(durable=True)
def found(*, actor: User, card: Card, at: datetime) -> None:
    """Take back one's own report of a lost card: it works again, on paper too. Nobody undoes another's block."""
    require(holds(actor, card))
    opened = Card.objects.filter(pk=card.pk, blocked_by_holder=True, block_reason="lost", replaced_at=None)
    if not opened.update(blocked_at=None, block_reason="", blocked_by_holder=False):
        raise CardNotFoundAgain
    audit.record("card.found", target=card, at=at, actor=actor)
    _publish_soon(card)


@transaction.atomic(durable=True)
def replace(*, actor: User, card: Card, company: Company | None = None, at: datetime) -> Card:
    """Make a new card for the holder of this one and refuse the old one from now on. Uses already made still count."""
    require(can_block(actor, card))
    row = Card.objects.select_for_update(of=("self",)).get(pk=card.pk)
    if row.replaced_at is not None:
        raise CardReplaced
    company = company or employer(row.person, at=at)
    if company is None or not company.is_member:
        raise CompanyNotMember
    row.replaced_at = at
    row.save(update_fields=["replaced_at"])
    batch = CardBatch.objects.create(
        company=company,
        purpose=BatchPurpose.REPRINT,
        people=[row.person_id],
        created_by=actor,
        created_at=at,
        completed_at=at,
    )
    (made,) = make_cards([row.person_id], batch=batch, at=at)
    if row.activated_at:  # the phone shows the new card without another letter
        made.activated_at = at
        made.save(update_fields=["activated_at"])
    audit.record("card.replaced", target=row, at=at, actor=actor, data={"by": made.pk})
    _publish_soon(card)
    return made


def employer(person: Person, *, at: datetime) -> Company | None:
    """A member that employs a person today; the first, when there are several."""
    today = at.astimezone(credential.PARIS).date()
    employment = Employment.objects.filter(person=person).current(on=today).select_related("company").order_by("pk")
    return next((row.company for row in employment if row.company.is_member), None)


def _publish_soon(card: Card) -> None:
    from benefit_card.tasks import publish_revocations

    publish_revocations.delay_on_commit()
    _tell_wallets([card.pk])


def _tell_wallets(pks: list[int]) -> None:
    from benefit_card.tasks import tell_google, tell_wallets

    tell_wallets.delay_on_commit(cards=pks)
    tell_google.delay_on_commit(cards=pks)
