"""What can be wrong with a staff list, as stable codes; `companies/import_wording.py` turns them into sentences."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One error of one cell: a stable `code`, our column name, what was read, and what the sentence adds to it."""

    code: str
    field: str = ""
    value: str = ""
    detail: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)


class Unreadable(Exception):
    """The file as a whole cannot be used; `code` and `params` say why."""

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.code, self.params = code, params
