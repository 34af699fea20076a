"""The scripts of till and card compute what the server computes."""

import random
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image
from playwright.sync_api import Browser, Page

from benefit_card import credential
from benefit_card.services.keys import phone_key
from merchants.pricing import discount
from tests.benefit_card import degrade
from tests.factories.benefit_card import SEED

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
FOLDER = "/static/benefit_card"


@pytest.fixture
def at_home(browser: Browser, live_server: Any) -> Iterator[Page]:
    """A page of ours, so that the scripts run under our policy."""
    page = browser.new_page()
    page.goto(f"{live_server.url}/till/")
    yield page
    page.context.close()


class TestPassScript:
    def test_shows_the_servers_code_in_every_slot_of_the_day(self, at_home):
        now = datetime.now(UTC)
        kid, key = phone_key(at=now)
        day, _slot = divmod(credential.absolute_slot(now), credential.SLOTS)
        prefix = credential.day_pass(key=key, kid=kid, index=123_456, day=day, seed=SEED)
        slots = [0, 1, 2, 1439, 1440, 2878, 2879]
        expected = [credential.to_text(credential.phone_code(prefix, seed=SEED, slot=slot)) for slot in slots]
        found = at_home.evaluate(
            f"""async ([pass, slots]) => {{ const {{codeAt}} = await import("{FOLDER}/sha256-pass.js");
                 return slots.map(slot => codeAt(pass, slot)); }}""",
            [{"token_prefix_hex": prefix.hex(), "seed_hex": SEED.hex()}, slots],
        )
        assert found == expected
        assert all(len(text) == 164 for text in found)

    def test_counts_slots_in_utc_days(self, at_home):
        moments = [datetime(2026, 3, 29, 0, 0, tzinfo=UTC), datetime(2026, 10, 25, 23, 59, 59, tzinfo=UTC)]
        found = at_home.evaluate(
            f"""async times => {{ const {{slotAt, utcDay}} = await import("{FOLDER}/sha256-pass.js");
                 return times.map(time => [utcDay(time), slotAt(time)]); }}""",
            [int(moment.timestamp() * 1000) for moment in moments],
        )
        assert found == [list(divmod(credential.absolute_slot(moment), credential.SLOTS)) for moment in moments]


class TestPhoneSquare:
    def test_of_two_hundred_cards_decodes_completely_at_the_designs_degradations(self, at_home, tmp_path):
        """Case: decode self-test: 200 random cards on the phone page: 100 % with zbar and zxing, version 7, level M."""
        draw = random.Random(7)
        key = Ed25519PrivateKey.from_private_bytes(draw.randbytes(32))
        texts = []
        for _card in range(200):
            seed, slot = draw.randbytes(16), draw.randrange(credential.SLOTS)
            prefix = credential.day_pass(key=key, kid=2, index=draw.getrandbits(32), day=20_454, seed=seed)
            texts.append(credential.to_text(credential.phone_code(prefix, seed=seed, slot=slot)))
        paths = at_home.evaluate(
            f"""async texts => {{ const {{svg}} = await import("{FOLDER}/qr-svg.js");
                 const {{default: qrcode}} = await import("/static/npm/qrcode-generator/dist/qrcode.mjs");
                 return texts.map(text => svg(qrcode, text, "").lastChild.getAttribute("d")); }}""",
            texts,
        )
        pictures = []
        for path in paths:
            picture = Image.new("L", (53 * 8, 53 * 8), 255)
            for column, row, length in re.findall(r"M(\d+) (\d+)h(\d+)", path):
                left, top = int(column) * 8, int(row) * 8
                picture.paste(0, (left, top, left + int(length) * 8, top + 8))
            pictures.append(degrade.as_seen(picture, core=45 * 8, size=degrade.ON_PHONE))
        assert degrade.by_zxing(pictures) == texts
        if not shutil.which("zbarimg"):
            pytest.skip("read by zxing; zbarimg (zbar-tools) is not installed")
        assert degrade.by_zbar(pictures, tmp_path) == texts


class TestBase45Script:
    def test_writes_and_reads_like_the_server(self, at_home):
        texts = [bytes(random.Random(size).randbytes(size)) for size in range(0, 110, 3)]
        found = at_home.evaluate(
            f"""async rows => {{ const {{encode, decode, fromHex}} = await import("{FOLDER}/base45.js");
                 return rows.map(hex => [encode(fromHex(hex)), Array.from(decode(encode(fromHex(hex))))]); }}""",
            [text.hex() for text in texts],
        )
        from benefit_card import base45

        assert found == [[base45.encode(text), list(text)] for text in texts]

    @pytest.mark.parametrize("text", ["A", "::", ":::", "abc", "AB=", "É00"])
    def test_refuses_every_other_spelling(self, at_home, text):
        refused = at_home.evaluate(
            f"""async text => {{ const {{decode}} = await import("{FOLDER}/base45.js");
                 try {{ decode(text); return false; }} catch (error) {{ return error instanceof RangeError; }} }}""",
            text,
        )
        assert refused


class TestPriceScript:
    def test_announces_the_discount_the_server_grants(self, at_home):
        draw = random.Random(26100)
        cases = []
        for _case in range(400):
            kind = draw.choice(["percent", "fixed", "gift"])
            cases.append(
                {
                    "kind": kind,
                    "percent": draw.randint(1, 100) if kind == "percent" else None,
                    "amount_cents": draw.randint(1, 5000) if kind == "fixed" else None,
                    "cap_cents": draw.choice([None, draw.randint(1, 3000)]) if kind == "percent" else None,
                    "min_spend_cents": draw.choice([0, draw.randint(1, 9000)]),
                    "gross_cents": draw.randint(1, 20_000),
                }
            )
        found = at_home.evaluate(
            f"""async cases => {{ const {{discount}} = await import("{FOLDER}/pricing.js");
                 return cases.map(row => discount(row, row.gross_cents)); }}""",
            cases,
        )
        assert found == [discount(**case) for case in cases]

    def test_reads_amounts_as_people_type_them(self, at_home):
        texts = ["12,50", "12.5", "1 234,56", "7", "1e9", "-1", "nan", "12,505", "", "12,5,0"]
        found = at_home.evaluate(
            f"""async texts => {{ const {{parseCents}} = await import("{FOLDER}/pricing.js");
                 return texts.map(text => parseCents(text)); }}""",
            texts,
        )
        assert found == [1250, 1250, 123456, 700, None, None, None, None, None, None]


class TestAHostileSquare:
    def test_is_named_foreign_and_never_anything_else(self, at_home):
        """Threat: scan of hostile QR: `javascript:`, look-alike host, 4 kB payload."""
        hostile = [
            "javascript:alert(1)", "HTTPS://EVIL.EXAMPLE/C", "HTTPS://ERB.FR.EVIL.EXAMPLE/X#A", "erb1:" + "A" * 115,
            "ERB1:" + "A" * 4096, "ERB1:<script>alert(1)</script>", "data:text/html,x", "ERB-TILL:<img>", "\u202eERB1:",
        ]  # fmt: skip
        found = at_home.evaluate(
            f"""async texts => {{ const {{kind}} = await import("{FOLDER}/codes.js");
                 return texts.map(text => kind(text)); }}""",
            hostile,
        )
        assert found == [{"kind": "foreign", "code": ""}] * len(hostile)
