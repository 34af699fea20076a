"""Reading price rises: which, and for whom they matter."""

from datetime import datetime, timedelta

from django.db.models import QuerySet

from companies.models import Company
from purchasing.models import Commitment, Price, RequestLine
from purchasing.services.price_list import RISE_BP

# A rise is news for so long; what was bought in the last year still matters.
NEWS = timedelta(days=30)
BOUGHT = timedelta(days=365)


def rises(at: datetime) -> QuerySet[Price]:
    """Current prices that rose by the threshold or more lately, the steepest first."""
    rows = Price.objects.filter(created_at__gte=at - NEWS, change_bp__gte=RISE_BP, ended_on__isnull=True)
    return rows.select_related("article", "supplier").order_by("-change_bp", "pk")


def rises_for(company: Company, at: datetime) -> QuerySet[Price]:
    """Rises of articles the company asked for or committed to within a year."""
    asked = RequestLine.objects.filter(
        request__company=company, request__created_at__gte=at - BOUGHT, article__isnull=False
    ).exclude(state="cancelled")
    bought = Commitment.objects.filter(company=company, committed_at__gte=at - BOUGHT, pool_line__article__isnull=False)
    ids = {*asked.values_list("article_id", flat=True), *bought.values_list("pool_line__article_id", flat=True)}
    return rises(at).filter(article__in=ids)
