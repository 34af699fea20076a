"""What members type on the buyers' exchange."""

from datetime import datetime, time
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies.forms import QuantityField, UnitPriceField
from companies.models import Company
from purchasing.models import Article, Unit, VatRate
from purchasing.services.surplus import Draft


def _day(**attributes: str) -> forms.DateInput:
    return forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", **attributes})


def end_of(day: Any) -> datetime:
    """The last moment of a day in the association's time."""
    return timezone.make_aware(datetime.combine(day, time(23, 59, 59)))


class OfferForm(forms.Form):
    """An offer of units a member does not need."""

    article = forms.ModelChoiceField(
        label=_("Article of the catalogue"), queryset=Article.objects.none(), required=False,
        empty_label=_("Something else: describe it below"),
    )  # fmt: skip
    text = forms.CharField(label=_("What you offer"), max_length=200, required=False)
    quantity = QuantityField(label=_("Quantity"), min_value=1)
    unit = forms.ChoiceField(label=_("Unit"), choices=Unit.choices)
    lot = QuantityField(
        label=_("Only in lots of"), min_value=1, required=False, help_text=_("Leave it empty if any quantity will do.")
    )
    price = UnitPriceField(label=_("Unit price before VAT"), min_value=0, help_text=_("In euros; 0 to give it away."))
    vat_bp = forms.TypedChoiceField(label=_("VAT rate"), choices=VatRate.choices, coerce=int, initial=VatRate.STANDARD)
    description = forms.CharField(
        label=_("State, size, remarks"), required=False, max_length=2_000, widget=forms.Textarea(attrs={"rows": 3})
    )
    site = forms.ModelChoiceField(
        label=_("Collected at"), queryset=Company.objects.none(), required=False, empty_label=_("To be agreed")
    )
    best_before = forms.DateField(label=_("Use before"), required=False, widget=_day())
    expires_on = forms.DateField(
        label=_("On offer until"), required=False, widget=_day(), help_text=_("Leave it empty for 30 days.")
    )

    def __init__(self, *args: Any, company: Company, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["article"].queryset = Article.objects.filter(active=True)  # type: ignore[attr-defined]  # a field of choices has it
        self.fields["site"].queryset = company.sites.all()  # type: ignore[attr-defined]  # a field of choices has it

    def draft(self) -> Draft:
        data = self.cleaned_data
        return Draft(
            text=data["text"],
            quantity=data["quantity"],
            unit_price_e4=data["price"],
            unit=data["unit"],
            vat_bp=data["vat_bp"],
            lot=data["lot"] or 1,
            description=data["description"],
            article=data["article"],
            site=data["site"],
            best_before=data["best_before"],
            expires_at=end_of(data["expires_on"]) if data["expires_on"] else None,
        )


class OfferChangeForm(forms.Form):
    """What may still change once an offer is out."""

    quantity = QuantityField(label=_("Quantity in all"), min_value=1)
    price = UnitPriceField(label=_("Unit price before VAT"), min_value=0)
    expires_on = forms.DateField(label=_("On offer until"), widget=_day())


class ReserveForm(forms.Form):
    """How many units, and the try's own number so that a second click is the same reservation."""

    quantity = QuantityField(label=_("Quantity"), min_value=1)
    client_id = forms.UUIDField(widget=forms.HiddenInput)
