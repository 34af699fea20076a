"""A form that is sent twice makes one thing: the second answer is the first one's.

The page carries a key (`{% once_field %}`). Two requests with the same key wait for each other, in whatever process they are.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from companies.models import IdempotentReply

View = Callable[..., HttpResponse]
FIELD = "once"


def once(view: View) -> View:
    """The same POST with the same key is answered with the same redirect; refusals are not kept.

    For views that make something: a change sent again with the same key must be made again.
    """

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method != "POST" or not request.POST.get(FIELD) or not request.user.is_authenticated:
            return view(request, *args, **kwargs)
        caller = f"form:{request.user.pk}"
        said = sorted((name, request.POST.getlist(name)) for name in request.POST if name != "csrfmiddlewaretoken")
        key = hashlib.sha256(f"{request.path} {said}".encode()).hexdigest()  # what was said has the page's key in it
        with _alone(f"{caller}/{key}"):
            earlier = IdempotentReply.objects.filter(caller=caller, key=key).first()
            if earlier is not None and earlier.body:
                return HttpResponseRedirect(earlier.body["location"])
            response = view(request, *args, **kwargs)
            if isinstance(response, HttpResponseRedirect) and earlier is None:
                IdempotentReply.objects.create(
                    caller=caller,
                    key=key,
                    body_hash=key,
                    status=response.status_code,
                    body={"location": response.url},
                    created_at=timezone.now(),
                )
            return response

    return answered


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Held by one request at a time; ends with the connection at the latest."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [number])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [number])
