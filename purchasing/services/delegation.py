"""Who must agree above which amount, and who stands in for an absent approver."""

from datetime import date, datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import has_role, require
from companies.errors import DomainError, Invalid
from companies.models import Company, Role, User
from purchasing import access
from purchasing.authority import DECIDING
from purchasing.models import ApprovalLevel, Delegation


class NotHere(Invalid):
    code = "person_not_in_company"
    message = _("This person has no role in your company.")


class NothingToDelegate(Invalid):
    code = "nothing_to_delegate"
    message = _("%(name)s approves nothing in your company, so there is nothing to hand over.")
    field = "absent"


class SamePerson(Invalid):
    code = "delegation_to_oneself"
    message = _("Choose somebody else: nobody stands in for themselves.")
    field = "stand_in"


class DatesWrong(Invalid):
    code = "dates_wrong"
    message = _("The last day must not be before the first, nor in the past.")
    field = "ends_on"


class LevelTaken(DomainError):
    code = "level_taken"
    message = _("There is already a level above this amount. Remove it first.")
    field = "above_cents"


@transaction.atomic(durable=True)
def add_level(
    *, actor: User, company: Company, above_cents: int, approvers: int, kind: str = "", at: datetime
) -> ApprovalLevel:
    """Ask for more approvers above an amount. Requests that wait already are measured by it too."""
    require(access.can_set_levels(actor, company))
    if ApprovalLevel.objects.filter(company=company, above_cents=above_cents).exists():
        raise LevelTaken
    row = ApprovalLevel.objects.create(company=company, above_cents=above_cents, approvers=approvers, kind=kind)
    data = {"above_cents": above_cents, "approvers": approvers, "kind": str(kind)}
    audit.record("approvallevel.created", target=row, at=at, actor=actor, company=company, data=data)
    return row


@transaction.atomic(durable=True)
def remove_level(*, actor: User, level: ApprovalLevel, at: datetime) -> None:
    """Ask for fewer approvers from now on."""
    require(access.can_set_levels(actor, level.company))
    audit.record(
        "approvallevel.removed",
        target=level,
        at=at,
        actor=actor,
        company=level.company,
        data={"above_cents": level.above_cents},
    )
    level.delete()


@transaction.atomic(durable=True)
def delegate(
    *,
    actor: User,
    company: Company,
    absent: User,
    stand_in: User,
    starts_on: date,
    ends_on: date,
    reason: str = "",
    at: datetime,
) -> Delegation:
    """Hand an approver's authority to another person of the company for some days. It is not handed on."""
    require(access.can_delegate(actor, company, absent))
    if absent.pk == stand_in.pk:
        raise SamePerson
    if not has_role(absent, company, *(Role(role) for role in DECIDING)):
        raise NothingToDelegate(name=absent.full_name)
    if not stand_in.is_active or not has_role(stand_in, company, *Role):
        raise NotHere(field="stand_in")
    if ends_on < starts_on or ends_on < timezone.localdate(at):
        raise DatesWrong
    same = {"company": company, "absent": absent, "stand_in": stand_in, "starts_on": starts_on, "ends_on": ends_on}
    Company.objects.select_for_update(of=("self",)).get(pk=company.pk)
    if again := Delegation.objects.filter(**same, revoked_at__isnull=True).first():
        return again  # the same form or call twice
    row = Delegation.objects.create(
        company=company,
        absent=absent,
        stand_in=stand_in,
        starts_on=starts_on,
        ends_on=ends_on,
        reason=reason,
        created_by=actor,
        created_at=at,
    )
    data = {"absent": absent.pk, "stand_in": stand_in.pk, "from": str(starts_on), "until": str(ends_on)}
    audit.record("delegation.created", target=row, at=at, actor=actor, company=company, reason=reason, data=data)
    return row


@transaction.atomic(durable=True)
def end(*, actor: User, delegation: Delegation, at: datetime) -> None:
    """Take the authority back before its last day. Twice is once."""
    require(access.can_delegate(actor, delegation.company, delegation.absent))
    if Delegation.objects.filter(pk=delegation.pk, revoked_at__isnull=True).update(revoked_at=at):
        audit.record("delegation.ended", target=delegation, at=at, actor=actor, company=delegation.company)
