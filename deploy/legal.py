"""What the law asks a site to say: who publishes it, what it does with data, its terms, how accessible it is.

Sources: LCEN art. 6-III (legal notice); GDPR art. 13 and 14 (notices) and 28 (processors); Regulation (EU) 2019/1150
art. 3 to 5 (terms, suspension and ranking for business users); RGAA 4.1 (accessibility statement). Every period named on
these pages is read from the code that keeps it, so that page and night job cannot differ.
"""

from datetime import date
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from benefit_card.services import retention
from companies.billing import mandates
from merchants import agreement

STATED = date(2026, 11, 23)  # when these texts were last read against the product


def _context(**more: Any) -> dict[str, Any]:
    return {"seller": settings.SELLER, "publisher": settings.PUBLISHER, "stated": STATED, **more}


@login_not_required
@require_safe
def notice(request: HttpRequest) -> HttpResponse:
    """Publisher, director of publication and host."""
    return render(request, "legal/notice.html", _context())


@login_not_required
@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """Who answers for which data, why, for how long, who receives it, and the reader's rights."""
    periods = {
        "identified_months": retention.IDENTIFIED.days // 30,
        "scan_days": retention.SCANS.days,
        "leaver_months": -(-retention.LEAVERS.days // 31),
        "import_days": retention.IMPORTS.days,
        "session_days": settings.SESSION_COOKIE_AGE // 86_400,
        "mandate_months": mandates.UNUSED_MONTHS,
    }
    return render(request, "legal/privacy.html", _context(periods=periods, processors=settings.PROCESSORS))


@login_not_required
@require_safe
def terms(request: HttpRequest) -> HttpResponse:
    """Terms of use, with what merchants and suppliers must know about ranking and suspension."""
    reading = agreement.copy_for(get_language())
    articles = agreement.articles(reading=reading)
    context = _context(articles=articles, reading=reading, grace=agreement.GRACE.days)
    return render(request, "legal/terms.html", context)


@login_not_required
@require_safe
def accessibility(request: HttpRequest) -> HttpResponse:
    """The accessibility statement."""
    return render(request, "legal/accessibility.html", _context())
