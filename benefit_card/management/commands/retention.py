"""Forget what may no longer be known."""

import json
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from benefit_card.services import retention


class Command(BaseCommand):
    help = "Run retention now and print what was forgotten, as JSON. The same run happens every night."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(json.dumps(retention.run(at=timezone.now()).counts, sort_keys=True))
