"""Who holds which role in a company, and who is invited."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone, translation
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from companies.errors import DomainError
from companies.forms import form_error
from companies.models import Company, Membership, Role, User
from companies.models.invitation import Invitation
from companies.services import invitations, roles
from companies.views.doors import company_of, company_to_administer, me, refused

ROLE_HELP = {
    Role.ADMIN: _("gives and takes roles, makes API tokens"),
    Role.BUYER: _("requests, joins pools, commits, receives"),
    Role.APPROVER: _("approves requests above the limit"),
    Role.HR: _("keeps the employees and hands out the cards"),
    Role.ACCOUNTANT: _("sees invoices, pays, gives the mandate"),
}


def role_choices() -> list[tuple[str, str]]:
    """Every role with what it allows."""
    return [(role.value, f"{role.label} – {ROLE_HELP[role]}") for role in Role]


class RolesForm(forms.Form):
    roles = forms.MultipleChoiceField(
        label=_("Roles"), choices=role_choices, widget=forms.CheckboxSelectMultiple, required=False
    )


class InviteForm(forms.Form):
    email = forms.EmailField(label=_("E-mail address"))
    roles = forms.MultipleChoiceField(
        label=_("Roles"), choices=role_choices, widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one role from the list.")},
    )  # fmt: skip


@require_GET
def index(request: HttpRequest, company: int) -> HttpResponse:
    """People with a role, and invitations that wait."""
    owner = company_to_administer(request, company)
    context = {
        "company": owner, "members": members(owner), "invitations": owner.invitations.pending().select_related("created_by"),
        "now": timezone.now(), "mine": me(request),
    }  # fmt: skip
    return render(request, "companies/roles/list.html", context)


def members(company: Company) -> list[dict[str, Any]]:
    """People of a company with their roles in the usual order; one query."""
    found: dict[int, dict[str, Any]] = {}
    rows = Membership.objects.filter(company=company).select_related("user").order_by("user__full_name", "user__email")
    for row in rows:
        found.setdefault(row.user_id, {"user": row.user, "roles": [], "since": row.granted_at})["roles"].append(
            row.role
        )
    for person in found.values():
        person["roles"] = [Role(role) for role in Role.values if role in person["roles"]]
    return list(found.values())


def invite(request: HttpRequest, company: int) -> HttpResponse:
    """Offer roles to an address."""
    owner = company_to_administer(request, company)
    form = InviteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            invitations.invite(
                company=owner,
                actor=me(request),
                at=timezone.now(),
                language=translation.get_language() or "fr",
                **form.cleaned_data,
            )
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(
                request, _now("The invitation to %(email)s is on its way.") % {"email": form.cleaned_data["email"]}
            )
            return redirect("companies:role_list", owner.pk)
    return render(request, "companies/roles/invite.html", {"company": owner, "form": form})


def member(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """Change the roles of one person; none at all ends their access."""
    owner = company_to_administer(request, company)
    user = get_object_or_404(User.objects.filter(memberships__company=owner).distinct(), pk=pk)
    held = list(Membership.objects.filter(company=owner, user=user).values_list("role", flat=True))
    form = RolesForm(request.POST or None, initial={"roles": held})
    if request.method == "POST" and form.is_valid():
        wanted = [] if "remove" in request.POST else form.cleaned_data["roles"]
        try:
            if not wanted and "remove" not in request.POST:
                raise roles.UnknownRole(field="roles")
            roles.set_roles(company=owner, user=user, roles=wanted, actor=me(request), at=timezone.now())
        except DomainError as error:
            form_error(form, error)
        else:
            sentence = (
                _now("%(name)s keeps these roles.")
                if wanted
                else _now("%(name)s no longer has access to this company.")
            )
            messages.success(request, sentence % {"name": user})
            still = user != me(request) or Role.ADMIN in wanted
            return redirect("companies:role_list", owner.pk) if still else redirect("home")
    return render(request, "companies/roles/member.html", {"company": owner, "form": form, "member": user})


@require_POST
def leave(request: HttpRequest, company: int) -> HttpResponse:
    """Give up all of one's own roles in a company."""
    owner = company_of(request, company)
    try:
        roles.set_roles(company=owner, user=me(request), roles=[], actor=me(request), at=timezone.now())
        messages.success(request, _now("You no longer act for %(company)s.") % {"company": owner.name})
    except DomainError as error:
        refused(request, error)
    return redirect("companies:account")


@require_POST
def resend(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """Send an invitation again with a new link."""
    owner = company_to_administer(request, company)
    row = get_object_or_404(Invitation.objects.visible_to(request.user).filter(company=owner), pk=pk)
    try:
        invitations.resend(invitation=row, actor=me(request), at=timezone.now())
        messages.success(request, _now("A new link is on its way to %(email)s.") % {"email": row.email})
    except DomainError as error:
        refused(request, error)
    return redirect("companies:role_list", owner.pk)


@require_POST
def withdraw(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """Take an invitation back."""
    owner = company_to_administer(request, company)
    row = get_object_or_404(Invitation.objects.visible_to(request.user).filter(company=owner), pk=pk)
    try:
        invitations.withdraw(invitation=row, actor=me(request), at=timezone.now())
        messages.success(request, _now("The invitation is withdrawn. Its link no longer works."))
    except DomainError as error:
        refused(request, error)
    return redirect("companies:role_list", owner.pk)
