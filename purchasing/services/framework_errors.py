"""What a framework agreement is refused for, in sentences."""

from django.utils.translation import gettext_lazy as _

from companies.errors import DomainError, Invalid


class FrameworkSigned(DomainError):
    code = "framework_signed"
    message = _("This agreement is signed: its terms no longer change. Prices may be revised from a later day on.")


class FrameworkIncomplete(DomainError):
    code = "framework_incomplete"
    message = _("Give every article a price from the first day on, and an e-mail address for orders.")


class DatesWrong(Invalid):
    code = "framework_dates_invalid"
    message = _("The agreement must end after it begins.")
    field = "ends_on"


class PricesWrong(Invalid):
    code = "framework_prices_invalid"
    message = _("Each tier needs its own quantity, and a larger quantity may not cost more per unit.")
    field = "tiers"


class PriceBackdated(Invalid):
    code = "framework_price_backdated"
    message = _("A revised price holds from tomorrow at the earliest: what was called off keeps its price.")
    field = "valid_from"


class LimitsWrong(Invalid):
    code = "framework_limits_invalid"
    message = _("The minimum cannot be above the maximum.")
    field = "most"


class QuotaTooLarge(Invalid):
    code = "framework_quota_above_maximum"
    message = _("The quotas and what companies without one have drawn come to more than the maximum.")
    field = "quantity"


class QuotaDrawn(Invalid):
    code = "framework_quota_below_drawn"
    message = _("This company has already drawn %(drawn)s.")
    field = "quantity"


class RebateTiersWrong(Invalid):
    code = "framework_rebate_invalid"
    message = _(
        "Give either a rate or an amount per unit in each tier, each with its own threshold. Value needs rates."
    )
    field = "rebate_tiers"


class NotAwarded(DomainError):
    code = "framework_not_awarded"
    message = _("This supplier has no confirmed award here.")


class ReasonMissing(Invalid):
    code = "reason_missing"
    message = _("Say why in a few words.")
    field = "reason"
