"""API tokens of a company: made with scopes, shown once, revoked."""

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from companies.access import is_staff
from companies.errors import DomainError
from companies.forms import form_error
from companies.models import ApiToken
from companies.services import tokens as service
from companies.views.doors import company_to_administer, me


def scope_choices(staff: bool = False) -> list[tuple[str, str]]:
    """What a token may do; what is the association's only its staff may give."""
    return [(code, str(label)) for code, label in service.SCOPES.items() if staff or not code.startswith(service.STAFF)]


class TokenForm(forms.Form):
    name = forms.CharField(
        label=_("What will use it"), max_length=80, help_text=_("For instance: payroll program, ERP.")
    )
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"), choices=scope_choices, widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose what the program may do.")},
    )  # fmt: skip

    def __init__(self, *args: Any, staff: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(forms.MultipleChoiceField, self.fields["scopes"]).choices = scope_choices(staff)


def index(request: HttpRequest, company: int) -> HttpResponse:
    """The company's tokens, and the form for a new one; the new token is shown on this answer only."""
    owner = company_to_administer(request, company)
    form, fresh = TokenForm(request.POST or None, staff=is_staff(request.user)), ""
    if request.method == "POST" and form.is_valid():
        try:
            _row, fresh = service.create(company=owner, actor=me(request), at=timezone.now(), **form.cleaned_data)
            form = TokenForm(staff=is_staff(request.user))
        except DomainError as error:
            form_error(form, error)
    rows = list(owner.api_tokens.select_related("user").order_by("revoked_at", "-created_at"))
    for row in rows:
        row.words = [service.SCOPES.get(scope, scope) for scope in row.scopes]  # type: ignore[attr-defined]  # for the template
    context = {"company": owner, "form": form, "tokens": rows, "fresh": fresh}
    response = render(request, "companies/roles/tokens.html", context)
    response.headers["Cache-Control"] = "no-store"
    return response


@require_POST
def revoke(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """Stop a token at once."""
    owner = company_to_administer(request, company)
    row = get_object_or_404(ApiToken.objects.filter(company=owner), pk=pk)
    service.revoke(token=row, actor=me(request), at=timezone.now())
    messages.success(request, _now("The token is revoked. The program can no longer sign in."))
    return redirect("companies:tokens", owner.pk)
