"""The whole state out."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from deploy import backup


class Command(BaseCommand):
    help = "Write database, card keys and a manifest of counts and hashes into a new directory. The product may run on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path, metavar="DIR")

    def handle(self, *args: Any, **options: Any) -> None:
        manifest = backup.write(options["directory"], at=timezone.now())
        rows = sum(table.rows for table in manifest.tables.values())
        self.stdout.write(
            f"saved: {rows} rows of {len(manifest.tables)} tables, {len(manifest.files)} files, "
            f"{manifest.audit_checked} sealed audit entries. Keep {options['directory']} secret: it holds the card keys."
        )
