"""Photos people send are written anew, and bombs are refused before they are opened."""

import io
import struct
import zlib

import pytest
from PIL import Image

from companies.pictures import SIDE, PictureRefused, reencoded


def photo(kind="JPEG", size=(80, 60), mode="RGB", **options):
    out = io.BytesIO()
    Image.new(mode, size, "#8a4420").save(out, kind, **options)
    return out.getvalue()


def bomb(side=60_000):
    """A PNG of a hundred bytes that claims 3.6 thousand million pixels."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


class TestAPhoto:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    def test_becomes_a_jpeg(self, kind):
        assert reencoded(photo(kind)).startswith(b"\xff\xd8\xff")

    def test_is_made_small(self):
        with Image.open(io.BytesIO(reencoded(photo(size=(4_000, 1_000))))) as image:
            assert image.size == (SIDE, SIDE // 4)

    def test_loses_place_and_camera_and_stands_upright(self):
        exif = Image.Exif()
        exif[0x010F], exif[0x0112] = "Caméra de Jeanne", 6
        raw = photo(exif=exif)
        assert b"Jeanne" in raw
        clean = reencoded(raw)
        assert b"Jeanne" not in clean
        with Image.open(io.BytesIO(clean)) as image:
            assert image.size == (60, 80)
            assert not image.getexif()

    def test_takes_nothing_hidden_behind_it_along(self):
        assert b"<script>" not in reencoded(photo() + b"<script>alert(1)</script>")

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"<svg onload=alert(1)>",
            photo("GIF"),
            photo("BMP"),
            photo()[:200],
            bomb(),
            bomb(9_000),
            b"x" * 12_000_001,
            photo("PNG", (4_100, 4_100), mode="1"),
            photo() + bytes(12_000_000),
        ],
        ids=[
            "nothing",
            "svg",
            "gif",
            "bmp",
            "cut",
            "bomb",
            "small bomb",
            "too large",
            "whole bomb",
            "whole and too large",
        ],
    )
    def test_that_is_none_is_refused(self, content):
        """Threat: image bomb: SVG, 9,000 px and more, cut files."""
        with pytest.raises(PictureRefused):
            reencoded(content)
