"""A closed pool whose invoices were written in the supplier's name: one paid through Stripe Connect, one by transfer."""

from datetime import datetime, timedelta

from django.utils import timezone
from stdnum import luhn

from companies.billing import connected, in_name, self_billing, settlement
from companies.billing.models import (
    ConnectedAccount,
    Invoice,
    MandatePurpose,
    Payment,
    PaymentState,
    SelfBillingMandate,
)
from companies.demo_data import World
from companies.documents import render_pdf
from purchasing.models import Pool, PurchaseOrder, Supplier
from purchasing.services.billing_mandates import awarded

TEXT = (
    "Le fournisseur donne mandat à l'association d'établir, en son nom et pour son compte, les factures et avoirs de ses ventes "
    "aux entreprises adhérentes. Il reste redevable de la TVA. Il dispose de 8 jours pour contester chaque document. Les entreprises "
    "le paient directement. Chaque partie met fin au mandat par écrit à tout moment."
)
IBAN = "FR7630006000011234567890189"


def sign(pool: Pool, world: World, at: datetime) -> bool:
    """The suppliers of a pool sign, and the pool takes the model; False when nobody won it."""
    suppliers = awarded(pool)
    if not suppliers:
        return False
    for supplier in suppliers:
        _register(supplier)
        if not SelfBillingMandate.objects.filter(siren=supplier.siren, purpose=MandatePurpose.MEMBERS).exists():
            _give(supplier, world, at)
    Pool.objects.filter(pk=pool.pk).update(legal_model=Pool.LegalModel.MANDATE, fee_bp=200)
    pool.refresh_from_db()
    return True


def register_winners(pool: Pool) -> None:
    """Those who pay the association a commission have a SIREN and an address to invoice it to."""
    for supplier in awarded(pool):
        _register(supplier)
        if not supplier.street:
            Supplier.objects.filter(pk=supplier.pk).update(
                street="Zone artisanale", postcode="26100", city="Romans-sur-Isère"
            )


def _register(supplier: Supplier) -> None:
    """Numbers of the register and of VAT, right by their check digits and of nobody."""
    if not supplier.siren:
        body = f"{90_000_000 + supplier.pk}"
        supplier.siren = body + luhn.calc_check_digit(body)
        supplier.vat_no = f"FR{(12 + 3 * (int(supplier.siren) % 97)) % 97:02d}{supplier.siren}"
        supplier.save(update_fields=["siren", "vat_no"])


def _give(supplier: Supplier, world: World, at: datetime) -> None:
    contact = supplier.contacts.first()
    names = ("name", "siren", "vat_no", "street", "postcode", "city")
    party = {name: getattr(supplier, name) for name in names} | {"iban": IBAN, "legal_form": "SAS"}
    party |= {"email": contact.email if contact else "factures@example.org"}
    party["street"] = party["street"] or "Zone artisanale"
    party["postcode"], party["city"] = party["postcode"] or "26100", party["city"] or "Romans-sur-Isère"
    given = self_billing.give(
        company=None, party=party, text=TEXT, signed_on=timezone.localdate(at) - timedelta(days=90),
        signed_by="La direction", actor=world.staff[0], at=at - timedelta(days=89), purpose=MandatePurpose.MEMBERS,
        paper=render_pdf("billing/documents/plain.typ", {"title": "Mandat de facturation", "text": TEXT}),
    )  # fmt: skip
    row = connected.invite(mandate=given, commission_bp=200, actor=world.staff[0], at=at - timedelta(days=80))
    ConnectedAccount.objects.filter(pk=row.pk).update(
        account_id=f"acct_demo_{supplier.siren}", charges_enabled=True, payouts_enabled=True, transfers_active=True,
        details_submitted=True, seen_at=at - timedelta(days=79),
    )  # fmt: skip


def pay(order: PurchaseOrder, world: World, at: datetime) -> None:
    """Of the invoices written: the first by card through Connect, the second by transfer, as the supplier says."""
    rows = Invoice.objects.filter(order_reference=order.number).exclude(billing_mandate=None).order_by("pk")
    theirs = list(rows.exclude(company=world.home).select_related("company", "billing_mandate")[:2])
    if len(theirs) < 2:
        return
    first, second = theirs
    account = connected.of_invoice(first)
    if account is not None:
        cents = first.balance_cents
        made = Payment.objects.create(
            invoice=first, attempt=1, state=PaymentState.PROCESSING, method="card", method_hint="visa … 4242",
            amount_cents=cents, intent_id=f"pi_past_{first.pk}", destination=account.account_id,
            commission_cents=connected.commission(first, account, cents), created_at=at, expires_at=at,
        )  # fmt: skip
        seen = settlement.Observation("succeeded", received_cents=cents, fee_cents=25, intent_id=made.intent_id)
        settlement.apply(payment_id=made.pk, seen=seen, at=at)
    in_name.tell_paid(invoice=second, cents=second.balance_cents, seen=second.balance_cents, actor=None, at=at)
