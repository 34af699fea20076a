"""What is still open between a company and the pooled orders it took part in."""

from django.utils.translation import ngettext

from companies.models import Company
from purchasing.models import Claim, Commitment, HandOver
from purchasing.states import CommitmentState, HandOverState, PoolState

FIRM = (CommitmentState.TO_APPROVE, CommitmentState.COMMITTED, CommitmentState.LOCKED)
OVER = (PoolState.CLOSED, PoolState.FAILED, PoolState.CANCELLED)


def open_business(company: Company) -> list[str]:
    """Commitments whose pool is not over, goods nobody collected, and claims nobody decided, in words."""
    firm = Commitment.objects.filter(company=company, state__in=FIRM).exclude(pool_line__pool__state__in=OVER).count()
    parts = HandOver.objects.filter(company=company, state__in=[HandOverState.READY, HandOverState.CONTESTED]).count()
    claims = Claim.objects.filter(company=company, decided_at__isnull=True).count()
    words = (
        (firm, ngettext("%(count)s open commitment", "%(count)s open commitments", firm)),
        (parts, ngettext("%(count)s delivery to collect", "%(count)s deliveries to collect", parts)),
        (claims, ngettext("%(count)s open claim", "%(count)s open claims", claims)),
    )
    return [text % {"count": count} for count, text in words if count]
