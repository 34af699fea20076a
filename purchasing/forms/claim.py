"""What people type about goods that were not as agreed."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from companies.forms import MoneyField, QuantityField
from purchasing.forms.delivery import PhotosField
from purchasing.models import Claim, ClaimAnswer, PurchaseOrderLine
from purchasing.services.claims import Word


class ClaimForm(forms.Form):
    """What is wrong, with how many units, how much it is worth, and photos."""

    kind = forms.ChoiceField(label=_("What is wrong"), choices=Claim.Kind.choices, widget=forms.RadioSelect)
    text = forms.CharField(
        label=_("Tell what happened"), max_length=2_000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    asked = MoneyField(
        label=_("Credit you ask for, before VAT"), required=False, help_text=_("Leave it empty if you do not know.")
    )
    photos = PhotosField(label=_("Photos"), help_text=_("JPEG, PNG or WebP, at most 12 MB each."))

    def __init__(self, *args: Any, lines: Sequence[tuple[PurchaseOrderLine, int]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lines = lines
        for line, _most in lines:
            self.fields[f"units{line.pk}"] = QuantityField(label=_("Units concerned"), required=False)

    def rows(self) -> list[tuple[PurchaseOrderLine, int, Any]]:
        return [(line, most, self[f"units{line.pk}"]) for line, most in self.lines]

    def word(self) -> Word:
        data = self.cleaned_data
        return Word(
            data["kind"],
            data["text"],
            {line.pk: data.get(f"units{line.pk}") or 0 for line, _most in self.lines},
            data.get("asked"),
            data["photos"],
        )


class ClaimAnswerForm(forms.Form):
    """The supplier's answer: three buttons' worth of choice, an amount, a sentence, photos."""

    verdict = forms.ChoiceField(label=_("Your answer"), choices=ClaimAnswer.Verdict.choices, widget=forms.RadioSelect)
    offered = MoneyField(label=_("Credit before VAT"), required=False)
    text = forms.CharField(
        label=_("Remark"), max_length=2_000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    photos = PhotosField(label=_("Photos"), help_text=_("JPEG, PNG or WebP, at most 12 MB each."))


class ClaimEndForm(forms.Form):
    """How a claim ends."""

    outcome = forms.ChoiceField(label=_("Outcome"), choices=Claim.Outcome.choices)
    credit = MoneyField(
        label=_("Credit before VAT"),
        required=False,
        help_text=_("Shared between the companies like the goods; each gets a credit note."),
    )
    with_costs = forms.BooleanField(
        label=_("Give back freight and fee too, in proportion to the goods credited"), required=False
    )
    reason = forms.CharField(
        label=_("Reason, read by the companies"),
        max_length=200,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
