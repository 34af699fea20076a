"""Questions between buyers as they are read: on pages and over REST, by who may read them."""

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from companies.access import is_staff
from companies.models import User
from purchasing.models import BuyerAnswer, BuyerQuestion


def questions(user: User) -> QuerySet[BuyerQuestion]:
    """What somebody may read, those that move first, each with the number of its answers."""
    shown = Count("answers", filter=Q(answers__hidden_at__isnull=True))
    rows = BuyerQuestion.objects.visible_to(user).select_related("company", "author", "supplier", "article", "pool")
    return rows.annotate(answer_count=shown).order_by("-active_at", "-pk")


def searched(rows: QuerySet[BuyerQuestion], words: str) -> QuerySet[BuyerQuestion]:
    """By French stems in question and answers, or by a part of the title."""
    if not words:
        return rows
    query = SearchQuery(words, config="erb_french")
    answers = BuyerAnswer.objects.filter(question=OuterRef("pk"), hidden_at__isnull=True)
    said = answers.annotate(stems=SearchVector("text", config="erb_french")).filter(stems=query)
    stems = rows.annotate(stems=SearchVector("title", "text", config="erb_french"))
    return stems.filter(Q(stems=query) | Q(title__icontains=words) | Exists(said))


def answers_of(question: BuyerQuestion, user: User) -> list[BuyerAnswer]:
    """Its answers, the one that helped first; hidden ones for their author and the association only."""
    rows = question.answers.select_related("company", "author")
    if not is_staff(user):
        rows = rows.filter(Q(hidden_at__isnull=True) | Q(author=user))
    return sorted(rows, key=lambda answer: (answer.pk != question.accepted_id, answer.at))
