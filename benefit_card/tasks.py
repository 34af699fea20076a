"""Background work of the room. Every task takes ids and may run twice."""

import logging
from typing import Any

import typst
from celery import shared_task
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from benefit_card import signing, typesetting
from benefit_card.models import CardBatch
from benefit_card.services import (
    cards,
    fraud,
    google_passes,
    lists,
    monthly_use,
    partitions,
    printing,
    retention,
    signals,
    statements,
    texts,
    wallets,
)
from companies import jobs
from companies.errors import DomainError

logger = logging.getLogger(__name__)


@shared_task(name="benefit_card.sign")
def sign(*, what: str, given: dict[str, Any], reply: str) -> None:
    """Sign what a web process waits for. Runs in the queue `signing` only, as do the two below."""
    signing.answer(what=what, given=given, reply=reply)


@shared_task(name="benefit_card.publish_revocations")
def publish_revocations() -> None:
    """Issue a new list of revoked cards: a card was blocked, replaced, or its holder left."""
    lists.revocations(at=timezone.now(), changed=True)


@shared_task(name="benefit_card.tell_wallets")
def tell_wallets(*, cards: list[int]) -> None:
    """Tell the wallets of cards to fetch the pass again."""
    wallets.push(cards, at=timezone.now())


@shared_task(name="benefit_card.tell_google")
def tell_google(*, cards: list[int]) -> None:
    """Write the present state of cards to Google Wallet."""
    google_passes.tell(cards, at=timezone.now())


@shared_task(name="benefit_card.sweep_google")
def sweep_google() -> None:
    """Tell Google Wallet what it missed: cards that ended, stopped or work again."""
    google_passes.sweep(at=timezone.now())


@shared_task(name="benefit_card.send_text")
def send_text(*, text_id: int) -> None:
    """Send one text message and forget its number."""
    texts.deliver(text_id=text_id, at=timezone.now())


@shared_task(name="benefit_card.sweep_texts")
def sweep_texts() -> None:
    """Send what stayed behind; empty what is too old to be of use."""
    texts.sweep(at=timezone.now())


@shared_task(name="benefit_card.refresh_lists")
def refresh_lists() -> None:
    """Keep the key set and the list of revoked cards fresh, so that no till waits for it."""
    now = timezone.now()
    lists.key_set(at=now)
    lists.revocations(at=now, changed=True)


@shared_task(name="benefit_card.issue_batch")
def issue_batch(*, job_id: str) -> None:
    """Make the cards a batch lacks."""
    job = jobs.begin(job_id)
    if job is None:
        return
    batch = CardBatch.objects.select_related("company").get(pk=job.payload["batch"])
    with translation.override(_language(batch)):
        try:
            made = cards.issue_batch(
                batch_id=batch.pk, at=timezone.now(), on_chunk=lambda done: jobs.advance(job_id, done=done)
            )
        except DomainError as error:
            jobs.fail(job_id, error.sentence)
            return
        url = reverse("benefit_card:batch", args=[batch.company_id, batch.pk])
        jobs.advance(job_id, done=made)
        jobs.finish(
            job_id, {"url": url, "message": _("%(n)s cards are ready.") % {"n": made}, "label": _("Print them")}
        )


def _language(batch: CardBatch) -> str:
    return batch.created_by.language if batch.created_by else "fr"


@shared_task(name="benefit_card.report_seen_elsewhere")
def report_seen_elsewhere(*, status_index: int, slot: int, first: int, second: int) -> None:
    """Keep a signal for people to judge: one phone code at two merchants. The holder is told once."""
    signals.seen_elsewhere(status_index=status_index, slot=slot, first=first, second=second, at=timezone.now())


def _render(job_id: str, what: str) -> None:
    job = jobs.begin(job_id)
    if job is None:
        return
    batch = CardBatch.objects.select_related("company", "created_by").get(pk=job.payload["batch"])
    render = {
        "sheet": printing.render_sheet,
        "printer": printing.render_printer,
        "letters": printing.render_letters,
    }[what]
    with translation.override("fr"):  # what is printed is for the holders
        try:
            render(
                batch=batch, names=bool(job.payload.get("names")), at=timezone.now(),
                on_chunk=lambda done: jobs.advance(job_id, done=done),
            )  # fmt: skip
        except typesetting.NotSet:
            logger.exception("cards of batch %s could not be set", batch.pk)
            jobs.fail(job_id, _("The file could not be made. Try again; if it fails again, tell ERB."))
            return
    with translation.override(_language(batch)):
        url = reverse(f"benefit_card:batch_{what}", args=[batch.company_id, batch.pk])
        jobs.finish(job_id, {"url": url, "message": _("The file is ready."), "label": _("Download it")})


@shared_task(name="benefit_card.render_sheet")
def render_sheet(*, job_id: str) -> None:
    """Make the print sheet of a batch."""
    _render(job_id, "sheet")


@shared_task(name="benefit_card.render_printer")
def render_printer(*, job_id: str) -> None:
    """Make the file of a batch for a card printer."""
    _render(job_id, "printer")


@shared_task(name="benefit_card.render_letters")
def render_letters(*, job_id: str) -> None:
    """Make the activation letters of a batch."""
    _render(job_id, "letters")


@shared_task(name="benefit_card.forget")
def forget() -> None:
    """Retention: forget what may no longer be known, and keep a report."""
    retention.run(at=timezone.now())


@shared_task(name="benefit_card.prepare_months")
def prepare_months() -> None:
    """Make the tables that the redemptions of the coming months go into."""
    partitions.prepare(at=timezone.now())


@shared_task(name="benefit_card.count_months")
def count_months() -> None:
    """Count the closed months that are not counted yet, and the days since, for the dashboards."""
    monthly_use.count_missing(at=timezone.now())
    monthly_use.count_days(at=timezone.now())


@shared_task(name="benefit_card.check_statements")
def check_statements(*, months: int = 2) -> None:
    """Compare the statements of the latest months with their lines, so that the staff's page need not."""
    statements.check(latest=months)


@shared_task(name="benefit_card.close_statements")
def close_statements() -> None:
    """Every night: have the statements made that are missing. Nothing to do is the usual answer."""
    now = timezone.now()
    if statements.missing(at=now):
        statements.ask(actor=None, at=now)


@shared_task(name="benefit_card.make_statements")
def make_statements(*, job_id: str) -> None:
    """Close the months that are over and set their files."""
    if jobs.begin(job_id) is None:
        return
    try:
        made = statements.make(at=timezone.now(), on_step=lambda done: jobs.advance(job_id, done=done))
    except typst.TypstError:
        logger.exception("statements could not be set")
        jobs.fail(job_id, _("The file could not be made. Try again; if it fails again, tell ERB."))
        return
    jobs.finish(
        job_id,
        {
            "url": reverse("benefit_card:staff_statements"),
            "message": _("%(n)s statements are ready.") % {"n": made},
            "label": _("See the statements"),
        },
    )


@shared_task(name="benefit_card.look_for_misuse")
def look_for_misuse() -> None:
    """Raise signals for people to judge."""
    fraud.look(at=timezone.now())
