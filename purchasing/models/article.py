"""What the companies buy."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Category(models.TextChoices):
    HYGIENE = "hygiene", _("Hygiene and cleaning")
    PROTECTION = "protection", _("Protective equipment")
    PACKAGING = "packaging", _("Packaging")
    OFFICE = "office", _("Office")
    LEATHER = "leather", _("Leather trade")
    MECHANICS = "mechanics", _("Mechanics")
    ENERGY = "energy", _("Energy")
    FOOD = "food", _("Food and drinks")
    COMPUTING = "computing", _("Computing")
    SERVICES = "services", _("Services")


class Unit(models.TextChoices):
    """The smallest unit a quantity counts: weights are kept in grams, volumes in millilitres."""

    PIECE = "piece", _("piece")
    GRAM = "gram", _("gram")
    MILLILITRE = "millilitre", _("millilitre")
    KILO = "kilo", _("kilo")
    LITRE = "litre", _("litre")
    METRE = "metre", _("metre")
    BOX = "box", _("box")
    PAIR = "pair", _("pair")
    HOUR = "hour", _("hour")


class VatRate(models.IntegerChoices):
    STANDARD = 2000, "20 %"
    INTERMEDIATE = 1000, "10 %"
    REDUCED = 550, "5,5 %"
    SUPER_REDUCED = 210, "2,1 %"
    ZERO = 0, "0 %"


class Article(models.Model):
    """An article of the common catalogue. A request line copies what it needs, so that old lines keep their words."""

    name = models.CharField(_("name"), max_length=200)
    reference = models.CharField(_("reference"), max_length=40, unique=True)
    category = models.CharField(_("category"), max_length=20, choices=Category)
    unit = models.CharField(_("unit"), max_length=12, choices=Unit, default=Unit.PIECE)
    pack = models.PositiveIntegerField(_("pack size"), default=1)
    vat_bp = models.PositiveIntegerField(_("VAT rate"), choices=VatRate, default=VatRate.STANDARD)
    unit_weight_grams = models.PositiveIntegerField(_("weight of one unit in grams"), null=True, blank=True)
    ref_price_e4 = models.PositiveBigIntegerField(_("usual unit price"), null=True, blank=True)
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(pack__gte=1), name="article_pack_at_least_one"),
            models.CheckConstraint(condition=Q(vat_bp__lte=10_000), name="article_vat_within_bounds"),
        ]

    def __str__(self) -> str:
        return self.name
