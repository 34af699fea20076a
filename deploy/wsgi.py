"""The WSGI application."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deploy.settings")
pages = get_wsgi_application()

from deploy import doors, warm  # noqa: E402 - need the settings

application = doors.application(pages)
warm.in_background()
