"""What people type from commitment to settlement."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from companies.forms import MoneyField, QuantityField, UnitPriceField
from companies.models import Site
from purchasing.models import Commitment, EmployeeOrder, PoolLine, PurchaseOrder, PurchaseOrderLine, VatRate
from purchasing.models.order import OrderLinePaper
from purchasing.services.commitment import Word


class CommitForm(forms.Form):
    """One line: how many, how flexible, at most at which price. Empty quantity: the company stays out of this line."""

    quantity = QuantityField(label=_("Quantity you commit to"), required=False)
    tolerance = QuantityField(
        label=_("More if needed"),
        required=False,
        help_text=_("Units you would also take to complete a pack. You only pay what you are given."),
    )
    tolerance_tier = forms.BooleanField(
        label=_("Also use them to reach a better price, if the total bill falls"), required=False
    )
    price_cap = UnitPriceField(
        label=_("Highest price you accept"),
        required=False,
        help_text=_("Per unit, before VAT. Above it you leave the order without cost."),
    )
    min_useful = QuantityField(
        label=_("Least that is useful"),
        required=False,
        help_text=_("If less is left for you in a shortage, you get nothing and pay nothing."),
    )
    site = forms.TypedChoiceField(label=_("For the site"), required=False, empty_value=None)
    cost_centre = forms.ChoiceField(label=_("Cost centre that pays"), required=False)

    def __init__(
        self,
        *args: Any,
        line: PoolLine,
        sites: Mapping[int, Site],
        row: Commitment | None,
        centres: Sequence[str] = (),
        need: int = 0,
        **kwargs: Any,
    ) -> None:
        """`sites` of the company were read once for all lines; `need` is proposed where nothing was said yet."""
        initial: dict[str, Any] = {}
        if row is not None and row.state not in ("withdrawn",):
            initial = {
                "quantity": row.quantity,
                "tolerance": row.tolerance or None,
                "tolerance_tier": row.tolerance_tier,
                "price_cap": row.price_cap_e4,
                "min_useful": row.min_useful or None,
                "site": row.site_id,
                "cost_centre": row.cost_centre,
            }
        elif need:
            initial = {"quantity": need}
        super().__init__(*args, **{"prefix": f"line{line.pk}", "initial": initial, **kwargs})
        self.line, self.row = line, row
        if sites:
            field = cast(forms.TypedChoiceField, self.fields["site"])
            field.choices = [("", _("Any site")), *((pk, site.name) for pk, site in sites.items())]
            field.coerce = lambda pk: sites[int(pk)]
        else:
            del self.fields["site"]
        if centres:
            chosen = cast(forms.ChoiceField, self.fields["cost_centre"])
            chosen.choices = [("", _("the one of your request")), *((c, c) for c in centres)]
        else:
            del self.fields["cost_centre"]
        for name, field_ in self.fields.items():
            kind = {"tolerance_tier": "form-check-input", "site": "form-select", "cost_centre": "form-select"}
            field_.widget.attrs["class"] = kind.get(name, "form-control")

    def word(self) -> Word | None:
        """What was said, None when the line was left empty; before anything is sent, what the form proposes."""
        data = self.cleaned_data if self.is_bound else self.initial
        if not data.get("quantity"):
            return None
        return Word(
            quantity=data["quantity"],
            tolerance=data.get("tolerance") or 0,
            tolerance_tier=bool(data.get("tolerance_tier")),
            price_cap_e4=data.get("price_cap"),
            min_useful=data.get("min_useful") or 0,
            site=data.get("site") if self.is_bound else None,
            cost_centre=data.get("cost_centre") or "",
        )


class ReasonForm(forms.Form):
    reason = forms.CharField(label=_("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 2}))


class AnswerForm(forms.Form):
    """The supplier's answer to an order."""

    delivery_on = forms.DateField(
        label=_("Delivery date"), required=False, widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )
    reference = forms.CharField(label=_("Your reference"), max_length=60, required=False)
    note = forms.CharField(label=_("Remark"), max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, order: PurchaseOrder | EmployeeOrder, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lines: list[OrderLinePaper] = list(order.lines.all())
        for line in self.lines:
            self.fields[f"quantity{line.pk}"] = QuantityField(
                label=_("Quantity you deliver"), required=False, initial=line.quantity
            )
            self.fields[f"price{line.pk}"] = UnitPriceField(
                label=_("Unit price"), required=False, initial=line.unit_price_e4
            )
            self.fields[f"instead{line.pk}"] = forms.CharField(
                label=_("Another article instead"),
                required=False,
                max_length=200,
                help_text=_("Only if you cannot deliver this one. Whoever has ordered it may refuse.")
                if isinstance(order, EmployeeOrder)
                else _("Only if you cannot deliver this one. Every company is asked whether it agrees."),
            )

    def rows(self) -> list[tuple[OrderLinePaper, Any, Any, Any]]:
        names = ("quantity", "price", "instead")
        return [(line, *[self[f"{name}{line.pk}"] for name in names]) for line in self.lines]  # type: ignore[misc]  # three names

    def substitutes(self) -> dict[int, str]:
        """The articles that would come instead, by line."""
        words = {line.pk: self.cleaned_data.get(f"instead{line.pk}") or "" for line in self.lines}
        return {pk: text for pk, text in words.items() if text}

    def changes(self) -> dict[int, tuple[int, int]]:
        """Lines the supplier changed; an emptied field keeps what was ordered."""
        found = {}
        for line in self.lines:
            quantity = self.cleaned_data.get(f"quantity{line.pk}")
            price = self.cleaned_data.get(f"price{line.pk}")
            word = (line.quantity if quantity is None else quantity, line.unit_price_e4 if price is None else price)
            if word != (line.quantity, line.unit_price_e4):
                found[line.pk] = word
        return found


class SupplierInvoiceForm(forms.Form):
    """The supplier's invoice as it is written: per line the billed quantity and amount, then freight and discount."""

    number = forms.CharField(label=_("Invoice number"), max_length=60)
    issued_on = forms.DateField(label=_("Issued on"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
    due_on = forms.DateField(
        label=_("Due on"), required=False, widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )
    freight = MoneyField(label=_("Freight before VAT"), required=False)
    freight_vat = forms.TypedChoiceField(
        label=_("VAT on freight"),
        choices=[("", _("as the goods")), *VatRate.choices],
        coerce=int,
        required=False,
        empty_value=None,
    )
    discount = MoneyField(label=_("Discount before VAT"), required=False)
    kept = forms.CharField(widget=forms.HiddenInput, required=False, max_length=300)

    def __init__(self, *args: Any, lines: Sequence[PurchaseOrderLine], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lines = lines
        for line in lines:
            self.fields[f"quantity{line.pk}"] = QuantityField(label=_("Billed quantity"), required=False)
            self.fields[f"price{line.pk}"] = UnitPriceField(label=_("Unit price"), required=False)
            self.fields[f"net{line.pk}"] = MoneyField(label=_("Amount before VAT"), required=False)

    def rows(self) -> list[tuple[PurchaseOrderLine, Any, Any, Any]]:
        return [
            (line, self[f"quantity{line.pk}"], self[f"price{line.pk}"], self[f"net{line.pk}"]) for line in self.lines
        ]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not any(data.get(f"net{line.pk}") for line in self.lines) and not data.get("freight"):
            raise ValidationError(_("Enter at least one line of the invoice."), code="supplier_invoice_empty")
        return data
