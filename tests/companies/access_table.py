"""Who may open which address of the room."""

from typing import Any

from django.utils import timezone

from companies.models import ApiToken, EmployeeImport, Invitation, WebhookEndpoint
from tests.access import COMPANY_ROLES, EVERYBODY, SIGNED_IN, Visit

PEOPLE = {"hr", "admin"}
ADMINS = {"admin", "staff"}
STAFF = {"staff"}
BODY = {"first_name": "Zoé", "last_name": "Ébrard", "starts_on": "2026-03-02"}


def prepare(w: Any) -> None:
    now = timezone.now()
    w.staff_import = EmployeeImport.objects.create(
        company=w.company, name="liste.csv", leave_on=now.date(), state="ready", created_at=now
    )
    w.role_invitation = Invitation.objects.create(
        company=w.company,
        email="eva@cuir.fr",
        roles=["buyer"],
        created_at=now,
        expires_at=now + timezone.timedelta(days=1),
    )
    w.api_token = ApiToken.objects.create(
        company=w.company, user=w.users["admin"], name="ERP", scopes=["hr"], token_hash="x", created_at=now
    )

    w.webhook = WebhookEndpoint.objects.create(
        company=w.company, url="https://erp.example", topics=["invoices"], secret="whsec_", created_by=w.users["admin"],
        created_at=now,
    )  # fmt: skip


def company(w: Any) -> dict[str, Any]:
    return {"company": w.company.pk}


def employee(w: Any) -> dict[str, Any]:
    return {"company": w.company.pk, "pk": w.employment.pk}


def staff_import(w: Any) -> dict[str, Any]:
    return {"company": w.company.pk, "pk": w.staff_import.pk}


def invitation(w: Any) -> dict[str, Any]:
    return {"company": w.company.pk, "pk": w.role_invitation.pk}


def site(w: Any) -> dict[str, Any]:
    return {"company": w.company.pk, "pk": w.company.sites.get().pk}


def settings(w: Any) -> dict[str, Any]:
    return {"name": "Own", "headcount": "50", "approval_limit_cents": "100"}


def member(w: Any) -> dict[str, Any]:
    return {"company": w.company.pk, "pk": w.users["buyer"].pk}


def subject(w: Any) -> dict[str, Any]:
    return {"pk": w.company.pk}


VISITS = [
    Visit("companies:employee_list", PEOPLE, company),
    Visit("companies:employee_add", PEOPLE, company),
    Visit("companies:employee_template", PEOPLE, company),
    Visit("companies:employee", PEOPLE, employee),
    Visit("companies:employee", PEOPLE, employee, method="post"),
    Visit("companies:employee_end", PEOPLE, employee, method="post"),
    Visit("companies:import_list", PEOPLE, company),
    Visit("companies:import_new", PEOPLE, company),
    Visit("companies:import", PEOPLE, staff_import),
    Visit("companies:import_errors", PEOPLE, staff_import),
    *[
        Visit(f"companies:import_{step}", PEOPLE, staff_import, method="post")
        for step in ("apply", "undo", "check", "cancel")
    ],
    Visit("companies:settings", PEOPLE | STAFF, company),
    Visit("companies:settings", ADMINS, company, method="post", data=settings),
    Visit("companies:site_add", PEOPLE | STAFF, company),
    Visit("companies:site", PEOPLE | STAFF, site),
    Visit("companies:site_remove", PEOPLE | STAFF, site, method="post"),
    Visit("companies:role_list", ADMINS, company),
    Visit("companies:invite", ADMINS, company),
    Visit("companies:invite", ADMINS, company, method="post"),
    Visit("companies:member", ADMINS, member),
    Visit("companies:member", ADMINS, member, method="post"),
    Visit("companies:leave", COMPANY_ROLES | STAFF, company, method="post"),
    Visit("companies:invitation_resend", ADMINS, invitation, method="post"),
    Visit("companies:invitation_withdraw", ADMINS, invitation, method="post"),
    Visit("companies:webhooks", ADMINS, company),
    Visit("companies:webhooks", ADMINS, company, method="post"),
    Visit("companies:webhook_resume", ADMINS, lambda w: {**company(w), "pk": w.webhook.pk}, method="post"),
    Visit("companies:webhook_remove", ADMINS, lambda w: {**company(w), "pk": w.webhook.pk}, method="post"),
    Visit("companies:tokens", ADMINS, company),
    Visit("companies:tokens", ADMINS, company, method="post"),
    Visit("companies:token_revoke", ADMINS, lambda w: {"company": w.company.pk, "pk": w.api_token.pk}, method="post"),
    Visit("companies:invitation", EVERYBODY, lambda w: {"token": w.role_invitation.token}),
    Visit("companies:apply", EVERYBODY),
    Visit("companies:company_list", STAFF),
    Visit("companies:company_new", STAFF),
    Visit("companies:company", STAFF, subject),
    *[
        Visit(f"companies:company_{step}", STAFF, subject, method="post")
        for step in ("admit", "suspend", "end", "invite")
    ],
    Visit("companies:account", SIGNED_IN),
    Visit("companies:second_factor", SIGNED_IN),
    Visit("api_employees", SIGNED_IN),
    Visit("api_employees", PEOPLE, method="post", data=lambda w: {"company": w.company.pk, **BODY}),
    Visit("api_employee", PEOPLE, lambda w: {"pk": w.employment.pk}),
    Visit("api_employee", PEOPLE, lambda w: {"pk": w.employment.pk}, method="patch"),
    Visit("api_employee_end", PEOPLE, lambda w: {"pk": w.employment.pk}, method="post"),
]
