"""The first account of an installation."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from companies import audit
from companies.models import StaffRole, User


class Command(BaseCommand):
    help = "Make the first account of the association's staff; later ones are made by those who are there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("name")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        if StaffRole.objects.exists():
            raise CommandError("There is a staff account already. Sign in with it.")
        user = User.objects.create_user(email=options["email"], full_name=options["name"])
        audit.record("staffrole.granted", target=StaffRole.objects.create(user=user), at=timezone.now(), actor=None)
        self.stdout.write(f"{user.email} signs in with a code sent by mail, and adds a second factor then.")
