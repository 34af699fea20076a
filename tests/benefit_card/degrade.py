"""Cards as a till's camera sees them: 160 pixels wide (250 on a phone), tilted by 30°, out of focus; and what two scanners read of them."""

import math
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import zxingcpp
from PIL import Image, ImageFilter

from benefit_card.qr import QUIET_ZONE, Symbol

PRINTED, ON_PHONE = 160, 250  # pixels of the symbol: a phone's screen is larger (design, "Decode robustness")
TILT, BLUR = 30, 1.2
SIDE = 400  # pixels of the picture, grey as in the measurements of the design


def drawn(symbol: Symbol, module: int = 8) -> Image.Image:
    """Draw the symbol's path by hand: a check on the path that shares no code with its writer's."""
    side = symbol.size + 2 * QUIET_ZONE
    picture = Image.new("L", (side * module, side * module), 255)
    for part in symbol.path.split("M")[1:]:
        place, rest = part.split("h", 1)
        column, row = map(int, place.split())
        length = int(rest.split("v")[0])
        left, top = (column + QUIET_ZONE) * module, (row + QUIET_ZONE) * module
        picture.paste(0, (left, top, left + length * module, top + module))
    return picture


def tilted(picture: Image.Image, *, degrees: float = TILT) -> Image.Image:
    """Turn a picture around its vertical axis, seen from 2.5 times its width away."""
    width, height = picture.size
    turn, away = math.radians(degrees), 2.5 * width
    corners = [(-width / 2, -height / 2), (width / 2, -height / 2), (width / 2, height / 2), (-width / 2, height / 2)]
    seen = []
    for x, y in corners:
        near = away / (away + x * math.sin(turn))
        seen.append((width / 2 + x * math.cos(turn) * near, height / 2 + y * near))
    rows, right = [], []
    for (sx, sy), (x, y) in zip(seen, [(0, 0), (width, 0), (width, height), (0, height)], strict=True):
        rows += [[sx, sy, 1, 0, 0, 0, -x * sx, -x * sy], [0, 0, 0, sx, sy, 1, -y * sx, -y * sy]]
        right += [x, y]
    plane = np.linalg.solve(np.array(rows), np.array(right))
    return picture.transform(picture.size, Image.Transform.PERSPECTIVE, plane, Image.Resampling.BICUBIC, fillcolor=255)


def as_seen(symbol: Image.Image, *, core: float, size: int = PRINTED) -> Image.Image:
    """A symbol whose modules span `core` pixels of the picture, scaled to `size`, tilted, blurred, on a grey table."""
    side = round(symbol.width * size / core)
    small = symbol.convert("L").resize((side, side), Image.Resampling.LANCZOS)
    card = Image.new("L", (side + 60, side + 60), 255)
    card.paste(small, (30, 30))
    table = Image.new("L", (SIDE, SIDE), 150)
    turned = tilted(card)
    table.paste(turned, ((SIDE - turned.width) // 2, (SIDE - turned.height) // 2))
    return table.filter(ImageFilter.GaussianBlur(BLUR))


def by_zxing(pictures: Sequence[Image.Image]) -> list[str]:
    read = [zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode) for picture in pictures]
    return [found[0].text if found else "" for found in read]


def by_zbar(pictures: Sequence[Image.Image], folder: Path) -> list[str]:
    names = [f"seen-{number:03}.pgm" for number in range(len(pictures))]
    for name, picture in zip(names, pictures, strict=True):
        picture.save(folder / name)
    command = ["zbarimg", "-q", "--raw", "-Sdisable", "-Sqrcode.enable", *names]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout.split("\n")[:-1]
