"""The device behind a session, in words its owner recognises."""

from django import template
from django.utils.translation import gettext as _

register = template.Library()
# The first hit counts: Edge and Opera call themselves Chrome too, and Chrome calls itself Safari.
BROWSERS = [("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari")]
SYSTEMS = [("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "Mac"),
           ("CrOS", "ChromeOS"), ("Linux", "Linux")]  # fmt: skip


@register.filter
def device(user_agent: str) -> str:
    """Browser and system of a `User-Agent`, such as “Firefox, Windows”; “unknown device” when neither is known.

    >>> device("Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0")
    'Firefox, Windows'
    """
    known = [next((name for mark, name in table if mark in user_agent), "") for table in (BROWSERS, SYSTEMS)]
    return ", ".join(filter(None, known)) or _("unknown device")
