"""Recompute the audit chain."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from companies import audit


class Command(BaseCommand):
    help = "Verify the hash chain of the audit log; exit 1 and name the first break when it is not intact."

    def handle(self, *args: Any, **options: Any) -> None:
        audit.seal()
        verdict = audit.verify(at=timezone.now())
        if verdict.broken:
            self.stdout.write(f"broken: {verdict.broken}")
            raise SystemExit(1)
        self.stdout.write(f"intact: {verdict.checked} entries")
