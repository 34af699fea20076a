"""One employee at a time: added, changed or ended by hand or by the HR program of the company."""

from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import can_manage_people, require
from companies.errors import DomainError
from companies.models import Company, Employment, Person, Site, User
from companies.services import staff_register

FIELDS = ("reference", "email", "site", "starts_on", "ends_on")


class StaffNumberTaken(DomainError):
    code = "staff_number_taken"
    message = _("The staff number %(reference)s already belongs to %(name)s. Check it, or leave it empty.")


class EndsBeforeStart(DomainError):
    code = "ends_before_start"
    message = _("The last day is before the first day. Correct one of them.")


class ForeignSite(DomainError):
    code = "foreign_site"
    message = _("This site does not belong to the company. Choose one of its sites.")


@transaction.atomic(durable=True)
def add(
    *, company: Company, first_name: str, last_name: str, starts_on: date, actor: User, at: datetime,
    reference: str = "", email: str = "", site: Site | None = None, ends_on: date | None = None, actor_label: str = "",
) -> Employment:  # fmt: skip
    """Add one employee to the company's register."""
    require(can_manage_people(actor, company))
    staff_register.lock(company)
    _check(company, reference, site, starts_on, ends_on)
    person = Person.objects.create(first_name=first_name, last_name=last_name)
    employment = Employment.objects.create(
        person=person,
        company=company,
        reference=reference,
        email=email,
        site=site,
        starts_on=starts_on,
        ends_on=ends_on,
    )
    audit.record("employee.added", target=employment, at=at, actor=actor, actor_label=actor_label, company=company)
    return employment


@transaction.atomic(durable=True)
def change(*, employment: Employment, actor: User, at: datetime, actor_label: str = "", **values: Any) -> Employment:
    """Change some of: first_name, last_name, reference, email, site, starts_on, ends_on."""
    require(can_manage_people(actor, employment.company))
    staff_register.lock(employment.company)
    employment = Employment.objects.select_related("person", "company").get(pk=employment.pk)
    wanted = {name: values.get(name, getattr(employment, name)) for name in FIELDS}
    _check(
        employment.company, wanted["reference"], wanted["site"], wanted["starts_on"], wanted["ends_on"], but=employment
    )
    person = employment.person
    changed = [name for name in FIELDS if getattr(employment, name) != wanted[name]]
    for name in changed:
        setattr(employment, name, wanted[name])
    names = [name for name in ("first_name", "last_name") if name in values and getattr(person, name) != values[name]]
    for name in names:
        setattr(person, name, values[name])
    if not changed and not names:
        return employment
    person.save(update_fields=names)
    employment.save(update_fields=changed)
    audit.record(
        "employee.changed", target=employment, at=at, actor=actor, actor_label=actor_label, company=employment.company,
        data={"fields": names + changed},
    )  # fmt: skip
    return employment


@transaction.atomic(durable=True)
def end(
    *, employment: Employment, ends_on: date, actor: User, at: datetime, reason: str = "", actor_label: str = ""
) -> Employment:
    """Give an employee a last day. The benefit card stops the day after."""
    require(can_manage_people(actor, employment.company))
    staff_register.lock(employment.company)
    employment = Employment.objects.select_related("person", "company").get(pk=employment.pk)
    if employment.ends_on == ends_on:
        return employment
    if ends_on < employment.starts_on:
        raise EndsBeforeStart(field="ends_on")
    employment.ends_on = ends_on
    employment.save(update_fields=["ends_on"])
    audit.record(
        "employee.ended", target=employment, at=at, actor=actor, actor_label=actor_label, company=employment.company,
        reason=reason, data={"ends_on": ends_on.isoformat()},
    )  # fmt: skip
    return employment


def _check(
    company: Company,
    reference: str,
    site: Site | None,
    starts_on: date,
    ends_on: date | None,
    *,
    but: Employment | None = None,
) -> None:
    if site is not None and site.company_id != company.pk:
        raise ForeignSite(field="site")
    if ends_on and ends_on < starts_on:
        raise EndsBeforeStart(field="ends_on")
    if reference:
        others = Employment.objects.filter(company=company, reference=reference).select_related("person")
        other = others.exclude(pk=but.pk).first() if but else others.first()
        if other:
            raise StaffNumberTaken(field="reference", reference=reference, name=str(other.person))
