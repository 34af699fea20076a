"""Budgets, approval levels and stand-ins, as people type them."""

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from companies.forms import CHOOSE, MoneyField
from companies.models import Company, User
from purchasing.authority import DECIDING
from purchasing.models import ApprovalLevel

DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class BudgetForm(forms.Form):
    """What one cost centre may commit in one year."""

    cost_centre = forms.CharField(label=_("Cost centre"), max_length=40)
    name = forms.CharField(label=_("In words"), max_length=80, required=False)
    amount = MoneyField(label=_("Budget before VAT, in €"))
    year = forms.TypedChoiceField(label=_("Year"), coerce=int, choices=[])

    def __init__(self, *args: Any, this_year: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        years: Any = self.fields["year"]
        years.choices = [(y, y) for y in (this_year, this_year + 1)]


class LevelForm(forms.Form):
    """Above so much, so many people."""

    above = MoneyField(label=_("Above, in €"))
    approvers = forms.TypedChoiceField(label=_("Approvers needed"), coerce=int, choices=[(n, n) for n in range(1, 6)])
    kind = forms.ChoiceField(label=_("Among them"), choices=ApprovalLevel.Kind.choices, required=False)


class _Person(forms.ModelChoiceField):
    def label_from_instance(self, user: User) -> str:
        return user.full_name or user.email


class DelegationForm(forms.Form):
    """Who is absent, who stands in, from when to when."""

    absent: Any = _Person(label=_("Who is absent"), queryset=User.objects.none(), empty_label=CHOOSE)
    stand_in: Any = _Person(label=_("Who stands in"), queryset=User.objects.none(), empty_label=CHOOSE)
    starts_on = forms.DateField(label=_("From"), widget=DAY)
    ends_on = forms.DateField(label=_("Until"), widget=DAY)
    reason = forms.CharField(label=_("Reason"), max_length=120, required=False)

    def __init__(self, *args: Any, company: Company, user: User, anybody: bool, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **{"initial": {"starts_on": today}, **kwargs})
        people = User.objects.filter(memberships__company=company, is_active=True).distinct().order_by("full_name")
        deciding = people.filter(memberships__role__in=DECIDING, memberships__company=company)
        self.fields["absent"].queryset = deciding if anybody else deciding.filter(pk=user.pk)  # type: ignore[attr-defined]  # a field of choices has it
        self.fields["stand_in"].queryset = people  # type: ignore[attr-defined]  # a field of choices has it
        if not anybody:
            self.fields["absent"].initial = user
