"""Papers of the goods: the proof of a hand-over, and a claim with its evidence, answers and credits."""

from collections.abc import Iterable
from datetime import datetime
from io import BytesIO
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _
from PIL import Image, UnidentifiedImageError

from companies import documents
from companies.billing.seller import seller
from companies.models import Company
from companies.templatetags.ui import euros
from companies.templatetags.ui import quantity as number
from purchasing.models import Claim, HandOver
from purchasing.services import parcels
from purchasing.unit_words import units

TEMPLATE = "purchasing/documents/paper.typ"
MOST_PHOTOS = 8
PHOTO_SIDE = 700


def hand_over(row: HandOver, *, at: datetime) -> bytes:
    """Who gave what to whom, when and by which proof, with the signature if one was drawn; what the company answered."""
    order = row.receipt.order
    facts = [
        [_("Company"), f"{row.company.name} · SIRET {row.company.siret}"],
        [_("Pool"), order.pool.title],
        [_("Order"), f"{order.number} · {order.supplier}"],
        [_("Delivery"), " · ".join(filter(None, [str(row.receipt.number), row.receipt.delivery_note, row.receipt.place]))],
        [_("State"), row.get_state_display()],
    ]  # fmt: skip
    if row.handed_at:
        facts.append([_("Goods handed over on"), _moment(row.handed_at)])
        facts.append([_("Handed over by"), row.handed_by.full_name if row.handed_by else "–"])
        facts.append([_("Proof"), row.get_method_display() or "–"])
    if row.signed_by:
        facts.append([_("Collected by"), row.signed_by])
    rows = [
        [
            item.commitment.pool_line.text + (f" ({item.substitute})" if item.substitute else ""),
            f"{number(item.quantity)} {units(item.quantity, item.commitment.pool_line.unit)}",
        ]
        for item in parcels.items_of(row)
    ]
    texts = []
    if row.answered_at:
        texts.append([f"{row.get_state_display()}, {_moment(row.answered_at)}", row.note or "–"])
    drawn = bytes(row.signature.content).decode() if row.signature else ""
    foot = _("SHA-256 of the signature: %(hash)s") % {"hash": row.signature.sha256} if row.signature else ""
    return _render(
        title=_("Proof of hand-over"),
        number=f"R-{row.pk:06d}",
        at=at,
        facts=facts,
        tables=[{"head": [_("Article"), _("Quantity")], "rows": rows, "wide": 0, "right": [1]}],
        texts=texts,
        signature=drawn,
        signature_label=_("Signature of %(name)s") % {"name": row.signed_by} if drawn else "",
        foot=foot,
    )


def claim(
    row: Claim, *, company: Company | None, credits_shown: bool, at: datetime, of_supplier: bool = False
) -> bytes:
    """What is wrong, the photos, what the supplier said, how it ended. `company` sees its own credit only (I13).

    The supplier reads what its page shows: neither whose claim it is nor the reason written to the companies.
    """
    order = row.order
    facts = [
        [_("Supplier"), str(order.supplier)],
        [_("Order"), order.number],
        *([] if of_supplier else [[_("Company"), row.company.name if row.company else _("All companies")]]),
        [_("What is wrong"), row.get_kind_display()],
        [_("Opened"), _moment(row.opened_at)],
        [_("State"), row.get_state_display()],
    ]
    if row.asked_cents:
        facts.append([_("Credit asked"), euros(row.asked_cents)])
    if row.state == "open":
        facts.append([_("Answer until"), _moment(row.due_at)])
    held = [
        [line.order_line.text, f"{number(line.quantity)} {units(line.quantity, line.order_line.unit)}"]
        for line in row.lines.select_related("order_line")
    ]
    tables: list[dict[str, Any]] = []
    if held:
        tables.append({"head": [_("Article"), _("Quantity")], "rows": held, "wide": 0, "right": [1]})
    credits = row.credits.select_related("company").prefetch_related("notes")
    if company is not None:
        credits = credits.filter(company=company)
    paid = [
        [c.company.name, euros(c.net_cents), ", ".join(note.number for note in c.notes.all()) or _("from the supplier")]
        for c in (credits if company is not None or credits_shown else [])
    ]
    if paid:
        head = [_("Company"), pgettext("amount", "Credited"), _("Credit note")]
        tables.append({"head": head, "rows": paid, "wide": 0, "right": [1]})
    texts = [[_("What happened"), row.text]]
    for answer in row.answers.all():
        said = answer.get_verdict_display() + (f" · {euros(answer.offered_cents)}" if answer.offered_cents else "")
        texts.append([f"{_('Answer of the supplier')}, {_moment(answer.at)}", f"{said}\n{answer.text}".strip()])
    if row.decided_at:
        ended = row.get_outcome_display() or row.get_state_display()
        texts.append([f"{ended}, {_moment(row.decided_at)}", "" if of_supplier else row.reason])
    evidence = list(row.evidence.select_related("document"))
    hashes = [f"{n}: {e.document.sha256}" for n, e in enumerate(evidence, start=1)]
    return _render(
        title=pgettext("goods", "Claim"),
        number=row.number,
        at=at,
        facts=facts,
        tables=tables,
        texts=texts,
        photos=_photos(evidence),
        foot=_("SHA-256 of the photos: %(hashes)s") % {"hashes": " · ".join(hashes)} if hashes else "",
    )


def _photos(evidence: Iterable[Any]) -> list[dict[str, Any]]:
    """The first photos, small enough for paper; all of them stand below by their hash."""
    found = []
    for n, row in enumerate(list(evidence)[:MOST_PHOTOS], start=1):
        try:
            picture = Image.open(BytesIO(bytes(row.document.content)))
        except UnidentifiedImageError:
            continue  # kept and named by its hash all the same
        picture.thumbnail((PHOTO_SIDE, PHOTO_SIDE))
        out = BytesIO()
        picture.convert("RGB").save(out, "JPEG", quality=75)
        label = _("Photo %(n)s") % {"n": n} + f" · {_moment(row.at)}"
        if row.by_supplier:
            label += " · " + _("from the supplier")
        found.append({"content": list(out.getvalue()), "label": label})
    return found


def _moment(at: datetime) -> str:
    return date_format(timezone.localtime(at), "j F Y H:i")


def _render(*, at: datetime, **data: Any) -> bytes:
    base = {"language": (get_language() or "fr")[:2], "seller": str(seller()["name"]), "signature": "", "photos": []}
    base |= {"made": _("Made on %(day)s") % {"day": _moment(at)}, "signature_label": "", "foot": ""}
    return documents.render_pdf(TEMPLATE, base | data)
