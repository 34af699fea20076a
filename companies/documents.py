"""Finished files: rendered by Typst, stored once, never changed."""

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from django.apps import apps
from django.http import HttpResponse
from django.utils.http import content_disposition_header

from companies.models import Company, Document


def _template(name: str) -> Path:
    """The file of a template named `<app label>/documents/<file>.typ`."""
    label, _, rest = name.partition("/")
    path = Path(apps.get_app_config(label).path) / rest
    if not path.is_file():
        raise FileNotFoundError(name)
    return path


def render_pdf(
    template: str, data: dict[str, Any], *, pdf_standards: str | list[str] | None = None, attached: bytes | None = None
) -> bytes:
    """Compile a Typst template to PDF. The template reads the data with `json(bytes(sys.inputs.data))`.

    `template` is `<app label>/documents/<file>.typ`. `attached` is a text file in UTF-8 that the template embeds from
    `sys.inputs.attached`. Fonts come with Typst, so the result is the same on every machine.
    Raises `typst.TypstError` when the template is wrong.
    """
    import typst

    path = _template(template)
    options: dict[str, Any] = {"pdf_standards": pdf_standards} if pdf_standards else {}
    inputs = {"data": json.dumps(data, ensure_ascii=False, default=str)}
    return typst.compile(
        str(path),
        root=str(path.parent),
        format="pdf",
        sys_inputs=inputs if attached is None else inputs | {"attached": attached.decode()},
        ignore_system_fonts=True,
        **options,
    )


def store(
    *,
    kind: str,
    name: str,
    content: bytes,
    media_type: str = "application/pdf",
    company: Company | None = None,
    at: datetime,
) -> Document:
    """Keep a finished file with its hash."""
    return Document.objects.create(
        kind=kind,
        name=name,
        content=content,
        media_type=media_type,
        company=company,
        created_at=at,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def download(document: Document, *, inline: bool = True) -> HttpResponse:
    """The answer that hands a file to the browser. Only after the view has checked who asks."""
    response = HttpResponse(bytes(document.content), content_type=document.media_type)
    response.headers["Content-Disposition"] = content_disposition_header(not inline, document.name) or "attachment"
    response.headers["Cache-Control"] = "private, no-store"
    return response
