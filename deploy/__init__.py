"""The Django project package: settings, URLs, Celery, the demo. It assembles the rooms; nobody imports it."""

from deploy.celery import app as celery_app

__all__ = ["celery_app"]
