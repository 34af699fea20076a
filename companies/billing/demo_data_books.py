"""For demonstrations: a bank statement matched and not, suppliers' invoices in every state, companies reached by platform."""

import random
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from companies import money
from companies.billing import books, facturx
from companies.billing.bank import importing
from companies.billing.models import (
    EInvoicing,
    Invoice,
    InvoiceState,
    Status,
    StatusCode,
    Transmission,
    TransmissionState,
)
from companies.billing.received import services
from companies.billing.references import creditor_reference
from companies.demo_data import World, siret
from companies.documents import render_pdf

SUPPLIERS = ("Gants et Protection du Sud", "Emballages Rhône", "Papeterie des Collines", "Hygiène Isère Services")
ARTICLES = (
    ("Gants de manutention taille 9", "PR", 34_917, 2_000),
    ("Cartons double cannelure 40 × 30", "C62", 11_200, 2_000),
    ("Ramettes A4 80 g", "C62", 41_500, 2_000),
    ("Café en grains", "KGM", 128_000, 550),
    ("Savon d'atelier 5 L", "C62", 186_000, 2_000),
)
LIFE = (
    (TransmissionState.APPROVED, (200, 203, 205)),
    (TransmissionState.DELIVERED, (200, 202, 203)),
    (TransmissionState.SENT, (200,)),
    (TransmissionState.REFUSED, (200, 203, 210)),
    (TransmissionState.WAITING, ()),
)


def seed(*, rng: random.Random, world: World, at: datetime) -> None:
    _statement(rng, world, at)
    _received(rng, world, at)
    _platform(world, at)


def _statement(rng: random.Random, world: World, at: datetime) -> None:
    """One statement of the last days: transfers that name their invoice, some that do not, charges, a payout of Stripe."""
    waiting = Invoice.objects.filter(
        state=InvoiceState.DUE, balance_cents__lte=900_000, issued_on__lt=timezone.localdate(at)
    )
    rows = list(waiting.exclude(company=world.home).select_related("company").order_by("due_on", "pk")[:8])
    day = timezone.localdate(at)
    lines: list[tuple[int, str, str, str]] = []
    for place, row in enumerate(rows):
        paid = row.balance_cents // 2 if place == 2 else row.balance_cents
        named = place < 5
        text = f"FACTURE {row.number}" if place == 1 else "" if named else "REGLEMENT FACTURE"
        reference = creditor_reference(row.number) if named and place != 1 else ""
        lines.append((paid, row.buyer["name"].upper(), text, reference))
    lines.append((rng.randrange(40_000, 90_000), "MME DURAND HELENE", "COTISATION", ""))
    lines.append((-1_850, "BANQUE DE LA VALLEE", "FRAIS DE TENUE DE COMPTE", ""))
    lines.append((rng.randrange(200_000, 400_000), "STRIPE PAYMENTS EUROPE", "STRIPE PAYOUT", ""))
    entries = "".join(_entry(place, day - timedelta(days=place % 4), *line) for place, line in enumerate(lines, 1))
    iban = str(settings.SELLER.get("iban", "")).replace(" ", "")
    content = (
        '<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">'
        f"<BkToCstmrStmt><Stmt><Id>{day:%Y-%m-%d}</Id><Acct><Id><IBAN>{iban}</IBAN></Id></Acct>{entries}</Stmt>"
        "</BkToCstmrStmt></Document>"
    )
    name = f"releve-{day}.xml"
    importing.take(content=content.encode(), name=name, actor=world.staff[0], at=at - timedelta(hours=2))


def _entry(place: int, day: date, cents: int, name: str, text: str, reference: str) -> str:
    kind, other = ("CRDT", "Dbtr") if cents > 0 else ("DBIT", "Cdtr")
    name = name.replace("&", "&amp;")
    words = f"<Ustrd>{text}</Ustrd>" if text else ""
    structured = f"<Strd><CdtrRefInf><Ref>{reference}</Ref></CdtrRefInf></Strd>" if reference else ""
    iban = f"<{other}Acct><Id><IBAN>FR76300040008{place:012d}97</IBAN></Id></{other}Acct>"
    return (
        f'<Ntry><Amt Ccy="EUR">{money.euros(abs(cents))}</Amt><CdtDbtInd>{kind}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>'
        f"<BookgDt><Dt>{day}</Dt></BookgDt><AcctSvcrRef>{day:%y%m%d}{place:04d}</AcctSvcrRef><NtryDtls><TxDtls>"
        f"<RltdPties><{other}><Pty><Nm>{name}</Nm></Pty></{other}>{iban}</RltdPties>"
        f"<RmtInf>{words}{structured}</RmtInf></TxDtls></NtryDtls></Ntry>"
    )


def _received(rng: random.Random, world: World, at: datetime) -> None:
    """Six structured invoices and a plain PDF: two to check, one that does not fit, approved, refused, paid."""
    clerk, made = world.staff[0], []
    for number in range(6):
        when = at - timedelta(days=12 - 2 * number)
        content = facturx.document_xml(_terms(rng, number, timezone.localdate(when)))
        name = f"facture-{number + 1}.xml"
        made.append(services.take(content=content, name=name, source="upload", at=when))
    later = at - timedelta(hours=5)
    services.refuse(received=made[0], actor=clerk, at=later, why="QTE_ERR", reason="30 paires reçues, 36 facturées.")
    services.approve(received=made[1], actor=clerk, at=later)
    services.mark_paid(received=made[1], actor=clerk, at=later + timedelta(hours=1))
    services.approve(received=made[2], actor=clerk, at=later)
    pdf = render_pdf("billing/documents/plain.typ", {"title": "Facture 2026-118", "text": "Réparation du transpalette"})
    services.take(content=pdf, name="facture-2026-118.pdf", source="upload", at=at - timedelta(hours=3))


def _terms(rng: random.Random, number: int, day: date) -> dict[str, Any]:
    lines, bases = [], dict[int, int]()
    for position, (text, unit, price, vat_bp) in enumerate(rng.sample(ARTICLES, 2), 1):
        quantity = rng.randrange(6, 60)
        net = money.line_total(quantity, price)
        bases[vat_bp] = bases.get(vat_bp, 0) + net
        rate = f"{vat_bp // 100}.{vat_bp % 100:02d}"
        lines.append(
            {"BT-126": str(position), "BT-129": str(quantity), "BT-130": unit, "BT-131": money.euros(net)}
            | {"BT-146": money.unit_price(price), "BT-151": "S", "BT-152": rate, "BT-153": text}
        )
    vats = {vat_bp: money.vat(base, vat_bp) for vat_bp, base in bases.items()}
    net, vat = sum(bases.values()), sum(vats.values())
    owed = net + vat + (300 if number == 5 else 0)  # the last one does not add up
    supplier = SUPPLIERS[number % len(SUPPLIERS)]
    code = siret(90_000 + number % len(SUPPLIERS))
    seller = {"name": supplier, "siren": code[:9], "siret": code, "street": "12 rue du Port", "city": "Valence"}
    return {
        "BT-1": f"F{day:%y}-{1_200 + number}",
        "BT-2": day,
        "BT-3": "380",
        "BT-5": "EUR",
        "BT-72": day,
        "BT-9": day + timedelta(days=30),
        "BT-13": f"BC-{day.year}-{number + 1:05d}",
        "BG-4": facturx.party(seller | {"postcode": "26000"}),
        "BG-7": facturx.party(settings.SELLER),
        "BG-23": [
            {"BT-116": money.euros(base), "BT-117": money.euros(vats[bp]), "BT-118": "S", "BT-119": f"{bp / 100:.2f}"}
            for bp, base in bases.items()
        ],
        "BG-25": lines,
        "BT-106": money.euros(net),
        "BT-109": money.euros(net),
        "BT-110": money.euros(vat),
        "BT-112": money.euros(owed),
        "BT-115": money.euros(owed),
    }


def _platform(world: World, at: datetime) -> None:
    """Some companies are reached by platform since October; their newest invoices tell a life each."""
    today = timezone.localdate(at)
    early = world.companies[1:6]
    EInvoicing.objects.bulk_create(
        EInvoicing(company=company, address=f"{company.siren}_COMPTA", switch_on=today.replace(day=1))
        for company in early
    )
    for company, (state, codes) in zip(early, LIFE, strict=False):
        newest = Invoice.objects.filter(company=company).order_by("-issued_at").first()
        if newest is None:
            continue
        waiting = state == TransmissionState.WAITING
        row = Transmission.objects.create(
            invoice=newest,
            state=state,
            channel="" if waiting else "http",
            flow_id="" if waiting else f"demo-{newest.pk}",
            attempts=0 if waiting else 1,
            created_at=newest.issued_at,
            sent_at=None if waiting else newest.issued_at + timedelta(minutes=2),
        )
        for step, code in enumerate(codes, 1):
            refused = code == StatusCode.REFUSED
            Status.objects.create(
                transmission=row,
                code=code,
                at=min(newest.issued_at + timedelta(minutes=5 * step), at),
                incoming=True,
                reason_code="CMD_ERR" if refused else "",
                reason="Le numéro de commande n'est pas le nôtre." if refused else "",
            )


def close_old_months(*, world: World, at: datetime) -> None:
    """Close the months of the past year but the last three: called when every room has written its past."""
    last = timezone.localdate(at).replace(day=1) - timedelta(days=62)
    while (month := books.to_close()) is not None and month < last.replace(day=1):
        books.close_month(month=month, actor=world.staff[0], at=at)
    books.check(at=at)
