"""A staff list of 4,000 lines: read and compared (dry run), then applied; as CSV and as XLSX."""

import csv
import io
import time
from typing import Any

from tests.bench.book import Book
from tests.bench.place import Place

LINES = 4_000
HEADINGS = ["Matricule", "Nom", "Prénom", "Courriel", "Date d'entrée"]


def company_with_hr(name: str) -> Any:
    """A member company with one person who administers it and its people."""
    from companies.models import Company, CompanyStatus, Membership, Role, User

    number = Company.objects.filter(siret__startswith="00009").count() + 1
    siret = f"00009{number:09d}"
    company = Company.objects.create(name=name, siren=siret[:9], siret=siret, status=CompanyStatus.ADMITTED)
    user = User.objects.create_user(email=f"rh{number}@banc.example", full_name="Banc d’essai")
    for role in Role:
        Membership.objects.create(user=user, company=company, role=role)
    return company, user


def staff(lines: int) -> list[list[str]]:
    """People with different names, so that none looks like another's double."""
    rows = [HEADINGS]
    for n in range(lines):
        letters = "".join(chr(97 + n // 26**place % 26) for place in range(3))
        rows.append([f"M{n:05d}", f"Durand{letters}", "Élodie", f"m{n}@banc.example", "02/03/2020"])
    return rows


def as_csv(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows(rows)
    return text.getvalue().encode("cp1252")


def as_xlsx(rows: list[list[str]]) -> bytes:
    from openpyxl import Workbook

    book, content = Workbook(write_only=True), io.BytesIO()
    sheet = book.create_sheet()
    for row in rows:
        sheet.append(row)
    book.save(content)
    return content.getvalue()


def import_into(company: Any, user: Any, name: str, content: bytes) -> tuple[float, float]:
    """Seconds of the dry run and of applying it, without the wait for a worker."""
    from django.utils import timezone

    from companies import jobs
    from companies.services import imports

    found = imports.upload(
        company=company, name=name, content=content, full=False, leave_on=None, actor=user, at=timezone.now()
    )
    started = time.monotonic()
    imports.dry_run(job=jobs.begin(str(found.job_id)), at=timezone.now())
    read = time.monotonic() - started
    found.refresh_from_db()
    found = imports.start_applying(found=found, confirmed=True, actor=user, at=timezone.now())
    started = time.monotonic()
    imports.apply(job=jobs.begin(str(found.job_id)), at=timezone.now())
    applied = time.monotonic() - started
    found.refresh_from_db()
    if found.state != "applied":
        raise RuntimeError(f"the import ended as {found.state}")
    return read, applied


def measure(place: Place, book: Book) -> None:
    _ = place.seed
    rows = staff(LINES)
    for kind, content in (("csv", as_csv(rows)), ("xlsx", as_xlsx(rows))):
        company, user = company_with_hr(f"Banc {kind}")
        read, applied = import_into(company, user, f"personnel.{kind}", content)
        book.note("imports", f"import_4000_{kind}_dry_run_seconds", read, "s", "4,000 joiners, work of the task alone")
        book.note("imports", f"import_4000_{kind}_apply_seconds", applied, "s", "one transaction")
