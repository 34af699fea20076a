"""The gallery of components (`/ui/`), for the association's staff and for who builds pages."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from companies.access import is_staff
from companies.models import Job, JobState


def gallery(request: HttpRequest) -> HttpResponse:
    """Every component with its variables and an example."""
    if not is_staff(request.user):
        raise Http404
    now = timezone.now()
    job = Job(kind="example", state=JobState.DONE, done=120, total=120, created_at=now, beat_at=now)
    return render(request, "gallery.html", {"job": job, "now": now})
