"""Forms of employee pools: the frame, an article with its tiers, a company's subsidy, a count at work."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from companies.forms import CHOOSE, MoneyField, QuantityField
from companies.models import Company
from companies.pictures import MOST_BYTES, PictureRefused
from purchasing.forms.pool import DATE, MomentField
from purchasing.models import EmployeeArticle, EmployeePool, EmployeePoolPlace, Supplier, VatRate
from purchasing.services.employee_pool import Frame, Offered, Subsidy

TIERS = 4


class FrameForm(forms.Form):
    """Title, dates and audience of a draft."""

    title = forms.CharField(label=_("Title"), max_length=90)
    description = forms.CharField(
        label=pgettext_lazy("employee pool", "Description"),
        max_length=2_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    closes_at = MomentField(
        label=_("Open until"),
        help_text=_("Then the price is fixed and cards are charged. Cards can be asked in the last six days only."),
    )
    expected_on = forms.DateField(label=_("Delivery expected on"), required=False, widget=DATE)
    supplier = forms.ModelChoiceField(
        label=_("Supplier"),
        queryset=Supplier.objects.filter(active=True),
        required=False,
        empty_label=CHOOSE,
        help_text=_("The order is mailed to its contacts."),
    )
    freight = MoneyField(
        label=_("Supplier's freight incl. VAT"), required=False, help_text=_("Leave empty when delivery costs nothing.")
    )
    franco = MoneyField(
        label=_("Free freight from goods of"), required=False, help_text=_("VAT included. Leave empty when never free.")
    )
    freight_split = forms.ChoiceField(
        label=_("Freight is shared"),
        choices=EmployeePool.Freight.choices,
        initial=EmployeePool.Freight.VALUE,
        required=False,
    )
    pack_rest = forms.ChoiceField(
        label=_("When the last pack is not full"),
        choices=EmployeePool.Rest.choices,
        initial=EmployeePool.Rest.OPENER,
        required=False,
        help_text=_(
            "Only for articles sold in packs. A company that opens the purchase is invoiced for what it takes, at the end."
        ),
    )
    audience = forms.ChoiceField(
        label=_("Open to"), choices=EmployeePool.Audience.choices, widget=forms.RadioSelect, initial="all"
    )
    companies = forms.ModelMultipleChoiceField(
        label=_("Chosen companies"),
        queryset=Company.objects.members(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, own: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if own:
            del self.fields["audience"], self.fields["companies"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("audience") == EmployeePool.Audience.CHOSEN and not data.get("companies"):
            self.add_error("companies", _("Choose at least one company."))
        return data

    def frame(self) -> Frame:
        data = self.cleaned_data
        return Frame(
            data["title"],
            data["description"],
            data["closes_at"],
            data.get("audience", EmployeePool.Audience.CHOSEN),
            data["supplier"],
            data["expected_on"],
            tuple(data.get("companies") or ()),
            data["pack_rest"] or EmployeePool.Rest.OPENER,
            data["freight"] or 0,
            data["franco"],
            data["freight_split"] or EmployeePool.Freight.VALUE,
        )

    @staticmethod
    def initial_of(pool: EmployeePool) -> dict[str, Any]:
        return {
            "title": pool.title,
            "description": pool.description,
            "closes_at": pool.closes_at,
            "expected_on": pool.expected_on,
            "supplier": pool.supplier_id,
            "audience": pool.audience,
            "companies": [place.company_id for place in pool.places.all()],
            "pack_rest": pool.pack_rest,
            "freight": pool.freight_cents or None,
            "franco": pool.franco_cents,
            "freight_split": pool.freight_split,
        }


class ArticleForm(forms.Form):
    """One article; the first quantity is the minimum of all together."""

    name = forms.CharField(label=_("Article"), max_length=120)
    description = forms.CharField(
        label=pgettext_lazy("employee pool", "Description"),
        max_length=1_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    photo = forms.FileField(
        label=_("Photo"),
        required=False,
        help_text=_("JPEG, PNG or WebP, at most 12 MB each."),
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp"}),
    )
    vat_bp = forms.TypedChoiceField(label=_("VAT rate"), choices=VatRate.choices, coerce=int)
    most_per_person = QuantityField(label=_("At most per person"), required=False, min_value=1)
    pack = QuantityField(
        label=_("Sold in packs of"),
        required=False,
        min_value=1,
        initial=1,
        help_text=_("The supplier's smallest unit of order; 1 when pieces are sold one by one."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for n in range(TIERS):
            label = _("Minimum together") if n == 0 else _("From, together")
            self.fields[f"from{n}"] = QuantityField(label=label, required=n == 0, min_value=1)
            self.fields[f"price{n}"] = MoneyField(label=_("Unit price incl. VAT"), required=n == 0)

    def tier_rows(self) -> list[tuple[Any, Any]]:
        return [(self[f"from{n}"], self[f"price{n}"]) for n in range(TIERS)]

    def clean_photo(self) -> Any:
        file = self.cleaned_data.get("photo")
        if file and (file.size or 0) > MOST_BYTES:
            raise forms.ValidationError(PictureRefused.message, code=PictureRefused.code)
        return file

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for n in range(1, TIERS):
            if (data.get(f"from{n}") is None) != (data.get(f"price{n}") is None):
                self.add_error(f"price{n}", _("Give both the quantity and the price, or neither."))
        return data

    def offered(self) -> Offered:
        data = self.cleaned_data
        tiers = [(data[f"from{n}"], data[f"price{n}"]) for n in range(TIERS) if data.get(f"from{n}")]
        photo = data["photo"].read() if data.get("photo") else None
        return Offered(
            data["name"], tiers, data["vat_bp"], data["description"], data["most_per_person"], photo, data["pack"] or 1
        )

    @staticmethod
    def initial_of(article: EmployeeArticle) -> dict[str, Any]:
        found: dict[str, Any] = {
            name: getattr(article, name) for name in ("name", "description", "vat_bp", "most_per_person", "pack")
        }
        for n, tier in enumerate(article.tiers.all()[:TIERS]):
            found |= {f"from{n}": tier.from_quantity, f"price{n}": tier.unit_price_cents}
        return found


class SubsidyForm(forms.Form):
    """What the company adds for each person and in all, and where its people collect."""

    kind = forms.ChoiceField(label=_("Your company adds"), choices=EmployeePoolPlace.Kind.choices)
    percent = forms.DecimalField(
        label=_("Part of the price in %"), min_value=0, max_value=100, decimal_places=2, required=False, localize=True
    )
    amount = MoneyField(label=_("Amount for each person"), required=False)
    person_cap = MoneyField(label=_("At most for one person"), required=False)
    total_cap = MoneyField(
        label=_("At most in all"),
        required=False,
        help_text=_("Whoever commits first is served first. Leave empty for no bound."),
    )
    where = forms.CharField(
        label=_("Where people collect"),
        max_length=160,
        required=False,
        help_text=_("For instance: reception, weekdays 8 to 12."),
    )

    def subsidy(self) -> Subsidy:
        data = self.cleaned_data
        kind = data["kind"]
        return Subsidy(
            kind,
            int((data["percent"] or 0) * 100) if kind == "percent" else 0,
            (data["amount"] or 0) if kind == "amount" else 0,
            data["person_cap"] if kind != "none" else None,
            data["total_cap"] if kind != "none" else None,
            data["where"].strip(),
        )

    @staticmethod
    def initial_of(place: EmployeePoolPlace | None) -> dict[str, Any]:
        if place is None:
            return {}
        return {
            "kind": place.kind,
            "percent": Decimal(place.percent_bp) / 100 if place.percent_bp else None,
            "amount": place.amount_cents or None,
            "person_cap": place.person_cap_cents,
            "total_cap": place.total_cap_cents,
            "where": place.where,
        }


class CountForm(forms.Form):
    """Units per article: what an employee takes, or what arrived at a company."""

    number = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=1, max_value=30_000)

    def __init__(
        self, *args: Any, articles: Sequence[EmployeeArticle], prefix_name: str = "quantity", **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.articles, self.prefix_name = articles, prefix_name
        for article in articles:
            field = QuantityField(label=article.name, required=False)
            field.widget.attrs["class"] = "form-control"
            self.fields[f"{prefix_name}{article.pk}"] = field
            if article.pack > 1 and prefix_name == "quantity":
                more = QuantityField(label=_("and more if a pack needs it, at most"), required=False)
                more.widget.attrs["class"] = "form-control"
                self.fields[f"more{article.pk}"] = more

    def rows(self) -> list[tuple[EmployeeArticle, Any]]:
        return [(article, self[f"{self.prefix_name}{article.pk}"]) for article in self.articles]

    def counts(self) -> dict[int, int]:
        return {a.pk: self.cleaned_data.get(f"{self.prefix_name}{a.pk}") or 0 for a in self.articles}

    def more(self) -> dict[int, int]:
        """Units taken only if a pack needs them."""
        return {a.pk: self.cleaned_data.get(f"more{a.pk}") or 0 for a in self.articles}
