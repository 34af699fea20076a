"""A supplier's file and its price lists, as people type them; recurring needs."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from purchasing.models import RecurringNeed, SupplierDocument

DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class ClosureForm(forms.Form):
    starts_on = forms.DateField(label=_("From"), widget=DAY)
    ends_on = forms.DateField(label=_("Until"), widget=DAY)
    reason = forms.CharField(label=_("Reason"), max_length=80, required=False)


class DocumentForm(forms.Form):
    kind = forms.ChoiceField(label=_("Kind of document"), choices=SupplierDocument.Kind.choices)
    file: Any = forms.FileField(label=_("PDF file"))
    expires_on = forms.DateField(label=_("Valid until"), widget=DAY, required=False)


class ContactForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)
    email = forms.EmailField(label=_("E-mail"))
    phone = forms.CharField(label=_("Telephone"), max_length=30, required=False)
    receives_tenders = forms.BooleanField(label=_("receives requests for quotes"), required=False, initial=True)


class PriceListForm(forms.Form):
    """One file of a supplier."""

    file: Any = forms.FileField(
        label=_("CSV or spreadsheet"),
        help_text=_("One line per article, with at least a reference and a price before VAT."),
    )
    valid_from = forms.DateField(label=_("Prices hold from"), widget=DAY)
    full = forms.BooleanField(
        label=_("The file names everything the supplier sells: what is missing is no longer sold"), required=False
    )


class RecurringForm(forms.Form):
    """How often a request comes back."""

    every = forms.ChoiceField(label=_("How often"), choices=RecurringNeed.Every.choices)
    starts_on = forms.DateField(label=_("First on"), widget=DAY)
    ends_on = forms.DateField(label=_("Last on"), widget=DAY, required=False)
    lead_days = forms.IntegerField(label=_("Needed so many days later"), min_value=1, max_value=365, initial=30)
    submit = forms.BooleanField(
        label=_("Submit it at once"), required=False, help_text=_("Otherwise it waits as a draft for you to look at.")
    )
