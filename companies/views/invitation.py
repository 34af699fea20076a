"""The page behind the link of an invitation."""

from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from companies.errors import DomainError
from companies.models import User
from companies.services import invitations
from companies.views.doors import me, refused

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


class NameForm(forms.Form):
    full_name = forms.CharField(label=_("Your first and last name"), max_length=120)


@login_not_required
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """See what is offered and take it: with the account one is signed in with, one's own, or a new one.

    Opening the page changes nothing, so that mail scanners can follow the link.
    """
    try:
        row = invitations.by_token(token, at=timezone.now())
    except invitations.LinkUseless as error:
        return render(request, "companies/roles/link_useless.html", {"sentence": error.sentence}, status=410)
    form = NameForm(request.POST or None)
    known = User.objects.filter(email=row.email).exists()
    if request.method == "POST":
        if not request.user.is_authenticated and known:
            return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode({'next': request.path})}")
        if request.user.is_authenticated or form.is_valid():
            try:
                _accept(request, token, form)
            except DomainError as error:
                refused(request, error)
                return redirect(request.path)
            messages.success(request, _now("Welcome. You now act for %(company)s.") % {"company": row.company.name})
            return redirect("home_company", row.company_id)
    context = {
        "invitation": row,
        "form": form,
        "known": known,
        "fits": request.user.is_authenticated and me(request).email == row.email,
    }
    return render(request, "companies/roles/invitation.html", context)


def _accept(request: HttpRequest, token: str, form: NameForm) -> None:
    if request.user.is_authenticated:
        invitations.accept(token=token, user=me(request), at=timezone.now())
        return
    user = invitations.accept(
        token=token,
        full_name=form.cleaned_data["full_name"],
        language=translation.get_language() or "fr",
        at=timezone.now(),
    )
    login(request, user, backend=BACKEND)
