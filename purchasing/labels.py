"""Labels for a delivery to many companies: one per company and place, with the code that proves the hand-over."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import qrcode
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import override
from qrcode.constants import ERROR_CORRECT_M

from companies import documents, mail
from companies.models import Company, Site
from companies.templatetags.ui import quantity as figure
from purchasing.models import Commitment, PurchaseOrder
from purchasing.states import CommitmentState
from purchasing.unit_words import units

SALT = "purchasing.hand_over"


def code_for(order_id: int, company_id: int) -> str:
    """The code on the label of one company's part of an order: both numbers and 60 bits that nobody can guess."""
    digest = salted_hmac(SALT, f"{order_id}.{company_id}", algorithm="sha256").digest()
    return f"{order_id}-{company_id}-{base64.b32encode(digest)[:12].decode().lower()}"


def read_code(code: str) -> tuple[int, int] | None:
    """Order and company of a code; None when it is not ours."""
    order, _, rest = code.strip().lower().partition("-")
    company, _, _proof = rest.partition("-")
    if not (order.isdecimal() and company.isdecimal() and len(order) < 19 and len(company) < 19):
        return None
    pair = int(order), int(company)
    return pair if constant_time_compare(code_for(*pair), code.strip().lower()) else None


def path_of(code: str) -> str:
    return reverse("purchasing:hand_over_scan", args=[code])


def symbol(text: str) -> tuple[str, int]:
    """A QR code as one vector path and the number of modules a side, quiet zone of four included."""
    made = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=0)
    made.add_data(text)
    made.make(fit=True)
    parts = []
    for y, row in enumerate(made.modules):
        x = 0
        while x < len(row):
            start = x
            while x < len(row) and row[x]:
                x += 1
            if x > start:
                parts.append(f"M{start + 4} {y + 4}h{x - start}v1h-{x - start}z")
            x += 1
    return "".join(parts), len(made.modules) + 8


def svg(text: str) -> str:
    """The QR code as SVG, black on white."""
    path, side = symbol(text)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}"><rect width="{side}" height="{side}" '
        f'fill="#fff"/><path d="{path}" fill="#000"/></svg>'
    )


@dataclass(frozen=True, slots=True)
class Label:
    """What one label says."""

    company: Company
    site: Site | None
    goods: tuple[tuple[int, str, str], ...]  # quantity, unit, text


def labels_of(order: PurchaseOrder) -> list[Label]:
    """One label per company and place, in the order of the companies' names."""
    rows = (
        Commitment.objects.filter(pool_line__order_lines__order=order, state=CommitmentState.LOCKED, granted__gt=0)
        .select_related("company", "site", "pool_line")
        .order_by("company__name", "company", "site", "pool_line__position")
    )
    goods: dict[tuple[int, int | None], list[Commitment]] = {}
    for row in rows:
        goods.setdefault((row.company_id, row.site_id), []).append(row)
    return [
        Label(
            held[0].company,
            held[0].site,
            tuple((c.granted or 0, c.pool_line.unit, c.pool_line.text) for c in held),
        )
        for held in goods.values()
    ]


def pdf(order: PurchaseOrder, labels: Sequence[Label] | None = None) -> bytes:
    """The labels of an order, eight to an A4 page, to be cut or printed on adhesive sheets (105 × 74 mm)."""
    found = labels_of(order) if labels is None else labels
    with override("fr"):
        rows = [_row(order, label, number, len(found)) for number, label in enumerate(found, start=1)]
    return documents.render_pdf("purchasing/documents/labels.typ", {"labels": rows, "number": order.number})


def _row(order: PurchaseOrder, label: Label, number: int, count: int) -> dict[str, object]:
    site, company = label.site, label.company
    place = site or company
    code = code_for(order.pk, company.pk)
    return {
        "company": company.name,
        "site": site.name if site else "",
        "address": [place.street, f"{place.postcode} {place.city}".strip()],
        "hours": site.delivery_hours if site else "",
        "goods": [f"{figure(quantity)} {units(quantity, unit)} – {text}" for quantity, unit, text in label.goods[:6]],
        "more": max(0, len(label.goods) - 6),
        "order": order.number,
        "pool": order.pool.title,
        "supplier": order.supplier.name,
        "count": f"{number}/{count}",
        "code": code,
        "qr": svg(mail.absolute(path_of(code))),
    }
