"""What Factur-X asks of a PDF/A-3 beyond the embedded file: metadata that name the document, its version and profile.

Typst writes the archive and embeds the XML; it knows no extension schema. The metadata are replaced by an incremental update
(ISO 32000-1, 7.5.6), which PDF/A-3 allows: the pages stay byte for byte as Typst wrote them, and nothing is parsed twice.
"""

import re

NAMESPACE = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
PROPERTIES = {
    "DocumentFileName": "name of the embedded XML invoice file",
    "DocumentType": "INVOICE",
    "Version": "The actual version of the Factur-X XML schema",
    "ConformanceLevel": "The conformance level of the embedded Factur-X data",
}
FACTS = {
    "DocumentType": "INVOICE",
    "DocumentFileName": "factur-x.xml",
    "Version": "1.0",
    "ConformanceLevel": "EN 16931",
}
SCHEMAS = b"<pdfaExtension:schemas><rdf:Bag>"


class ArchiveRefused(ValueError):
    """The file is not written as Typst writes an archive."""


def name_profile(pdf: bytes) -> bytes:
    """The archive with the metadata of Factur-X EN 16931 added. Raises ArchiveRefused when the file is of another kind."""
    trailer, before = _trailer(pdf)
    catalog = _object(pdf, before, _reference(trailer, b"Root"))
    number = _reference(catalog, b"Metadata")
    metadata = _with_profile(_stream(_object(pdf, before, number)))
    out = bytearray(pdf if pdf.endswith(b"\n") else pdf + b"\n")
    place = len(out)
    out += b"%d 0 obj\n<</Length %d/Type/Metadata/Subtype/XML>>\nstream\n" % (number, len(metadata))
    out += metadata + b"\nendstream\nendobj\n"
    table = len(out)
    out += b"xref\n0 1\n0000000000 65535 f\r\n%d 1\n%010d 00000 n\r\n" % (number, place)
    out += b"trailer\n<<%s/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (trailer, before, table)
    return bytes(out)


def _trailer(pdf: bytes) -> tuple[bytes, int]:
    """What stands in the trailer, and where the table of objects begins."""
    found = re.search(rb"trailer\s*<<(.*)>>\s*startxref\s+(\d+)\s+%%EOF\s*\Z", pdf[-2048:], re.S)
    if found is None or b"/Prev" in found[1]:
        raise ArchiveRefused("no plain trailer")
    return found[1].strip(), int(found[2])


def _object(pdf: bytes, table: int, number: int) -> bytes:
    """An object by its entry in the one table of the file; entries are 20 bytes each."""
    head = re.compile(rb"xref\s+0 (\d+)\r?\n").match(pdf, table)
    if head is None or number >= int(head[1]):
        raise ArchiveRefused("no plain table of objects")
    entry = head.end() + 20 * number
    start = int(pdf[entry : entry + 10])
    if not pdf.startswith(b"%d 0 obj" % number, start):
        raise ArchiveRefused(f"object {number} is not where the table says")
    return pdf[start : pdf.index(b"endobj", start)]


def _reference(dictionary: bytes, name: bytes) -> int:
    found = re.search(rb"/" + name + rb" (\d+) 0 R", dictionary)
    if found is None:
        raise ArchiveRefused(f"no /{name.decode()}")
    return int(found[1])


def _stream(found: bytes) -> bytes:
    length = re.search(rb"/Length (\d+)", found)
    if length is None or b"/Filter" in found:
        raise ArchiveRefused("the metadata are not readable")
    start = found.index(b"stream\n") + len(b"stream\n")
    return found[start : start + int(length[1])]


def _with_profile(metadata: bytes) -> bytes:
    """Declare the extension schema beside those that are declared, and state the four facts in a description of their own."""
    if metadata.count(SCHEMAS) != 1 or metadata.count(b"</rdf:RDF>") != 1:
        raise ArchiveRefused("the metadata declare no extension schemas")
    declared = "".join(
        '<rdf:li rdf:parseType="Resource">'
        f"<pdfaProperty:category>external</pdfaProperty:category><pdfaProperty:description>{words}</pdfaProperty:description>"
        f"<pdfaProperty:name>{name}</pdfaProperty:name><pdfaProperty:valueType>Text</pdfaProperty:valueType></rdf:li>"
        for name, words in PROPERTIES.items()
    )
    schema = (
        '<rdf:li rdf:parseType="Resource"><pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>'
        f"<pdfaSchema:namespaceURI>{NAMESPACE}</pdfaSchema:namespaceURI><pdfaSchema:prefix>fx</pdfaSchema:prefix>"
        f"<pdfaSchema:property><rdf:Seq>{declared}</rdf:Seq></pdfaSchema:property></rdf:li>"
    )
    facts = "".join(f"<fx:{name}>{value}</fx:{name}>" for name, value in FACTS.items())
    said = f'<rdf:Description rdf:about="" xmlns:fx="{NAMESPACE}">{facts}</rdf:Description></rdf:RDF>'
    return metadata.replace(SCHEMAS, SCHEMAS + schema.encode()).replace(b"</rdf:RDF>", said.encode())
