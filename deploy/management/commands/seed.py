"""Deterministic, believable data for demonstrations, tests and measurements."""

import json
import random
import time
from argparse import ArgumentParser
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from companies import audit, demo_data, demo_meetings
from companies.billing import demo_data_books, demo_documents
from companies.models import Company

ROOMS = ["companies.billing", "merchants", "benefit_card", "purchasing"]  # in the order their rows need each other


class Command(BaseCommand):
    help = "Fill an empty database: companies, people, merchants, cards, a year of redemptions, pools in every state."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--scale", choices=sorted(demo_data.SIZES), default="erb")
        parser.add_argument("--seed", type=int, default=26100, help="the same number gives the same data")
        parser.add_argument("--at", help="the day the data is seen from (ISO 8601); today when left out")
        parser.add_argument("--json", type=Path, help="write ids, a till token and card codes to this file")

    def handle(self, *args: Any, **options: Any) -> None:
        if Company.objects.exists():
            raise CommandError("There are companies already. Seed an empty database.")
        at = datetime.fromisoformat(options["at"]).astimezone() if options["at"] else timezone.now()
        rng = random.Random(options["seed"])  # noqa: S311 - invented data, no secrets
        started = time.monotonic()
        world = demo_data.seed(rng=rng, scale=options["scale"], at=at)
        demo_meetings.seed_meetings(world=world, at=at)
        self._report("companies", started)
        for room in ROOMS:
            if find_spec(f"{room}.demo_data"):
                started = time.monotonic()
                room_rng = random.Random(f"{options['seed']}-{room}")  # noqa: S311 - a room never shifts another's draws
                import_module(f"{room}.demo_data").seed(rng=room_rng, world=world, at=at, scale=options["scale"])
                self._report(room, started)
        started = time.monotonic()
        demo_data_books.close_old_months(world=world, at=at)
        demo_documents.report(at=at)
        self._report("months closed", started)
        audit.seal()
        if options["json"]:
            facts = {
                "scale": world.scale,
                "home_company": world.home.pk,
                "buyer_email": world.one(world.home, "buyer").email,
                "companies": [company.pk for company in world.companies],
                **world.notes,
            }
            options["json"].write_text(json.dumps(facts, indent=1, default=str))

    def _report(self, room: str, started: float) -> None:
        self.stdout.write(f"{room}: {time.monotonic() - started:.1f} s")
