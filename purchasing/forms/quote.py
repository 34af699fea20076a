"""The supplier's form: four steps on a phone, one page for whoever has a mouse."""

from itertools import pairwise
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from companies.forms import MoneyField, QuantityField, UnitPriceField
from purchasing.models import PoolLine, Quote, QuoteLine
from purchasing.services.quote import OfferDraft, PriceZero, QuoteDraft

TIERS = 5
DATE = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class TermsForm(forms.Form):
    """Conditions of the whole quote. Minimum and free freight look at goods at tier price, before VAT and freight."""

    valid_until = forms.DateField(label=_("Prices valid until"), required=False, widget=DATE)
    lead_days = QuantityField(
        label=_("Delivery in … days"), required=False, help_text=_("From the order to the delivery.")
    )
    minimum_cents = MoneyField(
        label=_("Minimum order, before VAT"), required=False, help_text=_("Leave empty if there is none.")
    )
    freight_cents = MoneyField(
        label=_("Freight, before VAT"),
        required=False,
        help_text=_("For the whole delivery. Leave empty if it is free."),
    )
    franco_cents = MoneyField(
        label=_("Free freight from"),
        required=False,
        help_text=_("Value of the goods before VAT from which freight is free."),
    )
    payment_days = QuantityField(label=_("Payment in … days"), required=False)
    terms = forms.CharField(label=_("Remarks and conditions"), required=False, widget=forms.Textarea(attrs={"rows": 3}))
    signatory = forms.CharField(label=_("Your name"), max_length=120, required=False)

    def clean_lead_days(self) -> int | None:
        return _small(self.cleaned_data["lead_days"], 365, _("More than a year? Check the number of days."))

    def clean_payment_days(self) -> int | None:
        return _small(self.cleaned_data["payment_days"], 120, _("More than 120 days? Check the number of days."))


def _small(value: int | None, most: int, sentence: Any) -> int | None:
    if value is not None and value > most:
        raise forms.ValidationError(sentence)
    return value


class OfferForm(forms.Form):
    """One article: up to five tiers of price, pack, minimum."""

    pack = QuantityField(label=_("Sold by packs of"), required=False, min_value=1)
    moq = QuantityField(label=_("Minimum quantity"), required=False)
    available = QuantityField(label=_("Available at most"), required=False)
    reference = forms.CharField(label=_("Your reference"), max_length=60, required=False)
    note = forms.CharField(label=_("Remark"), max_length=200, required=False)

    def __init__(self, *args: Any, pool_line: PoolLine, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pool_line = pool_line
        for n in range(1, TIERS + 1):
            self.fields[f"from{n}"] = QuantityField(label=_("From quantity"), required=False, min_value=1)
            self.fields[f"price{n}"] = UnitPriceField(label=_("Unit price"), required=False)

    def tiers(self) -> list[tuple[Any, Any]]:
        """The pairs of fields, for the template."""
        return [(self[f"from{n}"], self[f"price{n}"]) for n in range(1, TIERS + 1)]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        found: dict[int, int] = {}
        for n in range(1, TIERS + 1):
            quantity, price = data.get(f"from{n}"), data.get(f"price{n}")
            if price is None and quantity is None:
                continue
            if price is None:
                if n > 1 and f"price{n}" not in self.errors:
                    self.add_error(f"price{n}", _("Give the price from this quantity on."))
                continue
            if price == 0:
                error = PriceZero(article=self.pool_line.text)
                self.add_error(f"price{n}", forms.ValidationError(error.sentence, code=error.code))
                continue
            quantity = quantity or (1 if n == 1 else None)
            if quantity is None:
                if f"from{n}" not in self.errors:
                    self.add_error(f"from{n}", _("From which quantity?"))
                continue
            if quantity in found:
                self.add_error(f"from{n}", _("This quantity already has a price."))
            found[quantity] = price
        self._check_falling(found)
        data["tiers"] = sorted(found.items())
        return data

    def _check_falling(self, found: dict[int, int]) -> None:
        ordered = sorted(found.items())
        for (_low, dear), (quantity, price) in pairwise(ordered):
            if price > dear:
                field = next(n for n in range(1, TIERS + 1) if self.cleaned_data.get(f"from{n}") == quantity)
                self.add_error(f"price{field}", _("A larger quantity costs more here. Check the two prices."))

    def draft(self) -> OfferDraft:
        """What is offered; without a price, that it is not."""
        data = self.cleaned_data
        return OfferDraft(
            pool_line=self.pool_line,
            tiers=data["tiers"],
            pack=data.get("pack") or 1,
            moq=data.get("moq") or 0,
            available=data.get("available"),
            reference=data.get("reference", ""),
            note=data.get("note", ""),
        )


def initial_terms(quote: Quote | None) -> dict[str, Any]:
    if quote is None:
        return {"payment_days": 30}
    names = ("valid_until", "lead_days", "franco_cents", "payment_days", "terms", "signatory")
    data = {name: getattr(quote, name) for name in names}
    return {**data, "minimum_cents": quote.minimum_cents or None, "freight_cents": quote.freight_cents or None}


def initial_offer(line: QuoteLine | None, pool_line: PoolLine) -> dict[str, Any]:
    if line is None:
        return {"pack": pool_line.pack if pool_line.pack > 1 else None, "from1": 1}
    data: dict[str, Any] = {"pack": line.pack, "moq": line.moq or None, "available": line.available,
                            "reference": line.reference, "note": line.note}  # fmt: skip
    for n, tier in enumerate(sorted(line.tiers.all(), key=lambda t: t.from_qty)[:TIERS], start=1):
        data[f"from{n}"], data[f"price{n}"] = tier.from_qty, tier.unit_price_e4
    return data


def terms_draft(form: TermsForm) -> QuoteDraft:
    """The conditions, without the offers."""
    data = form.cleaned_data
    return QuoteDraft(
        valid_until=data["valid_until"],
        minimum_cents=data["minimum_cents"] or 0,
        freight_cents=data["freight_cents"] or 0,
        franco_cents=data["franco_cents"],
        lead_days=data["lead_days"],
        payment_days=30 if data["payment_days"] is None else data["payment_days"],
        terms=data["terms"],
        signatory=data["signatory"],
    )
