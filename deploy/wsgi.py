"""The WSGI application."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deploy.settings")
gc.disable()  # nothing that is read at the start is garbage; looking for some takes a tenth of the start
pages = get_wsgi_application()

from deploy import doors, warm  # noqa: E402 - need the settings

application = doors.application(pages)
gc.enable()
warm.in_background()
