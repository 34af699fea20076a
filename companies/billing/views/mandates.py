"""The page on which a company gives, replaces and revokes its direct debit mandate."""

import uuid

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from companies.billing import access, mandate_file, mandates
from companies.billing.models import DebitState, Mandate, MandateState, PlannedDebit
from companies.billing.payments import mandates as at_stripe
from companies.billing.tasks import forget_mandate
from companies.billing.views.company import owned_company
from companies.errors import DomainError
from companies.forms import form_error
from companies.models import User

TONES = {
    MandateState.ASKED: ("warning", "loader"),
    MandateState.ACTIVE: ("success", "circle-check"),
    MandateState.REFUSED: ("danger", "circle-x"),
    MandateState.REVOKED: ("muted", "ban"),
    MandateState.LAPSED: ("muted", "clock"),
}


class MandateForm(forms.Form):
    """The account, and the consent."""

    holder = forms.CharField(label=gettext_lazy("Account holder"), max_length=120)
    iban = forms.CharField(
        label="IBAN",
        max_length=42,
        help_text=gettext_lazy("Any account in a SEPA country. We keep its last four characters only."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "inputmode": "text"}),
    )
    key = forms.CharField(widget=forms.HiddenInput, max_length=60, required=False)
    accepted = forms.BooleanField(label=gettext_lazy("I have read the mandate and I sign it for the company."))


def address_of(request: HttpRequest) -> str | None:
    """Where the request comes from; behind our proxy, what the proxy saw (`deploy.http.address`)."""
    return request.META.get("REMOTE_ADDR") or None


@require_http_methods(["GET", "POST"])
def mandate(request: HttpRequest, company: int) -> HttpResponse:
    """The mandate in force and those before; the form to give one or to replace it."""
    owner = owned_company(request, company)
    signs = access.can_pay(request.user, owner)
    form = MandateForm(request.POST or None, initial={"holder": owner.name, "key": uuid.uuid4()})
    at = timezone.now()
    if request.method == "POST":
        from companies.access import require

        require(signs)
        assert isinstance(request.user, User)
        if form.is_valid() and _sign(request, request.user, owner.pk, form):
            return redirect("billing:mandate", owner.pk)
    rows = list(Mandate.objects.visible_to(request.user).filter(company=owner).select_related("signed_by"))
    for row in rows:
        row.tone, row.icon = TONES[MandateState(row.state)]  # type: ignore[attr-defined]  # for the template
    current = next((row for row in rows if row.state == MandateState.ACTIVE), None)
    days = mandates.policy().notice_days
    seller = settings.SELLER
    context = {
        "company": owner,
        "form": form,
        "signs": signs,
        "current": current,
        "past": [row for row in rows if row is not current],
        "planned": PlannedDebit.objects.filter(invoice__company=owner, state=DebitState.PLANNED).select_related(
            "invoice"
        ),
        "text": mandates.text(
            creditor=seller["name"],
            ics=seller["ics"],
            notice_days=days,
            language=translation.get_language() or "fr",
        ),
        "seller": seller,
        "replace": "replace" in request.GET or bool(form.errors),
        "today": timezone.localdate(at),
    }
    return render(request, "billing/mandate.html", context)


def _sign(request: HttpRequest, user: User, company_id: int, form: MandateForm) -> bool:
    owner = owned_company(request, company_id)
    at, data = timezone.now(), form.cleaned_data
    try:
        row = mandates.ask(
            company=owner,
            holder=data["holder"],
            iban=data["iban"],
            language=translation.get_language() or "fr",
            ip=address_of(request),
            user_agent=request.headers.get("User-Agent", ""),
            actor=user,
            at=at,
            key=data["key"],
        )
        row = at_stripe.set_up(row, iban=mandates.clean_iban(data["iban"]), email=user.email, at=at)
    except DomainError as error:
        form_error(form, error)
        return False
    if row.state == MandateState.ACTIVE:
        messages.success(request, _("The mandate is in force. Debits are announced by e-mail before they are made."))
    else:
        messages.info(request, _("The bank is being asked. This page shows when the mandate is in force."))
    return True


@require_safe
def file(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """The mandate with the evidence of its signature, as a PDF."""
    owner = owned_company(request, company)
    rows = Mandate.objects.visible_to(request.user).select_related("company", "signed_by")
    row = get_object_or_404(rows, company=owner, pk=pk)
    response = HttpResponse(mandate_file.mandate_pdf(row), content_type="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="{row.reference or f"mandat-{row.pk}"}.pdf"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


@require_POST
def revoke(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """End the mandate; what was announced is given up."""
    owner = owned_company(request, company)
    row = get_object_or_404(Mandate.objects.visible_to(request.user), company=owner, pk=pk)
    assert isinstance(request.user, User)
    try:
        mandates.revoke(mandate=row, actor=request.user, reason=_("Revoked on the mandate page"), at=timezone.now())
    except mandates.NoMandate as error:
        messages.error(request, error.sentence)
        return redirect("billing:mandate", owner.pk)
    forget_mandate.delay(mandate_id=row.pk)
    messages.success(request, _("The mandate is revoked. Nothing more is debited with it."))
    return redirect("billing:mandate", owner.pk)
