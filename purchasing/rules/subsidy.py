"""What a company adds to its employees' purchases, and how a refund goes back to both.

A price has two payers: the employee's card and the company. Nobody pays less than nothing, a card pays nothing or at
least `LEAST_OWN_CENTS`, and what a lock takes from a card is never more than what was reserved on it.
"""

from dataclasses import dataclass

from purchasing.rules.landed import half_up

LEAST_OWN_CENTS = 50  # Stripe takes no less from a card


@dataclass(frozen=True, slots=True)
class Promise:
    """A company's word for one pool: a rate in basis points or an amount, at most so much for one person."""

    percent_bp: int = 0
    amount_cents: int = 0
    person_cap_cents: int | None = None

    def of(self, price_cents: int) -> int:
        """The company's part of a price, total budget left aside.

        >>> Promise(percent_bp=1000, person_cap_cents=1500).of(18000)
        1500
        """
        part = half_up(price_cents * self.percent_bp, 10_000) if self.percent_bp else self.amount_cents
        return min(price_cents, part if self.person_cap_cents is None else min(part, self.person_cap_cents))


def subsidy(price_cents: int, percent: int, cap_cents: int | None) -> int:
    """The company's part of one employee's purchase.

    >>> subsidy(18000, 10, 1500)
    1500
    """
    return Promise(percent * 100, 0, cap_cents).of(price_cents) if percent else 0


def reserved(price_cents: int, promise: Promise | None, left_cents: int | None) -> int:
    """What the company promises when somebody commits at the dearest price; `left_cents` is left of its budget.

    >>> reserved(18000, Promise(percent_bp=1000), 700)
    700
    """
    part = promise.of(price_cents) if promise else 0
    if left_cents is not None:
        part = max(0, min(part, left_cents))
    return max(0, price_cents - LEAST_OWN_CENTS) if 0 < price_cents - part < LEAST_OWN_CENTS else part


def settled(price_cents: int, promise: Promise | None, dearest_cents: int, reserved_cents: int) -> int:
    """The company's part once the price has fallen from `dearest_cents`: its rule again, within what it had promised.

    The person never pays more than what was reserved: `price - settled <= dearest - reserved`.

    >>> settled(16000, Promise(percent_bp=1000, person_cap_cents=1500), 18000, 1500)
    1500
    """
    part = min(promise.of(price_cents) if promise else 0, reserved_cents)
    if dearest_cents == reserved_cents:  # the company pays everything: no card was asked
        return part
    return min(part, max(0, price_cents - LEAST_OWN_CENTS))


def refund(paid_cents: int, subsidy_cents: int, refunded_cents: int) -> tuple[int, int]:
    """Split a refund in proportion to who paid: `(to the company, to the person)`.

    Of two payers the largest remainder is the half-up rounding of one of them.

    >>> refund(18000, 1500, 9000)
    (750, 8250)
    """
    to_company = half_up(refunded_cents * subsidy_cents, paid_cents) if paid_cents else 0
    return to_company, refunded_cents - to_company
