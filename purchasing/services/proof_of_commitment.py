"""The proof of a firm word: what was confirmed, by whom and when, hashed at once, then printed, stored and mailed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import override, pgettext

from companies import documents
from companies.models import Company, User
from companies.money import parse_unit_price, unit_price
from companies.templatetags.ui import quantity as number
from companies.templatetags.ui import unit_price as shown_price
from purchasing import mails_back
from purchasing.models import Commitment, CommitmentProof, Pool
from purchasing.rules.tiers import Terms
from purchasing.unit_words import units

POLICIES = ("legal_model", "minimum_missed", "shortage", "freight", "fairness", "fairness_mix")


def fairness(pool: Pool) -> str:
    """The pool's fairness rule in words, with how much of the saving is shared in proportion."""
    mixed = _("%(n)s\u00a0%% of the saving in proportion") % {"n": pool.fairness_mix} if pool.fairness_mix else ""
    unless = ""
    if pool.fairness == Pool.Fairness.STAND_ALONE_CAP:
        unless = _("except where all together pay more than everybody alone")
    return " · ".join(filter(None, [str(pool.get_fairness_display()), unless, mixed]))


def begin(
    pool: Pool, company: Company, rows: Sequence[Commitment], terms: Mapping[int, Terms], *, actor: User, at: datetime
) -> CommitmentProof:
    """Freeze what a company confirms now. Inside the caller's transaction; the PDF follows after commit."""
    from purchasing.tasks_back import write_proof

    content = {
        "pool": {"id": pool.pk, "title": pool.title, **{name: getattr(pool, name) for name in POLICIES},
                 "fee_bp": pool.fee_bp, "closes_at": pool.closes_at.isoformat() if pool.closes_at else None},
        "company": {"id": company.pk, "name": company.name, "siret": company.siret},
        "person": {"id": actor.pk, "name": actor.full_name or actor.email, "email": actor.email},
        "at": at.isoformat(),
        "lines": [_line(row, terms[row.pool_line_id]) for row in rows],
    }  # fmt: skip
    proof = CommitmentProof.objects.create(
        pool=pool, company=company, actor=actor, at=at, content=content, sha256=digest(content)
    )
    write_proof.delay_on_commit(proof_id=proof.pk)
    return proof


def _line(row: Commitment, terms: Terms) -> dict[str, Any]:
    return {
        "line": row.pool_line_id,
        "text": row.pool_line.text,
        "unit": row.pool_line.unit,
        "version": row.version,
        "quantity": row.quantity,
        "tolerance": row.tolerance,
        "tolerance_tier": row.tolerance_tier,
        "price_cap": None if row.price_cap_e4 is None else unit_price(row.price_cap_e4),
        "min_useful": row.min_useful,
        "pack": terms.pack,
        "moq": terms.moq,
        "tiers": [[tier.from_quantity, unit_price(tier.unit_price_e4)] for tier in terms.tiers],
    }


def digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of the content as canonical JSON (sorted keys, no spaces, UTF-8), in hexadecimal.

    >>> digest({"b": 1, "a": "é"})[:8]
    'aa58fba8'
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def write(*, proof_id: int, at: datetime) -> bool:
    """Print, store and mail one proof; done already, nothing happens. The PDF is made outside the transaction."""
    proof = CommitmentProof.objects.select_related("pool", "company", "actor").get(pk=proof_id)
    if proof.document_id is not None:
        return False
    content = render(proof)
    with transaction.atomic(durable=True):
        row = CommitmentProof.objects.select_for_update(of=("self",)).get(pk=proof_id)
        if row.document_id is not None:
            return False
        document = documents.store(
            kind="commitment_proof", name=_name(proof), content=content, company=proof.company, at=at
        )
        CommitmentProof.objects.filter(pk=proof_id, document__isnull=True).update(document=document)
        mails_back.commitment_proved(proof, document, at=at)
    return True


def _name(proof: CommitmentProof) -> str:
    return f"engagement-{proof.pool_id}-{proof.pk}.pdf"


def unwritten(before: datetime) -> list[int]:
    """Proofs confirmed before that moment that have no PDF yet."""
    rows = CommitmentProof.objects.filter(document__isnull=True, at__lt=before)
    return list(rows.order_by("at").values_list("pk", flat=True)[:200])


def render(proof: CommitmentProof) -> bytes:
    """The PDF in the language of the person who confirmed; every word is chosen here, the template places them."""
    with override(proof.actor.language):
        return documents.render_pdf("purchasing/documents/commitment.typ", _data(proof))


def _data(proof: CommitmentProof) -> dict[str, Any]:
    content = proof.content
    at = timezone.localtime(proof.at)
    pool = Pool(**{name: content["pool"][name] for name in POLICIES if name in content["pool"]})
    closes = content["pool"]["closes_at"]
    facts = [
        [_("Pool"), content["pool"]["title"]],
        [_("Company"), f"{content['company']['name']} · SIRET {content['company']['siret']}"],
        [_("Confirmed by"), f"{content['person']['name']} ({content['person']['email']})"],
        [_("Confirmed on"), f"{date_format(at, 'j F Y H:i:s')} (Europe/Paris)"],
        [_("Deadline"), date_format(timezone.localtime(datetime.fromisoformat(closes)), "j F Y H:i") if closes else "–"],
        [_("Legal model"), pool.get_legal_model_display()],
        [_("If a minimum is missed"), pool.get_minimum_missed_display()],
        [_("If goods are missing"), pool.get_shortage_display()],
        [_("Freight is shared"), pool.get_freight_display()],
        [_("Fairness"), fairness(pool)],
        [_("Management fee"), f"{content['pool']['fee_bp'] / 100:g}\u00a0%".replace(".", pgettext("decimal separator", "."))],
    ]  # fmt: skip
    return {
        "language": proof.actor.language,
        "title": _("Proof of commitment"),
        "number": f"E-{proof.pk:06d}",
        "facts": facts,
        "head": [_("Article"), _("Quantity"), _("More if needed"), _("Highest price"), _("Useful minimum"), _("Prices")],
        "lines": [_printed(line) for line in content["lines"]],
        "firm": _(
            "This commitment is firm. What was added less than 48 hours ago may be taken back before the deadline."
        ),
        "hash_label": _("SHA-256 of what was confirmed"),
        "hash": proof.sha256,
    }  # fmt: skip


def _printed(line: Mapping[str, Any]) -> list[str]:
    def price(text: str) -> str:
        return shown_price(parse_unit_price(text))

    tiers = [_("from %(n)s: %(price)s") % {"n": number(n), "price": price(text)} for n, text in line["tiers"]]
    extra = number(line["tolerance"]) if line["tolerance"] else "–"
    if line["tolerance"] and line["tolerance_tier"]:
        extra += " " + _("(also for a better price)")
    return [
        line["text"],
        f"{number(line['quantity'])} {units(line['quantity'], line['unit'])}",
        extra,
        price(line["price_cap"]) if line["price_cap"] else "–",
        number(line["min_useful"]) if line["min_useful"] else "–",
        "\n".join(tiers) + (f"\n{_('packs of %(n)s') % {'n': number(line['pack'])}}" if line["pack"] > 1 else ""),
    ]
