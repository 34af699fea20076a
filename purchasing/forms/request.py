"""A request and its lines, as a buyer types them. A row left blank is no line; nothing typed is lost on error."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.forms.formsets import BaseFormSet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies.forms import QuantityField, UnitPriceField
from companies.models import Company, Site
from purchasing.models import Article, PurchaseRequest, RequestDecision, Unit
from purchasing.rules.units import PACK
from purchasing.services import budget as budgets
from purchasing.services.request import LineDraft, RequestDraft

DATE = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class SiteField(forms.ModelChoiceField):
    def label_from_instance(self, site: Site) -> str:
        return f"{site.name}, {site.city}" if site.city else site.name


class RequestForm(forms.Form):
    """The head of a request."""

    title = forms.CharField(
        label=_("What is it for?"),
        max_length=120,
        help_text=_("A few words your approver recognises, for example “Workshop gloves, spring”."),
    )
    site = SiteField(label=_("Delivery site"), queryset=Site.objects.none(), required=False, empty_label=_("Any site"))
    needed_by = forms.DateField(
        label=_("Needed by"),
        required=False,
        widget=DATE,
        help_text=_("The later the date, the more companies can join."),
    )
    cost_centre = forms.CharField(label=_("Cost centre"), max_length=40, required=False)
    notes = forms.CharField(label=_("Remarks"), required=False, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, company: Company, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["site"].queryset = company.sites.all()  # type: ignore[attr-defined]  # a field of choices has it
        self.centres = budgets.centres(company, timezone.localdate())
        if self.centres:
            self.fields["cost_centre"].widget.attrs["list"] = "centres"
            self.fields["cost_centre"].help_text = _("Your company keeps budgets: choose who pays.")


class LineForm(forms.Form):
    """One need. An article of the list is stored in its own unit, whatever unit was typed; other words are free text."""

    text = forms.CharField(
        label=_("Need"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"list": "articles", "autocomplete": "off"}),
    )
    quantity = QuantityField(label=_("Quantity"), required=False, min_value=1)
    unit = forms.ChoiceField(
        label=_("Unit"), choices=[("", _("of the article")), *Unit.choices, (PACK, _("pack"))], required=False
    )
    tolerance = QuantityField(label=_("Up to … more"), required=False)
    ref_price_e4 = UnitPriceField(label=_("Price paid today"), required=False)

    def __init__(self, *args: Any, articles: Mapping[str, Article], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.articles = articles

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        text, quantity = data.get("text"), data.get("quantity")
        if text and not quantity and "quantity" not in self.errors:
            self.add_error("quantity", _("How many do you need?"))
        if not text and (quantity or data.get("ref_price_e4") or data.get("tolerance")):
            self.add_error("text", _("Say what you need."))
        if quantity and (data.get("tolerance") or 0) > quantity * 100:
            self.add_error("tolerance", _("This is far more than the quantity itself. Check the figure."))
        return data

    def draft(self) -> LineDraft | None:
        """The line as the service takes it; None for a row left blank."""
        data = self.cleaned_data
        if not data.get("text"):
            return None
        return LineDraft(
            text=data["text"],
            quantity=data["quantity"],
            article=self.articles.get(data["text"].casefold()),
            unit=data.get("unit") or "",
            tolerance=data.get("tolerance") or 0,
            ref_price_e4=data.get("ref_price_e4"),
        )


LineFormSet = forms.formset_factory(LineForm, extra=3, max_num=300, absolute_max=300)


def catalogue() -> dict[str, Article]:
    """Active articles by name, as the list under the field offers them."""
    return {article.name.casefold(): article for article in Article.objects.filter(active=True)}


def initial_head(request: PurchaseRequest) -> dict[str, Any]:
    return {name: getattr(request, name) for name in ("title", "site", "needed_by", "cost_centre", "notes")}


def initial_lines(request: PurchaseRequest) -> list[dict[str, Any]]:
    names = ("text", "quantity", "unit", "tolerance", "ref_price_e4")
    return [
        {name: getattr(line, name) or None if name == "tolerance" else getattr(line, name) for name in names}
        for line in request.lines.all()
    ]


def draft(form: RequestForm, lines: "BaseFormSet[LineForm]") -> RequestDraft:
    """What both valid forms say together."""
    data = form.cleaned_data
    drafts = [row for row in (line.draft() for line in lines.forms) if row is not None]
    return RequestDraft(
        title=data["title"],
        lines=drafts,
        site=data["site"],
        cost_centre=data["cost_centre"],
        needed_by=data["needed_by"],
        notes=data["notes"],
    )


class DecisionForm(forms.Form):
    """An approver's verdict."""

    verdict = forms.ChoiceField(
        choices=[(v.value, v.label) for v in RequestDecision.Verdict if v != RequestDecision.Verdict.WITHIN_LIMIT]
    )
    reason = forms.CharField(
        label=_("Reason, read by the requester"), required=False, widget=forms.Textarea(attrs={"rows": 2})
    )


class ReasonForm(forms.Form):
    """A sentence that says why."""

    reason = forms.CharField(label=_("Reason"), widget=forms.Textarea(attrs={"rows": 2}))
