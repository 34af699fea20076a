"""Photos people send: looked at, made small, written anew. What is kept is never the file that came in."""

import io

from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps, UnidentifiedImageError

from companies.errors import Invalid

MOST_BYTES = 12_000_000
# A telephone of today takes up to 50 million; JPEG is read smaller than it is. A bomb of a few kilobytes claims billions.
MOST_PIXELS = {"JPEG": 50_000_000, "PNG": 16_000_000, "WEBP": 16_000_000}
SIDE = 1_600


class PictureRefused(Invalid):
    """Too large, or not a photo."""

    code = "picture_refused"
    message = _("This is not a photo we can keep. Send a JPEG, PNG or WebP of at most 12 MB.")
    field = "photos"


def reencoded(content: bytes, *, side: int = SIDE) -> bytes:
    """The photo as a JPEG of at most 1,600 (`side`) pixels a side, upright, without place, camera or hidden text.

    Nothing is decompressed before the size it claims was read. Raises PictureRefused.
    """
    if not 0 < len(content) <= MOST_BYTES:
        raise PictureRefused
    try:
        with Image.open(io.BytesIO(content), formats=list(MOST_PIXELS)) as image:
            if image.width * image.height > MOST_PIXELS[image.format or ""]:
                raise PictureRefused
            image.draft("RGB", (side, side))
            image.thumbnail((side, side))
            upright = ImageOps.exif_transpose(image).convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise PictureRefused from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureRefused from error
    paper = Image.new("RGB", upright.size, "white")
    paper.paste(upright, mask=upright.getchannel("A"))
    out = io.BytesIO()
    paper.save(out, "JPEG", quality=82, optimize=True)
    return out.getvalue()
