"""Questions, answers, reviews and replies as people type them."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from purchasing.models.review import CRITERIA

LABELS = {
    "quality": _("Quality of the goods"),
    "delivery": _("Delivery on time and complete"),
    "service": _("Service and answers"),
    "value": _("Value for the price"),
}
MARKS = [(str(n), str(n)) for n in range(1, 6)]


def _long(rows: int = 4) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows})


class QuestionForm(forms.Form):
    title = forms.CharField(label=_("Your question in one sentence"), max_length=160, required=False)
    text = forms.CharField(label=_("Details"), max_length=4_000, required=False, widget=_long())


class AnswerForm(forms.Form):
    text = forms.CharField(label=_("Your answer"), max_length=4_000, required=False, widget=_long())


class ReviewForm(forms.Form):
    """Four questions of one to five points, and words."""

    text = forms.CharField(
        label=_("What you want other buyers to know"), max_length=4_000, required=False, widget=_long()
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in CRITERIA:
            self.fields[name] = forms.ChoiceField(label=LABELS[name], choices=MARKS, widget=forms.RadioSelect)

    def marks(self) -> list[forms.BoundField]:
        return [self[name] for name in CRITERIA]

    def scores(self) -> dict[str, int]:
        return {name: int(self.cleaned_data[name]) for name in CRITERIA}


class ReplyForm(forms.Form):
    reply = forms.CharField(
        label=_("Your reply, published below the review"), max_length=4_000, required=False, widget=_long()
    )


class ComplaintForm(forms.Form):
    complaint = forms.CharField(
        label=_("What is untrue or out of place"), max_length=500, required=False, widget=_long(3)
    )


class ReasonForm(forms.Form):
    reason = forms.CharField(label=_("Reason, read by the person concerned"), max_length=200)
