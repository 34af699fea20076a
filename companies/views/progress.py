"""How far a long work is."""

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from companies.models import Job


def job(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The page of a job, for who left and came back."""
    return render(
        request, "companies/job.html", {"job": get_object_or_404(Job.objects.visible_to(request.user), pk=pk)}
    )


def job_progress(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The moving part alone, fetched every second while the job runs."""
    return render(
        request, "companies/job_progress.html", {"job": get_object_or_404(Job.objects.visible_to(request.user), pk=pk)}
    )
