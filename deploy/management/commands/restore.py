"""The whole state back."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from deploy import backup


class Command(BaseCommand):
    help = "Put a backup back and verify counts, hashes and the audit chain. Stop web server, worker and beat before."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path, metavar="DIR")
        parser.add_argument(
            "--replace", action="store_true", help="also when the database already holds companies or people"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        manifest = backup.restore(options["directory"], replace=options["replace"], at=timezone.now())
        rows = sum(table.rows for table in manifest.tables.values())
        self.stdout.write(
            f"restored and verified: {rows} rows of {len(manifest.tables)} tables, {len(manifest.files)} files, "
            f"{manifest.audit_checked} sealed audit entries. Start web server, worker and beat again."
        )
        if not backup.same_secret_key(manifest):
            self.stdout.write(
                self.style.WARNING(
                    "SECRET_KEY is not the one of the backup: second factors and links already sent will not work. "
                    "Set the old key, or add it to SECRET_KEY_FALLBACKS."
                )
            )
