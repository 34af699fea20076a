"""The routes an accountant's software uses: a company's own rows by its token, the association's books by staff's."""

import hashlib
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.utils import timezone

from companies.billing import allocation, checking, credit_notes, deposits, dues, ledger, payments
from companies.billing.models import AccountKind, BankLine, DuesBracket, Invoice, Mandate, ReceivedInvoice, Refund
from companies.models import ApiToken, Role
from companies.services import tokens
from tests.billing.statements import IBAN, camt, entry
from tests.billing.test_received import theirs
from tests.factories.billing import AT, invoice
from tests.factories.companies import CompanyFactory, MembershipFactory, member, staff

pytestmark = pytest.mark.django_db


def program(user, company, *scopes):
    """A client that signs in with a token."""
    secret = f"{user.pk}-{'-'.join(scopes)}"
    ApiToken.objects.create(
        token_hash=hashlib.sha256(secret.encode()).hexdigest(), company=company, user=user, name="Compta",
        scopes=list(scopes), created_at=timezone.now(),
    )  # fmt: skip
    return Client(headers={"Authorization": f"Bearer {secret}"})


def mandate(company, reference):
    return Mandate.objects.create(
        company=company, state="active", reference=reference, creditor_name="ERB", creditor_ics="FR72ZZZ123456", holder="T",
        iban_country="FR", iban_last4="2606", notice_days=2, text_version="t", text="Les mots", language="fr", signed_at=AT,
        method_id="pm", stripe_id=f"m-{reference}", setup_id=f"s-{reference}",
    )  # fmt: skip


def keep(company, cents):
    """Money that came in advance."""
    with transaction.atomic():
        allocation.receive(company=company, cents=cents, key=f"kept-{company.pk}", at=timezone.now(), actor=None)


class TestACompanysProgram:
    def test_reads_mandates_dues_and_credit_notes_of_its_company_only(self, django_assert_max_num_queries):
        company, other = CompanyFactory(headcount=12), CompanyFactory(headcount=12)
        accountant = member(company, Role.ACCOUNTANT)
        MembershipFactory(user=accountant, company=other, role=Role.ACCOUNTANT)
        for owner in (company, other):
            mandate(owner, f"ERB-{owner.pk}")
            bill = invoice(owner)
            with transaction.atomic():
                credit_notes.issue(
                    invoice=bill, nets={bill.lines.get().pk: 1_000}, reason="Casse", key=f"k{owner.pk}", actor=None, at=AT
                )  # fmt: skip
        DuesBracket.objects.get_or_create(up_to=None, defaults={"net_cents": 35_000})
        now = timezone.now()
        dues.prepare(year=now.year + 1, due_on=now.date() + timedelta(days=30), actor=staff(), at=now)
        client = program(accountant, company, "invoices")
        found = client.get("/api/v1/mandates/").json()["results"]
        assert [(row["company"], row["iban"]) for row in found] == [(company.pk, "FR … 2606")]
        assert "text" not in found[0]
        one = client.get(f"/api/v1/mandates/{found[0]['id']}/").json()
        assert (one["text"], one["reference"]) == ("Les mots", f"ERB-{company.pk}")
        with django_assert_max_num_queries(8):
            (note,) = client.get("/api/v1/credit-notes/").json()["results"]
        assert (note["company"], note["net"], note["gross"]) == (company.pk, "10.00", "12.00")
        assert note["lines"][0]["net"] == "10.00"
        assert client.get("/api/v1/dues/").json()["results"] == [], "drafts are the staff's"
        drafts = program(staff(), company, "invoices").get("/api/v1/dues/", {"year": now.year + 1}).json()["results"]
        assert [(row["company"], row["state"]) for row in drafts] == [(company.pk, "draft")]
        assert client.get(f"/api/v1/mandates/{Mandate.objects.get(company=other).pk}/").status_code == 404
        assert program(accountant, company, "requests").get("/api/v1/mandates/").status_code == 403

    def test_reads_what_is_kept_and_asks_for_it_back_once(self):
        company, other = CompanyFactory(), CompanyFactory()
        accountant = member(company, Role.ACCOUNTANT)
        MembershipFactory(user=accountant, company=other, role=Role.ACCOUNTANT)
        keep(company, 10_000)
        client = program(accountant, company, "deposits:write")
        read = lambda: client.get("/api/v1/deposits/").json()["results"]  # noqa: E731  # shorter than a function
        assert read() == [{"company": company.pk, "name": company.name, "kept": "100.00", "on_its_way_back": "0.00"}]
        assert client.get(f"/api/v1/deposits/{company.pk}/").json()["means"] == []
        assert client.get(f"/api/v1/deposits/{other.pk}/").status_code == 404
        body = {"company": company.pk, "amount": "40.00", "reason": "Trop versé", "key": "k", "iban": IBAN}
        ask = lambda **more: client.post(  # noqa: E731  # shorter than a function
            "/api/v1/deposit-refunds/", {**body, **more}, content_type="application/json"
        )
        made = ask()
        assert (made.status_code, made.json()["state"], made.json()["amount"]) == (201, "asked", "40.00")
        assert ask().json() == made.json(), "the same key asks once"
        assert ask(key="l", amount="60.01").json()["code"] == "deposit_too_small"
        assert [ask(key="l", **wrong).status_code for wrong in ({"amount": "-1"}, {"payment": 1}, {"iban": "FR00"})] == [
            400, 400, 400,
        ]  # fmt: skip
        assert ask(company=other.pk).status_code == 404, "a token is of one company"
        assert read()[0] | {"name": ""} == {
            "company": company.pk, "name": "", "kept": "60.00", "on_its_way_back": "40.00",
        }  # fmt: skip
        address = f"/api/v1/deposit-refunds/{made.json()['id']}/"
        assert client.get(address).json()["reference"] in client.get("/api/v1/deposit-refunds/").content.decode()
        assert client.post(f"{address}cancel/").json()["state"] == "cancelled"
        assert client.post(f"{address}cancel/").json()["code"] == "deposit_refund_left"
        assert read()[0]["kept"] == "100.00" and not checking.first_break()
        assert program(accountant, company, "deposits").post("/api/v1/deposit-refunds/").status_code == 403
        assert program(staff(), company, "deposits").get("/api/v1/deposits/").json()["results"][0]["kept"] == "100.00"
        with pytest.raises(tokens.RoleLacking):
            tokens.create(
                company=company, name="x", scopes=["deposits:write"], actor=member(company, Role.ADMIN), at=AT
            )

    def test_uses_kept_money_once_and_keeps_what_was_paid_too_much(self, django_assert_max_num_queries):
        """Roles: the accountant and the staff use it, an administrator only looks, another company sees nothing."""
        company = CompanyFactory()
        accountant, admin = member(company, Role.ACCOUNTANT), member(company, Role.ADMIN)
        keep(company, 6_000)
        first, second = invoice(company), invoice(company)
        Invoice.objects.update(state="due")
        client = program(accountant, company, "deposits:write")
        address = f"/api/v1/deposits/{company.pk}/"
        seen = client.get(address).json()["seen"]

        def use(by=client, seen=seen, **parts):
            rows = [{"invoice": int(name[1:]), "amount": amount} for name, amount in parts.items()]
            return by.post(f"{address}use/", {"seen": seen, "parts": rows}, content_type="application/json")

        part = f"n{first.pk}"
        assert [use(**{part: wrong}).status_code for wrong in ("0.00", "53.40", "1e9", "-1", "\x00")] == [400] * 5
        assert use(**{part: "53.39", f"n{second.pk}": "10.00"}).json()["code"] == "deposit_too_small"
        assert use(program(admin, company, "deposits:write"), **{part: "1.00"}).status_code == 403
        stranger = CompanyFactory()
        other = program(member(stranger, Role.ACCOUNTANT), stranger, "deposits:write")
        assert use(other, **{part: "1.00"}).status_code == 404
        assert use(program(accountant, company, "deposits"), **{part: "1.00"}).status_code == 403
        assert use(**{part: "50.00"}).json()["kept"] == "10.00"
        assert use(**{part: "3.39"}).json()["code"] == "deposit_changed", "what was read is used once"
        first.refresh_from_db()
        assert (first.state, first.balance_cents) == ("part_paid", 339)
        with django_assert_max_num_queries(12):
            moves = client.get(f"{address}movements/").json()["results"]
        assert [(row["amount"], row["invoices"]) for row in moves] == [("-50.00", [first.pk]), ("60.00", [])]
        assert client.post(f"/api/v1/invoices/{first.pk}/keep/").json()["code"] == "nothing_paid_too_much"
        allocation.use_deposit(company=company, at=AT, actor=None)
        with transaction.atomic():
            credit_notes.issue(
                invoice=first, nets={first.lines.get().pk: 4_449}, reason="x", key="c", actor=None, at=AT
            )
        kept = program(staff(), company, "deposits:write").post(f"/api/v1/invoices/{first.pk}/keep/").json()
        assert (kept["kept"], checking.first_break()) == ("53.39", "")

    def test_sends_kept_money_back_to_the_card_it_came_from(self, double, at_once):
        company = CompanyFactory()
        accountant, bill = member(company, Role.ACCOUNTANT), invoice(company)
        Invoice.objects.filter(pk=bill.pk).update(state="due")
        page = payments.start(invoice=bill, actor=accountant, at=timezone.now())
        with transaction.atomic():
            allocation.receive(company=company, cents=5_339, key="t", at=timezone.now(), actor=None, only=[bill])
        double.pays(page.url)
        payments.refresh(payment_id=page.pk, at=timezone.now())
        bill.refresh_from_db()
        deposits.keep(invoice=bill, actor=accountant, at=timezone.now())
        client = program(accountant, company, "deposits:write")
        (means,) = client.get(f"/api/v1/deposits/{company.pk}/").json()["means"]
        assert means == {"payment": page.pk, "means": "visa … 4242", "most": "53.39"}
        body = {"company": company.pk, "amount": "53.39", "reason": "x", "key": "k", "payment": page.pk}
        for _time in range(2):
            row = client.post("/api/v1/deposit-refunds/", body, content_type="application/json").json()
            assert (row["state"], row["payment"]) == ("done", page.pk)
        assert Refund.objects.count() == 1 and not checking.first_break()

    def test_never_reaches_the_associations_books(self):
        company = CompanyFactory()
        accountant = member(company, Role.ACCOUNTANT, Role.ADMIN)
        client = program(accountant, company, "accounts", "accounts:write")  # as if it had been given
        for path in ("bank-lines/", "received-invoices/"):
            assert client.get(f"/api/v1/{path}").status_code == 404
        with pytest.raises(tokens.RoleLacking):
            tokens.create(company=company, name="x", scopes=["accounts"], actor=accountant, at=AT)
        row, _secret = tokens.create(company=company, name="x", scopes=["accounts"], actor=staff(), at=AT)
        assert row.scopes == ["accounts"]


class TestTheAssociationsProgram:
    @pytest.fixture
    def client(self):
        return program(staff(), CompanyFactory(), "accounts:write")

    def test_imports_a_statement_once_matches_by_hand_and_takes_it_back(self, client):
        bill = invoice()
        Invoice.objects.filter(pk=bill.pk).update(state="due")
        content = camt(entry(6_000, name="Inconnu", text="merci", bank_id="1"), total=6_000)
        send = lambda: client.post(  # noqa: E731  # shorter than a function
            "/api/v1/bank-statements/", {"file": SimpleUploadedFile("releve.xml", content)}
        )
        assert {**send().json(), "statement": 0} == {"statement": 0, "new": 1, "known": 0, "matched": 0}
        assert (send().status_code, send().json()["code"]) == (409, "statement_known")
        (line,) = client.get("/api/v1/bank-lines/", {"state": "open"}).json()["results"]
        assert (line["amount"], line["match"], line["booked_on"]) == ("60.00", None, "2026-03-20")
        address = f"/api/v1/bank-lines/{line['id']}"
        match = lambda amount: client.post(  # noqa: E731  # shorter than a function
            f"{address}/match/", {"parts": [{"invoice": bill.pk, "amount": amount}]}, content_type="application/json"
        )
        assert match("1e9").status_code == 400
        assert match("60.00").json()["code"] == "bank_parts_refused"
        done = match("53.39").json()
        assert (done["state"], done["match"]["company"]) == ("matched", bill.company_id)
        bill.refresh_from_db()
        assert (bill.state, ledger.balance(AccountKind.DEPOSITS, company=bill.company)) == ("paid", -661)
        assert match("53.39").json()["code"] == "bank_line_taken"
        undone = client.post(f"{address}/undo/", {"reason": "Erreur"}, content_type="application/json").json()
        assert (undone["state"], undone["match"]) == ("open", None)
        assert BankLine.objects.get().matches.count() == 1

    def test_takes_in_a_suppliers_invoice_reads_it_and_decides(self, client):
        content = theirs()
        answer = client.post("/api/v1/received-invoices/", {"file": SimpleUploadedFile("f.xml", content)})
        assert answer.status_code == 201, answer.content
        row = answer.json()
        assert (row["state"], row["seller_siren"], row["order_reference"]) == (
            "received", "552100554", "BC-2026-00009",
        )  # fmt: skip
        address = f"/api/v1/received-invoices/{row['id']}"
        detail = client.get(f"{address}/").json()
        assert len(detail["lines"]) == 6 and [status["code"] for status in detail["statuses"]] == [203]
        assert client.get(f"{address}/file/").content == content
        refuse = lambda **body: client.post(f"{address}/refuse/", body, content_type="application/json")  # noqa: E731  # shorter than a function
        assert refuse(code="NONSENSE", reason="x").status_code == 400
        assert client.post(f"{address}/approve/").json()["state"] == "approved"
        assert client.post(f"{address}/paid/").json()["state"] == "paid"
        assert refuse(code="AUTRE", reason="trop tard").json()["code"] == "state_refused"
        assert ReceivedInvoice.objects.get().state == "paid"

    def test_reads_only_with_a_token_that_reads_only(self):
        client = program(staff(), CompanyFactory(), "accounts")
        assert client.get("/api/v1/bank-lines/").status_code == 200
        assert client.post("/api/v1/bank-statements/").status_code == 403
