"""Who may open what of collecting: mandates, links, desk."""

from datetime import UTC, datetime

from companies.billing import links
from companies.billing.models import Mandate
from tests.access import EVERYBODY, Visit

SEES = {"accountant", "admin", "staff"}


def prepare(w):
    """A mandate in force."""
    w.mandate = Mandate.objects.create(
        company=w.company,
        state="active",
        reference="ERB-TABLE",
        creditor_name="ERB",
        creditor_ics="FR72ZZZ123456",
        holder="T",
        iban_country="FR",
        iban_last4="2606",
        notice_days=2,
        text_version="t",
        text="…",
        language="fr",
        signed_at=datetime(2026, 3, 3, 9, tzinfo=UTC),
        method_id="pm_table",
        stripe_id="mandate_table",
        setup_id="seti_table",
    )


def _company(w):
    return {"company": w.company.pk}


def _token(w):
    return {"token": links.path(w.invoice).split("/")[-2]}


VISITS = [
    Visit("billing:mandate", SEES, _company),
    Visit("billing:mandate", {"accountant"}, _company, method="post"),
    Visit("billing:mandate_revoke", {"accountant", "staff"}, lambda w: _company(w) | {"pk": w.mandate.pk}, "post"),
    Visit("billing:pay_by_link", EVERYBODY, _token),
    Visit("billing:link_pdf", EVERYBODY, _token),
]
