"""What a company says it needs, before anybody buys anything."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from companies.models import Company, Site, User
from purchasing.models.article import Article, Category, Unit
from purchasing.states import REQUEST, REQUEST_LINE, LineState, RequestState, machine


class RequestQuerySet(models.QuerySet["PurchaseRequest"]):
    def visible_to(self, user: User) -> RequestQuerySet:
        """Requests of the user's own companies; association staff see all."""
        return self.filter(company__in=Company.objects.visible_to(user))


class PurchaseRequest(models.Model):
    """A list of needs of one company, approved as a whole; its lines may go to different pools."""

    company = models.ForeignKey(Company, models.PROTECT, related_name="purchase_requests")
    site = models.ForeignKey(Site, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("site"))
    title = models.CharField(_("title"), max_length=120)
    cost_centre = models.CharField(_("cost centre"), max_length=40, blank=True)
    needed_by = models.DateField(_("needed by"), null=True, blank=True)
    notes = models.TextField(_("notes"), blank=True)
    state = models.CharField(max_length=12, choices=RequestState, default=RequestState.DRAFT)
    requester = models.ForeignKey(User, models.PROTECT, related_name="purchase_requests")
    created_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    # What the lines cost at their reference prices when the request was submitted.
    amount_cents = models.PositiveBigIntegerField(default=0)

    objects = RequestQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["company", "state", "-created_at"], name="request_by_company"),
            models.Index(fields=["state", "needed_by"], name="request_by_need"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["draft", "cancelled"]) | Q(submitted_at__isnull=False),
                name="request_submitted_has_time",
            ),
        ]
        triggers = [machine("request_states", REQUEST)]

    def __str__(self) -> str:
        return self.title


class RequestLineQuerySet(models.QuerySet["RequestLine"]):
    def visible_to(self, user: User) -> RequestLineQuerySet:
        """Lines of the user's own companies; association staff see all."""
        return self.filter(request__company__in=Company.objects.visible_to(user))

    def poolable(self) -> RequestLineQuerySet:
        """Approved lines of admitted companies that are in no pool."""
        return self.filter(
            state=LineState.APPROVED, request__state=RequestState.APPROVED, request__company__suspended_at__isnull=True
        )


class RequestLine(models.Model):
    """One need: an article of the catalogue or free words, so many of it, and how much more would do."""

    request = models.ForeignKey(PurchaseRequest, models.CASCADE, related_name="lines")
    position = models.PositiveSmallIntegerField()
    article = models.ForeignKey(Article, models.PROTECT, null=True, blank=True, related_name="+")
    text = models.CharField(_("need"), max_length=200)
    # Lower case, no accents, words sorted: lines that mean the same thing meet here.
    normalised = models.CharField(max_length=200, editable=False)
    category = models.CharField(_("category"), max_length=20, choices=Category, blank=True)
    quantity = models.PositiveIntegerField(_("quantity"))
    tolerance = models.PositiveIntegerField(_("tolerance"), default=0)
    unit = models.CharField(_("unit"), max_length=12, choices=Unit, default=Unit.PIECE)
    ref_price_e4 = models.PositiveBigIntegerField(_("price paid today"), null=True, blank=True)
    needed_by = models.DateField(_("needed by"), null=True, blank=True)
    state = models.CharField(max_length=14, choices=LineState, default=LineState.WAITING)

    objects = RequestLineQuerySet.as_manager()

    class Meta:
        ordering = ["request", "position"]
        indexes = [
            models.Index(fields=["state", "normalised"], name="request_line_by_words"),
            # Open needs by likeness of words, whatever their spelling and order …
            GinIndex(
                OpClass("normalised", name="gin_trgm_ops"),
                name="need_by_trigrams",
                condition=Q(state__in=["approved", "pooled"]),
            ),
            # … and by French word stems, accents left out.
            GinIndex(
                SearchVector("text", config="erb_french"),
                name="need_by_stems",
                condition=Q(state__in=["approved", "pooled"]),
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["request", "position"], name="request_line_position_once"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="request_line_quantity_positive"),
            models.CheckConstraint(condition=Q(tolerance__lte=F("quantity") * 100), name="request_line_tolerance_sane"),
            models.CheckConstraint(condition=~Q(text=""), name="request_line_says_what"),
        ]
        triggers = [machine("request_line_states", REQUEST_LINE)]

    def __str__(self) -> str:
        return self.text


class RequestDecision(models.Model):
    """What an approver decided about a request, and why. Never edited."""

    class Verdict(models.TextChoices):
        APPROVED = "approved", pgettext_lazy("feminine", "Approved")
        REJECTED = "rejected", pgettext_lazy("feminine", "Rejected")
        RETURNED = "returned", _("Returned for correction")
        WITHIN_LIMIT = "within_limit", _("Within the company's limit")

    request = models.ForeignKey(PurchaseRequest, models.CASCADE, related_name="decisions")
    requester = models.ForeignKey(User, models.PROTECT, related_name="+")
    # Null when the amount is within the company's limit: nobody decided, the limit did.
    approver = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    # The absent approver for whom a stand-in decided.
    on_behalf_of = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    verdict = models.CharField(max_length=12, choices=Verdict)
    reason = models.TextField(blank=True)
    amount_cents = models.PositiveBigIntegerField()
    limit_cents = models.PositiveBigIntegerField()
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(verdict="within_limit", approver__isnull=True)
                | (~Q(verdict="within_limit") & Q(approver__isnull=False) & ~Q(approver=F("requester"))),
                name="request_requester_is_not_approver",
            ),
            models.CheckConstraint(
                condition=Q(on_behalf_of__isnull=True) | ~Q(on_behalf_of=F("requester")),
                name="request_requester_has_no_stand_in",
            ),
            models.CheckConstraint(
                condition=~Q(verdict__in=["rejected", "returned"]) | ~Q(reason=""), name="request_refusal_has_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} {self.at:%Y-%m-%d}"
