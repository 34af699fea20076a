"""What an import writes, and how it is taken back: bulk statements in the caller's transaction."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import islice
from typing import Any

from django.db import IntegrityError, connection, models
from django.utils.translation import gettext_lazy as _

from companies.employees.plan import Kind
from companies.errors import DomainError
from companies.models import Employment, Person
from companies.models.imports import EmployeeImport, ImportRow

CHUNK = 1_000
SHOWN = 5  # names in a sentence
PERSON_FIELDS = ("first_name", "last_name")
EMPLOYMENT_FIELDS = ("reference", "email", "site", "starts_on", "ends_on")


class Changed(DomainError):
    """Somebody changed what the import is about; nothing was written."""

    code = "employees_changed"
    message = _("The employees changed since the check, so nothing was applied. Check the file again.")
    more: Any = None

    def __init__(self, people: Iterable[str] = ()) -> None:
        self.people = list(people)
        rest = len(self.people) - SHOWN
        super().__init__(self.more if rest > 0 else None, names=", ".join(self.people[:SHOWN]), rest=rest)


class ChangedSince(Changed):
    """An undo would overwrite later changes."""

    code = "changed_since"
    message = _("These people were changed after the import, so nothing was undone: %(names)s.")
    more = _("These people were changed after the import, so nothing was undone: %(names)s and %(rest)s more.")


class InUse(Changed):
    """An undo would remove people on whom cards or accounts rely."""

    code = "in_use"
    message = _("These people already hold a card or an account, so nothing was undone: %(names)s.")
    more = _("These people already hold a card or an account, so nothing was undone: %(names)s and %(rest)s more.")


REFUSALS: dict[str, type[Changed]] = {kind.code: kind for kind in (Changed, ChangedSince, InUse)}


def apply_rows(found: EmployeeImport) -> None:
    """Create the joiners, write the changes and end the leavers of a reviewed import."""
    try:
        for rows in _chunks(found.rows.filter(kind=Kind.JOINER)):
            _join(found, rows)
        for rows in _chunks(found.rows.filter(kind__in=[Kind.CHANGE, Kind.LEAVER])):
            _write([(row, row.values) for row in rows])
    except IntegrityError:  # a staff number that only an erased or foreign row still holds
        raise Changed from None


def undo_rows(found: EmployeeImport) -> None:
    """Put back what stood before; people the import created disappear. Refused, by name, when they changed since."""
    later: list[str] = []
    used: list[str] = []
    for rows in _chunks(_done(found)):
        later += _changed_since(rows) + _number_taken(found, rows)
        used += _in_use([row for row in rows if row.kind == Kind.JOINER])
    if later:
        raise ChangedSince(later)
    if used:
        raise InUse(used)
    for rows in _chunks(found.rows.filter(kind=Kind.JOINER)):
        _remove([row.employment_id for row in rows if row.employment_id is not None])
    for rows in _chunks(found.rows.filter(kind__in=[Kind.CHANGE, Kind.LEAVER])):
        _write([(row, row.before) for row in rows])


def _join(found: EmployeeImport, rows: list[ImportRow]) -> None:
    people = Person.objects.bulk_create(
        [Person(first_name=row.values["first_name"], last_name=row.values["last_name"]) for row in rows]
    )
    made = Employment.objects.bulk_create(
        [
            Employment(person=person, company_id=found.company_id, **_fields(row.values, EMPLOYMENT_FIELDS))
            for person, row in zip(people, rows, strict=True)
        ]
    )
    with connection.cursor() as cursor:  # one statement: bulk_update would send a CASE of a thousand branches
        cursor.execute(
            "UPDATE companies_importrow SET employment_id = made.employment"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS made(line, employment) WHERE id = made.line",
            [[row.pk for row in rows], [employment.pk for employment in made]],
        )


def _remove(keys: list[int]) -> None:
    """Delete employments and people nothing refers to (just checked; the foreign keys of the database check again)."""
    employments = Employment.objects.filter(pk__in=keys)
    people = list(employments.values_list("person_id", flat=True))
    ImportRow.objects.filter(employment__in=keys).update(employment=None)
    # Not `delete()`: it would load every row and ask every relation again.
    employments._raw_delete(employments.db)
    leaving = Person.objects.filter(pk__in=people)
    leaving._raw_delete(leaving.db)


def _write(changes: list[tuple[ImportRow, dict[str, Any]]]) -> None:
    """Write each row's values. Equal changes (the same last day for all leavers) become one statement."""
    alike: dict[tuple[tuple[str, Any], ...], list[int]] = defaultdict(list)
    names: dict[int, dict[str, Any]] = {}
    for row, values in changes:
        assert row.employment_id is not None
        if fields := _fields(values, EMPLOYMENT_FIELDS):
            alike[tuple(sorted(fields.items()))].append(row.employment_id)
        if fields := _fields(values, PERSON_FIELDS):
            names[row.employment_id] = fields
    several = {}
    for same, keys in alike.items():
        if len(keys) > 3:
            Employment.objects.filter(pk__in=keys).update(**dict(same))
        else:
            several.update({key: dict(same) for key in keys})
    _bulk(Employment.objects.filter(pk__in=several), several)
    if names:
        holders = dict(Employment.objects.filter(pk__in=names).values_list("person_id", "pk"))
        _bulk(Person.objects.filter(pk__in=holders), {person: names[key] for person, key in holders.items()})


def _bulk(rows: models.QuerySet[Any], values: Mapping[int, Mapping[str, Any]]) -> None:
    if not values:
        return
    found = list(rows)
    for row in found:
        for name, value in values[row.pk].items():
            setattr(row, name, value)
    fields = {name.removesuffix("_id") for each in values.values() for name in each}
    rows.model._default_manager.bulk_update(found, sorted(fields), batch_size=250)


def _fields(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Model fields from stored values: dates are dates again, a site is its key."""
    fields: dict[str, Any] = {}
    for name in names:
        if name in values:
            value = values[name]
            if name in ("starts_on", "ends_on") and value:
                value = date.fromisoformat(value)
            fields["site_id" if name == "site" else name] = value
    return fields


def _changed_since(rows: list[ImportRow]) -> list[str]:
    """Names of the people who no longer stand as the import left them."""
    now = Employment.objects.select_related("person").in_bulk([row.employment_id for row in rows if row.employment_id])
    changed = []
    for row in rows:
        employment = now.get(row.employment_id or 0)
        wanted = _fields(row.values, EMPLOYMENT_FIELDS), _fields(row.values, PERSON_FIELDS)
        if (
            employment is None
            or any(getattr(employment, name) != value for name, value in wanted[0].items())
            or any(getattr(employment.person, name) != value for name, value in wanted[1].items())
        ):
            changed.append(f"{row.first_name} {row.last_name}")
    return changed


def _number_taken(found: EmployeeImport, rows: list[ImportRow]) -> list[str]:
    """Names of the people who were since given a staff number that the undo would give back to somebody else."""
    numbers = {row.before["reference"]: row.employment_id for row in rows if row.before.get("reference")}
    holders = Employment.objects.filter(company=found.company_id, reference__in=numbers).select_related("person")
    return [str(one.person) for one in holders if numbers[one.reference] != one.pk]


def _in_use(joiners: list[ImportRow]) -> list[str]:
    """Names of people the import created on whom other rooms already rely (a card, an account).

    Asked of the model's own relations, so that this room need not know the rooms above it.
    """
    holders = {row.employment_id: row for row in joiners if row.employment_id is not None}
    people = dict(Employment.objects.filter(pk__in=holders).values_list("person_id", "pk"))
    used: set[int] = set(Person.objects.filter(pk__in=people, user__isnull=False).values_list("pk", flat=True))
    for relation in Person._meta.related_objects:
        if relation.related_model is not Employment:
            used |= _pointing(relation, list(people))
    used |= set(
        Employment.objects.filter(person__in=people).exclude(pk__in=holders).values_list("person_id", flat=True)
    )
    taken = {people[person] for person in used}
    for relation in Employment._meta.related_objects:
        if relation.related_model is not ImportRow:
            taken |= _pointing(relation, list(holders))
    return [f"{row.first_name} {row.last_name}" for key, row in holders.items() if key in taken]


def _pointing(relation: Any, keys: list[Any]) -> set[int]:
    name = relation.field.name
    found = relation.related_model._base_manager.filter(**{f"{name}__in": keys})
    return set(found.values_list(f"{name}_id" if not relation.field.many_to_many else name, flat=True))


def _done(found: EmployeeImport) -> models.QuerySet[ImportRow]:
    return found.rows.filter(kind__in=[Kind.JOINER, Kind.CHANGE, Kind.LEAVER])


def _chunks(rows: models.QuerySet[ImportRow]) -> Iterator[list[ImportRow]]:
    each = rows.order_by("position").iterator(chunk_size=CHUNK)
    while chunk := list(islice(each, CHUNK)):
        yield chunk
