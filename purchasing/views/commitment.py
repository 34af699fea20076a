"""The page on which a buyer commits: what is asked, how far the pool is, what it would cost, until when."""

from dataclasses import dataclass
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
from companies.money import line_total
from purchasing import access
from purchasing.authority import may_approve_in
from purchasing.forms_back import CommitForm
from purchasing.models import Acknowledgement, Commitment, CommitmentProof, Consent, Pool
from purchasing.rules import hints
from purchasing.rules.landed import freight_due
from purchasing.services import agreement, progress
from purchasing.services import budget as budgets
from purchasing.services import commitment as service
from purchasing.services import order as orders
from purchasing.services import standing as standings
from purchasing.services.standing import LineStanding, Standing
from purchasing.states import CommitmentState, PoolState
from purchasing.views.doors import attempt, company_of, reader

SPEAKING = (PoolState.COMMITTING, PoolState.COMPLETING)


@dataclass(slots=True)
class LinePage:
    """Everything one line of the page shows."""

    row: LineStanding
    view: progress.View
    form: CommitForm
    commitment: Commitment | None
    needed: int
    firm: int
    price_e4: int | None
    cents: int | None
    tiers: list[dict[str, Any]]
    missing: str
    buy_up: hints.BuyUp | None

    @property
    def opened(self) -> bool:
        """Whether the rarer choices are shown at once: something was chosen or refused there."""
        names = ("price_cap", "min_useful", "tolerance_tier", "site")
        return any(name in self.form.errors or self.form.initial.get(name) for name in names)

    @property
    def percent(self) -> int:
        """How full the bar is: towards the last tier, else the minimum, else the pack; the low end of a band."""
        steps = sorted(self.view.steps, key=lambda step: ("pack", "minimum", "tier").index(step.kind))
        return steps[-1].progress.from_percent if steps else 100

    @property
    def saves(self) -> int:
        """Cents a larger order would save, for the hint."""
        return self.buy_up.saves_e4 // 100 if self.buy_up else 0

    @property
    def can_withdraw(self) -> bool:
        row = self.commitment
        return row is not None and row.state in (*service.HELD, CommitmentState.DRAFT) and not self.firm


@require_http_methods(["GET", "POST"])
def commit(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """Commit to the lines of a pool. One form, so that the last evening needs one tap."""
    row, user = company_of(request, company), reader(request)
    pool = get_object_or_404(Pool.objects.visible_to(user).select_related("lead"), pk=pk)
    speaks = pool.state in SPEAKING
    may = access.can_request(user, row)
    if request.method == "POST":
        require(may)
    standing = standings.read(pool, waiting_of=row)
    mine = {c.pool_line_id: c for c in Commitment.objects.visible_to(user).filter(pool_line__pool=pool, company=row)}
    data = request.POST if request.method == "POST" else None
    centres = budgets.centres(row, (standings.deadline_of(pool) or timezone.now()).date())
    forms = [
        CommitForm(data, line=r.line, company=row, row=mine.get(r.line.pk), centres=centres) for r in standing.lines
    ]
    valid = [form.is_valid() for form in forms]  # all of them, so that every mistake is shown at once
    if request.method == "POST" and all(valid) and _save(request, row, pool, forms):
        return redirect("purchasing:commit", row.pk, pool.pk)
    pages = [_page(standing, r, row, form, mine.get(r.line.pk)) for r, form in zip(standing.lines, forms, strict=True)]
    context = {
        "company": row,
        "pool": pool,
        "pages": pages,
        "speaks": speaks,
        "may": may and speaks,
        "deadline": standings.deadline_of(pool),
        "estimate": standings.estimates(standing).get(row.pk),
        "franco": _franco(standing),
        "waiting": [c for c in mine.values() if c.state == CommitmentState.TO_APPROVE],
        "approves": may_approve_in(user, row, at=timezone.now()),
        "question": _question(pool, row),
        "any_firm": any(c.state in service.HELD for c in mine.values()),
    }
    return render(request, "purchasing/commit.html", context)


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


def _page(
    standing: Standing, row: LineStanding, company: Company, form: CommitForm, mine: Commitment | None
) -> LinePage:
    view = progress.view_for(standing, row, company)
    needs = standings.needs_quantity(row.line, company)
    if not form.is_bound and mine is None and needs:
        form.initial["quantity"] = needs
    held = mine is not None and mine.state in service.HELD
    granted = row.granted(mine) if mine is not None and held and standings.key(mine) in row.outcome.granted else None
    price = view.price_e4
    reached = sum(c.quantity for c in row.commitments)
    tiers = [
        {
            "from_qty": t.from_quantity,
            "unit_price_e4": t.unit_price_e4,
            "reached": reached >= t.from_quantity or t.from_quantity <= 1,
        }
        for t in row.terms.tiers
    ]
    return LinePage(
        row,
        view,
        form,
        mine,
        needs,
        service.firm_quantity(mine, at=timezone.now()),
        price,
        line_total(granted, price) if granted and price else None,
        tiers,
        view.missing,
        view.buy_ups[0] if view.buy_ups and view.exact else None,
    )


def _franco(standing: Standing) -> dict[str, Any] | None:
    """Free freight: reached, or how near; only said when a hint gives nobody's quantity away."""
    companies = {c.company_id for row in standing.lines for c in row.commitments}
    for quote in standing.quotes():
        if quote.franco_cents is None:
            continue
        goods = standing.goods_of(quote)
        due = freight_due(goods, quote.freight_cents, quote.franco_cents)
        near = hints.franco(goods, quote.freight_cents, quote.franco_cents)
        shown = hints.progress(goods, quote.franco_cents, members=len(companies))
        return {
            "quote": quote,
            "free": goods > 0 and not due,
            "near": near if shown.reached else None,
            "progress": shown,
        }
    return None


def _question(pool: Pool, company: Company) -> dict[str, Any] | None:
    """A supplier's change that the company must agree to."""
    consent = (
        Consent.objects.filter(
            commitment__company=company, commitment__pool_line__pool=pool, acknowledgement__order__state="changed"
        )
        .select_related("acknowledgement__order")
        .prefetch_related("acknowledgement__lines__order_line")
        .order_by("-acknowledgement__at")
        .first()
    )
    if consent is None:
        return None
    answer = consent.acknowledgement
    lines = [
        {
            "line": change.order_line,
            "change": change,
            "rise_bp": hints.price_rise_bp(change.order_line.unit_price_e4, change.unit_price_e4),
        }
        for change in answer.lines.all()
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
        lambda: orders.answer_change(actor=user, company=row, answer=target, accepted=accepted, at=timezone.now()),
        _("You stay in the order at the new terms.")
        if accepted
        else _("You leave the order; your need is free again."),
    )
    return redirect("purchasing:commit", row.pk, pool.pk)
