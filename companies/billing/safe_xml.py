"""XML of strangers: no entities, no network, no document type, bounded in size and depth."""

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _
from lxml import etree

from companies.errors import Invalid

MOST_BYTES = 50 * 1024 * 1024
DEEPEST = 60


class XmlRefused(Invalid):
    """The file is no XML we would read."""

    code = "xml_refused"
    message = _("This file is not well-formed XML. Ask the sender for it again.")


class XmlDangerous(Invalid):
    code = "xml_dangerous"
    message = _("This file declares a document type or entities, as attacks do. It was not read.")


class FileTooLarge(Invalid):
    code = "file_too_large"
    message = _("The file is larger than %(limit)s MB. Ask the sender for a smaller one.")


def uploaded(file: UploadedFile, *, limit: int = MOST_BYTES) -> bytes:
    """What a person uploaded; a file that is too large is refused before any of it is in memory. Raises FileTooLarge."""
    if (file.size or 0) > limit:
        raise FileTooLarge(limit=limit // (1024 * 1024))
    return bytes(file.read())


def read(content: bytes, *, limit: int = MOST_BYTES) -> Any:
    """The root element. Raises FileTooLarge, XmlDangerous, XmlRefused; never fetches or expands anything."""
    if len(content) > limit:
        raise FileTooLarge(limit=limit // (1024 * 1024))
    # In any encoding: a declaration hidden in UTF-16 is found again after parsing.
    if b"<!DOCTYPE" in content[:100_000] or b"<!ENTITY" in content:
        raise XmlDangerous
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False, remove_pis=True
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise XmlRefused from error
    if root.getroottree().docinfo.doctype:
        raise XmlDangerous
    _bounded(root)
    return root


def _bounded(root: Any) -> None:
    depth = 0
    for event, _element in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > DEEPEST:
            raise XmlRefused
