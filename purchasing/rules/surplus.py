"""Surplus between members: what is spare after sharing, and how much of an offer may still be taken."""


def spare(received: int, wanted: int, offered: int) -> int:
    """Units of a company beyond what it wanted, which it has not offered yet: the rest of a pack.

    >>> spare(14, 12, 0), spare(14, 12, 2), spare(9, 10, 0)
    (2, 0, 0)
    """
    return max(0, received - wanted - offered)


def refusal(asked: int, *, quantity: int, taken: int, lot: int) -> str:
    """Why so many units cannot be reserved: `quantity`, `gone`, `too_much` or `lot`; empty when they can.

    Whole lots, or all that is left.

    >>> refusal(4, quantity=10, taken=0, lot=4), refusal(2, quantity=10, taken=8, lot=4), refusal(3, quantity=10, taken=0, lot=4)
    ('', '', 'lot')
    """
    left = quantity - taken
    if asked < 1:
        return "quantity"
    if left <= 0:
        return "gone"
    if asked > left:
        return "too_much"
    return "" if asked % lot == 0 or asked == left else "lot"
