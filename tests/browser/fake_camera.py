"""Films for Chromium's fake camera: a printed code on a table, turned, tilted, out of focus, in bad light."""

from pathlib import Path

import numpy as np
import qrcode
from PIL import Image, ImageFilter
from qrcode.util import MODE_ALPHA_NUM, QRData

WIDTH, HEIGHT = 1280, 720


def code_image(text: str, *, module: int = 8, mode: int | None = MODE_ALPHA_NUM) -> Image.Image:
    """The QR code of a text, level M, with its quiet zone."""
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, box_size=module, border=4)
    code.add_data(QRData(text.encode(), mode=mode) if mode else text)
    code.make(fit=True)
    return code.make_image().get_image().convert("L")


def frame(
    text: str, *, size: int = 330, angle: float = 17, blur: float = 1.4, noise: float = 9, seed: int = 1
) -> Image.Image:
    """One picture: a pale card on a dark table, with the code `size` pixels wide."""
    random = np.random.default_rng(seed)
    table = Image.new("L", (WIDTH, HEIGHT), 70)
    if text:
        code = code_image(text).resize((size, size), Image.Resampling.LANCZOS)
        card = Image.new("LA", (size + 260, size + 60), (222, 255))
        card.paste(code, (30, 30))
        card = card.rotate(angle, expand=True, resample=Image.Resampling.BICUBIC)
        table.paste(
            card.getchannel("L"), ((WIDTH - card.width) // 2 + 60, (HEIGHT - card.height) // 2), card.getchannel("A")
        )
    grey = np.asarray(table.filter(ImageFilter.GaussianBlur(blur)), dtype=np.float32)
    light = np.linspace(0.72, 1.0, WIDTH, dtype=np.float32)  # a lamp on one side
    noisy = grey * light + random.normal(0, noise, grey.shape)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8), "L")


def film(path: Path, shots: list[tuple[str, int]], *, rate: int = 5, **look: float) -> Path:
    """Write a .y4m film of (text, number of pictures) shots; an empty text is the bare table. Chromium plays it in a loop."""
    if not any(text for text, _ in shots):
        return _bare_table(path)
    chroma = bytes([128]) * (WIDTH // 2 * HEIGHT // 2 * 2)
    with path.open("wb") as out:
        out.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{rate}:1 Ip A1:1 C420jpeg\n".encode())
        number = 0
        for text, pictures in shots:
            for _ in range(pictures):
                number += 1
                out.write(b"FRAME\n" + frame(text, seed=number, **look).tobytes() + chroma)
    return path


def _bare_table(path: Path) -> Path:
    """Nothing to be read, in small pictures, one a second: the tests that type need no more, and decoding costs time."""
    width, height = WIDTH // 4, HEIGHT // 4
    picture = bytes([70]) * (width * height) + bytes([128]) * (width // 2 * height // 2 * 2)
    path.write_bytes(f"YUV4MPEG2 W{width} H{height} F1:1 Ip A1:1 C420jpeg\n".encode() + 2 * (b"FRAME\n" + picture))
    return path


def photograph(
    picture: Image.Image, *, width: int = 560, angle: float = 9, blur: float = 0.9, seed: int = 1
) -> Image.Image:
    """A printed picture on the table before the camera: turned, a little out of focus, in uneven light."""
    random = np.random.default_rng(seed)
    table = Image.new("L", (WIDTH, HEIGHT), 70)
    height = picture.height * width // picture.width
    if height > HEIGHT - 120:
        width, height = width * (HEIGHT - 120) // height, HEIGHT - 120
    paper = Image.new("LA", (width + 40, height + 40), (230, 255))
    paper.paste(picture.resize((width, height), Image.Resampling.LANCZOS), (20, 20))
    paper = paper.rotate(angle, expand=True, resample=Image.Resampling.BICUBIC)
    table.paste(
        paper.getchannel("L"), ((WIDTH - paper.width) // 2, (HEIGHT - paper.height) // 2), paper.getchannel("A")
    )
    grey = np.asarray(table.filter(ImageFilter.GaussianBlur(blur)), dtype=np.float32)
    light = np.linspace(0.8, 1.0, WIDTH, dtype=np.float32)
    return Image.fromarray(np.clip(grey * light + random.normal(0, 5, grey.shape), 0, 255).astype(np.uint8), "L")


def film_pictures(path: Path, shots: list[tuple[Image.Image, int]], *, rate: int = 1) -> Path:
    """Write a film of photographed pictures, `rate` a second."""
    chroma = bytes([128]) * (WIDTH // 2 * HEIGHT // 2 * 2)
    with path.open("wb") as out:
        out.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{rate}:1 Ip A1:1 C420jpeg\n".encode())
        for picture, count in shots:
            shot = photograph(picture).tobytes()
            for _ in range(count):
                out.write(b"FRAME\n" + shot + chroma)
    return path
