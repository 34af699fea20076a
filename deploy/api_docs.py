"""A page about the API that works offline: every route, every stable error code."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from companies.errors import DomainError


def error_codes() -> list[tuple[str, int, str]]:
    """Every stable code with its status and sentence, by code."""
    found: dict[str, tuple[str, int, str]] = {}

    def visit(kind: type[DomainError]) -> None:
        found.setdefault(kind.code, (kind.code, kind.status, str(kind.message)))
        for child in kind.__subclasses__():
            visit(child)

    visit(DomainError)
    return sorted(found.values())


@login_not_required
def docs(request: HttpRequest) -> HttpResponse:
    """The reference: routes from the OpenAPI schema, and the codes."""
    from drf_spectacular.generators import SchemaGenerator

    schema = SchemaGenerator().get_schema(request=None, public=True)
    routes = [
        {
            "method": method.upper(),
            "path": address,
            "summary": about.get("description", "").split("\n")[0],
            "id": about["operationId"],
        }
        for address, methods in sorted(schema["paths"].items())
        for method, about in methods.items()
    ]
    return render(request, "api_docs.html", {"routes": routes, "codes": error_codes()})
