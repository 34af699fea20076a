"""The Celery application. Tasks live in the rooms (`<room>/tasks.py`)."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deploy.settings")
app = Celery("erb")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
