"""The order of an employee pool for the supplier: what, how many, and how many for which company. No name of a person."""

from datetime import datetime
from typing import Any

from django.db.models import Sum
from django.utils import timezone

from companies import documents, mail
from companies.models import Document, User
from companies.money import euros
from purchasing.mails_back import is_silent
from purchasing.models import EmployeePool, EmployeePurchaseLine
from purchasing.states_employees import PurchaseState


def rows(pool: EmployeePool) -> list[dict[str, Any]]:
    """Each article with its total, its price and the units per company, in the order of the companies' names."""
    bought = (
        EmployeePurchaseLine.objects.filter(purchase__pool=pool, purchase__state=PurchaseState.LOCKED, ordered__gt=0)
        .values_list("article", "purchase__company__name")
        .annotate(units=Sum("ordered"))
        .order_by("purchase__company__name", "purchase__company")
    )
    per: dict[int, list[tuple[str, int]]] = {}
    for article, company, units in bought:
        per.setdefault(article, []).append((company, units))
    return [
        {
            "name": article.name,
            "units": sum(units for _name, units in per[article.pk]),
            "cents": article.unit_price_cents or 0,
            "companies": per[article.pk],
        }
        for article in pool.articles.order_by("position")
        if article.pk in per
    ]


def store(pool: EmployeePool, *, signer: User, at: datetime) -> Document:
    """Print and keep the order, once."""
    found = rows(pool)
    supplier = pool.supplier
    lines = [
        {
            "name": row["name"],
            "units": str(row["units"]),
            "price": euros(row["cents"]).replace(".", ","),
            "total": euros(row["cents"] * row["units"]).replace(".", ","),
            "companies": [[name, str(units)] for name, units in row["companies"]],
        }
        for row in found
    ]
    data = {
        "number": pool.order_number,
        "date": f"{timezone.localdate(at):%d/%m/%Y}",
        "pool": pool.title,
        "supplier": [supplier.name, supplier.street, f"{supplier.postcode} {supplier.city}".strip()]
        if supplier
        else ["", "", ""],
        "expected_on": f"{pool.expected_on:%d/%m/%Y}" if pool.expected_on else "",
        "lines": lines,
        "total": euros(sum(row["cents"] * row["units"] for row in found)).replace(".", ","),
        "signed_by": signer.full_name or signer.email,
    }
    content = documents.render_pdf("purchasing/documents/employee_order.typ", data)
    return documents.store(
        kind="employee_order", name=f"{pool.order_number}.pdf", content=content, company=pool.company, at=at
    )


def send(pool: EmployeePool, file: Document, *, at: datetime) -> None:
    """Mail the order to the supplier's contacts; without one, whoever runs the pool downloads it."""
    if pool.supplier is None or is_silent():
        return
    for contact in pool.supplier.contacts.filter(receives_tenders=True).order_by("pk"):
        mail.queue(
            to=contact.email,
            template="purchasing/mail/employee_order",
            context={"pool": pool, "contact": contact},
            key=f"employee-order:{pool.pk}:{contact.pk}",
            language="fr",
            attachments=[file],
            at=at,
        )
