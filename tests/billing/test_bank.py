"""Statements in, lines matched once, undone by reversal."""

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from django.core.files.uploadedfile import InMemoryUploadedFile, SimpleUploadedFile
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from companies.billing import books, checking, ledger, safe_xml
from companies.billing.bank import importing, matching, reading
from companies.billing.bank.rules import Debt, match, spread
from companies.billing.models import AccountKind, BankLine, BankMatch, BankStatement, Invoice
from companies.billing.references import creditor_reference, spaced
from companies.errors import NotAllowed
from companies.models import Role
from tests.billing.statements import camt, entry
from tests.billing.test_ledger import commit
from tests.factories.billing import AT, invoice, line
from tests.factories.companies import CompanyFactory, member, staff

pytestmark = pytest.mark.django_db
NOW = AT + timedelta(days=20)
THEIRS = "FR7630006000011234567890189"
BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><Document>&c;</Document>'
XXE = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><Document>&x;</Document>'


def take(content: bytes, user=None, at=NOW):
    return importing.take(content=content, name="releve.xml", actor=user or staff(), at=at)


def arrives(cents: int, **more):
    """One movement in a statement of its own."""
    more.setdefault("bank_id", f"B{BankLine.objects.count()}")
    take(camt(entry(cents, **more), total=cents, name=more["bank_id"]))
    return BankLine.objects.order_by("-pk").first()


class TestReading:
    @pytest.mark.parametrize("version", [2, 8])
    def test_takes_every_fact_of_a_camt_file(self, version):
        content = camt(
            entry(12_345, name="Tannerie &amp; Fils", iban=THEIRS, text="FACT 12", reference="RF18539007547034",
                  bank_id="X1", version=version),
            entry(-1_250, name="Banque", text="FRAIS", version=version),
            total=11_095, version=version, opening=-500,
        )  # fmt: skip
        (found,) = reading.read(content)
        first, second = found.lines
        assert (first.cents, first.name, first.iban, first.reference) == (
            12_345,
            "Tannerie & Fils",
            THEIRS,
            "RF18539007547034",
        )
        assert (first.text, first.bank_id, first.booked_on) == ("FACT 12", "X1", date(2026, 3, 20))
        assert (second.cents, second.name, found.closing_cents) == (-1_250, "Banque", 10_595)

    def test_splits_a_batch_into_its_payments(self):
        one = "<TxDtls><Refs><TxId>{0}</TxId></Refs><Amt Ccy='EUR'>{1}.00</Amt><CdtDbtInd>CRDT</CdtDbtInd></TxDtls>"
        batch = entry(3_000).partition("<TxDtls>")[0] + one.format("a", 10) + one.format("b", 20) + "</NtryDtls></Ntry>"
        (found,) = reading.read(camt(batch, total=3_000))
        assert [row.cents for row in found.lines] == [1_000, 2_000]

    def test_takes_french_csv_with_debit_and_credit(self):
        text = "Date;Libellé;Débit;Crédit\r\n03/03/2026;VIR TANNERIE;;1 234,56\r\n04/03/2026;FRAIS;-12,00;\r\n"
        for content in (text.encode("utf-8-sig"), text.encode("cp1252")):
            (found,) = reading.read(content)
            assert [(row.cents, row.text) for row in found.lines] == [(123_456, "VIR TANNERIE"), (-1_200, "FRAIS")]

    @pytest.mark.parametrize(
        ("content", "refusal"),
        [
            (BOMB, safe_xml.XmlDangerous),
            (XXE, safe_xml.XmlDangerous),
            (XXE.decode().encode("utf-16"), safe_xml.XmlDangerous),
            (b"<a><b></a>", safe_xml.XmlRefused),
            (b"<a>" * 100 + b"</a>" * 100, safe_xml.XmlRefused),
            (b"<Document xmlns='urn:iso:std:iso:20022:tech:xsd:pain.001.001.03'/>", reading.StatementRefused),
            (camt(entry(100), total=99), reading.StatementRefused),
            (camt(entry(100).replace("EUR", "USD"), total=100), reading.StatementRefused),
            (camt(entry(100).replace("1.00", "1e9"), total=100), reading.StatementRefused),
            (camt(entry(100).replace("2026-03-20", "2026-13-20"), total=100), reading.StatementRefused),
            (b"nom;prenom\r\na;b\r\n", reading.StatementRefused),
            (b"Date;Montant\r\n01/02/2026;beaucoup\r\n", reading.StatementRefused),
            (b"\x00\x01\x02", reading.StatementRefused),
            (b"", reading.StatementRefused),
            (b"x" * (reading.MOST_BYTES + 1), safe_xml.FileTooLarge),
            (b"Date;Montant" + b";" * 20_000 + b"\r\n01/02/2026;1\r\n", reading.StatementRefused),
            (b"PK\x03\x04" + bytes(4_000), reading.StatementRefused),
            (b"Date;Montant\r\n" + b"01/02/2026;1\r\n" * 20_001, reading.TooManyLines),
            (camt("<Ntry/>" * 40_001), reading.TooManyLines),
        ],
        ids=["bomb", "xxe", "xxe utf-16", "not closed", "deep", "pain", "sum", "usd", "amount", "date", "heading", "words",
             "bytes", "empty", "large", "wide csv", "zip", "long csv", "long camt"],
    )  # fmt: skip
    def test_refuses_in_words_and_imports_nothing(self, content, refusal):
        with pytest.raises(refusal) as refused:
            take(content)
        assert refused.value.sentence and not BankStatement.objects.exists()


class Endless:
    """An upload of 200 MB that nobody may read."""

    name, size = "releve.xml", 200 * 1024 * 1024

    def read(self):
        raise AssertionError("it was taken into memory")


class TestAnUploadOf200MB:
    def test_is_refused_before_it_is_read(self):
        with pytest.raises(safe_xml.FileTooLarge):
            safe_xml.uploaded(Endless())

    @pytest.mark.parametrize("address", ["/erb/bank/", "/erb/received/"])
    def test_is_refused_in_words_on_the_page(self, address, monkeypatch):
        monkeypatch.setattr(InMemoryUploadedFile, "read", Endless.read)  # what our side would read
        monkeypatch.setattr(safe_xml.uploaded, "__kwdefaults__", {"limit": 1})
        monkeypatch.setattr(reading, "MOST_BYTES", 1)
        client = Client()
        client.force_login(staff())
        page = client.post(address, {"file": io.BytesIO(b"<a/>")})
        assert "Le fichier dépasse" in page.content.decode() and not BankStatement.objects.exists()


class TestImport:
    def test_of_the_same_file_or_line_twice_is_impossible(self):
        """Case: import of the same file twice, one effect. Two equal payments of one day are two."""
        same = entry(1_000, name="A", text="COTISATION")
        content = camt(same, same, total=2_000)
        made = take(content)
        assert (made.new, made.known) == (2, 0)
        with pytest.raises(importing.StatementKnown):
            take(content)
        later = take(camt(same, same, entry(500, name="B"), total=2_500, name="2"))
        assert (later.new, later.known) == (1, 2)
        assert BankLine.objects.count() == 3

    def test_of_another_account_is_refused(self):
        with pytest.raises(importing.WrongAccount):
            take(camt(entry(100), total=100, iban=THEIRS))

    def test_is_the_staff_s_alone(self):
        with pytest.raises(NotAllowed):
            take(camt(entry(100), total=100), user=member(CompanyFactory(), Role.ACCOUNTANT))


class TestAutomaticMatching:
    def test_by_structured_reference(self):
        bill = invoice()
        found = arrives(5_339, reference=creditor_reference(bill.number), iban=THEIRS)
        bill.refresh_from_db()
        assert (found.state, bill.state, bill.balance_cents) == ("matched", "paid", 0)
        assert ledger.balance(AccountKind.BANK) == 5_339

    def test_by_reference_in_free_text_with_spaces_or_as_number(self):
        first, second = invoice(), invoice()
        arrives(5_339, text=f"VIREMENT {spaced(creditor_reference(first.number))} MERCI")
        arrives(5_339, text=f"FACTURE {second.number.replace('-', ' ')}")
        assert set(Invoice.objects.values_list("state", flat=True)) == {"paid"}

    def test_by_account_and_amount_once_the_account_is_known(self):
        company = CompanyFactory()
        arrives(5_339, text=invoice(company).number, iban=THEIRS)
        second, third = invoice(company, line(2_000)), invoice(company, line(3_000))
        assert arrives(2_400, iban=THEIRS).state == "matched"
        assert arrives(3_600, iban=THEIRS).state == "matched"
        assert {row.state for row in Invoice.objects.filter(pk__in=[second.pk, third.pk])} == {"paid"}

    def test_of_a_part_leaves_the_rest_owed(self):
        bill = invoice()
        arrives(5_000, text=bill.number)
        bill.refresh_from_db()
        assert (bill.state, bill.balance_cents) == ("part_paid", 339)

    def test_case_500_on_two_invoices_fills_the_older_one_first(self):
        """Case: partial payment 500.00 on 320.10 (older) and 400.00 → 320.10 + 179.90; left 220.10."""
        company = CompanyFactory()
        newer = invoice(company, line(40_000, 0), due_on=date(2026, 5, 2))
        older = invoice(company, line(32_010, 0), due_on=date(2026, 4, 2))
        assert arrives(50_000, text=f"{newer.number} {older.number}").state == "matched"
        newer.refresh_from_db(), older.refresh_from_db()
        assert (older.balance_cents, newer.balance_cents) == (0, 22_010)
        assert (older.state, newer.state) == ("paid", "part_paid")

    @pytest.mark.parametrize(
        "movement",
        [
            {"cents": 6_000, "text": "{number}"},  # more than is owed, from an account we do not know
            {"cents": 5_339, "text": "rien"},
            {"cents": 5_339, "text": "{settled}"},
            {"cents": 5_339, "text": "{number} {settled}"},
        ],
    )
    def test_leaves_to_a_person_what_is_not_certain(self, movement):
        settled, bill = invoice(), invoice()
        arrives(5_339, text=settled.number, bank_id="first")
        words = movement["text"].format(number=bill.number, settled=settled.number)
        assert arrives(movement["cents"], text=words).state == "open"
        bill.refresh_from_db()
        assert bill.balance_cents == 5_339

    def test_leaves_alone_an_invoice_whose_debit_is_on_its_way(self):
        bill = invoice()
        Invoice.objects.filter(pk=bill.pk).update(state="collecting")
        assert arrives(5_339, text=bill.number).state == "open"


class TestMatchingByHand:
    def test_keeps_what_is_left_for_the_company(self):
        bill, user = invoice(), staff()
        found = arrives(6_000)
        matching.match_invoices(line=found, parts={bill.pk: 5_339}, actor=user, at=NOW)
        assert ledger.balance(AccountKind.DEPOSITS, company=bill.company) == -661
        commit()
        assert not checking.first_break()

    @pytest.mark.parametrize("parts", [5_340, 0, -1, 6_001])
    def test_refuses_more_than_is_owed_or_came(self, parts):
        bill, found = invoice(), arrives(6_000)
        with pytest.raises(matching.PartsRefused):
            matching.match_invoices(line=found, parts={bill.pk: parts}, actor=staff(), at=NOW)
        assert BankMatch.objects.count() == 0

    def test_of_a_line_that_is_matched_is_refused(self):
        first, second, user = invoice(), invoice(), staff()
        found = arrives(5_339, text=first.number)
        with pytest.raises(matching.LineTaken):
            matching.match_invoices(line=found, parts={second.pk: 5_339}, actor=user, at=NOW)
        with pytest.raises(DatabaseError), transaction.atomic():
            original = found.matches.get()
            posted = ledger.post(key="x", kind="transfer", at=NOW, sides=[])
            BankMatch.objects.create(line=found, rule="manual", transaction=posted, matched_at=NOW)
        assert found.matches.get() == original

    def test_books_other_money_on_an_account(self):
        charges = arrives(-1_250, text="FRAIS")
        matching.match_account(line=charges, kind=AccountKind.BANK_CHARGES, actor=staff(), at=NOW)
        assert ledger.balance(AccountKind.BANK_CHARGES) == 1_250
        with pytest.raises(matching.CompanyAsked):
            matching.match_account(line=arrives(10), kind=AccountKind.DEPOSITS, actor=staff(), at=NOW)
        with pytest.raises(matching.CompanyAsked):
            matching.match_account(line=arrives(11), kind=AccountKind.SALES, actor=staff(), at=NOW)

    def test_counts_on_the_day_of_the_bank_unless_its_month_is_closed(self):
        user, bill = staff(), invoice()
        found = arrives(5_339, text=bill.number)
        assert found.matches.get().transaction.at.date() == date(2026, 3, 20)
        books.close_month(month=date(2026, 3, 1), actor=user, at=AT + timedelta(days=40))
        later = AT + timedelta(days=41)
        matching.undo(line=found, actor=user, at=later, reason="Erreur")
        made = matching.match_invoices(line=found, parts={bill.pk: 5_339}, actor=user, at=later)
        assert made.transaction.at == later


class TestUndo:
    def test_is_a_reversal_and_the_line_can_be_matched_again(self):
        user, bill = staff(), invoice()
        found = arrives(5_339, text=bill.number)
        matching.undo(line=found, actor=user, at=NOW, reason="Autre facture")
        bill.refresh_from_db(), found.refresh_from_db()
        assert (bill.state, bill.balance_cents, found.state) == ("due", 5_339, "open")
        assert ledger.balance(AccountKind.BANK) == 0
        with pytest.raises(matching.LineTaken):
            matching.undo(line=found, actor=user, at=NOW, reason="encore")
        matching.match_invoices(line=found, parts={bill.pk: 5_339}, actor=user, at=NOW)
        bill.refresh_from_db()
        assert bill.state == "paid"
        commit()
        assert not checking.first_break()

    def test_needs_a_reason(self):
        bill = invoice()
        with pytest.raises(books.ReasonAsked):
            matching.undo(line=arrives(5_339, text=bill.number), actor=staff(), at=NOW, reason=" ")


@pytest.mark.django_db(transaction=True)
class TestTwoPeopleMatchingOneLine:
    def test_match_it_once(self):
        user, bills = staff(), [invoice(), invoice()]
        found = arrives(5_339)

        def work(bill) -> bool:
            try:
                matching.match_invoices(line=found, parts={bill.pk: 5_339}, actor=user, at=NOW)
            except matching.LineTaken:
                return False
            finally:
                connection.close()
            return True

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(work, bills)) == [False, True]
        assert ledger.balance(AccountKind.BANK) == 5_339


DEBTS = st.lists(
    st.tuples(st.integers(1, 3), st.integers(1, 9_000), st.dates(date(2026, 1, 1), date(2026, 12, 31))), max_size=6
)


class TestTheRules:
    @given(
        debts=DEBTS,
        cents=st.integers(-10, 30_000),
        payer=st.sampled_from([None, 1, 2, 9]),
        named=st.sets(st.integers(0, 8)),
    )
    def test_never_lose_a_cent_nor_overpay(self, debts, cents, payer, named):
        rows = [Debt(n, company, f"N{n}", owed, due) for n, (company, owed, due) in enumerate(debts)]
        numbers = [f"N{n}" for n in sorted(named)]
        found = match(cents=cents, numbers=numbers, debts=rows, payer=payer)
        assert found == match(cents=cents, numbers=numbers[::-1], debts=rows[::-1], payer=payer)  # I11
        if found is None:
            return
        owed = {row.id: row for row in rows}
        assert sum(part for _id, part in found.parts) + found.left_cents == cents
        assert all(0 < part <= owed[pk].cents for pk, part in found.parts)
        if found.certain:
            companies = {owed[pk].company for pk, _part in found.parts}
            assert found.left_cents == 0 or companies == {payer}
            assert numbers or companies == {payer}

    @given(debts=DEBTS, cents=st.integers(0, 30_000))
    def test_fill_the_oldest_first(self, debts, cents):
        rows = [Debt(n, company, "", owed, due) for n, (company, owed, due) in enumerate(debts)]
        parts, _left = spread(cents, rows)
        filled = dict(parts)
        for early in rows:
            for late in rows:
                if (early.due_on, early.id) < (late.due_on, late.id) and late.id in filled:
                    assert filled.get(early.id) == early.cents


class TestAnySequence:
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        steps=st.lists(
            st.tuples(st.sampled_from(["issue", "pay", "part", "over", "unknown", "undo", "hand"]), st.integers(0, 5)),
            max_size=9,
        )
    )
    def test_of_imports_matches_and_undoings_keeps_the_books_whole(self, steps):
        self._play(steps)
        commit()
        assert not checking.first_break()
        came = sum(BankLine.objects.filter(state="matched").values_list("cents", flat=True))
        assert ledger.balance(AccountKind.BANK) == came

    @staticmethod
    def _play(steps):
        company, user = CompanyFactory(), staff()
        bills = [invoice(company)]
        for kind, n in steps:
            bill = Invoice.objects.get(pk=bills[n % len(bills)].pk)
            lines = list(BankLine.objects.order_by("pk"))
            if kind == "issue":
                bills.append(invoice(company, line(1_000 * (n + 1))))
            elif kind in ("pay", "part", "over") and bill.balance_cents > 1:
                cents = {"pay": bill.balance_cents, "part": bill.balance_cents // 2, "over": bill.balance_cents + 77}[
                    kind
                ]
                arrives(cents, text=bill.number, iban=THEIRS)
            elif kind == "unknown":
                arrives(100 + n)
            elif kind == "undo" and lines and lines[n % len(lines)].state == "matched":
                matching.undo(line=lines[n % len(lines)], actor=user, at=NOW, reason="x")
            elif kind == "hand" and lines and lines[n % len(lines)].state == "open" and bill.balance_cents > 0:
                chosen = lines[n % len(lines)]
                part = min(bill.balance_cents, chosen.cents)
                matching.match_invoices(line=chosen, parts={bill.pk: part}, actor=user, at=NOW)


class TestThePages:
    def test_import_match_by_hand_undo_and_book(self, client):
        client.force_login(staff())
        bill = invoice(None, line(100_000, 0))
        content = camt(entry(60_000, name="Inconnue"), entry(-500, name="Banque"), total=59_500)
        answer = client.post(reverse("billing:bank"), {"file": SimpleUploadedFile("r.xml", content)}, follow=True)
        assert b"Inconnue" in answer.content
        money, charges = BankLine.objects.order_by("-cents")
        page = reverse("billing:bank_line", args=[money.pk])
        assert bill.number in client.get(page, {"company": bill.company_id}).content.decode()
        assert client.post(page, {f"part-{bill.pk}": "600,01"}).status_code == 200
        client.post(page, {f"part-{bill.pk}": "600,00"})
        assert Invoice.objects.get().balance_cents == 40_000
        client.post(reverse("billing:undo_line", args=[money.pk]), {"reason": "Erreur"})
        assert Invoice.objects.get().balance_cents == 100_000
        client.post(reverse("billing:book_line", args=[charges.pk]), {"account": "bank_charges"})
        client.post(reverse("billing:aside_line", args=[money.pk]), {"reason": "Doublon de la banque"})
        assert set(BankLine.objects.values_list("state", flat=True)) == {"matched", "aside"}
        answer = client.post(reverse("billing:bank"), {"file": SimpleUploadedFile("r.xml", content)})
        assert answer.status_code == 200 and "déjà" in answer.content.decode()

    def test_keep_what_was_chosen_and_ask_for_the_company_that_money_is_kept_for(self, client):
        client.force_login(staff())
        client.post(reverse("billing:bank"), {"file": SimpleUploadedFile("r.xml", camt(entry(60_000), total=60_000))})
        line = BankLine.objects.get()
        for account, asked in (("deposits", "Choisissez l’entreprise pour laquelle"), ("", "obligatoire")):
            answer = client.post(reverse("billing:book_line", args=[line.pk]), {"account": account})
            assert answer.status_code == 200
            assert asked in answer.content.decode()
            assert not account or '<option value="deposits" selected>' in answer.content.decode()
            page = reverse("billing:bank_line", args=[line.pk])  # its other forms lead to the line, not to this answer
            assert f'<form method="get" action="{page}"' in answer.content.decode()
        assert BankLine.objects.get().state == "open"

    def test_list_lines_with_few_queries(self, client, django_assert_max_num_queries):
        take(camt(*[entry(100 + n, name=f"N{n}") for n in range(30)], total=3_435))
        client.force_login(staff())
        client.get(reverse("billing:bank"))
        with django_assert_max_num_queries(18):
            client.get(reverse("billing:bank"))
