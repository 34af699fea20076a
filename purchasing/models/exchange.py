"""Surplus between members: what one offers, what others reserve of it. The association is not party to the sale."""

from __future__ import annotations

import pgtrigger
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from companies.models import Company, Site, User
from purchasing.models.article import Article, Unit, VatRate
from purchasing.models.commitment import Commitment
from purchasing.states import machine
from purchasing.states_exchange import OFFER, RESERVATION, OfferState, ReservationState

# The count on the offer is that of its reservations: nothing is promised twice, nothing is lost.
TAKEN_ADDS_UP = """
    PERFORM 1 FROM purchasing_exchangeoffer o WHERE o.id = {offer} AND o.taken <> (
        SELECT COALESCE(SUM(r.quantity), 0) FROM purchasing_reservation r
        WHERE r.offer_id = o.id AND r.state IN ('reserved', 'given', 'received', 'done'));
    IF FOUND THEN
        RAISE EXCEPTION 'offer %: the units taken are not those of its reservations', {offer}
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
"""


def _adds_up(offer: str) -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name="taken_adds_up",
        when=pgtrigger.After,
        operation=pgtrigger.Insert | pgtrigger.Update,
        timing=pgtrigger.Deferred,
        func=TAKEN_ADDS_UP.format(offer=offer),
    )


class ExchangeOfferQuerySet(models.QuerySet["ExchangeOffer"]):
    def on_offer(self) -> ExchangeOfferQuerySet:
        """What members may reserve now, by its state; the sweeper ends what is over."""
        return self.filter(state=OfferState.OPEN, company__in=Company.objects.members())

    def visible_in(self, company: Company) -> ExchangeOfferQuerySet:
        """What is on offer, the company's own offers, and those of which it reserved something."""
        mine = Q(company=company) | Q(pk__in=Reservation.objects.filter(company=company).values("offer"))
        return self.filter(mine | Q(pk__in=ExchangeOffer.objects.on_offer().values("pk")))


class ExchangeOffer(models.Model):
    """So many units that a member does not need. `taken` of them are reserved or gone."""

    company = models.ForeignKey(Company, models.PROTECT, related_name="exchange_offers")
    author = models.ForeignKey(User, models.PROTECT, related_name="+")
    article = models.ForeignKey(
        Article, models.PROTECT, null=True, blank=True, related_name="exchange_offers", verbose_name=_("article")
    )
    # The rest of which share; known to the company alone, for it tells how much it took in a pool (I13).
    commitment = models.ForeignKey(
        Commitment, models.PROTECT, null=True, blank=True, related_name="exchange_offers", editable=False
    )
    site = models.ForeignKey(
        Site, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("collected at")
    )
    text = models.CharField(_("what you offer"), max_length=200)
    unit = models.CharField(_("unit"), max_length=12, choices=Unit, default=Unit.PIECE)
    description = models.TextField(_("state, size, remarks"), blank=True)
    quantity = models.PositiveIntegerField(_("quantity"))
    taken = models.PositiveIntegerField(default=0)
    lot = models.PositiveIntegerField(_("only in lots of"), default=1)
    unit_price_e4 = models.PositiveBigIntegerField(_("unit price before VAT"))
    vat_bp = models.PositiveIntegerField(_("VAT rate"), choices=VatRate, default=VatRate.STANDARD)
    best_before = models.DateField(_("use before"), null=True, blank=True)
    expires_at = models.DateTimeField(_("on offer until"))
    state = models.CharField(max_length=8, choices=OfferState, default=OfferState.OPEN)
    moderation = models.CharField(max_length=200, blank=True)  # why the association hid it
    created_at = models.DateTimeField()

    objects = ExchangeOfferQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["state", "expires_at"], name="offer_by_clock"),
            GinIndex(SearchVector("text", "description", config="erb_french"), name="offer_by_stems"),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="offer_says_what"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="offer_quantity_positive"),
            models.CheckConstraint(condition=Q(taken__lte=F("quantity")), name="offer_never_promised_twice"),
            models.CheckConstraint(condition=Q(lot__gte=1, lot__lte=F("quantity")), name="offer_lot_within_quantity"),
            models.CheckConstraint(condition=~Q(state="hidden") | ~Q(moderation=""), name="offer_hidden_for_a_reason"),
            # One tap, however often one taps.
            models.UniqueConstraint(fields=["commitment"], condition=Q(state="open"), name="offer_once_per_share"),
        ]
        triggers = [machine("offer_states", OFFER), _adds_up("NEW.id")]

    def __str__(self) -> str:
        return self.text

    @property
    def left(self) -> int:
        """Units nobody has reserved."""
        return self.quantity - self.taken


class ReservationQuerySet(models.QuerySet["Reservation"]):
    def of(self, company: Company) -> ReservationQuerySet:
        """Those the company made and those on its offers."""
        return self.filter(Q(company=company) | Q(offer__company=company))


class Reservation(models.Model):
    """Units of an offer kept for a company, at the price of that moment."""

    offer = models.ForeignKey(ExchangeOffer, models.PROTECT, related_name="reservations")
    company = models.ForeignKey(Company, models.PROTECT, related_name="exchange_reservations")
    author = models.ForeignKey(User, models.PROTECT, related_name="+")
    client_id = models.UUIDField()  # drawn by the page or program, so that a retry is the same reservation
    quantity = models.PositiveIntegerField()
    unit_price_e4 = models.PositiveBigIntegerField()
    net_cents = models.PositiveBigIntegerField()
    vat_bp = models.PositiveIntegerField()
    vat_cents = models.PositiveBigIntegerField()
    state = models.CharField(max_length=9, choices=ReservationState, default=ReservationState.RESERVED)
    reserved_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    given_at = models.DateTimeField(null=True, blank=True)
    given_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    received_at = models.DateTimeField(null=True, blank=True)
    received_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    note = models.CharField(max_length=200, blank=True)

    objects = ReservationQuerySet.as_manager()

    class Meta:
        ordering = ["-reserved_at", "-pk"]
        indexes = [models.Index(fields=["state", "expires_at"], name="reservation_by_clock")]
        constraints = [
            models.UniqueConstraint(fields=["company", "client_id"], name="reservation_once_per_try"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="reservation_quantity_positive"),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(given_by__isnull=False, received_by__isnull=False),
                name="reservation_done_by_both",
            ),
        ]
        triggers = [machine("reservation_states", RESERVATION), _adds_up("NEW.offer_id")]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.offer}"

    @property
    def gross_cents(self) -> int:
        return self.net_cents + self.vat_cents
