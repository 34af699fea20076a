"""The pages and routes from commitment to settlement, as people and programs use them."""

import io
import json
import subprocess
import sys
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from companies.models import Role
from purchasing import todo_back
from purchasing.models import Commitment
from purchasing.services import settlement
from tests.factories.companies import member
from tests.purchasing.back import Delivered, hours, world
from tests.purchasing.rules.build import worked

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def w(time_machine):
    time_machine.move_to(hours(100))
    return world(tiers=((1, 42_000), (100, 36_000)), pack=1, franco_cents=500_000)


def page_of(client, w, letter):
    client.force_login(w.buyers[letter])
    return f"/company/{w.companies[letter].pk}/pools/{w.pool.pk}/commit/"


def fields(w, **values):
    return {f"line{w.line.pk}-{name}": value for name, value in values.items()}


class TestTheCommitPage:
    def test_takes_a_firm_word_as_a_buyer_types_it(self, client, w):
        w.company("A")
        path = page_of(client, w, "A")
        data = fields(w, quantity="1 200", tolerance="24", price_cap="3,70", tolerance_tier="on") | {"action": "commit"}
        assert client.post(path, data).status_code == 302
        row = Commitment.objects.get()
        assert (row.state, row.quantity, row.tolerance, row.tolerance_tier) == ("committed", 1_200, 24, True)
        assert row.price_cap_e4 == 37_000
        assert b"1,200" in client.get(path, headers={"accept-language": "en"}).content or row.pk

    def test_keeps_what_was_typed_when_it_refuses(self, client, w):
        w.company("A")
        path = page_of(client, w, "A")
        page = client.post(path, fields(w, quantity="12", price_cap="1,00") | {"action": "commit"})
        assert page.status_code == 200
        assert 'value="1,00"' in page.content.decode()
        assert not Commitment.objects.exists()

    @pytest.mark.parametrize("typed", ["-1", "1e9", "abc", "nan", "1.5"])
    def test_refuses_what_is_no_quantity(self, client, w, typed):
        w.company("A")
        page = client.post(page_of(client, w, "A"), fields(w, quantity=typed) | {"action": "commit"})
        assert page.status_code == 200
        assert not Commitment.objects.exists()

    def test_keeps_a_draft_that_is_no_commitment(self, client, w):
        w.company("A")
        client.post(page_of(client, w, "A"), fields(w, quantity="12") | {"action": "draft"})
        assert Commitment.objects.get().state == "draft"

    def test_shows_a_band_instead_of_the_other_companys_quantity(self, client, w):
        w.commit("A", 41, at=hours(1))
        w.commit("B", 30, at=hours(2))
        text = client.get(page_of(client, w, "B")).content.decode()
        assert "60" in text and "80" in text
        for hidden in (">41<", ">71<", "29 more", " 29 ", "41 ", "71 "):
            assert hidden not in text

    def test_prefills_the_need(self, client, w):
        w.company("A", need=37)
        assert 'value="37"' in client.get(page_of(client, w, "A")).content.decode()

    def test_takes_the_word_back(self, client, w):
        w.commit("A", 10, at=hours(99))
        path = page_of(client, w, "A")
        client.post(f"{path}{w.line.pk}/withdraw/")
        assert Commitment.objects.get().state == "withdrawn"

    def test_lets_an_approver_decide(self, client, w):
        w.company("A", limit=1_000)
        w.commit("A", 100, at=hours(99))
        approver = member(w.companies["A"], Role.APPROVER)
        path = page_of(client, w, "A")
        client.force_login(approver)
        client.post(f"{path}decide/", {"verdict": "approve"})
        assert Commitment.objects.get().state == "committed"


class TestTheProofSheet:
    def test_says_each_cent_in_words_and_hides_the_others(self, client):
        d = Delivered()
        d.receive(36)
        line = d.order.lines.get()
        lines = [
            settlement.LineIn("goods", 12_570, 2000, line.pk, 36, 34_917),
            settlement.LineIn("freight", 1_990, 2000),
        ]
        draft = settlement.InvoiceIn("F-1", timezone.localdate(hours(950)), lines)
        row = settlement.record(actor=d.w.staff, order=d.order, draft=draft, at=hours(950))
        settlement.accept(actor=d.w.staff, invoice=row, at=hours(951))
        settlement.share_out(actor=d.w.staff, invoice=row, at=hours(952))
        client.force_login(d.w.buyers["A"])
        base = f"/company/{d.w.companies['A'].pk}/pools/{d.w.pool.pk}/"
        text = client.get(f"{base}proof/").content.decode()
        for part in ("38,41", "6,08", "44,49", "8,90", "53,39"):
            assert part in text
        for other in ("24,44", "48,88", "13,97", "28,31"):
            assert other not in text
        csv = client.get(f"{base}proof.csv").content.decode("utf-8-sig")
        assert "38,41" in csv and "48,88" not in csv

    def test_gives_a_spreadsheet_nothing_to_run(self, client):
        d = Delivered()
        d.receive(36)
        line = d.order.lines.get()
        lines = [settlement.LineIn("goods", 12_570, 2000, line.pk, 36, 34_917)]
        number = '=HYPERLINK("http://evil.example")'  # what a supplier printed on its invoice
        draft = settlement.InvoiceIn(number, timezone.localdate(hours(950)), lines)
        row = settlement.record(actor=d.w.staff, order=d.order, draft=draft, at=hours(950))
        settlement.accept(actor=d.w.staff, invoice=row, at=hours(951), reason="Vu.")
        settlement.share_out(actor=d.w.staff, invoice=row, at=hours(952))
        client.force_login(d.w.buyers["A"])
        csv = client.get(f"/company/{d.w.companies['A'].pk}/pools/{d.w.pool.pk}/proof.csv").content.decode("utf-8-sig")
        assert "HYPERLINK" in csv
        assert not any(cell.strip('"').startswith("=") for row in csv.splitlines() for cell in row.split(";"))


class TestTheRoutes:
    def test_commit_over_the_api_with_decimal_strings(self, client, w):
        w.company("A")
        client.force_login(w.buyers["A"])
        path = f"/api/v1/companies/{w.companies['A'].pk}/commitments/{w.line.pk}/"
        body = {"quantity": 12, "price_cap": "4.2000"}
        answer = client.put(path, body, content_type="application/json")
        assert answer.status_code == 200
        assert (answer.json()["state"], answer.json()["price_cap"]) == ("committed", "4.2000")
        shown = client.get(path).json()
        assert shown["unit_price"] == "4.2000"
        assert shown["progress"][0]["reached"] is None

    def test_carry_an_order_from_the_answer_to_the_members_invoices(self, client):
        d = Delivered()
        client.force_login(d.w.staff)

        def post(path, body=None):
            answer = client.post(f"/api/v1/{path}", body or {}, content_type="application/json")
            assert answer.status_code in (200, 201), answer.json()
            return answer.json()

        assert post(f"orders/{d.order.pk}/acknowledge/", {"reference": "ARC 7"})["state"] == "acknowledged"
        post(f"orders/{d.order.pk}/receipts/", {"lines": [{"line": d.line.pk, "counted": 36}], "number": 1})
        lines = [
            {
                "kind": "goods",
                "line": d.line.pk,
                "quantity": 36,
                "unit_price": "3.4917",
                "net": "125.70",
                "vat_bp": 2000,
            },
            {"kind": "freight", "net": "19.90", "vat_bp": 2000},
        ]
        bill = {"number": "F-1", "issued_on": "2026-04-20", "lines": lines}
        invoice = post(f"orders/{d.order.pk}/invoices/", bill)["id"]
        for action in ["accept", "share"]:
            assert post(f"supplier-invoices/{invoice}/{action}/")["member_invoices"] == []
        first = post(f"supplier-invoices/{invoice}/issue/")
        assert len(first["member_invoices"]) == 4
        assert post(f"supplier-invoices/{invoice}/issue/") == first

    def test_say_by_code_why_not(self, client, w, time_machine):
        w.company("A")
        client.force_login(w.buyers["A"])
        time_machine.move_to(w.pool.closes_at + timedelta(seconds=1))
        path = f"/api/v1/companies/{w.companies['A'].pk}/commitments/{w.line.pk}/"
        answer = client.put(path, {"quantity": 12}, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (409, "commitment_deadline_passed")


class TestTodos:
    def test_tell_a_buyer_to_commit_until_the_deadline(self, w):
        company = w.company("A")
        (todo,) = todo_back.for_company(w.buyers["A"], company, {"buyer"}, hours(1))
        assert todo.due == w.pool.closes_at
        w.commit("A", 10)
        assert todo_back.for_company(w.buyers["A"], company, {"buyer"}, hours(1)) == []

    def test_tell_staff_what_to_do_next_with_an_order(self):
        d = Delivered()
        assert [t.title for t in todo_back.for_staff(d.w.staff, hours(2_000))]


class TestSimulatePool:
    def run(self, *arguments, text=""):
        done = subprocess.run(
            [sys.executable, "manage.py", "simulate_pool", *arguments],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, json.loads(done.stdout), done.stderr

    def inside(self, capsys, monkeypatch, *arguments, text=""):
        """The same command without a process of its own."""
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        code = 0
        try:
            call_command("simulate_pool", *arguments)
        except SystemExit as end:
            code = end.code
        return code, json.loads(capsys.readouterr().out)

    def test_reads_a_file_or_standard_input(self, tmp_path, capsys, monkeypatch):
        text = json.dumps(worked())
        file = tmp_path / "pool.json"
        file.write_text(text)
        code, result, _errors = self.run("-", text=text)
        for got in (
            (code, result),
            self.inside(capsys, monkeypatch, str(file)),
            self.inside(capsys, monkeypatch, text=text),
        ):
            assert (got[0], got[1]["granted"]) == (0, {"A": 11, "B": 7, "C": 14, "D": 4})

    def test_ends_with_2_and_a_named_error_on_bad_input(self, capsys, monkeypatch):
        code, result, errors = self.run("-", text="{nonsense")
        assert "Traceback" not in errors
        found = [(code, result)]
        found += [self.inside(capsys, monkeypatch, path) for path in ("/does/not/exist", ".")]
        for code, result in found:
            assert (code, set(result["error"])) == (2, {"code", "message", "field"})
