"""Forms of the room. They read what people type; the services decide."""

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from companies.forms import MoneyField
from merchants import opening
from merchants.models import Category, Kind, Merchant, OfferVersion, OfflinePolicy, Period, Shop
from merchants.services import OfferTerms


class ApplicationForm(forms.Form):
    """A merchant applies."""

    name = forms.CharField(label=_("Trade name"), max_length=120)
    siret = forms.CharField(label="SIRET", max_length=20, help_text=_("14 digits, on your invoices."))
    category = forms.ModelChoiceField(Category.objects.all(), label=_("Category"))
    street = forms.CharField(label=_("Street and number"), max_length=160)
    postcode = forms.RegexField(r"^\d{5}$", label=_("Postcode"), initial="26100")
    city = forms.CharField(label=_("Town"), max_length=80)
    owner_name = forms.CharField(label=_("Your name"), max_length=120)
    email = forms.EmailField(
        label=_("Your e-mail address"), help_text=_("You sign in with a code sent to this address.")
    )
    phone = forms.CharField(label=_("Telephone"), max_length=20, required=False)
    agreed = forms.BooleanField(label=_("I accept the merchant agreement"), required=False)


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
        return data | {"hours": hours}


class DayInput(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class ClockInput(forms.TimeInput):
    input_type = "time"

    def __init__(self) -> None:
        super().__init__(format="%H:%M")


class OfferForm(forms.Form):
    """The terms of an offer. Fields of another kind than the chosen one are ignored."""

    kind = forms.ChoiceField(
        label=_("What does the holder get?"), choices=Kind.choices, widget=forms.RadioSelect, initial=Kind.PERCENT
    )
    percent = forms.IntegerField(label=_("Percentage off"), min_value=1, max_value=100, required=False)
    cap_cents = MoneyField(label=_("At most, in euros"), required=False, min_value=1, help_text=_("Empty: no ceiling."))
    amount_cents = MoneyField(label=_("Amount off, in euros"), required=False, min_value=1)
    gift = forms.CharField(
        label=_("Gift"), max_length=80, required=False, help_text=_("For instance: a coffee with every menu.")
    )
    title = forms.CharField(label=_("Title"), max_length=80, help_text=_("What employees read first, in a few words."))
    description = forms.CharField(
        label=_("Details"),
        max_length=400,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("For instance: not on sale items."),
    )
    min_spend_cents = MoneyField(
        label=_("Minimum purchase, in euros"), required=False, help_text=_("Empty: from the first cent.")
    )
    days = forms.TypedMultipleChoiceField(
        label=_("Weekdays"),
        coerce=int,
        choices=list(WEEKDAYS.items()),
        widget=forms.CheckboxSelectMultiple,
        initial=list(range(7)),
    )
    from_time = forms.TimeField(label=pgettext_lazy("time", "From"), required=False, widget=ClockInput)
    until_time = forms.TimeField(label=pgettext_lazy("time", "Until"), required=False, widget=ClockInput)
    starts_on = forms.DateField(label=pgettext_lazy("offer", "First day"), widget=DayInput)
    ends_on = forms.DateField(
        label=pgettext_lazy("offer", "Last day"),
        required=False,
        widget=DayInput,
        help_text=_("Empty: until you end it."),
    )
    per_person_limit = forms.IntegerField(
        label=_("Uses per person"),
        min_value=1,
        max_value=1000,
        required=False,
        help_text=_("Empty: as often as they come."),
    )
    period = forms.ChoiceField(label=pgettext_lazy("offer", "Counted"), choices=Period.choices, initial=Period.MONTH)
    stock = forms.IntegerField(
        label=_("Uses in all"), min_value=0, max_value=1_000_000, required=False, help_text=_("Empty: no limit.")
    )
    offline = forms.ChoiceField(
        label=_("Without network, accept"), choices=OfflinePolicy.choices, initial=OfflinePolicy.ONLINE
    )

    SECTIONS = (
        (_("What"), ("kind", "percent", "cap_cents", "amount_cents", "gift", "title", "description")),
        (_("When"), ("starts_on", "ends_on", "days", "from_time", "until_time")),
        (_("Limits"), ("min_spend_cents", "per_person_limit", "period", "stock", "offline")),
    )
    FOR_KIND = {"percent": Kind.PERCENT, "cap_cents": Kind.PERCENT, "amount_cents": Kind.FIXED, "gift": Kind.GIFT}

    def __init__(self, *args: Any, version: OfferVersion | None = None, **kwargs: Any) -> None:
        if version is not None:
            initial = {name: getattr(version, name) for name in OfferTerms.__dataclass_fields__}
            initial["days"] = [bit for bit in range(7) if version.weekdays >> bit & 1]
            kwargs["initial"] = initial
        super().__init__(*args, **kwargs)

    def sections(self) -> list[tuple[Any, list[tuple[str, forms.BoundField]]]]:
        """Fields by step, each with the kind it belongs to ("" for every kind)."""
        return [
            (title, [(self.FOR_KIND.get(name, ""), self[name]) for name in names]) for title, names in self.SECTIONS
        ]

    def terms(self) -> OfferTerms:
        """The clean values as terms."""
        data = dict(self.cleaned_data)
        days = data.pop("days")
        for name, kind in self.FOR_KIND.items():
            if data["kind"] != kind:
                data[name] = "" if name == "gift" else None
        data["min_spend_cents"] = data["min_spend_cents"] or 0
        return OfferTerms(**data, weekdays=sum(1 << bit for bit in days))


class PairingForm(forms.Form):
    """A new till."""

    shop = forms.ModelChoiceField(Shop.objects.none(), label=_("Shop"))
    till_name = forms.CharField(
        label=_("Name of the till"), max_length=60, help_text=_("For instance: counter, or Marie's phone.")
    )

    def __init__(self, *args: Any, merchant: Merchant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        shops = merchant.shops.filter(closed_at__isnull=True)
        field = self.fields["shop"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = shops
        field.empty_label = None


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
        self.fields["shop"].queryset = merchant.shops.filter(closed_at__isnull=True)  # type: ignore[attr-defined]
