"""The card in Google Wallet: a signed link puts it there, and Google is told when it stops, ends or works again.

Google keeps the pass, so what it shows is what we last wrote. A row remembers that; whatever one message missed (a dead
worker, a silent service, a leaver at midnight, a company that is suspended) the sweep finds by comparing.
"""

import json
import logging
import urllib.parse
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, Q
from django.utils import translation
from django.utils.translation import gettext as _

from benefit_card import google_account, jwt, short_code, signing
from benefit_card.access import holds
from benefit_card.credential import PARIS, end_of_day
from benefit_card.models import Card, GooglePass
from benefit_card.services.cards import print_text, typed_code
from benefit_card.services.wallets import holder_name, serial
from companies import audit, outward
from companies.access import require
from companies.models import User

logger = logging.getLogger(__name__)
GOOGLE = "https://walletobjects.googleapis.com"
SAVE = "https://pay.google.com/gp/v/save"
SCOPE = "https://www.googleapis.com/auth/wallet_object.issuer"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
AGAIN = timedelta(days=1)  # a link may be used later than it was made: ask again for passes Google did not have
ASKED_FOR = timedelta(days=30)
CHUNK = 500


class Unreachable(Exception):
    """Google did not answer, or not in a way that helps: the sweep tries again."""


def object_id(card: Card) -> str:
    """The pass's name at Google: the same at every download."""
    return f"{settings.GOOGLE_WALLET_ISSUER}.{serial(card)}"


def state_of(card: Card, *, at: datetime, revoked: bool) -> str:
    """What the wallet is to show: ACTIVE, INACTIVE (blocked, nobody employs its holder, company suspended) or EXPIRED."""
    if card.replaced_at or card.valid_until < at.astimezone(PARIS).date():
        return "EXPIRED"
    return "INACTIVE" if revoked else "ACTIVE"


def content(card: Card, *, state: str) -> dict[str, Any]:
    """The pass as Google keeps it. No employer; first name and initial; a pass that stopped shows no code."""

    def words(text: str) -> dict[str, Any]:
        return {"defaultValue": {"language": translation.get_language() or "fr", "value": text}}

    worth = _("The code of the printed card: it does not change. Report it if you lose the phone.")
    said = {
        "id": object_id(card),
        "classId": _class_id(),
        "state": state,
        "cardTitle": words("ERB"),
        "header": words(holder_name(card)),
        "subheader": words(_("Benefit card")),
        "hexBackgroundColor": "#8a4420",
        "validTimeInterval": {"end": {"date": end_of_day(card.valid_until).isoformat()}},
        "textModulesData": [{"id": "worth", "body": worth}],
    }
    if state == "ACTIVE":
        code = {
            "type": "QR_CODE",
            "value": print_text(card),
            "alternateText": short_code.grouped(typed_code(card.status_index)),
        }
        return said | {"barcode": code}
    return said | {"barcode": None}  # written over the code that was there


def _class_id() -> str:
    return f"{settings.GOOGLE_WALLET_ISSUER}.erb-card"


def save_link(*, actor: User, card: Card, at: datetime) -> str:
    """The address that puts the holder's card into Google Wallet; it holds the whole pass, signed."""
    require(holds(actor, card))
    GooglePass.objects.update_or_create(card=card, defaults={"offered_at": at, "told": "", "told_at": None})
    audit.record("card.google_wallet", target=card, at=at, actor=actor)
    made = {key: value for key, value in content(card, state="ACTIVE").items() if value is not None}
    claims = {
        "aud": "google",
        "typ": "savetowallet",
        "iat": int(at.timestamp()),
        "payload": {"genericClasses": [{"id": _class_id()}], "genericObjects": [made]},
    }
    return f"{settings.GOOGLE_WALLET_SAVE_BASE or SAVE}/{signing.ask('google', claims=claims)}"


def tell(card_ids: Iterable[int], *, at: datetime) -> int:
    """Write the present state of passes to Google; return how many were told. What fails is left to the sweep."""
    rows = list(GooglePass.objects.filter(card__in=list(card_ids)).select_related("card__person__user"))
    if not rows or not google_account.available():
        return 0
    gone = set(Card.objects.revoked(at=at).filter(pk__in=[row.card_id for row in rows]).values_list("pk", flat=True))
    try:
        access = _access(at)
        return sum(_tell(row, access, at=at, revoked=row.card_id in gone) for row in rows)
    except Unreachable as trouble:
        logger.warning("Google Wallet was not told: %s", trouble)
        return 0


def _tell(row: GooglePass, access: str, *, at: datetime, revoked: bool) -> bool:
    state = state_of(row.card, at=at, revoked=revoked)
    user = row.card.person.user
    with translation.override(user.language if user else "fr"):
        body = content(row.card, state=state)
    path = f"/walletobjects/v1/genericObject/{urllib.parse.quote(object_id(row.card))}"
    status = _ask("PATCH", path, json.dumps(body).encode(), access)
    told = "absent" if status == 404 else state
    GooglePass.objects.filter(pk=row.pk).update(told=told, told_at=at)
    return status == 200


def sweep(*, at: datetime) -> int:
    """Tell Google what it does not know: passes whose card stopped, ended, works again or whose holder was erased."""
    if not google_account.available():
        return 0
    today = at.astimezone(PARIS).date()
    stopped = Q(card__in=Card.objects.revoked(at=at).values("pk"))
    over = Q(card__replaced_at__isnull=False) | Q(card__valid_until__lt=today)
    live = Q(told__in=["", "ACTIVE"])
    wrong = (
        (live & (stopped | over))
        | (Q(told="INACTIVE") & (over | ~stopped))
        | Q(card__person__erased_at__gt=F("told_at"))
        | Q(told="absent", told_at__lt=at - AGAIN, offered_at__gt=at - ASKED_FOR)
    )
    found = GooglePass.objects.filter(wrong).order_by("pk").values_list("card", flat=True)[:CHUNK]
    return tell(list(found), at=at)


def _access(at: datetime) -> str:
    """An access token, for the minutes a task takes."""
    account = google_account.account()
    uri = account.token_uri or f"{settings.GOOGLE_WALLET_API_BASE}/token"
    now = int(at.timestamp())
    claims = {"iss": account.email, "scope": SCOPE, "aud": uri, "iat": now, "exp": now + 3600}
    form = {"grant_type": GRANT, "assertion": jwt.sign(claims, key=account.key, key_id=account.key_id)}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    status, answer = _open("POST", uri, urllib.parse.urlencode(form).encode(), headers)
    _require_ok(status)
    try:
        return str(json.loads(answer)["access_token"])
    except (ValueError, KeyError, TypeError) as error:
        raise Unreachable("no access token") from error


def _ask(method: str, path: str, body: bytes, access: str) -> int:
    """200, or 404 where Google has no such pass; everything else is trouble."""
    headers = {"Authorization": f"Bearer {access}", "Content-Type": "application/json"}
    status, _answer = _open(method, f"{settings.GOOGLE_WALLET_API_BASE or GOOGLE}{path}", body, headers)
    if status == 404:
        return 404
    _require_ok(status)
    return 200


def _open(method: str, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    try:
        return outward.ask(method, url, body, headers)
    except OSError as error:
        raise Unreachable(str(error)) from error


def _require_ok(status: int) -> None:
    if not 200 <= status < 300:
        raise Unreachable(f"status {status}")
