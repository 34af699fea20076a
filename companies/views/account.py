"""One's own account: name, language, passkeys, second factor, sessions, companies."""

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from companies.access import is_staff
from companies.models import User
from companies.shell import company_scopes
from companies.views.doors import me


class AccountForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ["full_name", "language"]
        labels = {"full_name": _("Name"), "language": _("Language of pages and mails")}


def index(request: HttpRequest) -> HttpResponse:
    """The account page."""
    user = me(request)
    form = AccountForm(request.POST or None, instance=User.objects.get(pk=user.pk))
    if request.method == "POST" and form.is_valid():
        form.save()
        with translation.override(form.cleaned_data["language"]):
            messages.success(request, _now("Your account is saved."))
        response = redirect("companies:account")
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME, form.cleaned_data["language"], max_age=365 * 86_400, samesite="Lax"
        )
        return response
    factors = list(Authenticator.objects.filter(user=user).order_by("created_at"))
    kinds = {factor.type for factor in factors}
    context = {
        "form": form,
        "passkeys": [
            {
                "pk": factor.pk,
                "name": factor.wrap().name,
                "created_at": factor.created_at,
                "last_used_at": factor.last_used_at,
            }
            for factor in factors
            if factor.type == Authenticator.Type.WEBAUTHN
        ],
        "has_totp": Authenticator.Type.TOTP in kinds,
        "has_recovery": Authenticator.Type.RECOVERY_CODES in kinds,
        "sessions": UserSession.objects.filter(user=user).count(),
        "companies": [scope for scope in company_scopes(user) if scope.kind == "company"],
        "is_staff": is_staff(user),
    }
    return render(request, "companies/account/index.html", context)


@require_GET
def second_factor(request: HttpRequest) -> HttpResponse:
    """Why the association's staff needs a second factor, and the two ways to have one."""
    return render(request, "companies/account/second_factor.html", {})
