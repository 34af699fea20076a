"""Addresses of a company's programs that are told what happens."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from companies.errors import DomainError
from companies.forms import form_error
from companies.models import WebhookDelivery, WebhookEndpoint
from companies.services import webhooks as service
from companies.views.doors import company_to_administer, me

SHOWN = 20


def topic_choices() -> list[tuple[str, str]]:
    return [(code, str(label)) for code, (label, _kinds) in service.TOPICS.items()]


class WebhookForm(forms.Form):
    url = forms.CharField(label=_("Address of your program"), max_length=300, help_text="https://erp.example.fr/erb")
    topics = forms.MultipleChoiceField(
        label=_("What it is told"), choices=topic_choices, widget=forms.CheckboxSelectMultiple,
        error_messages={"required": service.TopicsMissing.message},
    )  # fmt: skip


def index(request: HttpRequest, company: int) -> HttpResponse:
    """The addresses, the last messages, and the form for a new one; its secret is shown on this answer only."""
    owner = company_to_administer(request, company)
    form, fresh = WebhookForm(request.POST or None), None
    if request.method == "POST" and form.is_valid():
        try:
            fresh = service.create(company=owner, actor=me(request), at=timezone.now(), **form.cleaned_data)
            form = WebhookForm()
        except DomainError as error:
            form_error(form, error)
    rows = [
        (row, [str(service.TOPICS[topic][0]) for topic in row.topics])
        for row in owner.webhooks.order_by("-created_at", "-pk")
    ]
    sent = WebhookDelivery.objects.filter(endpoint__company=owner).select_related("endpoint").order_by("-pk")[:SHOWN]
    context = {"company": owner, "form": form, "endpoints": rows, "fresh": fresh, "sent": sent}
    response = render(request, "companies/roles/webhooks.html", context)
    response.headers["Cache-Control"] = "no-store"
    return response


@require_POST
def remove(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    owner = company_to_administer(request, company)
    row = get_object_or_404(WebhookEndpoint.objects.filter(company=owner), pk=pk)
    service.remove(endpoint=row, actor=me(request), at=timezone.now())
    messages.success(request, _now("The address is removed. Its program is told nothing more."))
    return redirect("companies:webhooks", owner.pk)


@require_POST
def resume(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    owner = company_to_administer(request, company)
    row = get_object_or_404(WebhookEndpoint.objects.filter(company=owner), pk=pk)
    service.resume(endpoint=row, actor=me(request), at=timezone.now())
    messages.success(request, _now("What waited is sent again now."))
    return redirect("companies:webhooks", owner.pk)
