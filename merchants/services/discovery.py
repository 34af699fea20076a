"""What an employee keeps of the offers: favourites, and the monthly digest with its one-click end."""

from datetime import datetime, timedelta

from django.core import signing
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from companies import audit, mail
from companies.access import require
from companies.models import OutboxMail, Person, User
from merchants.models import DigestChoice, Favourite, Merchant, Offer

SALT = "merchants.digest"
QUIET_BEFORE, QUIET_FROM = 9, 18  # Paris; nothing is sent on Saturdays and Sundays
MOST_OFFERS = 12


@transaction.atomic(durable=True)
def toggle_favourite(*, actor: User, merchant: Merchant) -> bool:
    """Put a merchant on top of one's list, or take it off; return whether it is on it now."""
    require(Person.objects.filter(user=actor).exists())
    gone, _kinds = Favourite.objects.filter(user=actor, merchant=merchant).delete()
    if not gone:
        Favourite.objects.get_or_create(user=actor, merchant=merchant)
    return not gone


@transaction.atomic(durable=True)
def choose_digest(*, user: User, wanted: bool, at: datetime) -> None:
    """Begin or end the monthly mail. Doing it twice changes nothing."""
    choice = DigestChoice.objects.select_for_update().filter(user=user).first()
    if choice is None and wanted:
        choice = DigestChoice.objects.create(user=user, since=at)
    elif choice is None or (choice.stopped_at is None) == wanted:
        return
    else:
        choice.stopped_at = None if wanted else at
        choice.since = at if wanted else choice.since
        choice.save(update_fields=["stopped_at", "since"])
    audit.record("digest.wanted" if wanted else "digest.stopped", target=choice, at=at, actor=user)


def stop_token(user: User) -> str:
    """What the link of the mail carries: it ends the digest and does nothing else."""
    return signing.dumps(user.pk, salt=SALT)


def user_of(token: str) -> User | None:
    """Whose digest a link ends; None when the link is not ours. It never expires: stopping must always work."""
    try:
        return User.objects.filter(pk=signing.loads(token, salt=SALT)).first()
    except signing.BadSignature:
        return None


def quiet(at: datetime) -> bool:
    """Whether people are to be left alone at a moment."""
    local = timezone.localtime(at)
    return local.isoweekday() > 5 or not QUIET_BEFORE <= local.hour < QUIET_FROM


def send_digests(*, at: datetime) -> int:
    """Queue this month's mail for everybody who wants it and has not had it; nothing in quiet hours or without news."""
    if quiet(at):
        return 0
    month = f"{timezone.localdate(at):%Y-%m}"
    new = list(
        Offer.objects.for_everybody()
        .published()
        .filter(created_at__gte=at - timedelta(days=31), current__starts_on__lte=timezone.localdate(at))
        .select_related("current", "merchant")
        .order_by("-pk")[:MOST_OFFERS]
    )
    if not new:
        return 0
    sent = set(OutboxMail.objects.filter(key__startswith=f"digest:{month}:").values_list("key", flat=True))
    count = 0
    choices = DigestChoice.objects.filter(stopped_at=None, user__is_active=True).select_related("user").order_by("pk")
    for choice in choices.iterator(chunk_size=500):
        if f"digest:{month}:{choice.user_id}" not in sent:
            _send(choice.user, new, month=month, at=at)
            count += 1
    return count


@transaction.atomic(durable=True)
def _send(user: User, offers: list[Offer], *, month: str, at: datetime) -> None:
    stop = mail.absolute(reverse("merchants:digest_stop", args=[stop_token(user)]))
    mail.queue(
        to=user.email,
        template="merchants/mail/digest",
        context={"offers": offers, "stop": stop, "address": mail.absolute(reverse("merchants:offers"))},
        key=f"digest:{month}:{user.pk}",
        language=user.language,
        unsubscribe=stop,
        at=at,
    )
