"""manage.py check_ledger: exit 0 when the books are intact, else 1 and the first break."""

import sys
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection, transaction

from companies.billing import checking


class Command(BaseCommand):
    help = "Check that the books are intact: sums, numbers, balances, states."

    def handle(self, *args: Any, **options: Any) -> None:
        alone = not connection.in_atomic_block
        with transaction.atomic():
            if alone:  # one picture of the whole books while others go on writing
                with connection.cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            broken = checking.first_break()
            checked = ", ".join(f"{count} {table}" for table, count in checking.counts())
        if broken:
            self.stderr.write(f"BROKEN: {broken}")
            sys.exit(1)
        self.stdout.write(f"The books are intact ({checked}).")
