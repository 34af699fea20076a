"""What people type, photograph and sign at a delivery."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from companies.forms import QuantityField
from companies.pictures import MOST_BYTES, PictureRefused
from purchasing.models import PurchaseOrderLine
from purchasing.services.delivery import Count
from purchasing.services.door import WhyRefused
from purchasing.services.goods_release import ReleaseReasonMissing


class _Files(forms.ClearableFileInput):
    allow_multiple_selected = True


class PhotosField(forms.FileField):
    """Several photos at once; the clean value is a list of their bytes. Too large a file is not even read."""

    def __init__(self, **kwargs: Any) -> None:
        widget = _Files(attrs={"accept": "image/jpeg,image/png,image/webp", "multiple": True})
        super().__init__(**{"widget": widget, "required": False, "max_length": 200, **kwargs})

    def clean(self, data: Any, initial: Any = None) -> list[bytes]:
        given = data if isinstance(data, list | tuple) else [data] if data else []
        files: list[UploadedFile] = [super(PhotosField, self).clean(one, initial) for one in given if one]
        if self.required and not files:
            super().clean(None, initial)
        if any((file.size or 0) > MOST_BYTES for file in files):
            raise forms.ValidationError(PictureRefused.message, code=PictureRefused.code)
        return [file.read() for file in files]


class ReleaseForm(forms.Form):
    """Why goods may leave although their company's money is not certain."""

    reason = forms.CharField(
        label=_("Why the goods may leave"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": ReleaseReasonMissing.message},
    )


class ReceiptForm(forms.Form):
    """A delivery: per line what was counted, what is refused, what came instead."""

    number = forms.IntegerField(widget=forms.HiddenInput)
    delivery_note = forms.CharField(label=_("Delivery note number"), max_length=60, required=False)
    notes = forms.CharField(
        label=_("Reserves and remarks"),
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_(
            "Write precise reserves on the carrier's paper too: “2 boxes crushed”, not “subject to unpacking”."
        ),
    )
    photos = PhotosField(label=_("Photos of the damage"), help_text=_("JPEG, PNG or WebP, at most 12 MB each."))

    def __init__(self, *args: Any, lines: Sequence[PurchaseOrderLine], correction: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lines, self.correction = lines, correction
        for line in lines:
            counted = _("To take away") if correction else _("Counted")
            refused = _("Of these entered as refused") if correction else _("Of these refused")
            self.fields[f"counted{line.pk}"] = QuantityField(label=counted, required=False)
            self.fields[f"refused{line.pk}"] = QuantityField(label=refused, required=False)
            self.fields[f"reserves{line.pk}"] = forms.CharField(label=_("Why"), max_length=200, required=False)
            self.fields[f"substitute{line.pk}"] = forms.CharField(
                label=_("Another article came instead"),
                max_length=200,
                required=False,
                help_text=_("Only if you accept it at the same price. The companies are told."),
            )
        if correction:
            del self.fields["photos"], self.fields["delivery_note"]
            notes = self.fields["notes"]
            notes.label, notes.help_text, notes.required = _("Why it is corrected"), "", True

    def rows(self) -> list[tuple[PurchaseOrderLine, Any, Any, Any, Any]]:
        names = ("counted", "refused", "reserves", "substitute")
        return [(line, *(self[f"{name}{line.pk}"] for name in names)) for line in self.lines]  # type: ignore[misc]  # as many fields as names

    def counts(self) -> dict[int, Count]:
        sign = -1 if self.correction else 1
        data = self.cleaned_data
        return {
            line.pk: Count(
                sign * (data.get(f"counted{line.pk}") or 0),
                sign * (data.get(f"refused{line.pk}") or 0),
                data.get(f"reserves{line.pk}") or "",
                data.get(f"substitute{line.pk}") or "",
            )
            for line in self.lines
        }


class RefusalForm(forms.Form):
    """A delivery that goes back as it came."""

    number = forms.IntegerField(widget=forms.HiddenInput)
    notes = forms.CharField(
        label=_("Why it is refused"),
        max_length=1000,
        error_messages={"required": WhyRefused.message},
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("The supplier reads this. Write the same on the carrier's paper and keep a copy of it."),
    )
    delivery_note = forms.CharField(label=_("Delivery note number"), max_length=60, required=False)
    parcels = QuantityField(label=_("Parcels counted at the door"), required=False)
    photos = PhotosField(label=_("Photos of the damage"), help_text=_("JPEG, PNG or WebP, at most 12 MB each."))


class PhotoForm(forms.Form):
    photos = PhotosField(label=_("Photo"), required=True, help_text=_("JPEG, PNG or WebP, at most 12 MB each."))
    caption = forms.CharField(label=_("What one sees"), max_length=120, required=False)


class SignForm(forms.Form):
    """The proof that a company collected: its person's name, and a signature drawn on the screen."""

    signed_by = forms.CharField(label=_("Collected by"), max_length=120, required=False)
    signature = forms.CharField(widget=forms.HiddenInput, required=False, max_length=120_000)
