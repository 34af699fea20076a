"""What a company adds to its employees' purchases, and how a refund goes back to both."""

from purchasing.rules.landed import half_up


def subsidy(price_cents: int, percent: int, cap_cents: int | None) -> int:
    """The company's part of one employee's purchase.

    >>> subsidy(18000, 10, 1500)
    1500
    """
    part = half_up(price_cents * percent, 100)
    return min(price_cents, part if cap_cents is None else min(part, cap_cents))


def refund(paid_cents: int, subsidy_cents: int, refunded_cents: int) -> tuple[int, int]:
    """Split a refund in proportion to who paid: `(to the company, to the person)`.

    >>> refund(18000, 1500, 9000)
    (750, 8250)
    """
    to_company = half_up(refunded_cents * subsidy_cents, paid_cents) if paid_cents else 0
    return to_company, refunded_cents - to_company
