"""Icons of the page shell, drawn once: lucide opens its archive of 1,500 icons anew for each, a second on a first page."""

from functools import cache, lru_cache
from pathlib import Path
from threading import Lock
from xml.etree import ElementTree
from zipfile import ZipFile

import lucide
from django.utils.safestring import SafeString

SVG = "http://www.w3.org/2000/svg"
_reading = Lock()


@cache
def _archive() -> ZipFile:
    return ZipFile(Path(lucide.__file__).parent / "lucide.zip")


@cache
def _drawing(name: str) -> bytes:
    with _reading:
        try:
            return _archive().read(f"{name}.svg")
        except KeyError:
            raise lucide.IconDoesNotExist(f"The icon {name!r} does not exist.") from None


@lru_cache(maxsize=1_000)
def drawn(name: str, size: int, attributes: tuple[tuple[str, str], ...]) -> SafeString:
    """An icon as SVG of so many pixels, with attributes of its own."""
    svg = ElementTree.fromstring(_drawing(name))  # noqa: S314  # a file of our own library
    for node in svg.iter():
        node.tag = node.tag.removeprefix(f"{{{SVG}}}")
    svg.attrib |= {"width": str(size), "height": str(size)} | {key.replace("_", "-"): text for key, text in attributes}
    return SafeString(ElementTree.tostring(svg, encoding="unicode"))
