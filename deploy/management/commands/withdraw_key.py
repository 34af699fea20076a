"""What to do when a key of the cards leaked."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from benefit_card.models import SigningKey
from benefit_card.services.keys import withdraw_key


class Command(BaseCommand):
    help = "List the keys of the cards, or withdraw one: everything it signed is refused from the next scan on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kid", type=int, nargs="?", help="number of the key; without it all keys are listed")
        parser.add_argument("--reason", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["kid"] is None:
            for key in SigningKey.objects.order_by("kid"):
                state = "withdrawn" if key.withdrawn_at else f"counts until {key.accept_until:%Y-%m-%d}"
                self.stdout.write(f"{key.kid:>3}  {key.use:<6}  {key.cards:>6} cards  {state}")
            return
        if not options["reason"]:
            raise CommandError("Say why: --reason TEXT. It goes to the audit log.")
        if not SigningKey.objects.filter(pk=options["kid"]).exists():
            raise CommandError("There is no such key. Without a number the command lists them.")
        withdraw_key(actor=None, kid=options["kid"], reason=options["reason"], at=timezone.now())
        self.stdout.write(f"Key {options['kid']} is withdrawn. Make new cards for those it signed.")
