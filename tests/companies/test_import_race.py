"""Two people press “Apply” at once, while a third changes an employee: one import, nothing lost."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from companies.models import AuditEntry, Employment, Job, Role
from companies.services import employees, imports
from tests.companies.test_imports import AT, LIST, run, send, staff
from tests.factories.companies import CompanyFactory, SiteFactory, member


def together(*steps: Callable[[], Any]) -> list[Any]:
    """Run the steps at the same moment, each with its own connection; what they raise is returned in their place."""
    gate, results = threading.Barrier(len(steps)), [None] * len(steps)

    def runner(number: int, step: Callable[[], Any]) -> None:
        gate.wait()
        try:
            results[number] = step()
        except Exception as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=runner, args=pair) for pair in enumerate(steps)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


@pytest.mark.django_db(transaction=True)
class TestRace:
    def test_two_clicks_start_one_application(self) -> None:
        company = CompanyFactory()
        SiteFactory(company=company, name="Romans")
        hr = member(company, Role.HR)
        found = send(company, hr, LIST)

        def press() -> Any:
            return imports.start_applying(found=found, confirmed=False, actor=hr, at=AT)

        first, second = together(press, press)
        assert first.job_id == second.job_id
        assert Job.objects.filter(task="companies.apply_staff_list").count() == 1
        together(lambda: run(first), lambda: run(first))
        assert Employment.objects.count() == 3
        assert AuditEntry.objects.filter(action="employees.import_applied").count() == 1

    def test_a_change_by_hand_comes_before_or_after_but_is_never_lost(self) -> None:
        company = CompanyFactory()
        SiteFactory(company=company, name="Romans")
        hr = member(company, Role.HR)
        staff(company)
        found = imports.start_applying(found=send(company, hr, LIST), confirmed=False, actor=hr, at=AT)
        martin = Employment.objects.get(company=company, reference="2")
        together(lambda: run(found), lambda: employees.change(employment=martin, email="m@cuir.fr", actor=hr, at=AT))
        martin.refresh_from_db()
        found.refresh_from_db()
        assert martin.email == "m@cuir.fr"
        assert (found.state, martin.person.last_name) in [("applied", "Martin-Roche"), ("stale", "Martin")]
