"""Who may open the addresses of the assembled product."""

from datetime import timedelta

from django.utils import timezone

from benefit_card.services import lists
from companies.models import Heartbeat, Job
from tests.access import COMPANY_ROLES, EVERYBODY, Visit


def prepare(w):
    now = timezone.now()
    # All visits share one world: on a loaded machine the last comes minutes after the first.
    Heartbeat.objects.create(name="worker", at=now + timedelta(hours=1))
    lists.revocations(at=now)  # the sign of life of the signer
    w.job = Job.objects.create(kind="example", task="example", company=w.company, created_at=now, beat_at=now)


def of_job(w):
    return {"pk": w.job.pk}


VISITS = [
    Visit("home", EVERYBODY),
    Visit("home_company", COMPANY_ROLES | {"staff"}, lambda w: {"company": w.company.pk}),
    Visit("home_staff", {"staff"}),
    Visit("home_person", {"employee"}),
    Visit("home_person_now", {"employee"}),
    Visit("home_merchant", {"merchant"}, lambda w: {"merchant": w.merchant.pk}),
    Visit("set_language", EVERYBODY, method="post"),
    Visit("legal_notice", EVERYBODY),
    Visit("legal_privacy", EVERYBODY),
    Visit("legal_terms", EVERYBODY),
    Visit("legal_accessibility", EVERYBODY),
    Visit("healthz", EVERYBODY),
    Visit("favicon", EVERYBODY),
    Visit("gallery", {"staff"}),
    Visit("schema", EVERYBODY),
    Visit("api_docs", EVERYBODY),
    Visit("companies:job", COMPANY_ROLES | {"staff"}, of_job),
    Visit("companies:job_progress", COMPANY_ROLES | {"staff"}, of_job),
]
