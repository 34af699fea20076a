"""The gallery of components (`/ui/`), for the association's staff and for who builds pages."""

import io
from datetime import timedelta
from types import SimpleNamespace

import qrcode
import qrcode.image.svg
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from companies.access import is_staff
from companies.models import Job, JobState
from companies.shell import Todo


def _code() -> str:
    out = io.BytesIO()
    qrcode.make("ERB", image_factory=qrcode.image.svg.SvgPathImage, box_size=16, border=2).save(out)
    return out.getvalue().decode().split("?>", 1)[-1]


def gallery(request: HttpRequest) -> HttpResponse:
    """Every component with its variables and an example."""
    if not is_staff(request.user):
        raise Http404
    now = timezone.now()
    context = {
        "job": Job(kind="example", state=JobState.DONE, done=4_000, total=4_000, created_at=now, beat_at=now),
        "todos": [
            Todo(
                _("Commit to gloves"),
                _("The pool closes soon; 14 units are missing to the next price."),
                "#",
                now,
                "warning",
            ),
            Todo(_("Receive 24 boxes"), _("Announced by the supplier"), "#", None, "info"),
        ],
        "steps": [
            {"label": _("Upload"), "state": "done"},
            {"label": _("Check"), "state": "current"},
            {"label": _("Apply"), "state": "todo"},
        ],
        "entries": [
            SimpleNamespace(at=now - timedelta(days=2), words=_("Filed"), actor_name="Claire Vossier", reason=""),
            SimpleNamespace(at=now, words=_("Approved"), actor_name="Denis Rochas", reason=_("Within the budget")),
        ],
        "tiers": [
            {"from_qty": 1, "unit_price_e4": 42_000, "reached": True},
            {"from_qty": 100, "unit_price_e4": 36_000, "reached": False},
            {"from_qty": 250, "unit_price_e4": 31_500, "reached": False},
        ],
        "proof": [
            {"source": _("Supplier's line"), "rule": _("36 units at 3.4917 €"), "cents": 12_570},
            {"source": _("Your part"), "rule": _("11 of 36 units received, rounded to the cent"), "cents": 3_841},
        ],
        "svg": _code(),
    }
    return render(request, "gallery.html", context)
