"""The association's accounts by the French plan (plan comptable général, règlement ANC 2014-03), for exports.

Our ledger keeps what an account is for; the number an accountant expects is only a name for it.
"""

from typing import NamedTuple

from companies.billing.models import Account, AccountKind


class Named(NamedTuple):
    number: str
    label: str
    auxiliary: str = ""  # number and label of the company's own account
    auxiliary_label: str = ""


NUMBERS: dict[AccountKind, tuple[str, str]] = {
    AccountKind.RECEIVABLE: ("411000", "Clients et adhérents"),
    AccountKind.DEPOSITS: ("419100", "Avances reçues des adhérents"),
    AccountKind.REFUNDS: ("419800", "Avances à rembourser aux adhérents"),
    AccountKind.ADVANCES: ("419110", "Acomptes facturés"),
    AccountKind.BANK: ("512000", "Banque"),
    AccountKind.STRIPE: ("517000", "Stripe, fonds à recevoir"),
    AccountKind.SUPPLIERS: ("401000", "Fournisseurs"),
    AccountKind.PURCHASES: ("607000", "Achats de marchandises"),
    AccountKind.SALES: ("707000", "Ventes de marchandises"),
    AccountKind.REBILLED: ("467100", "Opérations pour le compte d'adhérents"),
    AccountKind.FREIGHT: ("708500", "Ports refacturés"),
    AccountKind.FEES: ("706000", "Prestations de services"),
    AccountKind.DUES: ("756000", "Cotisations"),
    AccountKind.VAT_COLLECTED: ("44571", "TVA collectée"),
    AccountKind.VAT_PENDING: ("44574", "TVA sur acomptes facturés, non encaissés"),
    AccountKind.VAT_DEDUCTIBLE: ("44566", "TVA déductible"),
    AccountKind.ROUNDING: ("658000", "Différences d'arrondi"),
    AccountKind.BANK_CHARGES: ("627000", "Services bancaires"),
    AccountKind.BAD_DEBTS: ("654000", "Pertes sur créances irrécouvrables"),
    AccountKind.SUBSIDIES: ("467200", "Participations des entreprises aux achats des salariés"),
    AccountKind.CONNECT: ("467300", "Fournisseurs, avances par Stripe Connect"),
    AccountKind.EMPLOYEES: ("419200", "Avances reçues des salariés"),
}
JOURNALS = {
    "VT": "Ventes",
    "HA": "Achats",
    "BQ": "Banque",
    "ST": "Stripe",
    "OD": "Opérations diverses",
}
JOURNAL_OF = {
    "invoice": "VT",
    "credit_note": "VT",
    "replaced": "VT",
    "supplier_invoice": "HA",
    "self_billed": "HA",
    "payment": "ST",
    "fee": "ST",
    "refund": "ST",
    "commission": "ST",
    "connect": "ST",
    "fee_kept": "ST",
    "charge_back": "ST",
    "reinstated": "ST",
    "personal": "ST",
    "personal_refund": "ST",
    "transfer": "BQ",
    "bank": "BQ",
}


def journal(kind: str) -> str:
    """The journal a kind of transaction belongs to."""
    return JOURNAL_OF.get(kind, "OD")


def named(account: Account) -> Named:
    """The number and label of an account, with the company's auxiliary account where it has one."""
    kind = AccountKind(account.kind)
    number, label = NUMBERS.get(kind, ("471000", str(kind.label)))
    if account.vat_bp is not None:
        number, label = f"{number}{account.vat_bp:04d}", f"{label} {account.vat_bp / 100:g} %".replace(".", ",")
    if account.customer is not None:
        return Named(number, label, f"F{account.customer.siren}", account.customer.name)
    if account.company is None:
        return Named(number, label)
    return Named(number, label, f"A{account.company.siret}", account.company.name)
