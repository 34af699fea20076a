"""CSV files for HR to open in a spreadsheet: a mark for UTF-8, semicolons, and cells that can never run as formulas."""

import csv
import io
from collections.abc import Iterable, Sequence

DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


def harmless(cell: object) -> str:
    """A cell as text that a spreadsheet shows and does not run.

    >>> harmless("=1+1"), harmless("Dupont"), harmless(None)
    ("'=1+1", 'Dupont', '')
    """
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(DANGEROUS) else text


def sheet(heading: Sequence[object], rows: Iterable[Sequence[object]]) -> bytes:
    """The file as bytes."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow([harmless(cell) for cell in heading])
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")
