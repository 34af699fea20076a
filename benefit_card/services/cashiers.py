"""Who works at a till: a PIN opens it, a signed pass carries the name with each sale until the evening."""

from datetime import datetime, timedelta

from django.core import signing

from benefit_card import limits, refusals
from companies import audit
from merchants.models import Cashier, Till
from merchants.services.cashiers import pin_matches

SALT = "benefit_card.cashier"
LIVES = timedelta(hours=16)


def sign_in(*, till: Till, cashier: int, pin: str, at: datetime) -> tuple[Cashier, str]:
    """Return the cashier and the pass; five wrong PINs lock this cashier at this till for a quarter of an hour."""
    key = f"{till.pk}:{cashier}"
    limits.check(limits.WRONG_PINS, key)
    row = Cashier.objects.working().filter(pk=cashier, shop_id=till.shop_id).first()
    if row is None or not pin_matches(row, pin):
        limits.count(limits.WRONG_PINS, key)
        audit.record(
            "till.pin_wrong", target=till, at=at, actor=None, actor_label=f"till {till.pk}", data={"cashier": cashier}
        )
        raise refusals.PinWrong
    limits.forget(limits.WRONG_PINS, key)
    return row, signing.dumps({"cashier": row.pk, "till": till.pk}, salt=SALT)


def of_pass(text: str, *, till: Till, fresh: bool = True) -> int | None:
    """The cashier a pass stands for, if it was given at this till; None for anything else."""
    if not text:
        return None
    try:
        said = signing.loads(text, salt=SALT, max_age=LIVES if fresh else None)
    except signing.BadSignature:
        return None
    return int(said["cashier"]) if said.get("till") == till.pk else None


def working(text: str, *, till: Till) -> int | None:
    """Who works, for a sale at the counter; raises when the shop has cashiers and the pass is none of theirs."""
    if not getattr(till, "has_cashiers", False):
        return None
    cashier = of_pass(text, till=till)
    if cashier is None or not Cashier.objects.working().filter(pk=cashier, shop_id=till.shop_id).exists():
        raise refusals.CashierRequired
    return cashier
