"""Questions between buyers: list with search, one question with its answers."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from companies.access import has_role, require
from companies.errors import DomainError
from companies.forms import form_error
from companies.models import Company, Role
from companies.once import once
from companies.views.doors import words_of
from purchasing import access, talk
from purchasing.forms.talk import AnswerForm, QuestionForm
from purchasing.models import Article, BuyerQuestion, Pool, Supplier
from purchasing.services import buyer_question as service
from purchasing.states_exchange import QuestionState
from purchasing.views.doors import attempt, company_of, reader


def about_of(request: HttpRequest) -> Supplier | Article | Pool | None:
    """What `?supplier=`, `?article=` or `?pool=` names; None when nothing does."""
    doors: dict[str, Any] = {
        "supplier": Supplier.objects.all(),
        "article": Article.objects.all(),
        "pool": Pool.objects.visible_to(reader(request)),
    }
    for name, rows in doors.items():
        number = request.GET.get(name, "")
        if number.isdecimal() and len(number) < 19:
            found: Supplier | Article | Pool = get_object_or_404(rows, pk=int(number))
            return found
    return None


@require_GET
def question_list(request: HttpRequest, company: int) -> HttpResponse:
    """All questions, those that move first; `?open=1` those that wait for an answer."""
    row, user, words = company_of(request, company), reader(request), words_of(request)
    about = about_of(request)
    rows = talk.questions(user)
    if about is not None:
        rows = rows.filter(**{type(about)._meta.model_name or "": about})
    if request.GET.get("open"):
        rows = rows.filter(state=QuestionState.OPEN)
    context = {
        "company": row,
        "tab": "questions",
        "page": Paginator(talk.searched(rows, words), 24).get_page(request.GET.get("page")),
        "words": words,
        "about": about,
        "waiting": bool(request.GET.get("open")),
        "may": access.can_request(user, row),
        "asking": request.GET.urlencode() if about is not None else "",
    }
    return render(request, "purchasing/question_list.html", context)


@require_http_methods(["GET", "POST"])
@once
def question_new(request: HttpRequest, company: int) -> HttpResponse:
    """Ask about a supplier, an article or a pool; without one, choose a supplier or an article first."""
    row, user = company_of(request, company), reader(request)
    require(access.can_request(user, row))
    about, words = about_of(request), words_of(request)
    form = QuestionForm(request.POST or None)
    if request.method == "POST" and about is not None and form.is_valid():
        data = form.cleaned_data
        try:
            made = service.ask(
                actor=user, company=row, about=about, title=data["title"], text=data["text"], at=timezone.now()
            )
        except DomainError as error:
            form_error(form, error)
        else:
            messages.success(request, _("Your question is out. You get a mail when somebody answers."))
            return redirect("purchasing:question", row.pk, made.pk)
    context: dict[str, Any] = {"company": row, "tab": "questions", "form": form, "about": about, "words": words}
    if about is None:
        context["suppliers"] = Supplier.objects.filter(active=True, name__icontains=words)[:12]
        context["articles"] = Article.objects.filter(active=True, name__icontains=words)[:12] if words else []
        context["pools"] = Pool.objects.visible_to(user).filter(title__icontains=words).order_by("-created_at")[:8]
    return render(request, "purchasing/question_form.html", context)


def _question(request: HttpRequest, pk: int) -> BuyerQuestion:
    return get_object_or_404(talk.questions(reader(request)), pk=pk)


@require_http_methods(["GET", "POST"])
def question(request: HttpRequest, company: int, pk: int) -> HttpResponse:
    """One question with its answers; POST answers it."""
    row, user = company_of(request, company), reader(request)
    found = _question(request, pk)
    form = AnswerForm(request.POST or None)
    if request.method == "POST":
        require(access.can_request(user, row))
        if form.is_valid():
            try:
                service.answer(
                    actor=user, company=row, question=found, text=form.cleaned_data["text"], at=timezone.now()
                )
            except DomainError as error:
                form_error(form, error)
            else:
                messages.success(request, _("Thank you: your answer is published."))
                return redirect("purchasing:question", row.pk, found.pk)
    return _show(request, row, found, form)


def _show(request: HttpRequest, company: Company, found: BuyerQuestion, form: AnswerForm) -> HttpResponse:
    user = reader(request)
    follow = found.follows.filter(user=user, stopped_at__isnull=True).exists()
    context = {
        "company": company,
        "tab": "questions",
        "question": found,
        "answers": talk.answers_of(found, user),
        "mine": has_role(user, found.company, Role.BUYER),
        "may": access.can_request(user, company) and found.state in (QuestionState.OPEN, QuestionState.SOLVED),
        "follows": follow,
        "form": form,
    }
    return render(request, "purchasing/question.html", context)


@require_POST
def question_act(request: HttpRequest, company: int, pk: int, action: str) -> HttpResponse:
    """Accept an answer, close, open again, follow or stop following."""
    row, user, at = company_of(request, company), reader(request), timezone.now()
    found = _question(request, pk)
    if action == "accept":
        number = request.POST.get("answer", "")
        answer = get_object_or_404(
            found.answers.select_related("question"), pk=int(number) if number.isdecimal() and len(number) < 19 else 0
        )
        attempt(
            request, lambda: service.accept(actor=user, answer=answer, at=at), _("Marked as the answer that helped.")
        )
    elif action in ("close", "open"):
        to = QuestionState.CLOSED if action == "close" else QuestionState.OPEN
        attempt(request, lambda: service.turn(actor=user, question=found, to=to, at=at))
    elif action in ("follow", "unfollow"):
        wants = action == "follow"
        attempt(request, lambda: service.follow(actor=user, company=row, question=found, wants=wants, at=at))
    else:
        raise Http404
    return redirect("purchasing:question", row.pk, found.pk)
