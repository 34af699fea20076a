"""Bytes to rows of cells: encodings, separators and spreadsheets, whatever a payroll program exports."""

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

from python_calamine import CalamineWorkbook

from companies.employees.problems import Unreadable

MAX_BYTES = 10 * 1024 * 1024
MAX_LINES = 50_000
MAX_UNPACKED = 250 * 1024 * 1024  # an XLSX is a zip archive: 10 MB could unpack to gigabytes
MAX_CELL = 10_000  # longer means a quotation mark that was never closed
DELIMITERS = ";,\t|"

Cell = str | float | bool | date
Row = tuple[int, list[Cell]]  # line number as the reader sees it in the file, cells


def rows(content: bytes, score: Callable[[list[Cell]], int]) -> Iterator[Row]:
    """Yield the rows of a CSV or spreadsheet. `score` says how many known headings a row has, to choose the separator.

    Raises `Unreadable`, never anything else, whatever the bytes.
    """
    if not content.strip():
        raise Unreadable("empty")
    if len(content) > MAX_BYTES:
        raise Unreadable("too_big", limit=MAX_BYTES // 1024 // 1024)
    if content.startswith(b"PK\x03\x04"):
        _refuse_bomb(content)
        return _spreadsheet(content, score)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        return _spreadsheet(content, score)
    return _csv(decode(content), score)


def decode(content: bytes) -> str:
    """Text of a CSV in UTF-8 (with or without mark), UTF-16 or Windows-1252, the ones spreadsheets write."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif b"\x00" in content[:400]:
        encodings = ["utf-16-le" if content[1:2] == b"\x00" else "utf-16-be"]
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" in text or sum(not c.isprintable() and c not in "\r\n\t\xa0" for c in text[:2000]) > 20:
            break
        return text.removeprefix("\ufeff")
    raise Unreadable("not_a_table")


def _csv(text: str, score: Callable[[list[Cell]], int]) -> Iterator[Row]:
    first, _, rest = text.partition("\n")
    lead = first.strip().strip('"').lower()
    skipped = 0
    if lead.startswith("sep=") and len(lead) == 5:  # Excel's own hint
        text, skipped = rest, 1
    head = text[:20_000]

    def best_of(delimiter: str) -> tuple[int, int]:
        scores = [0]
        try:
            for number, cells in enumerate(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)):
                scores.append(score(list(cells)))
                if number > 20:
                    break
        except csv.Error:
            pass
        return max(scores), head.count(delimiter)

    delimiter = max(DELIMITERS, key=best_of)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    line = 1 + skipped
    while True:
        try:
            cells = next(reader, None)
        except csv.Error:
            raise Unreadable("unclosed_quote", line=line) from None
        if cells is None:
            return
        if any(len(cell) > MAX_CELL for cell in cells):
            raise Unreadable("unclosed_quote", line=line)
        yield line, list(cells)
        line = reader.line_num + 1 + skipped


def _refuse_bomb(content: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except Exception:  # a damaged archive raises more kinds of errors than the documentation names
        raise Unreadable("damaged") from None
    if unpacked > MAX_UNPACKED:
        raise Unreadable("too_big", limit=MAX_BYTES // 1024 // 1024)


def _spreadsheet(content: bytes, score: Callable[[list[Cell]], int]) -> Iterator[Row]:
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        sheets = []
        for name in workbook.sheet_names[:20]:
            sheet = workbook.get_sheet_by_name(name)
            sheets.append(sheet)
            if sheet.height > MAX_LINES + 100 or sheet.width > 1_000:
                raise Unreadable("too_many_lines", limit=MAX_LINES)
        tables = [sheet.to_python(skip_empty_area=False) for sheet in sheets]
    except Unreadable:
        raise
    except BaseException as error:
        # The Rust reader panics on some damaged files, and its panic is not an Exception.
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise Unreadable("damaged") from None
        raise

    def best_of(table: list[list[Any]]) -> int:
        return max((score(row) for row in table[:20]), default=0)

    if not tables:
        raise Unreadable("empty")
    chosen = max(tables, key=best_of)  # the staff list need not be the first sheet
    return ((number, [_plain(cell) for cell in row]) for number, row in enumerate(chosen, 1))


def _plain(cell: object) -> Cell:
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, str | float | bool | date):
        return cell
    if isinstance(cell, int):
        return float(cell)
    return str(cell)
