"""What people type about groups and meetings."""

from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies.models import User, WorkingGroup
from companies.services.meetings import Draft


class GroupForm(forms.Form):
    name = forms.CharField(label=_("Name of the group"), max_length=120)
    purpose = forms.CharField(label=_("What it is for"), required=False, widget=forms.Textarea(attrs={"rows": 2}))


class MeetingForm(forms.Form):
    title = forms.CharField(label=_("Title of the meeting"), max_length=160)
    day = forms.DateField(label=_("Day"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
    begins = forms.TimeField(label=_("Begins"), widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}))
    ends = forms.TimeField(label=_("Ends"), widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}))
    place = forms.CharField(label=_("Place or link"), max_length=200, required=False)
    agenda = forms.CharField(
        label=_("Agenda"),
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_("One point per line; planned minutes in brackets: Heating pellets (20)"),
    )

    def _at(self, name: str) -> datetime:
        return timezone.make_aware(datetime.combine(self.cleaned_data["day"], self.cleaned_data[name]))

    def draft(self) -> Draft:
        data = self.cleaned_data
        return Draft(data["title"], self._at("begins"), self._at("ends"), data["place"], data["agenda"])


class DecisionForm(forms.Form):
    text = forms.CharField(label=_("Decision"), max_length=500, required=False)
    owner = forms.ModelChoiceField(
        label=_("Who does it"),
        queryset=User.objects.none(),
        required=False,
        empty_label=_("Nobody: it is only decided"),
    )
    due_on = forms.DateField(
        label=_("To be done by"), required=False, widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )

    def __init__(self, *args: Any, group: WorkingGroup, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = group.members.filter(left_at__isnull=True).values("user")
        self.fields["owner"].queryset = User.objects.filter(pk__in=people).order_by("full_name")  # type: ignore[attr-defined]  # a field of choices has it
