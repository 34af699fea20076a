"""What people type about a framework agreement, and what a buyer draws on it."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from companies.errors import DomainError
from companies.forms import CHOOSE, MoneyField, QuantityField, UnitPriceField
from companies.models import Company, Site
from companies.money import euros, parse_cents, parse_quantity
from purchasing.forms.pool import PERCENTS
from purchasing.forms.request import DATE, SiteField
from purchasing.models import Article, FrameworkAgreement, FrameworkArticle, Pool, Supplier, Unit, VatRate
from purchasing.rules.framework import RebateTier
from purchasing.services import budget as budgets
from purchasing.services.call_off import CallOffIn
from purchasing.services.framework import HEAD, ArticleIn, FrameworkIn
from purchasing.services.framework_use import ArticleUse

TIERS = 5


class FrameworkForm(forms.Form):
    """The head of an agreement."""

    title = forms.CharField(label=_("Title"), max_length=120)
    supplier = forms.ModelChoiceField(label=_("Supplier"), queryset=Supplier.objects.none(), empty_label=CHOOSE)
    starts_on = forms.DateField(label=_("In force from"), widget=DATE)
    ends_on = forms.DateField(label=_("In force until"), widget=DATE)
    alert_days = forms.IntegerField(label=_("Warn so many days before the end"), min_value=1, max_value=365, initial=60)
    email = forms.EmailField(
        label=_("E-mail for orders"), required=False, help_text=_("Left empty, the supplier's contact is taken.")
    )
    deliver_to = forms.CharField(
        label=_("Delivery place"),
        max_length=200,
        required=False,
        help_text=_("Left empty, each call-off is delivered to the site the buyer chooses."),
    )
    lead_days = forms.IntegerField(label=_("Lead time in days"), min_value=0, max_value=365, initial=7)
    minimum_cents = MoneyField(label=_("Minimum of a call-off"), required=False)
    freight_cents = MoneyField(label=_("Freight of a call-off"), required=False)
    franco_cents = MoneyField(
        label=_("Free freight from"), required=False, help_text=_("Left empty, freight is never free.")
    )
    least_cents = MoneyField(label=_("Minimum value in all"), required=False)
    most_cents = MoneyField(label=_("Maximum value in all"), required=False)
    legal_model = forms.ChoiceField(label=_("Legal model"), choices=Pool.LegalModel.choices)
    fee_bp = forms.TypedChoiceField(label=_("Management fee"), choices=PERCENTS, coerce=int, initial=0)
    direct = forms.BooleanField(label=_("Approved call-offs leave at once, signed with this agreement"), required=False)
    notes = forms.CharField(label=_("Conditions"), required=False, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, *args: Any, agreement: FrameworkAgreement | None = None, **kwargs: Any) -> None:
        if agreement is not None:
            kwargs["initial"] = {name: getattr(agreement, name) for name in HEAD}
        super().__init__(*args, **kwargs)
        self.agreement = agreement
        suppliers = Supplier.objects.filter(active=True)
        if agreement is not None:
            suppliers |= Supplier.objects.filter(pk=agreement.supplier_id)
        self.fields["supplier"].queryset = suppliers.order_by("name")  # type: ignore[attr-defined]  # a field of choices has it

    def draft(self) -> FrameworkIn:
        data = self.cleaned_data
        for name in ("minimum_cents", "freight_cents"):
            data[name] = data[name] or 0
        kept = {}
        if self.agreement is not None:
            kept = {name: getattr(self.agreement, name) for name in ("rebate_basis", "rebate_mode")}
        return FrameworkIn(**{name: data[name] for name in HEAD if name in data}, **kept)


class FrameworkArticleForm(forms.Form):
    """One article with up to five tiers."""

    article = forms.ModelChoiceField(
        label=_("Article of the catalogue"),
        queryset=Article.objects.none(),
        required=False,
        empty_label=_("Not in the catalogue"),
    )
    text = forms.CharField(
        label=_("Designation"), max_length=200, required=False, help_text=_("Left empty, that of the catalogue.")
    )
    reference = forms.CharField(label=_("Supplier's reference"), max_length=60, required=False)
    unit = forms.ChoiceField(label=_("Unit"), choices=Unit.choices, required=False)
    pack = QuantityField(label=_("Pack size"), min_value=1, initial=1)
    moq = QuantityField(label=_("Minimum quantity"), required=False)
    vat_bp = forms.TypedChoiceField(label=_("VAT rate"), choices=VatRate.choices, coerce=int, initial=2000)
    least = QuantityField(label=_("Minimum in all"), required=False)
    most = QuantityField(label=_("Maximum in all"), required=False)

    def __init__(self, *args: Any, article: FrameworkArticle | None = None, **kwargs: Any) -> None:
        if article is not None:
            names = ("article", "text", "reference", "unit", "pack", "moq", "vat_bp", "least", "most")
            kwargs["initial"] = {name: getattr(article, name) for name in names} | tier_values(article)
        super().__init__(*args, **kwargs)
        self.fields["article"].queryset = Article.objects.filter(active=True)  # type: ignore[attr-defined]  # a field of choices has it
        add_tier_fields(self)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if not data.get("article") and not data.get("text"):
            self.add_error("text", _("Name the article, or choose one of the catalogue."))
        if not tiers_of(data):
            self.add_error("price0", _("Give at least one price."))
        return data

    def draft(self) -> ArticleIn:
        data = self.cleaned_data
        return ArticleIn(
            text=data["text"],
            tiers=tiers_of(data),
            article=data["article"],
            reference=data["reference"],
            unit=data["unit"] or Unit.PIECE,
            pack=data["pack"],
            moq=data["moq"] or 0,
            vat_bp=data["vat_bp"],
            least=data["least"],
            most=data["most"],
        )


def add_tier_fields(form: forms.Form) -> None:
    for n in range(TIERS):
        form.fields[f"from{n}"] = QuantityField(
            label=pgettext_lazy("quantity", "From"), required=False, initial=1 if n == 0 else None
        )
        form.fields[f"price{n}"] = UnitPriceField(label=_("Unit price"), required=False)


def tier_values(article: FrameworkArticle) -> dict[str, int]:
    """The newest tiers of an article as first values of the tier fields."""
    rows = list(article.prices.order_by("valid_from", "from_qty"))
    newest = [row for row in rows if row.valid_from == rows[-1].valid_from]
    values: dict[str, int] = {}
    for n, row in enumerate(newest[:TIERS]):
        values |= {f"from{n}": row.from_qty, f"price{n}": row.unit_price_e4}
    return values


def tiers_of(data: dict[str, Any]) -> list[tuple[int, int]]:
    return [(data.get(f"from{n}") or 1, data[f"price{n}"]) for n in range(TIERS) if data.get(f"price{n}") is not None]


class ReviseForm(forms.Form):
    """New prices from a later day on."""

    valid_from = forms.DateField(label=_("New prices from"), widget=DATE)
    reason = forms.CharField(label=_("Reason"), max_length=200)

    def __init__(self, *args: Any, article: FrameworkArticle, **kwargs: Any) -> None:
        kwargs["initial"] = tier_values(article)
        super().__init__(*args, **kwargs)
        add_tier_fields(self)

    def tiers(self) -> list[tuple[int, int]]:
        return tiers_of(self.cleaned_data)


class QuotaForm(forms.Form):
    """What of an article is kept for a company; empty takes the quota away."""

    company = forms.ModelChoiceField(label=_("Company"), queryset=Company.objects.none(), empty_label=CHOOSE)
    quantity = QuantityField(
        label=_("Quota"), required=False, help_text=_("Left empty, the company has no quota any more.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["company"].queryset = Company.objects.members().order_by("name")  # type: ignore[attr-defined]  # a field of choices has it


class RebateTiersForm(forms.Form):
    """What a year brings back."""

    basis = forms.ChoiceField(label=_("Year-end rebate on"), choices=FrameworkAgreement.Basis.choices)
    mode = forms.ChoiceField(label=_("The rate applies"), choices=FrameworkAgreement.Mode.choices)

    def __init__(self, *args: Any, agreement: FrameworkAgreement, **kwargs: Any) -> None:
        initial: dict[str, Any] = {"basis": agreement.rebate_basis, "mode": agreement.rebate_mode}
        on_value = agreement.rebate_basis == FrameworkAgreement.Basis.VALUE
        for n, row in enumerate(agreement.rebate_tiers.order_by("start")[:TIERS]):
            start = euros(row.start).replace(".", ",") if on_value else str(row.start)
            initial |= {f"start{n}": start, f"rate{n}": row.rate_bp, f"unit{n}": row.per_unit_e4}
        kwargs["initial"] = initial
        super().__init__(*args, **kwargs)
        for n in range(TIERS):
            self.fields[f"start{n}"] = forms.CharField(
                label=_("From (€ or units)"),
                required=False,
                max_length=24,
                widget=forms.TextInput({"inputmode": "decimal"}),
            )
            self.fields[f"rate{n}"] = MoneyField(label=_("Rate in %"), required=False)
            self.fields[f"unit{n}"] = UnitPriceField(label=_("or € per unit"), required=False)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        parse = parse_cents if data.get("basis") == FrameworkAgreement.Basis.VALUE else parse_quantity
        for n in range(TIERS):
            if data.get(f"start{n}"):
                try:
                    data[f"start{n}"] = parse(data[f"start{n}"])
                except DomainError as error:
                    self.add_error(f"start{n}", ValidationError(error.sentence, code=error.code))
        return data

    def rows(self) -> list[tuple[Any, Any, Any]]:
        return [(self[f"start{n}"], self[f"rate{n}"], self[f"unit{n}"]) for n in range(TIERS)]

    def tiers(self) -> list[RebateTier]:
        data = self.cleaned_data
        return [
            RebateTier(data[f"start{n}"] or 0, data.get(f"rate{n}"), data.get(f"unit{n}"))
            for n in range(TIERS)
            if data.get(f"rate{n}") is not None or data.get(f"unit{n}") is not None
        ]


class ComputeForm(forms.Form):
    """Which year, and the amount really agreed where it is not that of the tiers."""

    year = forms.TypedChoiceField(label=_("Year"), coerce=int)
    agreed = MoneyField(
        label=_("Amount agreed with the supplier, before VAT"),
        required=False,
        help_text=_("Left empty, the amount the tiers give."),
    )
    reason = forms.CharField(label=_("Reason for another amount"), max_length=200, required=False)
    supplier_reference = forms.CharField(label=_("Number of the supplier's credit note"), max_length=60, required=False)

    def __init__(self, *args: Any, agreement: FrameworkAgreement, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        last = min(timezone.localdate().year, agreement.ends_on.year)
        years = range(last, agreement.starts_on.year - 1, -1)
        self.fields["year"].choices = [(y, y) for y in years]  # type: ignore[attr-defined]  # a field of choices has it


def _signed(text: str) -> int:
    typed = text.strip().replace("\u2212", "-")
    return -parse_cents(typed[1:]) if typed.startswith("-") else parse_cents(typed)


class SignedMoneyField(MoneyField):
    """Euros that may be negative: what a supplier takes back."""

    parse = staticmethod(_signed)


class RebateNoteForm(forms.Form):
    """The supplier's credit note for a rebate, as it is written."""

    number = forms.CharField(label=_("Number of the supplier's credit note"), max_length=60)
    issued_on = forms.DateField(label=_("Issued on"), widget=DATE)
    net = SignedMoneyField(label=_("Amount before VAT"))
    vat = SignedMoneyField(label=_("VAT"), required=False)


class CallOffForm(forms.Form):
    """So many of each article, for which site, paid by whom."""

    needed_by = forms.DateField(label=_("Needed by"), required=False, widget=DATE)
    site = SiteField(label=_("Delivery site"), queryset=Site.objects.none(), required=False, empty_label=_("Any site"))
    cost_centre = forms.CharField(label=_("Cost centre"), max_length=40, required=False)
    notes = forms.CharField(label=_("Remarks"), required=False, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, company: Company, articles: Sequence[ArticleUse], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["site"].queryset = company.sites.all()  # type: ignore[attr-defined]  # a field of choices has it
        self.centres = budgets.centres(company, timezone.localdate())
        if self.centres:
            self.fields["cost_centre"].widget.attrs["list"] = "centres"
            self.fields["cost_centre"].help_text = _("Your company keeps budgets: choose who pays.")
        self.articles = articles
        for row in articles:
            field = QuantityField(label=_("Quantity"), required=False)
            field.widget.attrs["class"] = "form-control"
            field.widget.attrs["aria-label"] = f"{field.label} · {row.article.text}"
            self.fields[f"quantity{row.article.pk}"] = field

    def rows(self) -> list[tuple[ArticleUse, Any]]:
        return [(row, self[f"quantity{row.article.pk}"]) for row in self.articles]

    def head(self) -> list[Any]:
        return [self[name] for name in ("needed_by", "site", "cost_centre", "notes")]

    def draft(self) -> CallOffIn:
        data = self.cleaned_data
        return CallOffIn(
            {row.article.pk: data.get(f"quantity{row.article.pk}") or 0 for row in self.articles},
            site=data["site"],
            cost_centre=data["cost_centre"],
            needed_by=data["needed_by"],
            notes=data["notes"],
        )
