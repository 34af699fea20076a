import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from companies import jobs
from companies.billing import checking, dues, terms
from companies.billing.models import DuesLine, DuesRun, Invoice
from companies.errors import NotAllowed
from companies.models import AuditEntry, Company
from companies.states import StateRefused
from tests.factories.companies import CompanyFactory, member, staff

pytestmark = pytest.mark.django_db
AT = datetime(2026, 10, 5, 9, 0, tzinfo=UTC)


def company(headcount, created=datetime(2024, 5, 1, tzinfo=UTC), **more):
    made = CompanyFactory(headcount=headcount, **more)
    Company.objects.filter(pk=made.pk).update(created_at=created)
    return made


def prepare(actor=None, year=2026):
    return dues.prepare(year=year, due_on=date(2026, 11, 30), actor=actor or staff(), at=AT)


def issue(run, actor=None):
    job = dues.start_issuing(run=run, actor=actor or staff(), at=AT)
    assert jobs.begin(str(job.pk)) is not None
    return dues.issue(job=job, at=AT)


class TestDues:
    @pytest.mark.parametrize(
        ("headcount", "cents"), [(0, 15_000), (10, 15_000), (11, 35_000), (50, 35_000), (250, 80_000), (251, 150_000)]
    )
    def test_follow_the_brackets(self, headcount, cents):
        assert dues.full_dues(headcount, dues.brackets()) == cents

    def test_of_joiners_are_for_the_months_left_with_the_month_of_joining(self):
        row = company(8)
        AuditEntry.objects.create(
            action="company.admitted", at=datetime(2026, 8, 31, 21, tzinfo=UTC), target_type="companies.company",
            target_id=str(row.pk), company=row,
        )  # fmt: skip
        old = company(8)
        company(8, status="applied")
        company(8, created=datetime(2027, 1, 2, tzinfo=UTC))
        lines = {line.company_id: line for line in prepare().lines.all()}
        assert set(lines) == {row.pk, old.pk}
        assert (lines[old.pk].months, lines[old.pk].cents) == (12, 15_000)
        assert (lines[row.pk].months, lines[row.pk].cents) == (5, 6_250)

    def test_are_only_calculated_at_first_and_can_be_undone(self):
        company(8)
        run = prepare()
        assert not Invoice.objects.exists()
        with pytest.raises(dues.DuesRefused):
            prepare()
        dues.undo(run=run, actor=staff(), at=AT)
        again = prepare()
        assert again.pk != run.pk
        with pytest.raises(StateRefused):
            dues.undo(run=run, actor=staff(), at=AT)

    def test_are_invoiced_once_each_without_those_left_out(self):
        one, two, left_out = company(8), company(60), company(300)
        run = prepare()
        dues.include(line=run.lines.get(company=left_out), included=False, actor=staff(), at=AT)
        assert issue(run) == 2
        assert dict(Invoice.objects.values_list("company", "gross_cents")) == {one.pk: 15_000, two.pk: 80_000}
        run.refresh_from_db()
        assert run.state == "issued"
        with pytest.raises(StateRefused):
            dues.undo(run=run, actor=staff(), at=AT)
        later = prepare()  # the one left out, and nobody else
        assert [line.company for line in later.lines.all()] == [left_out]
        assert not checking.first_break()

    def test_go_on_after_a_crash_where_they_stopped(self, monkeypatch):
        for _ in range(3):
            company(8)
        run = prepare()
        job = dues.start_issuing(run=run, actor=staff(), at=AT)
        original, calls = dues._invoice, []

        def dies(*args):
            if len(calls) == 1:
                raise KeyboardInterrupt
            calls.append(1)
            return original(*args)

        monkeypatch.setattr(dues, "_invoice", dies)
        with pytest.raises(KeyboardInterrupt):
            dues.issue(job=job, at=AT)
        monkeypatch.setattr(dues, "_invoice", original)
        assert dues.issue(job=job, at=AT) == 3
        assert Invoice.objects.count() == 3
        assert DuesLine.objects.filter(invoice=None).count() == 0

    def test_are_payable_on_a_day_that_lies_ahead_and_within_what_the_law_allows(self):
        """Else the issue would be refused company by company when it is too late to change the day."""
        company(8)
        for day, refusal in ((AT.date(), dues.DuesRefused), (date(2027, 1, 31), terms.TermsRefused)):
            with pytest.raises(refusal):
                dues.prepare(year=2026, due_on=day, actor=staff(), at=AT)
        assert not DuesRun.objects.exists()

    def test_are_the_staffs_alone(self):
        row = company(8)
        with pytest.raises(NotAllowed):
            prepare(actor=member(row))

    @pytest.mark.parametrize("rows", [[(10, 100)], [(None, 100), (None, 200)], [(5, 100), (5, 200), (None, 3)], []])
    def test_brackets_need_exactly_one_without_a_limit(self, rows):
        with pytest.raises(dues.DuesRefused):
            dues.set_brackets(rows=rows, actor=staff(), at=AT)
        assert len(dues.brackets()) == 4

    def test_pages_calculate_leave_out_and_undo(self):
        row = company(8)
        client = Client()
        client.force_login(staff())
        answer = client.post(
            reverse("billing:dues"),
            {"what": "run", "year": "2026", "due_on": f"{timezone.localdate() + timedelta(days=30)}"},
        )
        run = DuesRun.objects.get()
        url = reverse("billing:dues_run", args=[run.pk])
        assert answer.headers["Location"] == url
        assert row.name in client.get(url).content.decode()
        client.post(url, {"line": str(run.lines.get().pk), "leave": "1"})
        assert not run.lines.get().included
        client.post(url, {"undo": "1"})
        run.refresh_from_db()
        assert run.state == "undone"
        client.post(reverse("billing:dues"), {"what": "brackets", "rows": "20; 100,00\n; 900,00"})
        assert [(one.up_to, one.net_cents) for one in dues.brackets()] == [(20, 10_000), (None, 90_000)]

    def test_pages_propose_the_next_year_once_this_one_is_issued(self, client):
        company(8)
        client.force_login(staff())
        year = timezone.localdate().year
        assert f'value="{year}"' in client.get(reverse("billing:dues")).content.decode()
        issue(prepare(year=year))
        assert f'value="{year + 1}"' in client.get(reverse("billing:dues")).content.decode()

    def test_page_names_how_many_invoices_of_what_sum_its_first_button_issues(self, client):
        company(8)
        run = (company(60), prepare())[1]
        client.force_login(staff())
        client.cookies["language"] = "fr"
        url = reverse("billing:dues_run", args=[run.pk])
        text = re.sub(r"[\u202f\u00a0]", " ", client.get(url).content.decode())
        assert "Émettre 2 factures, 950,00 € en tout ?" in text
        assert '<summary class="btn btn-primary">' in text
        run.lines.update(included=False)
        text = client.get(url).content.decode()
        assert 'name="issue"' not in text
        assert "Toutes les entreprises sont écartées" in text
