"""What a company says about itself: address, limits, sites."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import can_administer, can_manage_people, require
from companies.errors import DomainError
from companies.models import Company, Site, User

FIELDS = ("name", "street", "postcode", "city", "trade", "headcount", "approval_limit_cents")


class SiteNameTaken(DomainError):
    code = "site_name_taken"
    message = _("A site with this name exists already. Choose another name.")


class SiteInUse(DomainError):
    code = "site_in_use"
    message = _("This site is still used by orders or deliveries, so it stays. You can rename it.")


@transaction.atomic(durable=True)
def change(*, company: Company, actor: User, at: datetime, **values: Any) -> Company:
    """Change what the company says about itself; its SIRET and its status are the association's matter."""
    require(can_administer(actor, company))
    company = Company.objects.select_for_update(of=("self",), no_key=True).get(pk=company.pk)
    changed = [name for name in FIELDS if name in values and getattr(company, name) != values[name]]
    for name in changed:
        setattr(company, name, values[name])
    if changed:
        company.save(update_fields=changed)
        audit.record("company.changed", target=company, at=at, actor=actor, company=company, data={"fields": changed})
    return company


@transaction.atomic(durable=True)
def save_site(*, company: Company, actor: User, at: datetime, site: Site | None = None, **values: str) -> Site:
    """Add a site, or change one: name, street, postcode, city, delivery_hours."""
    require(can_administer(actor, company) or can_manage_people(actor, company))
    row = site or Site(company=company)
    for name, value in values.items():
        setattr(row, name, value)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise SiteNameTaken(field="name") from None
    audit.record("site.changed" if site else "site.added", target=row, at=at, actor=actor, company=company)
    return row


@transaction.atomic(durable=True)
def remove_site(*, site: Site, actor: User, at: datetime) -> None:
    """Remove a site. Employees of the site stay, without one; refused while other rooms refer to it."""
    company = site.company
    require(can_administer(actor, company) or can_manage_people(actor, company))
    try:
        with transaction.atomic():
            audit.record("site.removed", target=site, at=at, actor=actor, company=company, data={"name": site.name})
            site.delete()
    except IntegrityError:  # ProtectedError and RestrictedError are kinds of it
        raise SiteInUse from None
