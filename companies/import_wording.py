"""The sentences of an import: what is wrong, where, and what to do. Codes come from `companies.employees`."""

from collections.abc import Mapping
from datetime import date

from django.utils.functional import Promise
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

FIELD_NAMES: dict[str, str | Promise] = {
    "first_name": _("First name"),
    "last_name": _("Last name"),
    "full_name": _("Name"),
    "name": _("Name"),
    "reference": _("Staff number"),
    "email": _("E-mail"),
    "site": _("Site"),
    "starts_on": _("First day"),
    "ends_on": _("Last day"),
}
CELL: dict[str, str | Promise] = {
    "missing": _("The cell is empty. Fill it in."),
    "formula": _("“%(value)s” looks like a formula. Replace it with plain text."),
    "too_long": _("“%(value)s” is too long. Keep to %(detail)s characters."),
    "control_character": _("“%(value)s” contains an invisible character. Type the cell again."),
    "odd_name": _("“%(value)s” does not look like a name. Check that the columns have not shifted."),
    "cannot_split": _(
        "We cannot tell the last name from the first name in “%(value)s”. Write DUPONT Marie, or use two columns."
    ),
    "bad_email": _("“%(value)s” is not an e-mail address. Correct it or leave the cell empty."),
    "bad_date": _("“%(value)s” is not a date. Write it as 31/12/2026."),
    "odd_date": _("“%(value)s” is not a plausible date. Check the year."),
    "ends_before_start": _("The last day (%(value)s) is before the first day (%(detail)s). Correct one of them."),
    "too_many_cells": _(
        "The line has more cells than the headings. A separator inside a cell must be in quotation marks."
    ),
    "twice": _("“%(value)s” is already on line %(detail)s. Keep one of the two lines."),
    "unknown_site": _("“%(value)s” is not one of your sites. Correct the name, or add the site first."),
    "ambiguous": _(
        "%(detail)s employees on file match “%(value)s”. Add their staff number or e-mail so that we know which."
    ),
    "same_person": _("This is the same person as on line %(detail)s (%(value)s). Keep one of the two lines."),
}
FILE: dict[str, str | Promise] = {
    "empty": _("The file is empty. Choose the file you exported."),
    "no_lines": _("The file has headings but no employee below them."),
    "too_big": _("The file is larger than %(limit)s MB. Send the list without pictures or other sheets."),
    "too_many_lines": _("The file has more than %(limit)s lines. Send it in several parts, as additions only."),
    "not_a_table": _("This is not a table we can read. Save it as CSV or Excel (.xlsx) and send it again."),
    "damaged": _("The workbook is damaged or protected by a password. Save it again without a password."),
    "unclosed_quote": _("A quotation mark opened on line %(line)s is never closed. Remove it and send the file again."),
    "heading_twice": _("Two columns mean the same thing (“%(heading)s”). Keep one of them."),
    "no_heading": _(
        "We found no column for: %(missing)s. Name the columns in the first line, for instance Nom and Prénom."
    ),
}


def problem_sentence(problem: Mapping[str, str]) -> str:
    """One error of a line, with its column: "E-mail: “luc@” is not an e-mail address. …"."""
    template = str(CELL.get(problem["code"], problem["code"]))
    sentence = template % {name: _as_written(problem.get(name, "")) for name in ("value", "detail")}
    name = FIELD_NAMES.get(problem.get("field", ""))
    return _now("%(column)s: %(sentence)s") % {"column": name, "sentence": sentence} if name else sentence


def _as_written(text: str) -> str:
    """A date that we read, as people write it; any other text as it is."""
    try:
        return f"{date.fromisoformat(text):%d/%m/%Y}" if len(text) == 10 else text
    except ValueError:
        return text


def file_sentence(trouble: Mapping[str, object]) -> str:
    """Why the whole file is no use."""
    params = dict(trouble)
    if isinstance(missing := params.get("missing"), list):
        params["missing"] = ", ".join(str(FIELD_NAMES.get(name, name)) for name in missing)
    return str(FILE.get(str(params.get("code")), params.get("sentence", ""))) % params
