"""What the card needs from the reader now."""

from datetime import datetime

from django.db.models import Count, Exists, OuterRef, Subquery
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from benefit_card import selectors
from benefit_card.credential import PARIS
from benefit_card.models import Card, CardBatch, EntryVerdict, OfflineEntry, Signal
from benefit_card.services import renewals
from companies.models import Company, Employment, User
from companies.shell import Todo
from merchants.models import Merchant


def for_company(user: User, company: Company, roles: set[str], at: datetime) -> list[Todo]:
    """Who has no card yet, and batches that wait for the printer."""
    if roles.isdisjoint({"hr", "admin"}) or not company.is_member:
        return []
    held = Exists(Card.objects.current().filter(person=OuterRef("person")))
    today = at.astimezone(PARIS).date()
    without = Employment.objects.filter(company=company).current(on=today).exclude(held).count()
    url = reverse("benefit_card:company_cards", args=[company.pk])
    found = []
    if without:
        title = ngettext("%(n)s employee has no card", "%(n)s employees have no card", without) % {"n": without}
        found.append(Todo(title, _("Make all the missing cards at once."), url, tone="warning"))
    if ending := renewals.ending_in(company, at=at).count():
        title = ngettext(
            "%(n)s card ends before the contract does", "%(n)s cards end before the contracts do", ending
        ) % {"n": ending}
        found.append(Todo(title, _("Prolong them at once."), f"{url}?show=ending", tone="warning"))
    cards = Card.objects.current().filter(batch=OuterRef("pk"), blocked_at=None).order_by().values("batch")
    batches = CardBatch.objects.filter(company=company, completed_at__isnull=False, sheet=None).annotate(
        usable=Subquery(cards.annotate(n=Count("pk")).values("n"))
    )
    for batch in batches.filter(usable__gt=0).order_by("-pk")[:3]:
        count = batch.usable
        title = ngettext("%(n)s card to print", "%(n)s cards to print", count) % {"n": count}
        found.append(
            Todo(
                title, _("The print sheet is not made yet."), reverse("benefit_card:batch", args=[company.pk, batch.pk])
            )
        )
    return found


def for_staff(user: User, at: datetime) -> list[Todo]:
    """Signals of misuse that wait for a judgement, and statements that were not made."""
    found = []
    if waiting := Signal.objects.waiting().count():
        title = ngettext("%(n)s signal to judge", "%(n)s signals to judge", waiting) % {"n": waiting}
        detail = _("Judge whether a card is passed on or a use is contested with reason.")
        found.append(Todo(title, detail, reverse("benefit_card:signals"), tone="warning"))
    if late := OfflineEntry.objects.filter(verdict=EntryVerdict.LATE, decided_at=None).count():
        title = ngettext("%(n)s late sale to decide", "%(n)s late sales to decide", late) % {"n": late}
        detail = _("Made without network, arrived more than seven days later.")
        found.append(Todo(title, detail, reverse("benefit_card:staff_late"), tone="warning"))
    return found


def for_merchant(user: User, merchant: Merchant, at: datetime) -> list[Todo]:
    """Nothing: the till says what a merchant has to know, and ERB writes what became of a late sale."""
    return []


def for_person(user: User, at: datetime) -> list[Todo]:
    """A card to open, or a blocked one."""
    card = selectors.card_of(user)
    url = reverse("benefit_card:my_card")
    if card is None:
        return []
    if card.blocked_at:
        return [Todo(_("Your card is blocked"), _("Get a new one on this phone."), url, tone="danger")]
    if renewals.ending(at=at).filter(pk=card.pk).exists():
        return [Todo(_("Your card ends soon"), _("Your contract goes on, and so can the card."), url, tone="warning")]
    if card.activated_at is None:
        return [Todo(_("Open your card on this phone"), _("It then works without a network, too."), url)]
    return []
