"""Long work: a row that says how far it is, a task that can be run again, a sweeper that resumes what a crash stopped.

A task takes `job_id`, calls `begin` first (which says whether there is anything left to do), `advance` as it goes and
`finish` or `fail` at the end. It must be safe to run twice.
"""

from datetime import datetime
from typing import Any

from celery import current_app
from django.db import transaction
from django.utils import timezone

from companies.models import Company, Job, JobState, User


def start(
    *,
    kind: str,
    task: str,
    payload: dict[str, Any],
    actor: User | None,
    company: Company | None = None,
    total: int = 0,
    at: datetime,
) -> Job:
    """Queue a job inside the caller's transaction; its Celery task is sent after commit with `job_id`."""
    job = Job.objects.create(
        kind=kind, task=task, payload=payload, created_by=actor, company=company, total=total, created_at=at, beat_at=at
    )
    transaction.on_commit(lambda: send(job), robust=True)  # the sweeper sends again what the broker did not take
    return job


def send(job: Job) -> None:
    """Hand a job's task to the broker."""
    current_app.send_task(job.task, kwargs={"job_id": str(job.pk)})


def begin(job_id: str) -> Job | None:
    """Mark a job as running and return it; None when it is over or was never committed."""
    job = Job.objects.filter(pk=job_id).first()
    if job is None or job.is_over:
        return None
    Job.objects.filter(pk=job_id, state=JobState.QUEUED).update(state=JobState.RUNNING, beat_at=timezone.now())
    job.state = JobState.RUNNING
    return job


def advance(job_id: Any, *, done: int, total: int | None = None) -> None:
    """Tell how far a job is; also its sign of life."""
    changes: dict[str, Any] = {"done": done, "beat_at": timezone.now()}
    if total is not None:
        changes["total"] = total
    Job.objects.filter(pk=job_id, state=JobState.RUNNING).update(**changes)


def finish(job_id: Any, result: dict[str, Any] | None = None) -> None:
    """End a job well. `result` may hold `url`, where the reader goes next, and `message`."""
    now = timezone.now()
    Job.objects.filter(pk=job_id, state__in=[JobState.QUEUED, JobState.RUNNING]).update(
        state=JobState.DONE, result=result or {}, finished_at=now, beat_at=now
    )


def fail(job_id: Any, sentence: str) -> None:
    """End a job with a sentence that says what to do."""
    now = timezone.now()
    Job.objects.filter(pk=job_id, state__in=[JobState.QUEUED, JobState.RUNNING]).update(
        state=JobState.FAILED, error=sentence, finished_at=now, beat_at=now
    )


def cancel(job_id: Any) -> bool:
    """End a job that nobody wants any more; a task that runs already must look for itself. False when it was over."""
    now = timezone.now()
    waiting = Job.objects.filter(pk=job_id, state__in=[JobState.QUEUED, JobState.RUNNING])
    return waiting.update(state=JobState.CANCELLED, finished_at=now, beat_at=now) == 1
