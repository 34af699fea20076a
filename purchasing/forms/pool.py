"""A pool, its lines, its calendar."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies.forms import CHOOSE, QuantityField
from companies.models import Membership, Role, User
from purchasing.models import Category, Pool, PoolLine, VatRate
from purchasing.services.pool import Calendar, PoolDraft

PERCENTS = [(0, "0 %"), (100, "1 %"), (150, "1,5 %"), (200, "2 %"), (300, "3 %"), (500, "5 %")]
MIXES = [(n, f"{n}\u00a0%") for n in (0, 10, 25, 50, 100)]
DATE = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
MOMENT = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
MOMENT_FORMATS = ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%d/%m/%Y %H:%M"]


class MomentField(forms.DateTimeField):
    """A day and a time in the association's zone."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
            input_formats=MOMENT_FORMATS,
            **kwargs,
        )


def evening(at: datetime, days: int) -> datetime:
    """The end of the working day, so many days later: what a deadline is proposed as."""
    day = timezone.localdate(at) + timedelta(days=days)
    return timezone.make_aware(datetime.combine(day, time(18, 0)))


class PoolForm(forms.ModelForm):
    """Words and policies. The defaults are the ones the association explains to its members."""

    fee_bp = forms.TypedChoiceField(label=_("Management fee"), choices=PERCENTS, coerce=int, initial=0)
    supplier_fee_bp = forms.TypedChoiceField(
        label=_("Commission of the supplier"),
        choices=PERCENTS,
        coerce=int,
        initial=0,
        required=False,
        empty_value=0,  # type: ignore[arg-type]  # what `coerce` makes
        help_text=_(
            "Only in the listing model: ERB invoices it to the supplier every month, on the net of its goods. Suppliers read "
            "it before they quote."
        ),
    )
    fairness_mix = forms.TypedChoiceField(
        label=_("Saving shared in proportion"),
        choices=MIXES,
        coerce=int,
        initial=0,
        required=False,
        empty_value=0,  # type: ignore[arg-type]  # what `coerce` makes
        help_text=_(
            "Only with “Nobody pays more than alone”. Choose more than 0 % where a large company reaches the best tier by "
            "itself and should gain something too."
        ),
    )
    consent_limit_bp = forms.TypedChoiceField(
        label=_("Change of price or quantity accepted without asking"),
        choices=PERCENTS,
        coerce=int,
        initial=200,
        required=False,
        empty_value=200,  # type: ignore[arg-type]  # what `coerce` makes
        help_text=_(
            "If the supplier raises a price or confirms less by more than this, every company must agree again; below, "
            "all are told. Another article always needs their word."
        ),
    )

    class Meta:
        model = Pool
        fields = ["title", "description", "category", "lead", "legal_model", "minimum_missed", "shortage", "freight",
                  "fairness", "fairness_mix", "dearer", "fee_bp", "supplier_fee_bp", "consent_limit_bp"]  # fmt: skip
        widgets = {"description": forms.Textarea(attrs={"rows": 2})}
        help_texts = {
            "legal_model": _(
                "Resale: the association buys, invoices you and collects. Agent: it buys in its own name for the companies, "
                "invoices their shares and collects. Listing: the supplier invoices each company and collects; the "
                "association bills its fee only. In the supplier's name: the association writes the supplier's invoices, by "
                "its signed mandate; the money goes to the supplier."
            ),
            "minimum_missed": _("What happens when companies commit to less than the supplier's minimum."),
            "fairness": _(
                "Whoever would pay more than alone is brought back to that price by those who save; that cannot be done where "
                "all together pay more than everybody alone."
            ),
            "dearer": _(
                "Looked at again as companies commit. Released companies are told at the lock and their needs are free again."
            ),
        }

    def __init__(self, *args: Any, staff: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["category"].choices = [("", _("Several")), *Category.choices]  # type: ignore[attr-defined]  # a field of choices has it
        self.fields["dearer"].required = False
        if staff:
            buyers = Membership.objects.filter(role=Role.BUYER).values("user")
            people = User.objects.filter(pk__in=buyers) | User.objects.filter(staff_role__isnull=False)
            self.fields["lead"].empty_label = CHOOSE  # type: ignore[attr-defined]  # a field of choices has it
            self.fields["lead"].queryset = people.distinct().order_by("full_name")  # type: ignore[attr-defined]  # a field of choices has it
        else:
            del self.fields["lead"]

    def clean_dearer(self) -> str:
        return self.cleaned_data["dearer"] or Pool.Dearer.ORDER

    def draft(self) -> PoolDraft:
        data = {name: value for name, value in self.cleaned_data.items() if name != "lead"}
        return PoolDraft(**data, lead=self.cleaned_data.get("lead"))


class PoolLineForm(forms.Form):
    """How one line of the pool is described to suppliers."""

    text = forms.CharField(label=_("Article"), max_length=200)
    details = forms.CharField(
        label=_("Details for the supplier"), required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    pack = QuantityField(label=_("Pack size"), min_value=1, initial=1)
    vat_bp = forms.TypedChoiceField(label=_("VAT rate"), choices=VatRate.choices, coerce=int, initial=2000)


class RegroupForm(forms.Form):
    """Where a need goes."""

    line = forms.ModelChoiceField(label=_("Line"), queryset=PoolLine.objects.none(), empty_label=CHOOSE)

    def __init__(self, *args: Any, pool: Pool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["line"].queryset = pool.lines.exclude(state="cancelled")  # type: ignore[attr-defined]  # a field of choices has it


class CalendarForm(forms.Form):
    """When companies may commit and when the order leaves."""

    closes_at = MomentField(
        label=_("Commitments until"), help_text=_("From this minute on nobody can commit or withdraw.")
    )
    completes_at = MomentField(
        label=_("Packs completed until"),
        required=False,
        help_text=_("Leave empty if no time is given to fill open packs."),
    )
    order_on = forms.DateField(label=_("Order on"), required=False, widget=DATE)

    def draft(self) -> Calendar:
        return Calendar(**self.cleaned_data)
