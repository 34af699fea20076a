"""Reading staff lists: every encoding HR sends, a clear place for every error, and never a traceback."""

import io
from datetime import date, datetime

import openpyxl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from companies.employees import table
from companies.employees.problems import Unreadable
from companies.employees.reading import Line, parse_date, read
from companies.employees.table import MAX_BYTES, MAX_LINES

LIST = "Matricule;Nom;Prénom;Courriel;Établissement;Date d’entrée\n17;Ébrard;Zoé;zoe@cuir.fr;Romans;03/04/2023\n"
ZOE = Line(2, "Zoé", "Ébrard", "17", "zoe@cuir.fr", "Romans", date(2023, 4, 3))


def xlsx(*rows: list[object], title: str = "Feuil1") -> bytes:
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def problems(text: str | bytes) -> list[tuple[int, str, str]]:
    content = text.encode() if isinstance(text, str) else text
    return [(line.number, p.code, p.field) for line in read(content).lines for p in line.problems]


class TestReading:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
    def test_understands_what_spreadsheets_save(self, encoding: str) -> None:
        assert read(LIST.encode(encoding, "ignore")).lines == [ZOE]

    @pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
    def test_finds_the_separator(self, delimiter: str) -> None:
        assert read(LIST.replace(";", delimiter).encode()).lines == [ZOE]

    def test_reads_a_spreadsheet_with_real_dates_and_numbers(self) -> None:
        content = xlsx(
            ["Effectif au 1er mars"], [], ["Matricule", "NOM", "PRENOM", "Date entrée", "Date de sortie"],
            [17, "Ébrard", "Zoé", datetime(2023, 4, 3), "31/12/2026"],
        )  # fmt: skip
        assert read(content).lines == [
            Line(4, "Zoé", "Ébrard", "17", starts_on=date(2023, 4, 3), ends_on=date(2026, 12, 31))
        ]

    def test_keeps_a_quoted_line_break_and_counts_lines_as_an_editor_does(self) -> None:
        lines = read(b'Nom;Pr\xe9nom;Site\n"Dupont\nMartin";Luc;\n\nPetit;Ana;\n').lines
        assert [(line.number, line.last_name) for line in lines] == [(2, "Dupont Martin"), (5, "Petit")]

    def test_splits_capitals_and_first_name_in_one_column(self) -> None:
        line = read("Nom Prénom;Matricule\nDE LA TOUR Jean-Marc;4\n".encode()).lines[0]
        assert (line.last_name, line.first_name) == ("DE LA TOUR", "Jean-Marc")

    def test_names_the_columns_it_does_not_keep(self) -> None:
        assert read("Nom,Prénom,Date de naissance,N° sécu\nA,Bo,1/1/1980,1\n".encode()).ignored == [
            "Date de naissance", "N° sécu",
        ]  # fmt: skip

    def test_heeds_the_separator_line_of_excel(self) -> None:
        assert read(("sep=;\n" + LIST).encode()).lines[0].number == 3

    @pytest.mark.parametrize(
        ("row", "code", "field"),
        [
            ("Dupont;;;;", "missing", "first_name"),
            ("Dupont;Luc;luc@;;", "bad_email", "email"),
            ("Dupont;Luc;luc@cuir;;", "bad_email", "email"),
            ("Dupont;Luc;;31/02/2024;", "bad_date", "starts_on"),
            ("Dupont;Luc;;2024-13-01;", "bad_date", "starts_on"),
            ("Dupont;Luc;;bientôt;", "bad_date", "starts_on"),
            ("Dupont;Luc;;01/01/1066;", "odd_date", "starts_on"),
            ("Dupont;Luc;;02/01/2024;01/01/2024", "ends_before_start", "ends_on"),
            ("=HYPERLINK(1);Luc;;;", "formula", "last_name"),
            ("+33;Luc;;;", "formula", "last_name"),
            ("Dup0nt;Luc;;;", "odd_name", "last_name"),
            ("D" * 81 + ";Luc;;;", "too_long", "last_name"),
            ("Du\x07pont;Luc;;;", "control_character", "last_name"),
            ("Dupont;Luc;;;;;42", "too_many_cells", ""),
        ],
    )
    def test_says_where_and_what_is_wrong(self, row: str, code: str, field: str) -> None:
        """Threat: malicious CSV: a formula is refused as such, not escaped and kept."""
        text = f"Nom;Prénom;E-mail;Entrée;Sortie\nPetit;Ana;;;\n{row}\n"
        assert problems(text) == [(3, code, field)]

    def test_marks_a_staff_number_and_an_address_that_come_twice(self) -> None:
        text = "Nom;Prénom;Matricule;Mail\nA;Bo;1;a@b.fr\nC;Di;1;\nE;Fa;2;A@B.fr\nG;Ha;;\nG;Ha;;\n"
        assert problems(text) == [(3, "twice", "reference"), (4, "twice", "email"), (6, "twice", "name")]

    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"", "empty"),
            (b"  \n ", "empty"),
            (b"Nom;Prenom\n", "no_lines"),
            (b"Ville;Code\nRomans;26100\n", "no_heading"),
            (b"Nom;Matricule\nDupont;1\n", "no_heading"),
            (b"Nom;Prenom;Nom\nA;B;C\n", "heading_twice"),
            (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "not_a_table"),
            (b"PK\x03\x04 not really a workbook", "damaged"),
            (b"\xd0\xcf\x11\xe0" + b"\x00" * 600, "damaged"),
            (b"Nom;Prenom\nA;B\n" * (MAX_BYTES // 15 + 1), "too_big"),
            (b'Nom;Prenom\nA;"B\n' + b"C;D\n" * 5_000, "unclosed_quote"),
            (b"Nom;Prenom\n" + b"A;B\n" * (MAX_LINES + 1), "too_many_lines"),
        ],
    )
    def test_refuses_a_file_that_is_no_staff_list(self, content: bytes, code: str) -> None:
        """Threat: malicious CSV: limits, also of lines."""
        with pytest.raises(Unreadable) as refused:
            read(content)
        assert refused.value.code == code

    def test_refuses_a_workbook_that_would_unpack_to_more_than_memory_holds(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Threat: malicious CSV, bombs: an XLSX says what it unpacks to before anything of it is unpacked."""
        assert read(BOOK).lines
        monkeypatch.setattr(table, "MAX_UNPACKED", 1_000)
        with pytest.raises(Unreadable) as refused:
            read(BOOK)
        assert refused.value.code == "too_big"

    def test_accepts_as_many_lines_as_promised(self) -> None:
        assert len(read(b"Nom;Prenom\n" + b"A;B\n" * MAX_LINES).lines) == MAX_LINES

    @given(
        st.one_of(st.binary(max_size=400), st.text(max_size=200).map(lambda t: ("Nom;Prénom;Entrée\n" + t).encode()))
    )
    @example(b"\xff\xfe\x00")
    @example("Nom;Prénom;Entrée\n\x1c;٣;٣/٣/٢٠٢٤".encode())
    @example("Nom;Prénom;Entrée\na;b;²/1/2024".encode())
    def test_never_fails_otherwise_than_by_a_sentence(self, content: bytes) -> None:
        try:
            assert read(content).lines
        except Unreadable as refused:
            assert refused.code

    @given(st.integers(0, 4_000), st.integers(0, 255), st.integers(1, 64))
    def test_survives_a_damaged_spreadsheet(self, position: int, byte: int, run: int) -> None:
        content = bytearray(BOOK)
        position %= len(content)
        content[position : position + run] = bytes([byte]) * run
        try:
            read(bytes(content))
        except Unreadable as refused:
            assert refused.code


BOOK = xlsx(["Nom", "Prénom"], ["Dupont", "Luc"])


class TestParseDate:
    @pytest.mark.parametrize(
        "text",
        [
            "03/04/2026",
            "3/4/26",
            "03.04.2026",
            "3-4-2026",
            "2026-04-03",
            "2026-04-03 00:00:00",
            "2026-04-03T08:00:00Z",
            "3 avril 2026",
            "3 avr. 2026",
            "3 April 2026",
        ],
    )
    def test_reads_the_third_of_april(self, text: str) -> None:
        assert parse_date(text) == date(2026, 4, 3)

    def test_reads_the_number_of_a_spreadsheet(self) -> None:
        assert parse_date(46115.0) == date(2026, 4, 3)

    @given(st.text(max_size=20))
    def test_is_none_for_anything_else(self, text: str) -> None:
        assert parse_date(text) is None or isinstance(parse_date(text), date)
