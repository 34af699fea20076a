"""Reading cards: signatures a second, and pictures of printed codes that a decoder reads."""

import io
import random
import time
from datetime import UTC, date, datetime, timedelta

from tests.bench.book import Book
from tests.bench.place import Place

CARDS = 200
VERIFIED = 2_000


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
    for pixels in (160, 120):
        read, seconds = _decoded(texts, pixels)
        where = f"{CARDS} random cards, {pixels} px, turned up to 30°, blur 1.2, zxing"
        book.note("codes", f"decoded_at_{pixels}_px", 100 * read / CARDS, "%", where)
        book.note("codes", f"decode_at_{pixels}_px_ms", 1000 * seconds / CARDS, "ms", "per picture")


def _decoded(texts: list[str], pixels: int) -> tuple[int, float]:
    """How many of the pictures give their text back, and the seconds that took."""
    import qrcode
    import zxingcpp
    from PIL import Image, ImageFilter
    from qrcode.util import MODE_ALPHA_NUM, QRData

    from benefit_card import qr

    rng, pictures = random.Random(pixels), []
    for text in texts:
        code = qrcode.QRCode(
            version=qr.PRINT_VERSION,
            error_correction=qrcode.constants.ERROR_CORRECT_M,
            border=qr.QUIET_ZONE,
            box_size=8,
        )
        code.add_data(QRData(text, mode=MODE_ALPHA_NUM), optimize=0)
        content = io.BytesIO()
        code.make_image().save(content)
        picture = Image.open(content).convert("L").resize((pixels, pixels), Image.Resampling.LANCZOS)
        picture = picture.rotate(rng.uniform(-30, 30), expand=True, fillcolor=255, resample=Image.Resampling.BICUBIC)
        pictures.append(picture.filter(ImageFilter.GaussianBlur(1.2)))
    started = time.perf_counter()
    read = sum(
        any(found.text == text for found in zxingcpp.read_barcodes(picture))
        for text, picture in zip(texts, pictures, strict=True)
    )
    return read, time.perf_counter() - started
