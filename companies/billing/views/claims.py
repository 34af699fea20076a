"""The page on which the association's staff answers a payer's claim, or gives in."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from companies import audit
from companies.billing import claims
from companies.billing.models import Dispute
from companies.billing.payments import PaymentServiceDown, disputes
from companies.billing.views.staff import staff_user
from companies.documents import download
from companies.errors import DomainError
from companies.forms import form_error
from companies.models import User

# Stripe's words for why a payer claims, in ours.
REASONS = {
    "bank_cannot_process": gettext_lazy("The bank could not process it"),
    "credit_not_processed": gettext_lazy("A refund was promised and did not come"),
    "customer_initiated": gettext_lazy("The payer asked the bank for it"),
    "debit_not_authorized": gettext_lazy("The payer says they gave no mandate"),
    "duplicate": gettext_lazy("It was debited twice"),
    "fraudulent": gettext_lazy("The holder says it was not them"),
    "general": gettext_lazy("No reason given"),
    "insufficient_funds": gettext_lazy("There was not enough money on the account"),
    "product_not_received": gettext_lazy("The goods did not arrive"),
    "product_unacceptable": gettext_lazy("The goods were not as ordered"),
    "unrecognized": gettext_lazy("The payer does not recognise the payment"),
}


class AnswerForm(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("What was delivered or agreed, and when"),
        help_text=gettext_lazy("The payer's bank reads it. The invoice is sent along by itself."),
        max_length=claims.MOST_LETTERS,
        widget=forms.Textarea(attrs={"rows": 8}),
    )
    file = forms.FileField(
        label=gettext_lazy("A proof: delivery note, order, signed receipt"),
        help_text=gettext_lazy("PDF, JPEG or PNG, at most 4.5 MB. One file; put several pages into one PDF."),
        required=False,
        widget=forms.ClearableFileInput(attrs={"accept": ".pdf,.jpg,.jpeg,.png"}),
    )


def _claim(request: HttpRequest, pk: int) -> tuple[User, Dispute]:
    user = staff_user(request)
    rows = Dispute.objects.select_related("payment__invoice__company", "answer__document", "answer__written_by")
    return user, get_object_or_404(rows, pk=pk)


@require_http_methods(["GET", "POST"])
def claim(request: HttpRequest, pk: int) -> HttpResponse:
    """What a payer claims, until when it can be answered, and the answer."""
    user, row = _claim(request, pk)
    form, at = AnswerForm(request.POST or None, request.FILES or None), timezone.now()
    if request.method == "POST" and form.is_valid() and _answered(request, user, row, form):
        return redirect("billing:claim", row.pk)
    answer = getattr(row, "answer", None)
    context = {
        "claim": row,
        "payment": row.payment,
        "invoice": row.payment.invoice,
        "company": row.payment.invoice.company,
        "why": REASONS.get(row.reason, row.reason.replace("_", " ")),
        "answer": answer,
        "open": claims.is_answerable(row, at=at),
        "late": row.status == "needs_response" and answer is None and row.answer_by is not None and row.answer_by <= at,
        "sepa": row.payment.method == "sepa_debit",
        "form": form,
        "history": audit.history(row),
    }
    return render(request, "billing/claim.html", context)


def _answered(request: HttpRequest, user: User, row: Dispute, form: AnswerForm) -> bool:
    file, at = form.cleaned_data["file"], timezone.now()
    content = file.read(claims.MOST_BYTES + 1) if file else None
    try:
        answer = claims.write(
            dispute=row,
            text=form.cleaned_data["text"],
            content=content,
            name=str(file.name) if file else "",
            actor=user,
            at=at,
        )
    except DomainError as error:
        form_error(form, error)
        return False
    try:
        disputes.send_answer(answer, at=at)
    except PaymentServiceDown:
        messages.warning(request, _("The answer is kept and is sent as soon as the payment service answers again."))
    except claims.ClaimClosed as error:
        messages.error(request, error.sentence)
    else:
        messages.success(request, _("The answer was sent. The payer's bank decides within two to three months."))
    return True


@require_POST
def give_in(request: HttpRequest, pk: int) -> HttpResponse:
    """Tell the bank that the claim is right."""
    user, row = _claim(request, pk)
    at = timezone.now()
    try:
        claims.give_in(dispute=row, actor=user, at=at, reason=_("The claim is accepted"))
        disputes.accept(row, at=at)
    except DomainError as error:
        messages.error(request, error.sentence)
    else:
        messages.success(
            request, _("The claim is accepted: the amount stays with the payer, the invoice is owed again.")
        )
    return redirect("billing:claim", row.pk)


@require_safe
def evidence(request: HttpRequest, pk: int) -> HttpResponse:
    """The proof that was sent."""
    _user, row = _claim(request, pk)
    answer = getattr(row, "answer", None)
    if answer is None or answer.document is None:
        return HttpResponse(status=404)
    return download(answer.document, inline=False)
