"""manage.py collect [--at TIME]: what beat does every few minutes, now: announce and send debits, send reminders."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from companies.billing import collecting, reminders


class Command(BaseCommand):
    help = "Announce and send the debits that are due, and the reminders."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--at", help="as if it were then; demonstrations only (ISO 8601)")

    def handle(self, *args: Any, **options: Any) -> None:
        at = timezone.now()
        if options["at"]:
            if not (settings.DEMO or settings.STANDALONE):
                raise CommandError("--at is for demonstrations: debits would be sent before their day.")
            given = datetime.fromisoformat(options["at"])
            at = given if given.tzinfo else timezone.make_aware(given)
        announced = collecting.plan(at=at) + collecting.retry(at=at)
        sent, reminded = collecting.collect(at=at), reminders.send(at=at)
        self.stdout.write(f"{announced} debits announced, {sent} sent, {reminded} reminders.")
