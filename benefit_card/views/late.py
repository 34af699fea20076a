"""Sales without network that a person looks at: a till's file, late sales, conflicts. One page for owner and staff."""

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from benefit_card.entry_form import read_entry
from benefit_card.merchant_views import own_merchant
from benefit_card.models import EntryVerdict, OfflineEntry
from benefit_card.refusals import sentence_of
from benefit_card.services import late_sales
from benefit_card.views.privacy import only_staff
from companies.errors import DomainError
from companies.money import parse_cents
from companies.views.doors import me, page_number, refused
from merchants.models import Merchant, OfferVersion, Till

PAGE, MOST_WAITING = 20, 200


@dataclass(frozen=True)
class Line:
    """One sale as people read it; no card, no person."""

    id: str
    time: Any
    offer: str
    cents: int | None
    verdict: str
    tone: str
    why: str
    row: OfflineEntry | None = None


TONES = {"accepted": "success", "replayed": "muted", "conflict": "warning", "late": "warning", "refused": "danger"}


@require_safe
@never_cache
def merchant_index(request: HttpRequest, merchant: int) -> HttpResponse:
    """A merchant's own: bring a file, what waits, what was decided."""
    return _index(request, own_merchant(request, merchant))


@require_safe
@never_cache
def staff_index(request: HttpRequest) -> HttpResponse:
    """Everybody's, for the association."""
    only_staff(request)
    return _index(request, None)


@require_POST
def merchant_file(request: HttpRequest, merchant: int) -> HttpResponse:
    """Take in the file a till saved."""
    return _file(request, own_merchant(request, merchant))


@require_POST
def staff_file(request: HttpRequest) -> HttpResponse:
    only_staff(request)
    return _file(request, None)


@require_POST
def merchant_decide(request: HttpRequest, merchant: int) -> HttpResponse:
    """Withdraw what did not happen."""
    return _decide(request, own_merchant(request, merchant))


@require_POST
def staff_decide(request: HttpRequest) -> HttpResponse:
    only_staff(request)
    return _decide(request, None)


def _doors(merchant: Merchant | None) -> dict[str, str]:
    if merchant is None:
        names = {"index": "staff_late", "file": "staff_queue_file", "decide": "staff_late_decide"}
        return {key: reverse(f"benefit_card:{name}") for key, name in names.items()}
    names = {"index": "merchant_late", "file": "merchant_queue_file", "decide": "merchant_late_decide"}
    return {key: reverse(f"benefit_card:{name}", args=[merchant.pk]) for key, name in names.items()}


def _entries(request: HttpRequest, merchant: Merchant | None) -> Any:
    rows = OfflineEntry.objects.visible_to(request.user).to_judge()
    rows = rows.select_related("till__shop__merchant", "decided_by")
    return rows if merchant is None else rows.filter(till__shop__merchant=merchant)


def _index(request: HttpRequest, merchant: Merchant | None, **more: Any) -> HttpResponse:
    rows = _entries(request, merchant)
    waiting = list(
        rows.filter(decided_at=None).order_by("till__shop__merchant", "till", "-verdict", "scanned_at")[:MOST_WAITING]
    )
    page = Paginator(rows.exclude(decided_at=None).order_by("-decided_at"), PAGE).get_page(page_number(request))
    titles = _titles([row.said for row in [*waiting, *page]])
    groups = [
        {
            "till": found[0].till,
            "verdict": verdict,
            "label": EntryVerdict(verdict).label,
            "lines": [_line(row, titles) for row in found],
            "decisions": late_sales.DECISIONS[(verdict, merchant is None)],
        }
        for (_till, verdict), members in groupby(waiting, key=lambda row: (row.till_id, row.verdict))
        if (found := list(members))
    ]
    context = {
        "merchant": merchant, "doors": _doors(merchant), "groups": groups, "page": page,
        "decided": [_line(row, titles) for row in page], **more,
    }  # fmt: skip
    return render(request, "benefit_card/late/index.html", context, status=400 if more.get("problem") else 200)


def _titles(said: list[dict[str, Any]]) -> dict[tuple[int, int], str]:
    """The offers' names as they were, by offer and version."""
    wanted = {(_number(one.get("offer")), _number(one.get("offer_version"))) for one in said}
    rows = OfferVersion.objects.filter(offer__in={offer for offer, _version in wanted})
    return {(offer, number): title for offer, number, title in rows.values_list("offer_id", "number", "title")}


def _number(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value < 2**31 else 0


def _line(row: OfflineEntry, titles: dict[tuple[int, int], str]) -> Line:
    said = row.said
    return Line(
        str(row.client_id), row.scanned_at, titles.get((_number(said.get("offer")), _number(said.get("offer_version"))), "?"),
        _cents(said.get("amount")), row.get_verdict_display(), TONES[row.verdict], sentence_of(row.code), row,
    )  # fmt: skip


def _cents(amount: Any) -> int | None:
    try:
        return parse_cents(str(amount))
    except DomainError:
        return None


def _file(request: HttpRequest, merchant: Merchant | None) -> HttpResponse:
    upload = request.FILES.get("file")
    try:
        content = upload.read(late_sales.MOST_BYTES + 1) if upload else b""
        point, entries = late_sales.open_file(content)
        rows = [read_entry(raw) for raw in entries]
        till, answers = late_sales.take_file(
            actor=me(request), merchant=merchant, point=point, rows=rows, at=timezone.now()
        )
    except DomainError as error:
        return _index(request, merchant, problem=error.sentence)
    return _verdicts(request, merchant, till, rows, answers)


def _verdicts(
    request: HttpRequest, merchant: Merchant | None, till: Till, rows: list[Any], answers: list[dict[str, Any]]
) -> HttpResponse:
    titles = _titles([raw for raw, _entry in rows])
    lines = []
    for (raw, entry), answer in zip(rows, answers, strict=True):
        verdict, first = EntryVerdict(answer["verdict"]), EntryVerdict(answer["first"])
        word = f"{verdict.label} – {first.label}" if verdict != first else str(verdict.label)
        version = (_number(raw.get("offer")), _number(raw.get("offer_version")))
        time = entry.scanned_at if entry else parse_datetime(str(raw.get("scanned_at", ""))[:40])
        lines.append(
            Line(
                answer["client_id"],
                time,
                titles.get(version, "?"),
                _cents(raw.get("amount")),
                word,
                TONES[verdict],
                sentence_of(answer["code"]) or answer["title"],
            )
        )
    lines.sort(key=lambda line: line.tone in ("success", "muted"))  # what needs a person first; else as they were made
    counts = Counter((line.verdict, line.tone) for line in lines)
    context = {"merchant": merchant, "doors": _doors(merchant), "till": till, "lines": lines, "counts": counts.items()}
    return render(request, "benefit_card/late/verdicts.html", context)


def _decide(request: HttpRequest, merchant: Merchant | None) -> HttpResponse:
    chosen = [name for name in request.POST.getlist("entry")[:MOST_WAITING] if len(name) == 36]
    try:
        rows = list(_entries(request, merchant).filter(pk__in=chosen))
    except ValueError:
        rows = []
    try:
        done, against = late_sales.decide(
            actor=me(request), entries=rows, decision=request.POST.get("decision", ""),
            reason=request.POST.get("reason", ""), at=timezone.now(),
        )  # fmt: skip
    except DomainError as error:
        refused(request, error)
    else:
        if done:
            said = ngettext("%(n)s sale decided.", "%(n)s sales decided.", done) % {"n": done}
            messages.success(request, said)
        for row, sentence in against:
            messages.error(
                request, _("Sale of %(time)s: %(why)s") % {"time": f"{row.scanned_at:%d/%m %H:%M}", "why": sentence}
            )
    return redirect(_doors(merchant)["index"])
