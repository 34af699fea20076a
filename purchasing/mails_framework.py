"""The letters of framework agreements: they end soon, and what a year brought back."""

from collections.abc import Sequence
from datetime import datetime

from django.urls import reverse

from companies import mail
from companies.models import Company, Role
from purchasing.mails_back import is_silent, tell
from purchasing.models import FrameworkAgreement, FrameworkRebate, RebateShare


def ending(agreement: FrameworkAgreement, companies: Sequence[Company], days: int, *, at: datetime) -> None:
    """Tell whoever is responsible, and the buyers of companies that drew on it. Once per threshold."""
    if is_silent():
        return
    key = f"framework-ending:{agreement.pk}:{agreement.ends_on}:{days}"
    user = agreement.responsible
    mail.queue(
        to=user.email,
        template="purchasing/mail/framework_ending",
        context={
            "user": user,
            "agreement": agreement,
            "link": mail.absolute(reverse("purchasing:framework", args=[agreement.pk])),
        },
        key=key,
        language=user.language,
        at=at,
    )
    for company in companies:
        link = mail.absolute(reverse("purchasing:company_framework", args=[company.pk, agreement.pk]))
        tell(company, "framework_ending", key, at, agreement=agreement, link=link)


def rebate_issued(rebate: FrameworkRebate, parts: Sequence[RebateShare], *, at: datetime) -> None:
    """Tell buyers and accountants of each company its part, with the sheet that proves it."""
    for part in parts:
        link = mail.absolute(reverse("purchasing:rebate_proof", args=[part.company_id, rebate.pk]))
        tell(
            part.company,
            "rebate_issued",
            f"rebate:{rebate.pk}",
            at,
            Role.BUYER,
            Role.ACCOUNTANT,
            rebate=rebate,
            agreement=rebate.agreement,
            cents=part.net_cents,
            back=-part.net_cents,
            link=link,
        )
