"""The Celery application. Tasks live in the rooms (`<room>/tasks.py`)."""

import os

from celery import Celery
from celery.signals import worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deploy.settings")
app = Celery("erb")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_ready.connect
def _say_hello(**_more: object) -> None:
    """Leave the first sign of life at once, so that /healthz need not wait for beat; have this month's table and lists for the tills."""
    app.send_task("companies.heartbeat")
    app.send_task("benefit_card.prepare_months")
    app.send_task("benefit_card.refresh_lists")
