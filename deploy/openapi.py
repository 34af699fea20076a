"""What the OpenAPI generator cannot see by itself: how programs and tills sign in, money as text, distinct names."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema

PREFIX = "/api/v1/"


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "companies.api_auth.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "A token made by an administrator of the company."}


class TillScheme(OpenApiAuthenticationExtension):
    target_class = "merchants.till_auth.TillAuthentication"
    name = "till"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        about = "`Till` and the token that pairing gave."
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": about}


class CentsField(OpenApiSerializerFieldExtension):
    target_class = "purchasing.api.fields.Cents"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^-?\d+\.\d{2}$", "examples": ["12.50"]}


class UnitPriceField(OpenApiSerializerFieldExtension):
    target_class = "purchasing.api.fields.UnitPrice"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^\d+\.\d{4}$", "examples": ["3.4917"]}


class Schema(AutoSchema):
    """Names operations by their whole address, so that a list and its rows, or two actions, never share a name."""

    def get_operation_id(self) -> str:
        name: str = super().get_operation_id()
        last = self.path.strip("/").rpartition("/")[2]
        if last.startswith("{"):
            return f"{name}_by_{last.strip('{}')}" if self.method == "POST" else name
        return f"{name.removesuffix('retrieve')}list" if type(self.view).__name__.endswith("List") else name
