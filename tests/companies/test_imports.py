"""Importing a staff list: dry run, whole or nothing, undo, and what happens when things go wrong on the way."""

import time
from datetime import date, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from companies import tasks
from companies.errors import NotAllowed
from companies.limits import TooMany
from companies.models import AuditEntry, Company, EmployeeImport, Employment, Job, JobState, Person, Role, User
from companies.services import employees, imports
from tests.factories.companies import CompanyFactory, EmploymentFactory, SiteFactory, UserFactory, member

AT = datetime(2026, 3, 6, 16, 0, tzinfo=timezone.get_fixed_timezone(60))
pytestmark = pytest.mark.django_db


@pytest.fixture
def company() -> Company:
    found = CompanyFactory()
    SiteFactory(company=found, name="Romans")
    return found


@pytest.fixture
def hr(company: Company) -> User:
    return member(company, Role.HR)


def send(company: Company, hr: User, text: str, *, full: bool = False) -> EmployeeImport:
    """Upload and dry run."""
    found = imports.upload(
        company=company, name="liste.csv", content=text.encode(), full=full, leave_on=date(2026, 3, 31), actor=hr, at=AT
    )
    return run(found)


def run(found: EmployeeImport) -> EmployeeImport:
    """What the worker does with the import's job."""
    found = EmployeeImport.objects.get(pk=found.pk)
    task = {job.name: job for job in (tasks.read_staff_list, tasks.apply_staff_list, tasks.undo_staff_list)}
    task[found.job.task](job_id=str(found.job_id))
    return EmployeeImport.objects.get(pk=found.pk)


def apply(found: EmployeeImport, hr: User, *, confirmed: bool = False) -> EmployeeImport:
    return run(imports.start_applying(found=found, confirmed=confirmed, actor=hr, at=AT))


def register(company: Company) -> list[tuple[Any, ...]]:
    """Everything the import may touch, in a comparable form."""
    return sorted(
        Employment.objects.filter(company=company).values_list(
            "person__last_name", "person__first_name", "reference", "email", "site__name", "starts_on", "ends_on"
        ),
        key=str,
    )


def staff(company: Company) -> None:
    for number, name in [("1", "Petit"), ("2", "Martin"), ("3", "Roux")]:
        EmploymentFactory(company=company, reference=number, person__last_name=name, person__first_name="Ana")


LIST = "Matricule;Nom;Prénom;Site\n1;Petit;Ana;\n2;Martin-Roche;Ana;Romans\n9;Neuf;Éva;Romans\n"


class TestDryRun:
    def test_shows_joiners_changes_and_leavers_and_changes_nothing(self, company: Company, hr: User) -> None:
        staff(company)
        before = register(company)
        found = send(company, hr, LIST, full=True)
        assert found.state == "ready"
        assert found.counts == {"joiner": 1, "change": 1, "leaver": 1, "unchanged": 1, "error": 0}
        assert register(company) == before

    def test_refuses_a_file_that_is_no_list_with_a_sentence(self, company: Company, hr: User) -> None:
        found = send(company, hr, "Ville;Code\nRomans;26100\n")
        assert (found.state, found.trouble["code"], found.content) == ("unreadable", "no_heading", None)
        assert found.job.state == JobState.DONE

    def test_writes_each_line_once_when_the_worker_was_killed_and_starts_again(
        self, company: Company, hr: User
    ) -> None:
        found = send(company, hr, LIST)
        EmployeeImport.objects.filter(pk=found.pk).update(state="reading")
        Job.objects.filter(pk=found.job_id).update(state=JobState.RUNNING)
        assert run(found).rows.count() == 3

    def test_is_refused_to_a_buyer(self, company: Company) -> None:
        with pytest.raises(NotAllowed):
            send(company, member(company, Role.BUYER), LIST)


class TestApply:
    def test_happens_five_times_an_hour_in_a_company_and_no_more(self, company: Company, hr: User) -> None:
        """Case: import 5/h/company. A refused one counts for nothing and can be applied later; others go on."""
        other = CompanyFactory()
        ready = [send(company, hr, f"Matricule;Nom;Prénom\n{n};Petit;Ana\n") for n in range(6)]
        for found in ready[:5]:
            assert imports.start_applying(found=found, confirmed=False, actor=hr, at=AT).state == "applying"
        with pytest.raises(TooMany):
            imports.start_applying(found=ready[5], confirmed=False, actor=hr, at=AT)
        assert EmployeeImport.objects.get(pk=ready[5].pk).state == "ready"
        elsewhere = member(other, Role.HR)
        assert apply(send(other, elsewhere, "Nom;Prénom\nPetit;Ana\n"), elsewhere).state == "applied"

    def test_does_what_the_dry_run_showed(self, company: Company, hr: User) -> None:
        staff(company)
        found = apply(send(company, hr, LIST, full=True), hr, confirmed=True)
        assert (found.state, found.content) == ("applied", None)
        assert register(company) == [
            ("Martin-Roche", "Ana", "2", "", "Romans", date(2025, 1, 1), None),
            ("Neuf", "Éva", "9", "", "Romans", date(2026, 3, 6), None),
            ("Petit", "Ana", "1", "", None, date(2025, 1, 1), None),
            ("Roux", "Ana", "3", "", None, date(2025, 1, 1), date(2026, 3, 31)),
        ]
        assert AuditEntry.objects.filter(action="employees.import_applied", actor=hr).count() == 1

    def test_is_refused_while_one_line_has_an_error(self, company: Company, hr: User) -> None:
        found = send(company, hr, LIST + "10;;Éva;\n")
        with pytest.raises(imports.ImportHasErrors):
            imports.start_applying(found=found, confirmed=False, actor=hr, at=AT)
        assert not Employment.objects.exists()

    def test_asks_before_more_than_a_fifth_leaves(self, company: Company, hr: User) -> None:
        staff(company)
        found = send(company, hr, LIST, full=True)
        with pytest.raises(imports.ManyLeavers) as refused:
            imports.start_applying(found=found, confirmed=False, actor=hr, at=AT)
        assert refused.value.params == {"absent": 1, "active": 3}

    def test_is_refused_when_the_employees_changed_since_and_can_be_checked_again(
        self, company: Company, hr: User
    ) -> None:
        staff(company)
        found = send(company, hr, LIST)
        employees.add(
            company=company, first_name="Zoé", last_name="Ébrard", starts_on=date(2026, 3, 1), actor=hr, at=AT
        )
        before = register(company)
        found = apply(found, hr)
        assert (found.state, found.job.state, register(company)) == ("stale", JobState.FAILED, before)
        again = run(imports.check_again(found=found, actor=hr, at=AT))
        assert apply(again, hr).state == "applied"

    def test_happens_once_when_pressed_twice(self, company: Company, hr: User) -> None:
        found = send(company, hr, LIST)
        first = imports.start_applying(found=found, confirmed=False, actor=hr, at=AT)
        second = imports.start_applying(found=found, confirmed=False, actor=hr, at=AT)
        assert first.job_id == second.job_id
        run(first)
        Job.objects.filter(pk=first.job_id).update(state=JobState.QUEUED)
        run(first)
        assert Employment.objects.count() == 3

    def test_leaves_nothing_behind_when_the_worker_dies_half_way(
        self, company: Company, hr: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        staff(company)
        before = register(company)
        found = imports.start_applying(found=send(company, hr, LIST), confirmed=False, actor=hr, at=AT)
        with monkeypatch.context() as broken:
            broken.setattr(Employment.objects, "bulk_create", lambda *args, **kwargs: 1 / 0)
            broken.setattr(type(Employment.objects.all()), "bulk_create", lambda *args, **kwargs: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                run(found)
        assert register(company) == before
        assert Person.objects.count() == 3
        assert run(found).state == "applied"
        assert Employment.objects.count() == 4


class TestUndo:
    def test_restores_exactly(self, company: Company, hr: User) -> None:
        staff(company)
        before = register(company)
        found = apply(send(company, hr, LIST, full=True), hr, confirmed=True)
        undone = run(imports.start_undoing(found=found, actor=hr, at=AT))
        assert (undone.state, register(company), Person.objects.count()) == ("undone", before, 3)

    def test_is_refused_by_name_when_somebody_changed_since(self, company: Company, hr: User) -> None:
        staff(company)
        found = apply(send(company, hr, LIST), hr)
        martin = Employment.objects.get(reference="2")
        employees.change(employment=martin, last_name="Autre", actor=hr, at=AT)
        after = register(company)
        refused = run(imports.start_undoing(found=found, actor=hr, at=AT))
        assert (refused.state, refused.trouble) == (
            "applied",
            {"code": "changed_since", "people": ["Ana Martin-Roche"]},
        )
        assert register(company) == after
        assert "Martin-Roche" in refused.job.error

    def test_is_refused_by_name_when_a_staff_number_has_a_new_holder(self, company: Company, hr: User) -> None:
        EmploymentFactory(company=company, reference="1", email="ana@cuir.fr", person__last_name="Petit")
        found = apply(send(company, hr, "Matricule;Nom;Prénom;Mail\n77;Petit;Ana;ana@cuir.fr\n"), hr)
        assert Employment.objects.get().reference == "77"
        employees.add(
            company=company, first_name="Zoé", last_name="Ébrard", reference="1", starts_on=AT.date(), actor=hr, at=AT
        )
        refused = run(imports.start_undoing(found=found, actor=hr, at=AT))
        assert (refused.state, refused.trouble["people"]) == ("applied", ["Zoé Ébrard"])

    def test_is_refused_by_name_when_somebody_has_an_account_since(self, company: Company, hr: User) -> None:
        found = apply(send(company, hr, LIST), hr)
        Person.objects.filter(last_name="Neuf").update(user=UserFactory())
        refused = run(imports.start_undoing(found=found, actor=hr, at=AT))
        assert (refused.trouble["code"], refused.trouble["people"]) == ("in_use", ["Éva Neuf"])
        assert Employment.objects.count() == 3

    def test_is_refused_after_its_lines_were_forgotten(self, company: Company, hr: User) -> None:
        found = apply(send(company, hr, LIST), hr)
        imports.forget(before=timezone.now() + timezone.timedelta(days=1))
        with pytest.raises(imports.ImportNotUndoable):
            imports.start_undoing(found=found, actor=hr, at=AT)


class TestSize:
    def test_four_thousand_lines_take_seconds_and_few_statements(self, company: Company, hr: User) -> None:
        lines = [f"{n};Nom{'x' * (n % 7)};Prénom;p{n}@cuir.fr;Romans;03/04/2023" for n in range(4_000)]
        lines = [line.replace("Nom", "Nom" + "abcdefghij"[n % 10]) for n, line in enumerate(lines)]
        text = "Matricule;Nom;Prénom;Mail;Site;Entrée\n" + "\n".join(lines)
        start = time.perf_counter()
        found = send(company, hr, text)
        read_in = time.perf_counter() - start
        start = time.perf_counter()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            found = apply(found, hr)
        applied_in = time.perf_counter() - start
        assert (found.state, Employment.objects.count()) == ("applied", 4_000)
        changed = text.replace("Prénom;p", "Camille;p")
        start = time.perf_counter()
        second = apply(send(company, hr, changed), hr)
        changed_in = time.perf_counter() - start
        assert second.counts["change"] == 4_000
        start = time.perf_counter()
        run(imports.start_undoing(found=second, actor=hr, at=AT))
        run(imports.start_undoing(found=found, actor=hr, at=AT))
        undone_in = time.perf_counter() - start
        assert not Employment.objects.exists()
        print(f"\n4,000 lines: read {read_in:.2f} s, apply {applied_in:.2f} s in {len(queries)} queries, "
              f"read and apply 4,000 changes {changed_in:.2f} s, undo both {undone_in:.2f} s")  # fmt: skip
        assert max(read_in, applied_in) < 15
        assert len(queries) < 60
