"""Offers: written as a draft, published, paused, ended. Every change of the terms is a new version."""

from dataclasses import asdict
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import require
from companies.errors import DomainError
from companies.models import Company, Employment, User
from companies.states import move
from merchants import access, agreement
from merchants.models import Contract, Merchant, MerchantStatus, Offer, OfferState, OfferVersion
from merchants.models.offer import SIZES, TRANSITIONS
from merchants.services import pictures
from merchants.services.terms import OfferRefused, OfferTerms, terms_of

DAY = timedelta(days=1)
LEAST_PEOPLE = 10  # a smaller group would point at persons


class OfferOver(DomainError):
    """An ended offer cannot be changed."""

    code = "offer_over"
    message = _("This offer has ended. Create a new one instead.")


class MerchantNotActive(DomainError):
    """The association has not approved the merchant, or has suspended it."""

    code = "merchant_not_active"
    message = _(
        "Your business is not approved yet. You can prepare everything; publishing opens when ERB has approved it."
    )


class AgreementOutdated(DomainError):
    """A new text of the agreement waits for the owner's acceptance, and the time to think it over has passed."""

    code = "agreement_outdated"
    message = _("The merchant agreement has a new version. Accept it first; your running offers go on meanwhile.")


class TooFewPeople(DomainError):
    """An offer for so few people would tell the till who they are."""

    code = "too_few_people"
    message = _("Fewer than ten people would get this offer. Choose more companies, so that it points at nobody.")
    status = 400


class NothingPrepared(DomainError):
    """There are no terms that wait."""

    code = "nothing_prepared"
    message = _("There are no prepared terms. Change the terms first, and keep them as a draft.")


class MomentPassed(DomainError):
    """A plan for the past."""

    code = "moment_passed"
    message = _("Choose a moment that lies ahead.")
    status = 400


@transaction.atomic(durable=True)
def save_offer(
    *, actor: User, merchant: Merchant, terms: OfferTerms, at: datetime, offer: Offer | None = None, hold: bool = False
) -> Offer:
    """Write a new offer as a draft, or give one a new version, in force at once. The same terms again change nothing.

    With `hold` the terms of an offer that card holders know wait beside it until they are put in force.
    """
    require(access.can_manage(actor, merchant))
    terms.check()
    _check_people(terms, merchant, at=at)
    if offer is None:
        return _in_force(Offer.objects.create(merchant=merchant), terms, actor=actor, at=at)
    offer = _locked(offer, merchant)
    if hold and offer.state in (OfferState.PUBLISHED, OfferState.PAUSED):
        offer.draft = asdict(terms)
        offer.save(update_fields=["draft"])
        offer.refresh_from_db(fields=["draft"])
        audit.record("offer.draft", target=offer, at=at, actor=actor, data={"title": terms.title})
        return offer
    return _in_force(offer, terms, actor=actor, at=at)


def _locked(offer: Offer, merchant: Merchant) -> Offer:
    row = (
        Offer.objects.select_for_update(of=("self",))
        .select_related("current", "merchant")
        .get(pk=offer.pk, merchant=merchant)
    )
    if row.state == OfferState.ENDED:
        raise OfferOver
    return row


def _in_force(offer: Offer, terms: OfferTerms, *, actor: User | None, at: datetime) -> Offer:
    values = asdict(terms)
    if offer.current and all(getattr(offer.current, name) == value for name, value in values.items()):
        return offer
    number = (offer.versions.order_by("-number").values_list("number", flat=True).first() or 0) + 1
    offer.current = OfferVersion.objects.create(offer=offer, number=number, **values)
    offer.save(update_fields=["current"])
    label = "" if actor else "schedule"
    audit.record(
        "offer.version", target=offer, at=at, actor=actor, actor_label=label,
        data={"number": number, "title": terms.title},
    )  # fmt: skip
    return offer


def people_meant(terms: OfferTerms | OfferVersion, *, at: datetime) -> int:
    """How many people an offer is for today, as far as employers and contracts tell."""
    jobs = Employment.objects.current(on=timezone.localdate(at)).filter(company__in=Company.objects.members())
    if terms.companies or terms.sites:
        jobs = jobs.filter(company__in=terms.companies) | jobs.filter(site__in=terms.sites)
    if terms.sizes:
        brackets = [jobs.filter(company__headcount__range=SIZES[size]) for size in terms.sizes]
        first, *others = brackets
        for other in others:
            first = first | other
        jobs = first
    if terms.contract != Contract.ANY:
        jobs = jobs.filter(ends_on__isnull=terms.contract == Contract.OPEN)
    return jobs.values("person").distinct().count()


def _check_people(terms: OfferTerms, merchant: Merchant, *, at: datetime) -> None:
    if set(terms.sizes) - set(SIZES):
        raise OfferRefused(_("Choose sizes from the list."), field="sizes")
    if terms.picture_id:
        pictures.claim(merchant, terms.picture_id)
    restricted = terms.companies or terms.sites or terms.sizes or terms.contract != Contract.ANY
    if restricted and people_meant(terms, at=at) < LEAST_PEOPLE:
        raise TooFewPeople(field="employers")


# ---------------------------------------------------------------- states


def _check_trade(merchant: Merchant, *, at: datetime) -> None:
    if merchant.status != MerchantStatus.ACTIVE:
        raise MerchantNotActive
    if agreement.overdue(merchant.agreement, at=at):
        raise AgreementOutdated


@transaction.atomic(durable=True)
def publish(*, actor: User, offer: Offer, at: datetime) -> None:
    """Show a draft or paused offer to card holders and accept it at the tills."""
    require(access.can_manage(actor, offer.merchant))
    _check_trade(offer.merchant, at=at)
    move(offer, OfferState.PUBLISHED, table=TRANSITIONS, at=at, actor=actor, data={"version": offer.current_id})


@transaction.atomic(durable=True)
def pause(*, actor: User, offer: Offer, at: datetime) -> None:
    """Hide a published offer; tills refuse it from the next scan on."""
    require(access.can_manage(actor, offer.merchant))
    move(offer, OfferState.PAUSED, table=TRANSITIONS, at=at, actor=actor)


@transaction.atomic(durable=True)
def end(*, actor: User, offer: Offer, at: datetime) -> None:
    """End an offer for good, with everything that was planned for it."""
    require(access.can_manage(actor, offer.merchant))
    move(offer, OfferState.ENDED, table=TRANSITIONS, at=at, actor=actor, due_at=None, draft=None)


# ---------------------------------------------------------------- what waits


@transaction.atomic(durable=True)
def put_in_force(*, actor: User, offer: Offer, at: datetime) -> Offer:
    """Let the prepared terms hold from the next scan on."""
    require(access.can_manage(actor, offer.merchant))
    row = _locked(offer, offer.merchant)
    if row.draft is None:
        raise NothingPrepared
    return _take_draft(row, actor=actor, at=at)


def _take_draft(row: Offer, *, actor: User | None, at: datetime) -> Offer:
    terms = terms_of(row.draft or {})
    row.draft, row.due_at = None, None
    row.save(update_fields=["draft", "due_at"])
    return _in_force(row, terms, actor=actor, at=at)


@transaction.atomic(durable=True)
def drop_draft(*, actor: User, offer: Offer, at: datetime) -> None:
    """Forget prepared terms and the moment planned for them, or for the publication."""
    require(access.can_manage(actor, offer.merchant))
    row = _locked(offer, offer.merchant)
    if row.draft is None and row.due_at is None:
        return
    row.draft, row.due_at = None, None
    row.save(update_fields=["draft", "due_at"])
    audit.record("offer.plan_dropped", target=row, at=at, actor=actor)


@transaction.atomic(durable=True)
def schedule(*, actor: User, offer: Offer, due_at: datetime, at: datetime) -> None:
    """Plan a moment: an offer that is not published will be, and prepared terms will come into force."""
    require(access.can_manage(actor, offer.merchant))
    _check_trade(offer.merchant, at=at)
    row = _locked(offer, offer.merchant)
    if due_at <= at:
        raise MomentPassed(field="due_at")
    if row.state == OfferState.PUBLISHED and row.draft is None:
        raise NothingPrepared
    row.due_at = due_at
    row.save(update_fields=["due_at"])
    audit.record("offer.planned", target=row, at=at, actor=actor, data={"due": due_at.isoformat()})


def follow_plans(*, at: datetime) -> int:
    """Do what was planned until now, each offer in a transaction of its own; return how many changed.

    An offer whose merchant may not trade keeps its plan until it may. Offers whose last day is over end.
    """
    done = 0
    for pk in Offer.objects.filter(due_at__lte=at).order_by("pk").values_list("pk", flat=True):
        done += _follow(pk, at=at)
    today = timezone.localdate(at)
    over = Offer.objects.filter(state__in=[OfferState.PUBLISHED, OfferState.PAUSED], current__ends_on__lt=today - DAY)
    for offer in over.filter(draft__isnull=True, due_at__isnull=True).order_by("pk"):
        with transaction.atomic(durable=True):
            move(offer, OfferState.ENDED, table=TRANSITIONS, at=at, actor=None, actor_label="schedule")
        done += 1
    return done


@transaction.atomic(durable=True)
def _follow(pk: int, *, at: datetime) -> bool:
    row = (
        Offer.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("current", "merchant")
        .filter(pk=pk, due_at__lte=at)
        .first()
    )
    if row is None:
        return False
    try:
        _check_trade(row.merchant, at=at)
    except (MerchantNotActive, AgreementOutdated):
        return False
    if row.draft is not None:
        row = _take_draft(row, actor=None, at=at)
    else:
        row.due_at = None
        row.save(update_fields=["due_at"])
    if row.state != OfferState.PUBLISHED:
        move(row, OfferState.PUBLISHED, table=TRANSITIONS, at=at, actor=None, actor_label="schedule")
    return True
