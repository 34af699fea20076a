"""Print sheets: what leaves the printer can be scanned."""

from __future__ import annotations

import io
import random
import shutil
import subprocess
from datetime import date
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from pypdf import PdfReader

from benefit_card import credential, qr, sheets, short_code

from . import degrade
from .test_credential import PRINT_KEY, SEED

LABELS = sheets.Labels("Cartes", "Carte d’avantages", "Code à dicter", "Trouvée ? Déposez-la chez un commerçant.")
NAMES = ["Élodie M.", "Jean-Baptiste-Emmanuel-Maximilien de la Roche-Guyon V.", "Øyvind Ł.", "Li W.", "Zoé"]


def faces(count: int, seed: int = 4) -> list[sheets.Face]:
    rng = random.Random(seed)
    return [
        sheets.Face(
            text=credential.to_text(
                credential.print_token(
                    key=PRINT_KEY, kid=1, index=rng.getrandbits(32), expires_on=date(2029, 12, 31), generation=0
                )
            ),
            name=NAMES[number % len(NAMES)],
            code=short_code.grouped(short_code.from_number(rng.getrandbits(45))),
            valid="Valable jusqu’au 31/12/2029",
        )
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def sheet(tmp_path_factory):
    """Two hundred random cards as a PDF and as pages of pixels at 150 dpi."""
    folder: Path = tmp_path_factory.mktemp("sheet")
    cards = faces(200)
    (folder / "cards.pdf").write_bytes(sheets.render(cards, labels=LABELS))
    if shutil.which("pdftoppm") is None:
        pytest.skip("pdftoppm (poppler-utils) is not installed")
    subprocess.run(["pdftoppm", "-r", "150", "-gray", "-png", "cards.pdf", "page"], cwd=folder, check=True)
    return cards, folder, sorted(folder.glob("page-*.png"))


class TestSymbol:
    def test_of_a_print_token_is_version_5(self):
        symbol = qr.symbol(faces(1)[0].text, version=qr.PRINT_VERSION)
        assert symbol.size == 37

    def test_of_a_phone_code_is_version_7(self):
        prefix = credential.day_pass(key=PRINT_KEY, kid=2, index=1, day=20_000, seed=SEED)
        text = credential.to_text(credential.phone_code(prefix, seed=SEED, slot=2879))
        assert qr.symbol(text, version=qr.PHONE_VERSION).size == 45

    def test_refuses_a_text_that_would_need_more(self):
        with pytest.raises(ValueError, match="version 5"):
            qr.symbol("A" * 200, version=5)

    def test_refuses_lower_case(self):
        with pytest.raises(ValueError):
            qr.symbol("erb1:abc", version=5)

    def test_is_dark_on_white_with_four_modules_of_quiet(self):
        svg = qr.symbol("ERB1:A", version=5).svg
        assert 'viewBox="-4 -4 45 45"' in svg
        assert 'fill="#fff"' in svg and 'fill="#000"' in svg


class TestSheet:
    def test_has_ten_cards_a_page_on_a4(self, sheet):
        cards, folder, pages = sheet
        reader = PdfReader(folder / "cards.pdf")
        assert len(reader.pages) == len(cards) / 10 == len(pages)
        box = reader.pages[0].mediabox
        assert (round(float(box.width) / 72 * 25.4), round(float(box.height) / 72 * 25.4)) == (210, 297)

    def test_decodes_completely_with_zxing_in_the_order_given(self, sheet):
        cards, _folder, pages = sheet
        texts = []
        for page in pages:
            found = zxingcpp.read_barcodes(Image.open(page), formats=zxingcpp.BarcodeFormat.QRCode)
            found.sort(key=lambda code: (round(code.position.top_left.y / 100), code.position.top_left.x))
            texts += [code.text for code in found]
        assert texts == [card.text for card in cards]

    def test_decodes_completely_at_the_designs_degradations(self, sheet, tmp_path):
        """Case: decode self-test: 200 random cards of the PDF, 160 px, tilt 30°, blur σ 1.2: 100 % with zbar and zxing."""
        cards, folder, _pages = sheet
        dots = 150 / 25.4
        pictures = []
        for page in sorted(folder.glob("page-*.png")):
            picture = Image.open(page)
            for place in range(10):
                left = (210 - 2 * 85.6 - 6) / 2 + place % 2 * (85.6 + 6) + 85.6 - 3 - 29
                top = (297 - 5 * 53.98) / 2 + place // 2 * 53.98 + 14
                box = [round(side * dots) for side in (left, top, left + 29, top + 29)]
                pictures.append(degrade.as_seen(picture.crop(tuple(box)), core=29 * dots * 37 / 45))
        texts = [card.text for card in cards]
        assert len(texts) == 200 and degrade.by_zxing(pictures) == texts
        if not shutil.which("zbarimg"):
            pytest.skip("read by zxing; zbarimg (zbar-tools) is not installed")
        assert degrade.by_zbar(pictures, tmp_path) == texts

    def test_shows_names_and_codes_as_text(self, sheet):
        cards, folder, _pages = sheet
        text = PdfReader(folder / "cards.pdf").pages[0].extract_text()
        assert "Élodie M." in text
        assert cards[0].code in text

    def test_joins_chunks_in_order(self, monkeypatch):
        monkeypatch.setattr(sheets, "CHUNK", 10)
        heard: list[int] = []
        cards = faces(25, seed=5)
        pdf = sheets.render(cards, labels=LABELS, on_chunk=heard.append)
        pages = [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]
        assert heard == [10, 20, 25]
        assert [cards[number].code in pages[number // 10] for number in range(25)] == [True] * 25
