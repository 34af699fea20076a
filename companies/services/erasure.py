"""Forgetting people and accounts. What others need (sums, who signed what) stays without a name."""

from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db.models import F, Q, Value
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import is_staff
from companies.errors import DomainError
from companies.models import (
    CalendarFeed,
    Company,
    Employment,
    GroupMember,
    ImportRow,
    Membership,
    OutboxMail,
    Person,
    User,
)
from companies.models.user import ERASED
from companies.services import roles


class StaffAccount(DomainError):
    """The association's staff keeps its accounts while it works here."""

    code = "staff_account"
    message = _("You work for the association. Ask a colleague to end your staff role first, then erase your account.")


def forget_person(person: Person, *, at: datetime) -> None:
    """Take the name, addresses and numbers out of the register, inside the caller's transaction. Employments are over."""
    today = timezone.localdate(at)
    addresses = list(person.employments.exclude(email="").values_list("email", flat=True))
    ImportRow.objects.filter(employment__person=person).update(first_name="", last_name="", values={}, before={})
    Employment.objects.filter(person=person, starts_on__gt=today).delete()
    running = Q(ends_on__isnull=True) | Q(ends_on__gte=today)
    yesterday = Value(today - timedelta(days=1))
    Employment.objects.filter(running, person=person).update(ends_on=Greatest(F("starts_on"), yesterday))
    Employment.objects.filter(person=person).update(email="", reference="", site=None)
    OutboxMail.objects.filter(to__in=addresses).delete()
    Person.objects.filter(pk=person.pk).update(first_name="", last_name="", user=None, erased_at=at)
    person.first_name = person.last_name = ""
    person.user, person.erased_at = None, at


def forget_account(user: User, *, at: datetime) -> None:
    """End all roles and close the account for good, inside the caller's transaction.

    The row stays, nameless, because orders and invoices say who did what. Raises `LastAdministrator` or `StaffAccount`.
    """
    if is_staff(user):
        raise StaffAccount
    for company in Company.objects.filter(pk__in=Membership.objects.filter(user=user).values("company")).order_by("pk"):
        held = set(Membership.objects.filter(company=company, user=user).values_list("role", flat=True))
        Company.objects.select_for_update(of=("self",), no_key=True).get(pk=company.pk)
        roles.change(company=company, user=user, granted=set(), revoked=held, actor=user, at=at)
    OutboxMail.objects.filter(to=user.email).delete()
    GroupMember.objects.filter(user=user, left_at=None).update(left_at=at)
    for model in (Authenticator, EmailAddress, UserSession, CalendarFeed):
        model.objects.filter(user=user).delete()
    audit.record("account.erased", target=user, at=at, actor=None, actor_label="account")
    User.objects.filter(pk=user.pk).update(
        email=f"erased-{user.pk}@{ERASED}", full_name="", is_active=False, password="!"  # noqa: S106  # no password fits it
    )  # fmt: skip


def long_gone(*, before: datetime) -> "list[Person]":
    """People whose every employment ended before a day, and who are not erased yet."""
    day = timezone.localdate(before)
    return list(
        Person.objects.filter(erased_at=None, employments__ends_on__lt=day)
        .exclude(pk__in=Employment.objects.filter(Q(ends_on=None) | Q(ends_on__gte=day)).values("person"))
        .distinct()
        .order_by("pk")[:5_000]
    )
