"""Applying as a merchant: the one page of the room for strangers."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods

from companies.errors import DomainError
from companies.forms import form_error
from merchants import agreement, services
from merchants.forms import ApplicationForm


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def apply(request: HttpRequest) -> HttpResponse:
    """The application form, and what happens next once it is sent."""
    form = ApplicationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            merchant = services.apply(
                **form.cleaned_data,
                language=get_language() or "fr",
                reading=agreement.copy_for(request.POST.get("reading")),
                address=request.META.get("REMOTE_ADDR") or None,
                at=timezone.now(),
            )
        except DomainError as error:
            form_error(form, error)
        else:
            return render(
                request, "merchants/applied.html", {"merchant": merchant, "email": form.cleaned_data["email"]}
            )
    reading = agreement.copy_for(get_language())
    articles = agreement.articles(reading=reading)
    context = {"form": form, "version": agreement.CURRENT, "articles": articles, "reading": reading}
    return render(request, "merchants/apply.html", context, status=400 if form.is_bound else 200)
