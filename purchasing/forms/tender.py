"""A tender as the buyer prepares it, and the award."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from companies.forms import CHOOSE, MoneyField
from purchasing.award_case import Options
from purchasing.forms.pool import MomentField
from purchasing.models import Category, Supplier, Tender


class TenderForm(forms.Form):
    """What suppliers are told."""

    deadline = MomentField(label=_("Answers until"), help_text=_("Later answers are kept as late."))
    sealed = forms.BooleanField(
        label=_("Keep quotes sealed until they are opened"),
        required=False,
        initial=True,
        help_text=_("Nobody at the association reads a price before; who opens them is recorded."),
    )
    deliver_to = forms.CharField(label=_("Delivery place"), max_length=200, required=False)
    message = forms.CharField(
        label=_("Message to the suppliers"), required=False, widget=forms.Textarea(attrs={"rows": 3})
    )


class InviteForm(forms.Form):
    """Suppliers to ask."""

    suppliers = forms.ModelMultipleChoiceField(
        label=_("Suppliers"), queryset=Supplier.objects.none(), widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, tender: Tender, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        asked = tender.invitations.values("supplier")
        suppliers = Supplier.objects.filter(active=True, contacts__receives_tenders=True).exclude(pk__in=asked)
        self.fields["suppliers"].queryset = suppliers.distinct()  # type: ignore[attr-defined]  # a field of choices has it


class PostponeForm(forms.Form):
    deadline = MomentField(label=_("New deadline"))


class AwardForm(forms.Form):
    """One choice per line, and why."""

    reason = forms.CharField(
        label=_("Why this choice"),
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Kept with the award: price, delay, quality, neighbourhood…"),
    )

    def choices(self) -> dict[int, int]:
        """Pool line id → quote line id, from the radio buttons of the comparison."""
        found: dict[int, int] = {}
        for name, value in self.data.items():
            if (
                name.startswith("line-")
                and name[5:].isdecimal()
                and len(name) < 24
                and str(value).isdecimal()
                and len(str(value)) < 19
            ):
                found[int(name[5:])] = int(value)
        return found


class StudyForm(forms.Form):
    """What a computation assumes; everything empty means the cheapest of all quotes."""

    exclude = forms.ModelMultipleChoiceField(
        label=_("Leave out"),
        queryset=Supplier.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    max_suppliers = forms.IntegerField(label=_("Suppliers at most"), min_value=1, max_value=1000, required=False)
    local_percent = forms.IntegerField(
        label=_("Prefer local suppliers, in %"),
        min_value=0,
        max_value=50,
        required=False,
        help_text=_("Their goods are judged that much cheaper; the amounts shown stay real."),
    )
    local_postcode = forms.RegexField(
        regex=r"^[0-9]{0,5}$",
        label=_("Local also means a postcode that begins with"),
        max_length=5,
        required=False,
    )
    seconds = forms.TypedChoiceField(
        label=_("Time at most"),
        coerce=int,
        initial=60,
        choices=[(10, _("10 seconds")), (60, _("1 minute")), (300, _("5 minutes"))],
    )

    def __init__(self, *args: Any, tender: Tender, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        asked = tender.invitations.values("supplier")
        self.fields["exclude"].queryset = Supplier.objects.filter(pk__in=asked)  # type: ignore[attr-defined]  # a field of choices has it

    def options(self) -> Options:
        data = self.cleaned_data
        return Options(
            tuple(supplier.pk for supplier in data["exclude"]),
            data["max_suppliers"],
            data["local_percent"] or 0,
            data["local_postcode"],
        )


class SupplierForm(forms.ModelForm):
    """A supplier and its contact for tenders."""

    minimum_cents = MoneyField(label=_("Minimum order"), required=False)
    franco_cents = MoneyField(label=_("Free freight from"), required=False)
    contact_name = forms.CharField(label=_("Contact"), max_length=120)
    contact_email = forms.EmailField(label=_("E-mail for requests for quotes"))
    contact_phone = forms.CharField(label=_("Telephone"), max_length=30, required=False)

    class Meta:
        model = Supplier
        fields = ["name", "category", "street", "postcode", "city", "siren", "minimum_cents", "franco_cents", "lead_days",
                  "local", "active", "notes"]  # fmt: skip
        widgets = {"notes": forms.Textarea(attrs={"rows": 2})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["category"].choices = [("", CHOOSE), *Category.choices]  # type: ignore[attr-defined]  # a field of choices has it

    def clean_minimum_cents(self) -> int:
        return self.cleaned_data["minimum_cents"] or 0
