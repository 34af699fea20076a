"""What a web process prepares while it waits for its first request: addresses, templates, its memory.

Else whoever opens a page first after a start waits for them to be read and compiled: a second and more of a page that takes 50 ms.
"""

import gc
import logging
import threading
import time
from pathlib import Path

from django.conf import settings
from django.template import TemplateDoesNotExist, TemplateSyntaxError
from django.template.loader import get_template
from django.template.utils import get_app_template_dirs
from django.urls import reverse

logger = logging.getLogger(__name__)


def templates() -> list[str]:
    """Names of all pages and parts of pages of ours."""
    folders = map(Path, get_app_template_dirs("templates"))
    ours = [
        folder for folder in folders if folder.is_relative_to(settings.BASE_DIR) and "site-packages" not in folder.parts
    ]
    return sorted({str(file.relative_to(folder)) for folder in ours for file in folder.rglob("*.html")})


def up(pause: float = 0, *, after: float = 0) -> int:
    """Read all addresses, compile all templates; return how many. What cannot be compiled fails where it is used.

    `pause` seconds between two, in which requests get their turn; `after` so many seconds, in which all that starts beside us does.
    """
    time.sleep(after)
    reverse("home")
    done = 0
    for name in templates():
        time.sleep(pause)
        try:
            get_template(name)
            done += 1
        except (TemplateDoesNotExist, TemplateSyntaxError):
            logger.exception("the template %s cannot be compiled", name)
    return done


def settle() -> None:
    """Let the garbage collector look only at what requests make, and less often: what was read at the start stays to the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def in_background() -> None:
    """Let the first requests wait as little as may be: they are served meanwhile."""

    def prepare() -> None:
        up(0.005, after=10)
        settle()

    threading.Thread(target=prepare, name="warm", daemon=True).start()
