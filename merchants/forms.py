"""Forms of the room. They read what people type; the services decide."""

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from companies.forms import CHOOSE
from merchants import opening
from merchants.models import Category, Merchant, Shop
from merchants.services.applications import AgreementMissing, SiretRefused, check_siret


class ApplicationForm(forms.Form):
    """A merchant applies."""

    name = forms.CharField(label=_("Trade name"), max_length=120)
    siret = forms.CharField(label="SIRET", max_length=20, help_text=_("14 digits, on your invoices."))
    category = forms.ModelChoiceField(Category.objects.all(), label=_("Category"), empty_label=CHOOSE)
    street = forms.CharField(label=_("Street and number"), max_length=160)
    postcode = forms.RegexField(r"^\d{5}$", label=_("Postcode"), initial="26100")
    city = forms.CharField(label=_("Town"), max_length=80)
    owner_name = forms.CharField(label=_("Your name"), max_length=120)
    email = forms.EmailField(
        label=_("Your e-mail address"), help_text=_("You sign in with a code sent to this address.")
    )
    phone = forms.CharField(label=_("Telephone"), max_length=20, required=False)
    agreed = forms.BooleanField(
        label=_("I accept the merchant agreement"), error_messages={"required": AgreementMissing.message}
    )

    def clean_siret(self) -> str:
        """Told with the other fields, not after them; the service has the last word."""
        try:
            return check_siret(self.cleaned_data["siret"])
        except SiretRefused as error:
            raise ValidationError(error.sentence) from error


class ShopForm(forms.Form):
    """A shop and its opening hours, one line of text per weekday."""

    name = forms.CharField(label=_("Name"), max_length=120)
    street = forms.CharField(label=_("Street and number"), max_length=160)
    postcode = forms.RegexField(r"^\d{5}$", label=_("Postcode"))
    city = forms.CharField(label=_("Town"), max_length=80)

    closures = forms.CharField(
        label=_("Exceptional closures"),
        required=False,
        max_length=800,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "25/12/2026\n01/08/2026 - 15/08/2026"}),
        help_text=_("One a line: a day, or a first and a last day."),
    )
    place = forms.RegexField(
        r"^\s*-?\d{1,2}\.\d{3,6}\s*[,; ]\s*-?\d{1,3}\.\d{3,6}\s*$",
        label=_("Place on the map"),
        required=False,
        help_text=_("Latitude and longitude, for instance 45.0463, 5.0508. Card holders then see how far you are."),
    )

    def __init__(self, *args: Any, shop: Shop | None = None, **kwargs: Any) -> None:
        if shop is not None:
            initial = {name: getattr(shop, name) for name in ("name", "street", "postcode", "city")}
            initial["closures"] = opening.show_closures(shop.closures)
            initial["place"] = f"{shop.lat}, {shop.lon}" if shop.lat is not None else ""
            kwargs["initial"] = initial | {f"day_{day}": opening.show_day(pairs) for day, pairs in shop.hours.items()}
        super().__init__(*args, **kwargs)
        for day in range(1, 8):
            self.fields[f"day_{day}"] = forms.CharField(
                label=str(WEEKDAYS[day - 1]).capitalize(), required=False, max_length=60
            )
            self.fields[f"day_{day}"].widget.attrs["placeholder"] = "9h-12h, 14h-19h"

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        hours = {}
        for day in range(1, 8):
            try:
                if pairs := opening.parse_day(data.pop(f"day_{day}", "")):
                    hours[str(day)] = pairs
            except ValueError:
                self.add_error(
                    f"day_{day}",
                    ValidationError(_("Write the hours like 9h-12h, 14h-19h, or leave it empty for closed.")),
                )
        try:
            data["closures"] = opening.parse_closures(data.get("closures", ""))
        except ValueError:
            self.add_error("closures", ValidationError(_("Write each day like 25/12/2026, one a line.")))
        place = re.split(r"[,; ]+", (data.pop("place", "") or "").strip())
        data["lat"], data["lon"] = (Decimal(place[0]), Decimal(place[1])) if len(place) == 2 else (None, None)
        if data["lat"] is not None and (abs(data["lat"]) > 90 or abs(data["lon"]) > 180):
            self.add_error("place", ValidationError(_("Latitudes go from −90 to 90, longitudes from −180 to 180.")))
        return data | {"hours": hours}


class PairingForm(forms.Form):
    """A new till."""

    shop = forms.ModelChoiceField(Shop.objects.none(), label=_("Shop"), empty_label=None)
    till_name = forms.CharField(
        label=_("Name of the till"), max_length=60, help_text=_("For instance: counter, or Marie's phone.")
    )

    def __init__(self, *args: Any, merchant: Merchant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        shops = merchant.shops.filter(closed_at__isnull=True)
        field = self.fields["shop"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = shops


class SearchForm(forms.Form):
    """Looking for an offer."""

    q = forms.CharField(label=_("Search"), required=False, max_length=80)
    category = forms.ModelChoiceField(
        Category.objects.all(), label=_("Category"), required=False, to_field_name="slug", empty_label=_("All")
    )
    open_now = forms.BooleanField(label=_("Open now"), required=False)
    mine = forms.BooleanField(label=_("My favourites"), required=False)


class CashierForm(forms.Form):
    """Somebody who works at a shop's tills."""

    shop = forms.ModelChoiceField(Shop.objects.none(), label=_("Shop"), empty_label=None)
    name = forms.CharField(label=_("First name or nickname"), max_length=40)
    pin = forms.CharField(
        label=_("PIN"), max_length=6, widget=forms.PasswordInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        help_text=_("Four to six digits, typed at the till when the cashier changes."),
    )  # fmt: skip

    def __init__(self, *args: Any, merchant: Merchant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["shop"].queryset = merchant.shops.filter(closed_at__isnull=True)  # type: ignore[attr-defined]  # a field of choices has it
