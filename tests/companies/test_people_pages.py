"""The pages of employees, imports, roles, account and admissions: they answer, say the right thing, and stay cheap."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver, reverse
from django.utils import timezone

from companies.models import (
    Application,
    Company,
    CompanyStatus,
    EmployeeImport,
    Employment,
    Invitation,
    Membership,
    Role,
    User,
)
from companies.services import imports, invitations
from companies.services.tokens import SCOPES
from tests.companies.test_imports import LIST, run, send, staff
from tests.factories.companies import CompanyFactory, EmploymentFactory, SiteFactory, UserFactory, member
from tests.factories.companies import staff as association_staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def company() -> Company:
    found = CompanyFactory()
    SiteFactory(company=found, name="Romans")
    return found


@pytest.fixture
def hr(company: Company) -> User:
    return member(company, Role.HR)


@pytest.fixture
def hr_client(client: Client, hr: User) -> Client:
    client.force_login(hr)
    return client


def get(client: Client, name: str, *args: Any, query: str = "") -> str:
    response = client.get(reverse(f"companies:{name}", args=args) + query, headers={"accept-language": "fr"})
    assert response.status_code == 200, (name, response.status_code)
    return response.content.decode()


def queries(client: Client, name: str, *args: Any) -> int:
    """Statements of a page, once the session remembers the company."""
    get(client, name, *args)
    with CaptureQueriesContext(connection) as seen:
        get(client, name, *args)
    return len(seen)


class TestEmployeeList:
    def test_has_a_constant_number_of_queries(self, hr_client: Client, company: Company) -> None:
        EmploymentFactory(company=company)
        few = queries(hr_client, "employee_list", company.pk)
        for number in range(120):
            EmploymentFactory(company=company, reference=str(number))
        assert queries(hr_client, "employee_list", company.pk) == few
        assert get(hr_client, "employee_list", company.pk).count("<tr>") == 101

    def test_finds_by_parts_of_names_and_number(self, hr_client: Client, company: Company) -> None:
        staff(company)
        assert get(hr_client, "employee_list", company.pk, query="?q=ana+rou").count("<tr>") == 2
        assert get(hr_client, "employee_list", company.pk, query="?q=2").count("<tr>") == 2

    def test_says_what_to_do_when_empty(self, hr_client: Client, company: Company) -> None:
        assert reverse("companies:import_new", args=[company.pk]) in get(hr_client, "employee_list", company.pk)

    def test_survives_any_filter(self, hr_client: Client, company: Company) -> None:
        staff(company)
        get(hr_client, "employee_list", company.pk, query="?page=99999&site=abc&status=what&q=%25%5C")
        get(hr_client, "employee_list", company.pk, query="?page=-1&site=99999999999999999999")

    def test_is_404_for_another_company_and_403_without_the_role(self, hr_client: Client, company: Company) -> None:
        assert hr_client.get(reverse("companies:employee_list", args=[CompanyFactory().pk])).status_code == 404
        hr_client.force_login(member(company, Role.BUYER))
        assert hr_client.get(reverse("companies:employee_list", args=[company.pk])).status_code == 403


class TestEmployeeForm:
    DATA = {
        "last_name": "Ébrard",
        "first_name": "Zoé",
        "starts_on": "2026-03-02",
        "reference": "17",
        "email": "",
        "ends_on": "",
    }

    def test_adds_and_changes_and_ends(self, hr_client: Client, company: Company) -> None:
        hr_client.post(reverse("companies:employee_add", args=[company.pk]), self.DATA)
        row = Employment.objects.get(reference="17")
        hr_client.post(reverse("companies:employee", args=[company.pk, row.pk]), {**self.DATA, "first_name": "Zoë"})
        hr_client.post(reverse("companies:employee_end", args=[company.pk, row.pk]), {"ends_on": "31/12/2026"})
        row.refresh_from_db()
        row.person.refresh_from_db()
        assert (row.person.first_name, str(row.ends_on)) == ("Zoë", "2026-12-31")

    @pytest.mark.parametrize(
        "wrong",
        [{"ends_on": "2026-03-01"}, {"reference": "1"}, {"email": "zoe@"}, {"starts_on": "1e9"}, {"last_name": ""}],
    )
    def test_shows_a_sentence_and_keeps_what_was_typed(
        self, hr_client: Client, company: Company, wrong: dict[str, str]
    ) -> None:
        staff(company)
        response = hr_client.post(reverse("companies:employee_add", args=[company.pk]), {**self.DATA, **wrong})
        assert response.status_code == 200
        assert "Zoé" in response.content.decode()
        assert "invalid-feedback" in response.content.decode() or "alert" in response.content.decode()
        assert Employment.objects.count() == 3


class TestImportPages:
    def test_lead_from_the_file_to_the_undo(self, hr_client: Client, company: Company, hr: User) -> None:
        staff(company)
        file = SimpleUploadedFile("liste.csv", LIST.encode("cp1252"))
        response = hr_client.post(
            reverse("companies:import_new", args=[company.pk]), {"file": file, "full": "yes", "leave_on": ""}
        )
        found = EmployeeImport.objects.get()
        assert response.url == reverse("companies:import", args=[company.pk, found.pk])
        assert "progress" in get(hr_client, "import", company.pk, found.pk)
        run(found)
        text = get(hr_client, "import", company.pk, found.pk)
        assert "Martin-Roche" in text
        assert 'name="confirmed"' in text
        refused = hr_client.post(reverse("companies:import_apply", args=[company.pk, found.pk]), follow=True)
        assert "toast-line--error" in refused.content.decode()
        hr_client.post(reverse("companies:import_apply", args=[company.pk, found.pk]), {"confirmed": "yes"})
        run(found)
        get(hr_client, "import", company.pk, found.pk)
        hr_client.post(reverse("companies:import_undo", args=[company.pk, found.pk]))
        run(found)
        get(hr_client, "import", company.pk, found.pk)
        assert "liste.csv" in get(hr_client, "import_list", company.pk)
        assert Employment.objects.filter(company=company, ends_on=None).count() == 3

    def test_list_errors_by_line_and_as_a_harmless_file(self, hr_client: Client, company: Company, hr: User) -> None:
        """Threat: malicious CSV: import + re-export round trip: a mark for UTF-8 in front, and no cell runs as a formula."""
        found = send(company, hr, LIST + "=1+1;Neuf;Éva;Valence\n")
        text = get(hr_client, "import", company.pk, found.pk)
        assert "Valence" in text
        assert "import_apply" not in text
        response = hr_client.get(reverse("companies:import_errors", args=[company.pk, found.pk]))
        assert response.content.startswith(b"\xef\xbb\xbf")
        cells = [cell for line in response.content.decode("utf-8-sig").splitlines() for cell in line.split(";")]
        assert "Neuf" in cells and not [cell for cell in cells if cell[:1] in tuple("=+-@")]

    def test_have_a_constant_number_of_queries(self, hr_client: Client, company: Company, hr: User) -> None:
        lines = [f"Nom{chr(97 + n % 26)}{'b' * n};Eva;Romans\n" for n in range(60)]
        small, big = (send(company, hr, "Nom;Prénom;Site\n" + "".join(lines[:count])) for count in (1, 60))
        few = queries(hr_client, "import", company.pk, small.pk)
        assert queries(hr_client, "import", company.pk, big.pk) == few
        assert get(hr_client, "import", company.pk, big.pk).count("<tr>") == 61

    def test_says_when_the_file_is_missing(self, hr_client: Client, company: Company) -> None:
        response = hr_client.post(reverse("companies:import_new", args=[company.pk]), {"full": "no"})
        assert response.status_code == 200
        assert not EmployeeImport.objects.exists()

    def test_can_be_given_up(self, hr_client: Client, company: Company, hr: User) -> None:
        found = send(company, hr, LIST)
        hr_client.post(reverse("companies:import_cancel", args=[company.pk, found.pk]))
        found.refresh_from_db()
        assert (found.state, found.content, found.rows.count()) == ("cancelled", None, 0)

    def test_template_can_be_imported_as_it_is(self, hr_client: Client, company: Company, hr: User) -> None:
        content = hr_client.get(reverse("companies:employee_template", args=[company.pk])).content
        found = run(
            imports.upload(
                company=company, name="t.csv", content=content, full=False, leave_on=None, actor=hr, at=timezone.now()
            )
        )
        assert found.counts["joiner"] == 1


class TestRolePages:
    def test_invite_resend_withdraw(self, client: Client, company: Company, mailoutbox: list[Any]) -> None:
        client.force_login(member(company, Role.ADMIN))
        client.post(reverse("companies:invite", args=[company.pk]), {"email": "Eva@Cuir.fr", "roles": ["buyer", "hr"]})
        row = Invitation.objects.get()
        assert (row.email, row.roles) == ("eva@cuir.fr", ["buyer", "hr"])
        assert "eva@cuir.fr" in get(client, "role_list", company.pk)
        client.post(reverse("companies:invitation_resend", args=[company.pk, row.pk]))
        client.post(reverse("companies:invitation_withdraw", args=[company.pk, row.pk]))
        assert client.get(reverse("companies:invitation", args=[row.token])).status_code == 410

    def test_refuse_to_lose_the_last_administrator(self, client: Client, company: Company) -> None:
        admin = member(company, Role.ADMIN, Role.BUYER)
        client.force_login(admin)
        response = client.post(reverse("companies:member", args=[company.pk, admin.pk]), {"roles": ["buyer"]})
        assert response.status_code == 200
        client.post(reverse("companies:leave", args=[company.pk]))
        assert set(Membership.objects.filter(user=admin).values_list("role", flat=True)) == {"admin", "buyer"}

    def test_change_roles_of_others(self, client: Client, company: Company) -> None:
        client.force_login(member(company, Role.ADMIN))
        other = member(company, Role.BUYER)
        client.post(reverse("companies:member", args=[company.pk, other.pk]), {"roles": ["hr", "accountant"]})
        assert set(Membership.objects.filter(user=other).values_list("role", flat=True)) == {"hr", "accountant"}
        client.post(reverse("companies:member", args=[company.pk, other.pk]), {"remove": "1"})
        assert not Membership.objects.filter(user=other).exists()

    def test_make_a_token_that_works_once_shown(self, client: Client, company: Company) -> None:
        client.force_login(member(company, Role.ADMIN))
        url = reverse("companies:tokens", args=[company.pk])
        text = client.post(url, {"name": "Paie", "scopes": ["hr"]}).content.decode()
        token = text.split('id="fresh-token">')[1].split("<")[0]
        assert token not in client.get(url).content.decode()
        EmploymentFactory(company=company)
        api = Client(headers={"authorization": f"Bearer {token}"})
        assert len(api.get("/api/v1/employees/").json()["results"]) == 1
        assert api.post("/api/v1/employees/", {}, "application/json").status_code == 403
        client.post(reverse("companies:token_revoke", args=[company.pk, company.api_tokens.get().pk]))
        assert api.get("/api/v1/employees/").status_code == 401


class TestTokenScopes:
    def test_name_every_scope_that_a_route_asks_for(self) -> None:
        def views(patterns: Any) -> Any:
            for pattern in patterns:
                if hasattr(pattern, "url_patterns"):
                    yield from views(pattern.url_patterns)
                elif view := getattr(pattern.callback, "view_class", None):
                    yield view

        asked = {getattr(view, "scope", "") for view in views(get_resolver().url_patterns)} - {""}
        assert {scope for scope in asked if isinstance(scope, str)} <= set(SCOPES)


class TestInvitationPage:
    def make(self, company: Company, email: str = "eva@cuir.fr") -> Invitation:
        admin = member(company, Role.ADMIN)
        return invitations.invite(company=company, email=email, roles=["buyer"], actor=admin, at=timezone.now())

    def test_creates_an_account_and_signs_in(self, client: Client, company: Company) -> None:
        url = reverse("companies:invitation", args=[self.make(company).token])
        assert client.get(url).status_code == 200
        assert not User.objects.filter(email="eva@cuir.fr").exists()
        response = client.post(url, {"full_name": "Eva Neuf"})
        assert response.url == reverse("home_company", args=[company.pk])
        assert client.session["_auth_user_id"] == str(User.objects.get(email="eva@cuir.fr").pk)
        assert client.get(url).status_code == 410

    def test_never_opens_an_existing_account(self, client: Client, company: Company) -> None:
        UserFactory(email="eva@cuir.fr")
        url = reverse("companies:invitation", args=[self.make(company).token])
        response = client.post(url, {"full_name": "Somebody"})
        assert response.url.startswith(reverse("account_login"))
        assert "_auth_user_id" not in client.session

    def test_is_accepted_by_who_is_signed_in(self, client: Client, company: Company) -> None:
        user = UserFactory(email="eva@cuir.fr")
        client.force_login(user)
        client.post(reverse("companies:invitation", args=[self.make(company).token]))
        assert Membership.objects.filter(user=user, company=company, role=Role.BUYER).exists()

    @pytest.mark.parametrize("spoil", ["expired", "forged", "older", "garbage"])
    def test_says_why_a_link_does_not_work(self, client: Client, company: Company, spoil: str) -> None:
        row = self.make(company)
        token = row.token
        if spoil == "expired":
            Invitation.objects.update(expires_at=timezone.now())
        elif spoil == "older":
            Invitation.objects.update(serial=2)
        else:
            token = token[:-1] + ("A" if token[-1] != "A" else "B") if spoil == "forged" else "x"
        response = client.post(reverse("companies:invitation", args=[token]), {"full_name": "Eva"})
        assert response.status_code == 410
        assert not User.objects.filter(email="eva@cuir.fr").exists()


class TestAdmissions:
    DATA = {
        "name": "Cuirs Dupont", "siret": "732 829 320 00074", "street": "1 rue", "postcode": "26100", "city": "Romans",
        "trade": "", "headcount": "12", "full_name": "Luc Dupont", "email": "luc@dupont.fr",
    }  # fmt: skip

    def test_lead_from_application_to_suspension(self, client: Client) -> None:
        assert client.post(reverse("companies:apply"), self.DATA).status_code == 200
        company = Application.objects.get().company
        assert company.status == CompanyStatus.APPLIED
        client.force_login(association_staff())
        assert "Cuirs Dupont" in get(client, "company_list")
        client.post(reverse("companies:company_admit", args=[company.pk]))
        assert Invitation.objects.get().email == "luc@dupont.fr"
        client.post(reverse("companies:company_suspend", args=[company.pk]))
        company.refresh_from_db()
        assert company.status == CompanyStatus.ADMITTED, "a suspension needs a reason"
        client.post(reverse("companies:company_suspend", args=[company.pk]), {"reason": "unpaid"})
        company.refresh_from_db()
        assert company.suspended_at
        assert "unpaid" in get(client, "company", company.pk)

    @pytest.mark.parametrize("siret", ["73282932000075", "abc", "", "1" * 400])
    def test_refuse_a_wrong_siret(self, client: Client, siret: str) -> None:
        assert client.post(reverse("companies:apply"), {**self.DATA, "siret": siret}).status_code == 200
        assert not Company.objects.exists()

    def test_take_a_siret_once(self, client: Client) -> None:
        client.post(reverse("companies:apply"), self.DATA)
        client.post(reverse("companies:apply"), self.DATA)
        assert Company.objects.count() == 1

    def test_let_the_staff_add_a_member_and_invite(self, client: Client) -> None:
        client.force_login(association_staff())
        get(client, "company_new")
        client.post(reverse("companies:company_new"), self.DATA)
        company = Company.objects.get()
        client.post(
            reverse("companies:company_invite", args=[company.pk]), {"email": "b@dupont.fr", "roles": ["admin"]}
        )
        assert company.status == CompanyStatus.ADMITTED
        assert Invitation.objects.count() == 2
        client.post(reverse("companies:company_end", args=[company.pk]), {"reason": "closed"})
        company.refresh_from_db()
        assert company.status == CompanyStatus.LEFT


class TestCompanyPage:
    def test_changes_limit_and_sites(self, client: Client, company: Company) -> None:
        client.force_login(member(company, Role.ADMIN))
        get(client, "settings", company.pk)
        data = {"name": "Cuirs", "headcount": "12", "approval_limit_cents": "1 250,50"}
        client.post(reverse("companies:settings", args=[company.pk]), data)
        client.post(
            reverse("companies:site_add", args=[company.pk]), {"name": "Valence", "delivery_hours": "8 h – 12 h"}
        )
        valence = company.sites.get(name="Valence")
        EmploymentFactory(company=company, site=valence)
        taken = client.post(reverse("companies:site", args=[company.pk, valence.pk]), {"name": "Romans"})
        client.post(reverse("companies:site_remove", args=[company.pk, valence.pk]))
        company.refresh_from_db()
        assert (company.approval_limit_cents, company.headcount) == (125_050, 12)
        assert (taken.status_code, company.sites.count(), Employment.objects.get().site) == (200, 1, None)

    @pytest.mark.parametrize("limit", ["1e9", "-1", "nan", "12,505"])
    def test_refuses_an_amount_that_is_none(self, client: Client, company: Company, limit: str) -> None:
        client.force_login(member(company, Role.ADMIN))
        data = {"name": "Cuirs", "headcount": "12", "approval_limit_cents": limit}
        response = client.post(reverse("companies:settings", args=[company.pk]), data)
        assert (response.status_code, limit in response.content.decode()) == (200, True)
        company.refresh_from_db()
        assert company.approval_limit_cents == 100_000


class TestAccountPage:
    def test_saves_name_and_language(self, client: Client, company: Company) -> None:
        user = member(company, Role.BUYER)
        client.force_login(user)
        get(client, "account")
        response = client.post(reverse("companies:account"), {"full_name": "Eva Neuf", "language": "en"})
        user.refresh_from_db()
        assert (user.full_name, user.language, response.cookies["language"].value) == ("Eva Neuf", "en", "en")
        get(client, "second_factor")


class TestEmployeeApi:
    def test_adds_changes_and_ends(self, hr_client: Client, company: Company) -> None:
        body = {
            "company": company.pk,
            "first_name": "Zoé",
            "last_name": "Ébrard",
            "starts_on": "2026-03-02",
            "reference": "17",
        }
        made = hr_client.post("/api/v1/employees/", body, "application/json")
        assert made.status_code == 201
        url = f"/api/v1/employees/{made.json()['id']}/"
        assert hr_client.patch(url, {"email": "zoe@cuir.fr"}, "application/json").json()["email"] == "zoe@cuir.fr"
        assert (
            hr_client.post(url + "end/", {"ends_on": "2026-12-31"}, "application/json").json()["ends_on"]
            == "2026-12-31"
        )
        assert hr_client.get("/api/v1/employees/?on=2027-01-01").json()["results"] == []
        again = hr_client.post("/api/v1/employees/", body, "application/json")
        assert (again.status_code, again.json()["code"]) == (409, "staff_number_taken")

    def test_hides_other_companies(self, hr_client: Client) -> None:
        foreign = EmploymentFactory()
        body = {"company": foreign.company_id, "first_name": "Z", "last_name": "É", "starts_on": "2026-03-02"}
        assert hr_client.get("/api/v1/employees/").json()["results"] == []
        assert hr_client.get(f"/api/v1/employees/{foreign.pk}/").status_code == 404
        assert hr_client.post("/api/v1/employees/", body, "application/json").status_code == 404
