"""The form of an offer's terms. It reads what people type; the services decide."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from companies.forms import MoneyField
from merchants import opening, selectors
from merchants.models import Combine, Contract, Kind, OfferVersion, OfflinePolicy, Period
from merchants.models.offer import SIZES
from merchants.services import OfferTerms


class DayInput(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


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
    picture = forms.FileField(
        label=_("Picture"),
        required=False,
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp"}),
        help_text=_("JPEG, PNG or WebP, 12 MB at most. It is made smaller, and place and camera are taken out."),
    )
    no_picture = forms.BooleanField(label=_("Show no picture"), required=False)
    picture_id = forms.UUIDField(required=False, widget=forms.HiddenInput)
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
    hours = forms.CharField(
        label=_("Hours"),
        required=False,
        max_length=120,
        widget=forms.TextInput(attrs={"placeholder": "11:30-12:15, 18:00-19:00"}),
        help_text=_("Empty: all day. Several spans with commas between them; 21:30-1:00 goes past midnight."),
    )
    starts_on = forms.DateField(label=pgettext_lazy("offer", "First day"), widget=DayInput)
    ends_on = forms.DateField(
        label=pgettext_lazy("offer", "Last day"),
        required=False,
        widget=DayInput,
        help_text=_("Empty: until you end it."),
    )
    excluded = forms.CharField(
        label=_("Excluded days"),
        required=False,
        max_length=1200,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "14/07/2027\n08/01/2027 - 04/02/2027"}),
        help_text=_("One a line: a day, or a first and a last day. For instance the sales."),
    )
    per_person_limit = forms.IntegerField(
        label=_("Uses per person"),
        min_value=1,
        max_value=1000,
        required=False,
        help_text=_("Empty: as often as they come."),
    )
    period = forms.ChoiceField(label=pgettext_lazy("offer", "Counted"), choices=Period.choices, initial=Period.MONTH)
    window_days = forms.IntegerField(
        label=_("Days in a row"), min_value=1, max_value=366, required=False,
        help_text=_("For instance 30: at most so many uses in any 30 days."),
    )  # fmt: skip
    first_visit = forms.BooleanField(
        label=_("First visit only"), required=False, help_text=_("For people whose card was never used at your shops.")
    )
    combine = forms.ChoiceField(label=_("On the same day it may be used"), choices=Combine.choices, initial=Combine.ANY)
    employers = forms.CharField(
        label=_("For employees of"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "Cuirs du Vercors\nCuirs du Vercors / Atelier"}),
        help_text=_("One company a line, by name or SIREN; “company / site” for one site. Empty: for everybody."),
    )
    sizes = forms.MultipleChoiceField(
        label=_("For companies with so many employees"),
        choices=[(size, size.replace("-", "–")) for size in SIZES],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None: every size."),
    )
    contract = forms.ChoiceField(label=_("For people with"), choices=Contract.choices, initial=Contract.ANY)
    stock = forms.IntegerField(
        label=_("Uses in all"), min_value=0, max_value=1_000_000, required=False, help_text=_("Empty: no limit.")
    )
    offline = forms.ChoiceField(
        label=_("Without network, accept"), choices=OfflinePolicy.choices, initial=OfflinePolicy.ONLINE
    )

    SECTIONS = (
        (
            _("What"),
            ("kind", "percent", "cap_cents", "amount_cents", "gift", "title", "description", "picture", "no_picture"),
        ),
        (_("When"), ("starts_on", "ends_on", "days", "hours", "excluded")),
        (
            _("Limits"),
            (
                "min_spend_cents",
                "per_person_limit",
                "period",
                "window_days",
                "stock",
                "first_visit",
                "combine",
                "offline",
            ),
        ),
        (_("For whom"), ("employers", "sizes", "contract")),
    )
    FOR_KIND = {"percent": Kind.PERCENT, "cap_cents": Kind.PERCENT, "amount_cents": Kind.FIXED, "gift": Kind.GIFT}
    FOR_PERIOD = {"window_days": Period.ROLLING}

    def __init__(self, *args: Any, version: OfferVersion | OfferTerms | None = None, **kwargs: Any) -> None:
        if version is not None:
            initial = {name: getattr(version, name) for name in OfferTerms.__dataclass_fields__}
            initial["days"] = [bit for bit in range(7) if version.weekdays >> bit & 1]
            initial["hours"] = opening.show_day(version.hours)
            initial["excluded"] = opening.show_closures(version.excluded)
            initial["employers"] = "\n".join(selectors.employer_names(version.companies, version.sites))
            kwargs["initial"] = initial
        super().__init__(*args, **kwargs)
        if not self["picture_id"].value():
            del self.fields["no_picture"]

    def sections(self) -> list[tuple[Any, list[tuple[str, str, forms.BoundField]]]]:
        """Fields by step, each with the kind and the period it belongs to ("" for every one)."""
        return [
            (
                title,
                [
                    (self.FOR_KIND.get(name, ""), self.FOR_PERIOD.get(name, ""), self[name])
                    for name in names
                    if name in self.fields
                ],
            )
            for title, names in self.SECTIONS
        ]

    def clean_hours(self) -> list[list[str]]:
        try:
            return opening.parse_spans(self.cleaned_data["hours"])
        except ValueError:
            raise ValidationError(_("Write hours like 11:30-12:15, 18:00-19:00.")) from None

    def clean_excluded(self) -> list[list[str]]:
        try:
            return opening.parse_closures(self.cleaned_data["excluded"])
        except ValueError:
            raise ValidationError(_("Write each day like 25/12/2026, one a line.")) from None

    def clean_employers(self) -> tuple[list[int], list[int]]:
        companies, sites, unknown = selectors.find_employers(self.cleaned_data["employers"].splitlines())
        if unknown:
            raise ValidationError(_("Not found among the members: %(names)s.") % {"names": ", ".join(unknown)})
        return companies, sites

    def terms(self) -> OfferTerms:
        """The clean values as terms."""
        data = dict(self.cleaned_data)
        days = data.pop("days")
        data.pop("picture")
        if data.pop("no_picture", False):
            data["picture_id"] = None
        data["companies"], data["sites"] = data.pop("employers")
        for name, kind in self.FOR_KIND.items():
            if data["kind"] != kind:
                data[name] = "" if name == "gift" else None
        if data["period"] != Period.ROLLING:
            data["window_days"] = None
        if data["first_visit"]:
            data |= {"per_person_limit": 1, "period": Period.EVER, "window_days": None}
        data["min_spend_cents"] = data["min_spend_cents"] or 0
        return OfferTerms(**data, weekdays=sum(1 << bit for bit in days))


class PlanForm(forms.Form):
    """When an offer is published, or prepared terms come into force."""

    due_at = forms.DateTimeField(
        label=_("Day and hour"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    )
