"""Reading cards: signatures a second, and pictures of printed codes that a decoder reads."""

import random
import shutil
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from tests.bench.book import Book
from tests.bench.place import Place
from tests.benefit_card import degrade

CARDS = 200
VERIFIED = 2_000
PASSES = 200


def measure(place: Place, book: Book) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from benefit_card import credential

    rng, private = random.Random(200), Ed25519PrivateKey.generate()
    texts = [
        credential.to_text(
            credential.print_token(
                key=private, kid=1, index=rng.randrange(1 << 20), expires_on=date(2027, 12, 31), generation=0
            )
        )
        for _n in range(CARDS)
    ]
    at = datetime(2026, 11, 2, tzinfo=UTC)
    key = credential.Key(
        kid=1, use=credential.Use.PRINT, public=private.public_key().public_bytes_raw(),
        not_before=at - timedelta(days=300), accept_until=at + timedelta(days=900),
    )  # fmt: skip
    started = time.perf_counter()
    for n in range(VERIFIED):
        if credential.verify(texts[n % CARDS], keys={1: key}, at=at).verdict != credential.Verdict.VALID:
            raise RuntimeError("a good card was refused")
    book.note("codes", "verify_printed_card_per_second", VERIFIED / (time.perf_counter() - started), "1/s", "one core")
    started = time.process_time()
    for day in range(PASSES):
        credential.day_pass(key=private, kid=1, index=7, day=day, seed=rng.randbytes(credential.LINK))
    each = (time.process_time() - started) / PASSES
    book.note("codes", "day_pass_ms", 1000 * each, "ms", "CPU of a phone's day: 2,880 hashes and a signature")
    book.note("codes", "day_passes_220000_minutes", 220_000 * each / 60, "min", "one core; target of a night < 5 min")
    book.note(
        "codes", "day_passes_1000000_minutes", 1_000_000 * each / 60, "min", "one core; made when phones ask (0054)"
    )
    for what, size in (("printed", degrade.PRINTED), ("phone", degrade.ON_PHONE)):
        _decode(book, what, size)


def _decode(book: Book, what: str, size: int) -> None:
    """How many of 200 random cards each scanner reads, at the degradations of the design."""
    from benefit_card import qr

    version = qr.PRINT_VERSION if what == "printed" else qr.PHONE_VERSION
    symbols = [(text, qr.symbol(text, version=version)) for text in _texts(what)]
    pictures = [degrade.as_seen(degrade.drawn(symbol), core=symbol.size * 8, size=size) for _text, symbol in symbols]
    texts = [text for text, _symbol in symbols]
    where = f"{CARDS} random cards, {size} px, tilt {degrade.TILT}°, blur σ {degrade.BLUR}, version {version}, level M"
    for scanner in ("zxing", "zbar"):
        if scanner == "zbar" and not shutil.which("zbarimg"):
            continue
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            read = degrade.by_zxing(pictures) if scanner == "zxing" else degrade.by_zbar(pictures, Path(folder))
            seconds = time.perf_counter() - started
        found = len(set(read) & set(texts))
        book.note("codes", f"decoded_{what}_{scanner}", 100 * found / CARDS, "%", where)
        book.note("codes", f"decode_{what}_{scanner}_ms", 1000 * seconds / CARDS, "ms", "per picture")


def _texts(what: str) -> list[str]:
    """Codes of 200 random cards, by a key of the bench."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from benefit_card import credential

    rng = random.Random(200 if what == "printed" else 7)
    key = Ed25519PrivateKey.from_private_bytes(rng.randbytes(32))
    texts = []
    for _card in range(CARDS):
        index = rng.randrange(1 << 20)
        if what == "printed":
            until = date(2027, 12, 31)
            token = credential.print_token(key=key, kid=1, index=index, expires_on=until, generation=0)
        else:
            seed, slot = rng.randbytes(16), rng.randrange(credential.SLOTS)
            prefix = credential.day_pass(key=key, kid=2, index=index, day=20_454, seed=seed)
            token = credential.phone_code(prefix, seed=seed, slot=slot)
        texts.append(credential.to_text(token))
    return texts
