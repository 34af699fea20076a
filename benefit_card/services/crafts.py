"""What the signer makes: the only code that opens a private key. Everybody else asks by `benefit_card.signing.ask`."""

from datetime import date, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benefit_card import credential, google_account, jwt, keyring, pkpass, wallet_authority
from benefit_card.services import keys, lists, passes
from benefit_card.signing import packed


def _public(key: Ed25519PrivateKey) -> str:
    return packed(key.public_key().public_bytes_raw())


def half(*, use: str, kid: int) -> str:
    """The public half of a key, which is drawn when it does not exist."""
    return _public(keyring.private_key(use=use, kid=kid))


def root() -> str:
    """The public half of the root key."""
    return _public(keyring.root_key())


def prints(*, cards: list[tuple[int, int, str, int]]) -> list[str]:
    """The texts of printed codes from key number, place, last day and generation; the same each time."""
    return [
        credential.to_text(
            credential.print_token(
                key=keyring.private_key(use="print", kid=kid),
                kid=kid,
                index=index,
                expires_on=date.fromisoformat(until),
                generation=generation,
            )
        )
        for kid, index, until, generation in cards
    ]


def days(*, index: int, generation: int, days: list[int], at: str) -> dict[str, Any]:
    """Signed beginnings of a card's day passes. The seeds they belong to are derived by who asked, and stay there."""
    kid, key = keys.phone_key(at=datetime.fromisoformat(at))
    prefixes = [
        credential.day_pass(key=key, kid=kid, index=index, day=day, seed=passes.seed(index, generation, day)).hex()
        for day in days
    ]
    return {"kid": kid, "prefixes": prefixes}


def publish(*, at: str) -> None:
    """The key set and the list of blocked cards, as new as they have to be."""
    now = datetime.fromisoformat(at)
    lists.key_set(at=now)
    lists.revocations(at=now)


def wallet(*, content: dict[str, Any]) -> str:
    """The file of a pass for Apple Wallet."""
    return packed(pkpass.build(content, wallet_authority.signer()))


def google(*, claims: dict[str, Any]) -> str:
    """A pass for Google Wallet, signed by the service account."""
    account = google_account.account()
    return jwt.sign(claims | {"iss": account.email}, key=account.key, key_id=account.key_id)
