"""What a machine without a validator can check of PDF/A-3a, PDF/UA-1 and Factur-X: the marks, colours, fonts and the embedded file."""

import io
import re
from typing import Any

from pypdf import PdfReader


def faults(content: bytes) -> list[str]:
    """What keeps a file from being PDF/A-3a and PDF/UA-1 with Factur-X EN 16931 inside (ISO 19005-3, Factur-X 1.0 chapter 6)."""
    reader = PdfReader(io.BytesIO(content))
    root = reader.trailer["/Root"]
    metadata = root["/Metadata"].get_object().get_data().decode()
    marks = [
        "pdfaid:part>3<",
        "pdfaid:conformance>A<",
        "pdfuaid:part>1<",
        "ConformanceLevel>EN 16931<",
        "DocumentFileName>factur-x.xml<",
    ]
    found = [f"metadata without {mark}" for mark in marks if not re.search(mark, metadata)]
    if "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#" not in metadata:
        found.append("no extension schema")
    intents = root.get("/OutputIntents", [])
    if not any(intent.get_object()["/S"] == "/GTS_PDFA1" for intent in intents):
        found.append("no output intent")
    if "/Encrypt" in reader.trailer or "/ID" not in reader.trailer:
        found.append("encrypted, or without identifier")
    if not (root.get("/MarkInfo", {}).get("/Marked") and "/StructTreeRoot" in root and root.get("/Lang")):
        found.append("not tagged, or of no language")
    if not root.get("/ViewerPreferences", {}).get("/DisplayDocTitle"):
        found.append("the title is not shown")
    if "/AA" in root or "/OpenAction" in root:
        found.append("actions")
    if not content.startswith(b"%PDF-1.7"):
        found.append(f"version {content[:8]!r}")
    files = [entry.get_object() for entry in root.get("/AF", [])]
    if [(file["/UF"], file["/AFRelationship"], file["/EF"]["/F"]["/Subtype"]) for file in files] != [
        ("factur-x.xml", "/Data", "/text/xml")
    ]:
        found.append("embedded file")
    if not all({"/ModDate", "/Size"} <= set(file["/EF"]["/F"]["/Params"]) for file in files):
        found.append("embedded file without its date and size")
    names = root["/Names"]["/EmbeddedFiles"]["/Names"]
    if [str(name) for name in names[::2]] != ["factur-x.xml"]:
        found.append("embedded file not named")
    for page in reader.pages:
        found += _fonts(page)
    return found


def _fonts(page: Any) -> list[str]:
    found = []
    for font in page["/Resources"].get("/Font", {}).values():
        inner = [entry.get_object() for entry in font.get_object().get("/DescendantFonts", [font])]
        for one in inner:
            descriptor = one.get("/FontDescriptor", {})
            descriptor = descriptor.get_object() if hasattr(descriptor, "get_object") else descriptor
            if not {"/FontFile", "/FontFile2", "/FontFile3"} & set(descriptor):
                found.append(f"font {one.get('/BaseFont')} not embedded")
    return found


def embedded(content: bytes) -> bytes:
    """The XML inside."""
    attachments = PdfReader(io.BytesIO(content)).attachments
    return attachments["factur-x.xml"][0]
