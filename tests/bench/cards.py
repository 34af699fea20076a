"""4,000 cards made and their sheets set; then 220,000 cards."""

import time

from tests.bench import imports
from tests.bench.book import Book
from tests.bench.place import Place

MANY, AT_ONCE = 220_000, 500
CHILD = """
import sys, django; django.setup()
from pathlib import Path
from django.utils import timezone
from benefit_card import sheets, short_code
from benefit_card.models import Card
from benefit_card.services import cards
rows = Card.objects.filter(batch=int(sys.argv[1])).select_related("person").order_by("pk")
faces = [sheets.Face(text=cards.print_text(card), name=sheets.display_name(card.person.first_name, card.person.last_name),
                     code=short_code.grouped(cards.typed_code(card.status_index)), valid=f"{card.valid_until:%d/%m/%Y}")
         for card in rows.iterator()]
labels = sheets.Labels(title="Cartes", card="Carte ERB", code="Code", found="Trouvée ?")
content = sheets.render(faces, labels=labels)
print(len(faces), len(content))
"""


def measure(place: Place, book: Book) -> None:
    from django.utils import timezone

    from benefit_card.models import Card
    from benefit_card.services import cards

    _ = place.seed
    company, user = imports.company_with_hr("Banc des cartes")
    imports.import_into(company, user, "personnel.csv", imports.as_csv(imports.staff(imports.LINES)))
    batch = cards.request_batch(actor=user, company=company, at=timezone.now())
    started = time.monotonic()
    cards.issue_batch(batch_id=batch.pk, at=timezone.now())
    seconds = time.monotonic() - started
    made = Card.objects.filter(batch=batch).count()
    if made != imports.LINES:
        raise RuntimeError(f"{made} cards made")
    book.note("cards", "issue_4000_cards_seconds", seconds, "s", "signed, with audit rows; target < 10 s")
    _many(book)
    run = place.python("-c", CHILD, str(batch.pk))
    if run.output.split()[0] != str(imports.LINES):
        raise RuntimeError(run.output)
    book.note("cards", "sheets_4000_seconds", run.seconds, "s", "with the start of the process; target < 60 s")
    book.note("cards", "sheets_4000_peak_rss", run.peak_mb, "MB", "largest process; target < 250 MB")
    book.note("cards", "sheets_4000_together_rss", run.together_mb, "MB", "parent and renderer added up")
    book.note("cards", "sheets_4000_size", int(run.output.split()[1]) / 1e6, "MB", "the PDF")


def _many(book: Book) -> None:
    """The cards of a whole region, as many companies would ask for them one after the other."""
    from django.db import connection
    from django.utils import timezone

    from benefit_card.models import Card
    from benefit_card.services import cards
    from companies.models import Person
    from tests.bench import crowd

    like = Person.objects.create(first_name="Essai", last_name="N0")
    first = crowd.multiply(Person, like, MANY, last_name="'N' || n")
    people = list(range(first, first + MANY))
    started, before = time.monotonic(), Card.objects.count()
    for start in range(0, MANY, AT_ONCE):
        cards.make_cards(people[start : start + AT_ONCE], batch=None, at=timezone.now())
    seconds = time.monotonic() - started
    if Card.objects.count() != before + MANY:
        raise RuntimeError("not every card was made")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    book.note("cards", "issue_220000_cards_seconds", seconds, "s", f"{AT_ONCE} under one signing key, audited")
