"""Print sheets and activation letters of a batch, made by a job because 4,000 cards take seconds."""

import unicodedata
from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from benefit_card import sheets, short_code, sms
from benefit_card.access import can_issue
from benefit_card.models import Card, CardBatch
from benefit_card.services.activation import LIVES, draw_codes
from benefit_card.services.cards import print_texts, typed_code
from companies import audit, documents, jobs, mail
from companies.access import require
from companies.models import Document, Employment, Job, User
from companies.templatetags.ui import day

Progress = Callable[[int], None]


def in_order(batch: CardBatch) -> list[Card]:
    """The batch's cards that still count, by site, then by name as a French reader sorts it; always the same order."""
    cards = list(batch.cards.current().filter(blocked_at=None).select_related("person"))
    rows = Employment.objects.filter(company=batch.company_id, person__in=[card.person_id for card in cards])
    sites = dict(rows.order_by("starts_on").values_list("person_id", "site__name"))

    def place(card: Card) -> tuple[str, str, str, int]:
        person = card.person
        return (
            plain(sites.get(card.person_id) or ""),
            plain(person.last_name),
            plain(person.first_name),
            card.person_id,
        )

    return sorted(cards, key=place)


def plain(text: str) -> str:
    """Letters without accents or case, for sorting."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).casefold()


@transaction.atomic(durable=True)
def request(*, actor: User, batch: CardBatch, what: str, names: bool = False, at: datetime) -> Job:
    """Start the job that makes the batch's print sheet (`sheet`), its file for a card printer (`printer`) or its letters
    (`letters`); `names` lets names show through the window of the letters' envelopes.
    """
    require(can_issue(actor, batch.company))
    job = jobs.start(
        kind=f"card_{what}",
        task=f"benefit_card.render_{what}",
        payload={"batch": batch.pk, "names": names},
        actor=actor,
        company=batch.company,
        total=len(batch.people),
        at=at,
    )
    setattr(batch, f"{what}_job", job)
    batch.save(update_fields=[f"{what}_job"])
    audit.record(f"cardbatch.{what}_requested", target=batch, at=at, actor=actor, company=batch.company)
    return job


def render_sheet(*, batch: CardBatch, at: datetime, on_chunk: Progress, names: bool = False) -> Document:
    """Make the print sheet of a batch and keep it."""
    return _render_faces(batch, "sheet", f"cartes-{batch.pk}.pdf", at=at, on_chunk=on_chunk)


def render_printer(*, batch: CardBatch, at: datetime, on_chunk: Progress, names: bool = False) -> Document:
    """Make the file for a card printer (CR80, a card a page) and keep it."""
    return _render_faces(batch, "printer", f"cartes-cr80-{batch.pk}.pdf", at=at, on_chunk=on_chunk)


def _render_faces(batch: CardBatch, what: str, name: str, *, at: datetime, on_chunk: Progress) -> Document:
    cards = in_order(batch)
    labels = sheets.Labels(
        title=f"{batch.company} – {batch.pk}",
        card=_("Benefit card"),
        code=_("Code to type"),
        found=_("Personal card. Found? Please leave it with an ERB merchant."),
    )
    faces = [
        sheets.Face(
            text=text,
            name=sheets.display_name(card.person.first_name, card.person.last_name),
            code=short_code.grouped(typed_code(card.status_index)),
            valid=_("Valid until %(day)s") % {"day": f"{card.valid_until:%d/%m/%Y}"},
        )
        for card, text in zip(cards, print_texts(cards), strict=True)
    ]
    content = sheets.render(faces, labels=labels, single=what == "printer", on_chunk=on_chunk)
    with transaction.atomic():
        document = documents.store(kind=f"card_{what}", name=name, content=content, company=batch.company, at=at)
        setattr(batch, what, document)
        batch.save(update_fields=[what])
        Card.objects.filter(pk__in=[card.pk for card in cards], printed_at=None).update(printed_at=at)
    return document


def _steps() -> list[str]:
    """What to do with a letter; without an e-mail address only where text messages are sent."""
    if sms.available():
        return [
            _("Type the code below and an e-mail address or a mobile number of your own. Your company never sees it."),
            _("Open the link or type the digits you receive: your card is on your phone, even without a network."),
        ]
    return [
        _("Type the code below and an e-mail address of your own. Your company never sees it."),
        _("Open the link you receive: your card is on your phone, even without a network."),
    ]


def render_letters(*, batch: CardBatch, at: datetime, on_chunk: Progress, names: bool = False) -> Document:
    """Draw a code for every holder of a batch who has not opened the card, and set one letter for each.

    The letters lie in the order of the cards. Through the envelope's window shows a number, unless names were chosen.
    """
    cards = [card for card in in_order(batch) if card.activated_at is None]
    codes = draw_codes(cards, channel="letter", at=at)
    data = {
        "lang": "fr",
        "title": _("Your ERB card on your phone"),
        "company": batch.company.name,
        "steps": [
            _("Open %(address)s on your phone.") % {"address": mail.absolute("/activate/")},
            *_steps(),
        ],
        "printed": _("Your printed card works from today on. The phone is a choice, and nobody is told about it."),
        "code_label": _("Your code"),
        "until": _("This code works once, until %(day)s.") % {"day": day(at + LIVES)},
        "letters": [
            {
                "greeting": _("Hello %(name)s,") % {"name": card.person},
                "window": str(card.person) if names else _("Letter %(n)s of %(all)s") % {"n": n, "all": len(cards)},
                "code": short_code.grouped(codes[card.pk]),
            }
            for n, card in enumerate(cards, 1)
        ],
    }
    content = documents.render_pdf("benefit_card/documents/letters.typ", data)
    on_chunk(len(cards))
    with transaction.atomic():
        batch.letters = documents.store(
            kind="card_letters", name=f"lettres-{batch.pk}.pdf", content=content, company=batch.company, at=at
        )
        batch.save(update_fields=["letters"])
    return batch.letters
