"""Commit, see what it would cost, take back, approve, answer a supplier's change."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from companies.access import require
from companies.documents import download
from companies.errors import DomainError
from companies.forms import form_error
from companies.models import Company
from purchasing import access, alone_words
from purchasing.authority import may_approve_in
from purchasing.award_words import together_for
from purchasing.forms_back import CommitForm
from purchasing.models import Acknowledgement, CommitmentProof, Consent, Pool
from purchasing.rules import hints
from purchasing.services import agreement, changes, progress
from purchasing.services import commitment as service
from purchasing.services import standing as standings
from purchasing.states import CommitmentState
from purchasing.views.commit_page import SPEAKING, build
from purchasing.views.doors import attempt, company_of, reader


@require_http_methods(["GET", "POST"])
def commit(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """Commit to the lines of a pool. One form, so that the last evening needs one tap."""
    row, user = company_of(request, company), reader(request)
    pool = get_object_or_404(Pool.objects.visible_to(user).select_related("lead"), pk=pk)
    if request.method == "POST":
        require(access.can_request(user, row))
    page = build(request, row, pool)
    if request.method == "POST" and page.is_valid() and _save(request, row, pool, page.forms):
        return redirect(request.get_full_path())
    if pool.state in SPEAKING and page.whole:
        page.imagine()
    mine = page.mine.values()
    waiting = [c for c in mine if c.state == CommitmentState.TO_APPROVE]
    if waiting and page.said is None:  # a page of many: the approver agrees to all lines, not to those shown
        page.said = progress.bill(standings.read(pool, waiting_of=row), row)
    context = {
        "company": row,
        "pool": pool,
        "promise": alone_words.promise(pool),
        "condition": alone_words.condition(),
        "together": together_for(row, pool) if pool.state in SPEAKING else None,
        "page": page,
        "speaks": pool.state in SPEAKING,
        "may": access.can_request(user, row) and pool.state in SPEAKING,
        "deadline": standings.deadline_of(pool),
        "waiting": waiting,
        "approves": may_approve_in(user, row, at=timezone.now()),
        "question": _question(pool, row),
        "any_firm": any(c.state in service.HELD for c in mine),
        "proofs": CommitmentProof.objects.visible_to(user).filter(company=row, pool=pool)[:5],
    }
    return render(request, "purchasing/commit.html", context)


@require_POST
def preview(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """What the company would pay if the pool closed now with what is typed; nothing is kept."""
    row, user = company_of(request, company), reader(request)
    require(access.can_request(user, row))
    pool = get_object_or_404(Pool.objects.visible_to(user), pk=pk, state__in=SPEAKING)
    page = build(request, row, pool)
    page.imagine()
    return render(
        request, "purchasing/parts/commit_bill.html", {"company": row, "pool": pool, "page": page, "live": True}
    )


def _save(request: HttpRequest, company: Company, pool: Pool, forms: list[CommitForm]) -> bool:
    """Say every line at once, or nothing: each refusal is shown on its field and nothing typed is lost."""
    draft = request.POST.get("action") == "draft"
    words = {form.line.pk: word for form in forms if (word := form.word()) is not None}
    left = [f for f in forms if f.line.pk not in words and f.row is not None and f.row.state in service.HELD]
    for form in left:
        form.add_error("quantity", _("To leave this line, use “Take back”."))
    if left:
        return False
    by_line = {form.line.pk: form for form in forms}
    try:
        said = service.commit_all(
            actor=reader(request), company=company, pool=pool, words=words, at=timezone.now(), draft=draft
        )
    except service.WordsRefused as error:
        for line, refusal in error.refusals.items():
            form_error(by_line[line], refusal)
        messages.error(request, _("Nothing was changed yet: look at the lines in red."))
        return False
    except DomainError as error:
        if error.status == 403:
            raise
        messages.error(request, error.sentence)
        return False
    _tell(request, len(said), draft=draft, waiting=any(row.state == CommitmentState.TO_APPROVE for row in said))
    return True


def _tell(request: HttpRequest, said: int, *, draft: bool, waiting: bool) -> None:
    if not said:
        messages.info(request, _("Nothing was entered."))
    elif draft:
        messages.success(request, _("The draft is kept. A draft is not a commitment."))
    elif waiting:
        messages.warning(
            request, _("This is above your company's limit: an approver was asked and must agree in time.")
        )
    else:
        text = ngettext(
            "Your commitment to %(n)s line is firm. The proof comes by mail.",
            "Your commitment to %(n)s lines is firm. The proof comes by mail.",
            said,
        )
        messages.success(request, text % {"n": said})


def _question(pool: Pool, company: Company) -> dict[str, Any] | None:
    """A supplier's change that the company must agree to."""
    consent = (
        Consent.objects.filter(
            commitment__company=company, commitment__pool_line__pool=pool, acknowledgement__order__state="changed"
        )
        .select_related("acknowledgement__order")
        .order_by("-acknowledgement__at")
        .first()
    )
    if consent is None:
        return None
    answer = consent.acknowledgement
    held = set(answer.consents.filter(commitment__company=company).values_list("commitment__pool_line", flat=True))
    lines = [
        {
            "line": change.order_line,
            "change": change,
            "rise_bp": hints.price_rise_bp(change.order_line.unit_price_e4, change.unit_price_e4),
            "part": changes.part_of(change, company),
        }
        for change in answer.lines.select_related("order_line__pool_line__pool").order_by("pk")
        if change.order_line.pool_line_id in held
    ]
    return {"answer": answer, "lines": lines, "accepted": consent.accepted}


@require_GET
def proof_pdf(request: HttpRequest, company: int, pk: int, proof: int) -> HttpResponse:
    """The PDF of what was confirmed."""
    row, user = company_of(request, company), reader(request)
    rows = CommitmentProof.objects.visible_to(user).select_related("document")
    found = get_object_or_404(rows, pk=proof, company=row, pool=pk, document__isnull=False)
    assert found.document is not None
    return download(found.document)


@require_POST
def withdraw(request: HttpRequest, company: int, pk: int, line: int) -> HttpResponse:
    """Take the word on a line back."""
    row, user = company_of(request, company), reader(request)
    require(access.can_request(user, row))
    pool = get_object_or_404(Pool.objects.visible_to(user), pk=pk)
    target = get_object_or_404(pool.lines, pk=line)
    attempt(
        request,
        lambda: service.withdraw(actor=user, company=row, line=target, at=timezone.now()),
        _("The commitment is taken back."),
    )
    return redirect("purchasing:commit", row.pk, pool.pk)


@require_POST
def decide(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """An approver agrees to the company's waiting commitments, or says why not."""
    row, user = company_of(request, company), reader(request)
    pool = get_object_or_404(Pool.objects.visible_to(user), pk=pk)
    at = timezone.now()
    if request.POST.get("verdict") == "approve":
        attempt(
            request,
            lambda: agreement.approve(actor=user, company=row, pool=pool, at=at),
            _("The commitment is approved and firm."),
        )
    else:
        reason = request.POST.get("reason", "")
        attempt(
            request,
            lambda: agreement.refuse(actor=user, company=row, pool=pool, reason=reason, at=at),
            _("The commitment is a draft again; the buyer was told why."),
        )
    return redirect("purchasing:commit", row.pk, pool.pk)


@require_POST
def answer_change(request: HttpRequest, company: int, pk: int, answer: int) -> HttpResponse:
    """Agree to what the supplier changed, or leave."""
    row, user = company_of(request, company), reader(request)
    require(access.can_request(user, row))
    pool = get_object_or_404(Pool.objects.visible_to(user), pk=pk)
    rows = Acknowledgement.objects.filter(order__pool=pool, consents__commitment__company=row).distinct()
    target = get_object_or_404(rows, pk=answer)
    accepted = request.POST.get("verdict") == "accept"
    attempt(
        request,
        lambda: changes.answer_change(actor=user, company=row, answer=target, accepted=accepted, at=timezone.now()),
        _("You stay in the order at the new terms.")
        if accepted
        else _("You leave the order; your need is free again."),
    )
    return redirect("purchasing:commit", row.pk, pool.pk)
